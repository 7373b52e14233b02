"""Every handler, at every one of its calls: it dies, the call fails, its answer is lost, another handler runs there."""

from collections.abc import Callable, Iterator

import pytest
from charthouse.repository.reconcile import Progress

from tests.storm.acts import (
    RECONCILE,
    SWEEP,
    Act,
    Attempt,
    a_copy,
    a_file,
    a_repository,
    content,
    copying,
    deleting,
    deleting_chart,
    deliver,
    do,
    events,
    made,
    pushing,
    signing,
    taking,
)
from tests.storm.scheduler import Scheduled, run
from tests.storm.weather import Fault
from tests.storm.witness import Witness

SETTLED = a_repository("0.9.0", "1.0.0", "2.0.0", signed=["1.0.0"])
UNVERSIONED = a_repository("0.9.0", "1.0.0", "2.0.0", signed=["1.0.0"], versioned=False)
NEW = a_repository("1.0.0", known=False)
FILES = [a_file(version) for version in ("0.9.0", "1.0.0", "2.0.0", "3.0.0")]


def settled() -> Witness:
    return Witness(a_copy(SETTLED), "team")


def unversioned() -> Witness:
    return Witness(a_copy(UNVERSIONED), "team")


def new() -> Witness:
    return Witness(a_copy(NEW), "team")


def left() -> Witness:
    """Somebody has died: an object is new, one was overwritten, one is gone, and nobody has looked since."""
    witness = settled()
    witness.world.put_object(f"team/{a_file('2.0.0')}", b"no chart")
    witness.world.put_object(f"team/{a_file('3.0.0')}", content("3.0.0", "a"))
    witness.world.delete_object(f"team/{a_file('0.9.0')}")
    witness.look("")
    return witness


HANDLERS: dict[str, tuple[Callable[[], Witness], Act]] = {
    f"{act.name}, {before.__name__}": (before, act)
    for before, act in [
        (settled, pushing("3.0.0", "b")),
        (settled, pushing("3.0.0", "b", signed=True)),
        (settled, pushing("3.0.0", "b", patient=False)),
        (settled, pushing("1.0.0", "b")),
        (settled, pushing("1.0.0", "b", force=True)),
        (settled, pushing("1.0.0", "a", force=True)),
        (settled, pushing("1.0.0", "b", force=True, signed=True)),
        (settled, pushing("3.0.0", "b", limit=1)),
        (settled, signing("2.0.0", "a")),
        (settled, deleting("1.0.0")),
        (settled, deleting("9.0.0")),
        (settled, deleting_chart("0.9.0", "1.0.0", "2.0.0")),
        (unversioned, pushing("1.0.0", "b", force=True)),
        (unversioned, deleting("1.0.0")),
        (new, pushing("3.0.0", "b")),
        (new, deleting("1.0.0")),
        (left, events(*FILES)),
        (left, RECONCILE),
        (left, pushing("3.0.0", "b")),
        (left, deleting("0.9.0")),
    ]
}
OTHERS = [
    pushing("3.0.0", "c"),
    pushing("1.0.0", "c", force=True, signed=True),
    deleting("1.0.0"),
    deleting("3.0.0"),
    deleting_chart(),
    events(*FILES),
    SWEEP,
    RECONCILE,
]


OUTSIDE = [copying("1.0.0", "c"), copying("3.0.0", "c"), taking("1.0.0")]
"""Nobody but the event knows of these; and they leave provenance as it is."""


TWICE = [
    (events(FILES[1]), pushing("1.0.0", "b", force=True)),
    (pushing("1.0.0", "b", force=True), deleting("1.0.0")),
    (deleting("1.0.0"), pushing("1.0.0", "b", force=True)),
    (pushing("1.0.0", "b", force=True, signed=True), pushing("1.0.0", "a", force=True, signed=True)),
    (pushing("1.0.0", "b", force=True), pushing("1.0.0", "a", force=True, signed=True)),
    (pushing("3.0.0", "b", signed=True), pushing("3.0.0", "c", force=True, signed=True)),
    (pushing("3.0.0", "b", signed=True), pushing("3.0.0", "c", force=True)),
    (pushing("3.0.0", "b", signed=True), deleting("3.0.0")),
]

