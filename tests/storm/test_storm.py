"""Several processes at once, any of them anywhere: whatever is chosen, every promise holds after every call."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from hypothesis import event, given, settings
from hypothesis import strategies as st

from tests.storm.acts import (
    RECONCILE,
    SWEEP,
    Act,
    Attempt,
    a_copy,
    a_file,
    a_repository,
    copying,
    deleting,
    deleting_chart,
    deliver,
    do,
    events,
    made,
    pushing,
    taking,
)
from tests.storm.scheduler import Scheduled, run
from tests.storm.weather import Fault
from tests.storm.witness import Witness

WORLDS = {
    "settled": a_repository("1.0.0", "2.0.0", signed=["1.0.0"]),
    "without versioning": a_repository("1.0.0", "2.0.0", signed=["1.0.0"], versioned=False),
    "never published": a_repository("1.0.0", known=False),
    "empty": a_repository(known=False),
}
FILES = [a_file(version) for version in ("1.0.0", "2.0.0", "3.0.0")]
API = [
    *(pushing(version, letter) for version in ("1.0.0", "3.0.0") for letter in "ab"),
    *(pushing(version, letter, signed=True) for version in ("1.0.0", "3.0.0") for letter in "ab"),
    *(pushing("1.0.0", letter, force=True) for letter in "abc"),
    *(pushing("1.0.0", letter, force=True, signed=True) for letter in "ab"),
    pushing("3.0.0", "b", patient=False),
    pushing("3.0.0", "c", limit=1),
    pushing("2.0.0", "b", force=True, limit=1),
    deleting("1.0.0"),
    deleting("3.0.0"),
    deleting("1.0.0", patient=False),
    deleting_chart(),
    events(FILES[0]),
    events(*FILES),
    SWEEP,
    RECONCILE,
]
OUTSIDE = [copying("1.0.0", "b"), copying("3.0.0", "a"), taking("1.0.0"), taking("2.0.0")]


@dataclass
class Choices:
    """A turn for each byte: below 150 whoever is at work goes on, above somebody else does; later ones go on in order.

    `faults` are met at the calls so numbered, whoever makes them; at the `pauses` eleven seconds pass, which every
    lease and every client's patience outlives only just, or not at all.
    """

    witness: Witness
    turns: bytes
    faults: dict[int, Fault]
    pauses: frozenset[int]
    made: int = 0
    current: Scheduled | None = None

    def __call__(self, alive: list[Scheduled]) -> tuple[Scheduled, Fault | None]:
        number, self.made = self.made, self.made + 1
        chosen = self.turns[number] if number < len(self.turns) else 0
        if self.current not in alive or chosen >= 150:
            self.current = alive[chosen % len(alive)]
        if number in self.pauses:
            self._let_time_pass(alive)
        assert self.current is not None
        return self.current, self.faults.get(number)

    def _let_time_pass(self, alive: Sequence[Scheduled]) -> None:
        world = self.witness.world
        world.time += 11
        if not any(process.begun for process in alive):
            # Nobody lives who saw anything before: published tombstones may go.
            world.time += 27 * 3600
            world.expire_rows()


def a_schedule(acts: list[Act]) -> st.SearchStrategy[tuple[list[Act], list[float], bytes, dict[int, Fault], set[int]]]:
    """Draw who is at work, how wrong their clocks go, and all that is chosen."""
    return st.tuples(
        st.lists(st.sampled_from(acts), min_size=2, max_size=4),
        st.lists(st.sampled_from([0.0, 0.0, 0.0, -7.0, 12.0]), min_size=4, max_size=4),
        st.binary(max_size=120) | st.integers(0, 2**32).map(lambda seed: Random(seed).randbytes(150)),  # noqa: S311
        st.dictionaries(st.integers(0, 60), st.sampled_from(Fault), max_size=3),
        st.sets(st.integers(0, 80), max_size=2),
    )


@settings(max_examples=500, deadline=None, derandomize=True)
@given(st.sampled_from(sorted(WORLDS)), a_schedule([*API, *OUTSIDE]))
def test_every_promise_holds_after_every_call_of_any_storm(
    world: str, schedule: tuple[list[Act], list[float], bytes, dict[int, Fault], set[int]]
) -> None:
    acts, skews, turns, faults, pauses = schedule
    witness = Witness(a_copy(WORLDS[world]), "team")

    processes = weather(witness, acts, skews, turns, faults, pauses)

    met = {fault for process in processes for _, fault in process.forecast.met}
    event(f"{len(acts)} processes, {', '.join(sorted(fault.name for fault in met)) or 'nothing fails'}")
    deliver(witness)
    if world != "never published" or witness.world.indexes:
        witness.check_quiet()
    if not met & {Fault.CRASH, Fault.FAIL, Fault.CONFLICT, Fault.LOSE} and not any(act in OUTSIDE for act in acts):
        witness.check_provenance()
    found = do(RECONCILE, witness, "").answer
    witness.check_quiet()
    assert found is not None


def weather(
    witness: Witness, acts: list[Act], skews: list[float], turns: bytes, faults: dict[int, Fault], pauses: set[int]
) -> list[Scheduled]:
    """Let them all run to their end."""
    processes = [
        Scheduled(f"{number}", made(Attempt(f"{number}", act, witness, len(faults) <= 1), skew), witness.look)
        for number, (act, skew) in enumerate(zip(acts, skews, strict=False))
    ]
    run(processes, Choices(witness, turns, faults, frozenset(pauses)))
    return processes
