"""Several processes at once in any order of their calls: every promise holds after every call."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from hypothesis import event, given, settings
from hypothesis import strategies as st

from tests.storm.commands import (
    RECONCILE,
    SWEEP,
    Command,
    Execution,
    a_copy,
    a_file,
    a_repository,
    copying,
    deleting,
    deleting_chart,
    events,
    execute,
    pushing,
    quiesce,
    removing,
    scheduled,
)
from tests.storm.faults import Fault
from tests.storm.oracle import Oracle
from tests.storm.registry import (
    COLLECT,
    a_chart,
    a_registry,
    check_collection,
    deleting_artifact,
    oci_deleting,
    oci_pushing,
    parking,
    tagging,
    untagging,
)
from tests.storm.scheduler import Process, run

WORLDS = {
    "published": a_repository("1.0.0", "2.0.0", signed=["1.0.0"]),
    "without versioning": a_repository("1.0.0", "2.0.0", signed=["1.0.0"], versioned=False),
    "never published": a_repository("1.0.0", published=False),
    "empty": a_repository(published=False),
}
FILES = [a_file(version) for version in ("1.0.0", "2.0.0", "3.0.0")]
API = [
    *(pushing(version, letter) for version in ("1.0.0", "3.0.0") for letter in "ab"),
    *(pushing(version, letter, signed=True) for version in ("1.0.0", "3.0.0") for letter in "ab"),
    *(pushing("1.0.0", letter, force=True) for letter in "abc"),
    *(pushing("1.0.0", letter, force=True, signed=True) for letter in "ab"),
    pushing("3.0.0", "b", wait=False),
    pushing("3.0.0", "c", limit=1),
    pushing("2.0.0", "b", force=True, limit=1),
    deleting("1.0.0"),
    deleting("3.0.0"),
    deleting("1.0.0", wait=False),
    deleting_chart(),
    events(FILES[0]),
    events(*FILES),
    events(*FILES, again=True),
    SWEEP,
    RECONCILE,
]
OUTSIDE = [copying("1.0.0", "b"), copying("3.0.0", "a"), removing("1.0.0"), removing("2.0.0")]

REGISTRY = a_registry()
OCI = [
    *(oci_pushing(version, letter) for version in ("1.0.0", "3.0.0") for letter in "ab"),
    oci_pushing("1.0.0", "a", signed=True),
    oci_pushing("3.0.0", "b", signed=True, by_digest=True),
    oci_pushing("3.0.0", "b", at="2"),
    parking("3.0.0", "b"),
    *(oci_deleting(version) for version in ("1.0.0", "3.0.0")),
    oci_deleting("1.0.0", a_chart("1.0.0", "a", signed=True).digest),
    *(tagging("latest", letter) for letter in "xy"),
    tagging("3.0.0", "x"),
    untagging("latest"),
    deleting_artifact("y"),
    COLLECT,
    pushing("3.0.0", "b"),
    pushing("1.0.0", "b", force=True),
    deleting("1.0.0"),
    copying("3.0.0", "a"),
    removing("1.0.0"),
    RECONCILE,
]


@dataclass
class Choices:
    """One choice for each byte: below 150 the current process continues, from 150 another does; then in order.

    `faults` are injected at the calls of these numbers, whichever process makes them. At the `pauses` eleven seconds
    pass, longer than a lease and than a client waits.
    """

    oracle: Oracle
    choices: bytes
    faults: dict[int, Fault]
    pauses: frozenset[int]
    made: int = 0
    current: Process | None = None

    def __call__(self, running: list[Process]) -> tuple[Process, Fault | None]:
        number, self.made = self.made, self.made + 1
        chosen = self.choices[number] if number < len(self.choices) else 0
        if self.current not in running or chosen >= 150:
            self.current = running[chosen % len(running)]
        if number in self.pauses:
            self._pass_time(running)
        assert self.current is not None
        return self.current, self.faults.get(number)

    def _pass_time(self, running: Sequence[Process]) -> None:
        world = self.oracle.world
        world.time += 11
        if not any(process.started for process in running):
            # No process is running that has read anything before: published tombstones may expire.
            world.time += 27 * 3600
            world.expire_rows()


def a_schedule(
    commands: list[Command],
) -> st.SearchStrategy[tuple[list[Command], list[float], bytes, dict[int, Fault], set[int]]]:
    """Draw the commands, the skews of their clocks, and all choices."""
    return st.tuples(
        st.lists(st.sampled_from(commands), min_size=2, max_size=4),
        st.lists(st.sampled_from([0.0, 0.0, 0.0, -7.0, 12.0]), min_size=4, max_size=4),
        st.binary(max_size=120) | st.integers(0, 2**32).map(lambda seed: Random(seed).randbytes(150)),  # noqa: S311
        st.dictionaries(st.integers(0, 60), st.sampled_from(Fault), max_size=3),
        st.sets(st.integers(0, 80), max_size=2),
    )


@settings(max_examples=500, deadline=None, derandomize=True)
@given(st.sampled_from(sorted(WORLDS)), a_schedule([*API, *OUTSIDE]))
def test_every_promise_holds_after_every_call_of_any_schedule(
    world: str, schedule: tuple[list[Command], list[float], bytes, dict[int, Fault], set[int]]
) -> None:
    commands, skews, choices, faults, pauses = schedule
    oracle = Oracle(a_copy(WORLDS[world]), "team")

    processes = simulate(oracle, commands, skews, choices, faults, pauses)

    injected = {fault for process in processes for _, fault in process.plan.injected}
    event(f"{len(commands)} processes, {', '.join(sorted(fault.name for fault in injected)) or 'no fault'}")
    quiesce(oracle)
    if world != "never published" or oracle.world.indexes:
        oracle.check_at_rest()
    if not injected & {Fault.CRASH, Fault.FAIL, Fault.CONFLICT, Fault.LOSE} and not any(
        command in OUTSIDE for command in commands
    ):
        oracle.check_provenance()
    found = execute(RECONCILE, oracle, "").response
    oracle.check_at_rest()
    assert found is not None


@settings(max_examples=120, deadline=None, derandomize=True)
@given(a_schedule(OCI))
def test_both_protocols_keep_every_promise_in_any_schedule(
    schedule: tuple[list[Command], list[float], bytes, dict[int, Fault], set[int]],
) -> None:
    oracle = Oracle(a_copy(REGISTRY), "team")

    simulate(oracle, *schedule)

    quiesce(oracle)
    oracle.check_at_rest()
    check_collection(oracle)


def simulate(
    oracle: Oracle,
    commands: list[Command],
    skews: list[float],
    choices: bytes,
    faults: dict[int, Fault],
    pauses: set[int],
) -> list[Process]:
    """Run all commands to their end, each in a process of its own."""
    processes = [
        Process(f"{number}", scheduled(Execution(f"{number}", command, oracle, len(faults) <= 1), skew), oracle.observe)
        for number, (command, skew) in enumerate(zip(commands, skews, strict=False))
    ]
    run(processes, Choices(oracle, choices, faults, frozenset(pauses)))
    return processes