EARLY = 20.0
"""Seconds by which the clock of a process is ahead, so that nobody's lease keeps it from publishing."""


def at(number: int, fault: Fault) -> Callable[[int, str], Fault | None]:
    """Return the forecast of one fault at one call."""
    return lambda call, _name: fault if call == number else None


def places(handler: str) -> Iterator[tuple[int, Witness]]:
    """Yield every call of a handler by its number, each with a world of its own."""
    before, act = HANDLERS[handler]
    for number in range(len(do(act, before()).calls)):
        yield number, before()


@pytest.mark.parametrize("handler", HANDLERS)
def test_whoever_dies_at_any_call_leaves_nothing_that_others_cannot_finish(handler: str) -> None:
    _, act = HANDLERS[handler]

    for number, witness in places(handler):
        do(act, witness, "first", at=at(number, Fault.CRASH))
        for other in OTHERS:
            theirs = witness.fork(a_copy(witness.world))
            do(other, theirs, "other")
            deliver(theirs)
            theirs.check_quiet()


@pytest.mark.parametrize("fault", [Fault.FAIL, Fault.LOSE, Fault.REPEAT, Fault.CONFLICT])
@pytest.mark.parametrize("handler", HANDLERS)
def test_whatever_call_fails_the_answer_is_right(handler: str, fault: Fault) -> None:
    _, act = HANDLERS[handler]

    for number, witness in places(handler):
        do(act, witness, "first", at=at(number, fault))
        deliver(witness)
        witness.check_quiet()
        if fault is not Fault.FAIL:
            witness.check_provenance()


@pytest.mark.parametrize("fault", [Fault.FAIL, Fault.LOSE])
def test_of_a_batch_the_messages_that_failed_are_told_and_no_others_are_needed(fault: Fault) -> None:
    for number, witness in places("events, left"):
        failed = do(events(*FILES), witness, at=at(number, fault)).answer
        assert isinstance(failed, list)
        again = [FILES[min(int(name.removeprefix("message-")), len(FILES) - 1)] for name in failed]
        if again:
            do(events(*again), witness)
        do(SWEEP, witness)
        witness.check_quiet()


def test_a_batch_of_messages_needs_no_sweep() -> None:
    witness = left()

    do(events(*FILES), witness)

    witness.check_quiet()


@pytest.mark.parametrize("handler", HANDLERS)
def test_whoever_runs_between_any_two_calls_breaks_nothing(handler: str) -> None:
    _, act = HANDLERS[handler]

    for other, skew in [*((other, EARLY) for other in [*OTHERS, *OUTSIDE]), (OTHERS[0], 0), (OTHERS[2], 0)]:
        for number, witness in places(handler):

            def meanwhile(call: int, _name: str) -> None:
                if call == number:  # noqa: B023  called before the next turn
                    do(other, witness, "other", skew=skew)  # noqa: B023

            answer = do(act, witness, "first", meanwhile=meanwhile).answer
            if isinstance(answer, Progress):
                assert answer.found.differences == 0
            deliver(witness)
            witness.check_quiet()
            if act.changes and other not in OUTSIDE:
                witness.check_provenance()


@pytest.mark.parametrize(("first", "second"), TWICE, ids=lambda act: act.name)
def test_whoever_is_interrupted_while_interrupting_breaks_nothing(first: Act, second: Act) -> None:
    """The first makes some calls, the second some of its own, the first all the rest, and then the second."""
    for number in range(2, len(do(first, settled()).calls)):
        for calls in range(2, len(do(second, settled()).calls) + 1):
            witness = settled()
            one, other = (
                Scheduled(who, made(Attempt(who, act, witness), skew), witness.look)
                for who, act, skew in (("first", first, 0), ("second", second, EARLY))
            )
            order = [one] * (number + 1) + [other] * calls

            def turn(alive: list[Scheduled]) -> tuple[Scheduled, None]:
                wanted = order.pop(0) if order else one  # noqa: B023  all within this turn of the loop
                return wanted if wanted in alive else alive[0], None

            run([one, other], turn)
            deliver(witness)
            witness.check_quiet()
            witness.check_provenance()
