"""Every command at every one of its calls: it crashes, the call fails, its response is lost, another command runs."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import pytest
from charthouse.repository.maintenance import Progress

from tests.storm.commands import (
    RECONCILE,
    SWEEP,
    Command,
    Execution,
    a_copy,
    a_file,
    a_repository,
    content,
    copying,
    deleting,
    deleting_chart,
    events,
    execute,
    pushing,
    quiesce,
    removing,
    scheduled,
    signing,
)
from tests.storm.faults import Fault, is_possible
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

PUBLISHED = a_repository("0.9.0", "1.0.0", "2.0.0", signed=["1.0.0"])
UNVERSIONED = a_repository("0.9.0", "1.0.0", "2.0.0", signed=["1.0.0"], versioned=False)
NEW = a_repository("1.0.0", published=False)
REGISTRY = a_registry()
FILES = [a_file(version) for version in ("0.9.0", "1.0.0", "2.0.0", "3.0.0")]


def published() -> Oracle:
    return Oracle(a_copy(PUBLISHED), "team")


def unversioned() -> Oracle:
    return Oracle(a_copy(UNVERSIONED), "team")


def new() -> Oracle:
    return Oracle(a_copy(NEW), "team")


def crashed() -> Oracle:
    """After a crash: a package is new, one was overwritten, one was deleted, and no sync has run since."""
    oracle = published()
    oracle.world.put_object(f"team/{a_file('2.0.0')}", b"no chart")
    oracle.world.put_object(f"team/{a_file('3.0.0')}", content("3.0.0", "a"))
    oracle.world.delete_object(f"team/{a_file('0.9.0')}")
    oracle.observe("")
    return oracle


def registry() -> Oracle:
    return Oracle(a_copy(REGISTRY), "team")


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
OUTSIDE = [copying("1.0.0", "c"), copying("3.0.0", "c"), removing("1.0.0")]
"""Changes that only an event reports; they leave provenance as it is."""

AHEAD = 20.0
"""Seconds by which the clock of a process is ahead, so that no lease keeps it from publishing."""

BETWEEN = [*((other, AHEAD) for other in [*OTHERS, *OUTSIDE]), (OTHERS[0], 0.0), (OTHERS[2], 0.0)]


class Case(NamedTuple):
    """A command, and the repository it is executed on."""

    before: Callable[[], Oracle]
    command: Command
    others: Sequence[Command] = OTHERS
    """What finishes what a crash of it leaves."""
    between: Sequence[tuple[Command, float]] = BETWEEN
    """What runs between its calls, with the skew of its clock."""

    def calls(self, fault: Fault = Fault.CRASH) -> Iterator[tuple[int, Oracle]]:
        """Yield the number of every call of the command at which the fault can happen, each with its repository."""
        for number, call in enumerate(execute(self.command, self.before()).calls):
            # A listing of the few objects here is one call.
            if is_possible(fault, call) and call != "artifacts.names:item":
                yield number, self.before()


def settle(oracle: Oracle) -> None:
    """Let what is left to do be done, and check what has to hold then."""
    quiesce(oracle)
    oracle.check_at_rest()
    if oracle.world.artifacts:
        check_collection(oracle)


def of_registry(command: Command, *between: Command) -> Case:
    """Return the case of an OCI command, with what may run between its calls; what crashed is also tried again."""
    others = [command, oci_pushing("3.0.0", "c"), COLLECT]
    return Case(registry, command, others, [(other, AHEAD) for other in between])


PUSHED, PARKED = a_chart("1.0.0", "a", signed=True).digest, a_chart("3.0.0", "b").digest
OCI = [
    of_registry(
        oci_pushing("3.0.0", "b"),
        oci_pushing("3.0.0", "c"),
        oci_pushing("3.0.0", "b", at="2"),
        pushing("3.0.0", "b"),
        pushing("3.0.0", "c"),
        deleting("3.0.0"),
        OUTSIDE[1],
        tagging("3.0.0", "x"),
        COLLECT,
    ),
    of_registry(
        oci_pushing("3.0.0", "c", signed=True, by_digest=True),
        oci_pushing("3.0.0", "c"),
        pushing("3.0.0", "b", signed=True),
        COLLECT,
    ),
    of_registry(oci_pushing("1.0.0", "b"), deleting("1.0.0"), oci_pushing("1.0.0", "a", at="2")),
    of_registry(oci_pushing("1.0.0", "a", at="2"), oci_deleting("1.0.0"), OUTSIDE[0], COLLECT),
    of_registry(oci_deleting("1.0.0"), oci_pushing("1.0.0", "b"), OUTSIDE[0], COLLECT),
    of_registry(oci_deleting("1.0.0", PUSHED), oci_pushing("1.0.0", "a", signed=True), deleting("1.0.0"), COLLECT),
    of_registry(oci_deleting("3.0.0", PARKED), oci_pushing("3.0.0", "b"), parking("3.0.0", "b")),
    of_registry(parking("3.0.0", "b"), oci_pushing("3.0.0", "b"), pushing("3.0.0", "c"), COLLECT),
    of_registry(tagging("latest", "x"), tagging("latest", "z"), untagging("latest"), deleting_artifact("y"), COLLECT),
    of_registry(tagging("latest", "y"), deleting_artifact("y")),
    of_registry(tagging("1.0.0", "x"), oci_deleting("1.0.0")),
    of_registry(tagging("3.0.0", "x"), oci_pushing("3.0.0", "b"), pushing("3.0.0", "c"), COLLECT),
    of_registry(deleting_artifact("y"), tagging("latest", "x"), tagging("latest", "y"), COLLECT),
    of_registry(
        COLLECT,
        oci_pushing("3.0.0", "b"),
        oci_deleting("1.0.0"),
        parking("3.0.0", "b"),
        tagging("latest", "x"),
        COLLECT,
    ),
]
CASES = {
    f"{case.command.name}, {case.before.__name__}": case
    for case in [
        Case(published, pushing("3.0.0", "b")),
        Case(published, pushing("3.0.0", "b", signed=True)),
        Case(published, pushing("3.0.0", "b", wait=False)),
        Case(published, pushing("1.0.0", "b")),
        Case(published, pushing("1.0.0", "b", force=True)),
        Case(published, pushing("1.0.0", "a", force=True)),
        Case(published, pushing("1.0.0", "b", force=True, signed=True)),
        Case(published, pushing("3.0.0", "b", limit=1)),
        Case(published, signing("2.0.0", "a")),
        Case(published, deleting("1.0.0")),
        Case(published, deleting("9.0.0")),
        Case(published, deleting_chart("0.9.0", "1.0.0", "2.0.0")),
        Case(unversioned, pushing("1.0.0", "b", force=True)),
        Case(unversioned, deleting("1.0.0")),
        Case(new, pushing("3.0.0", "b")),
        Case(new, deleting("1.0.0")),
        Case(crashed, events(*FILES)),
        Case(crashed, events(*FILES, again=True)),
        Case(crashed, RECONCILE),
        Case(crashed, pushing("3.0.0", "b")),
        Case(crashed, deleting("0.9.0")),
        *OCI,
    ]
}
TWICE: list[tuple[Callable[[], Oracle], Command, Command]] = [
    (published, events(FILES[1]), pushing("1.0.0", "b", force=True)),
    (published, pushing("1.0.0", "b", force=True), deleting("1.0.0")),
    (published, deleting("1.0.0"), pushing("1.0.0", "b", force=True)),
    (published, pushing("1.0.0", "b", force=True, signed=True), pushing("1.0.0", "a", force=True, signed=True)),
    (published, pushing("1.0.0", "b", force=True), pushing("1.0.0", "a", force=True, signed=True)),
    (published, pushing("3.0.0", "b", signed=True), pushing("3.0.0", "c", force=True, signed=True)),
    (published, pushing("3.0.0", "b", signed=True), pushing("3.0.0", "c", force=True)),
    (published, pushing("3.0.0", "b", signed=True), deleting("3.0.0")),
    (registry, tagging("latest", "y"), deleting_artifact("y")),
]

cases = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


def at(number: int, fault: Fault) -> Callable[[int, str], Fault | None]:
    """Return the plan of one fault at one call."""
    return lambda call, _name: fault if call == number else None


@cases
def test_what_a_crash_at_any_call_leaves_is_finished_by_any_other_command(case: Case) -> None:
    for number, oracle in case.calls():
        execute(case.command, oracle, "first", at=at(number, Fault.CRASH))
        for other in case.others:
            fork = oracle.fork(a_copy(oracle.world))
            execute(other, fork, "other")
            settle(fork)


@pytest.mark.parametrize("fault", [Fault.FAIL, Fault.LOSE, Fault.REPEAT, Fault.CONFLICT])
@cases
def test_the_response_is_right_whichever_call_fails(case: Case, fault: Fault) -> None:
    for number, oracle in case.calls(fault):
        execute(case.command, oracle, "first", at=at(number, fault))
        settle(oracle)
        if fault is not Fault.FAIL:
            oracle.check_provenance()


@pytest.mark.parametrize("fault", [Fault.FAIL, Fault.LOSE])
def test_delivering_the_failed_messages_of_a_batch_again_is_enough(fault: Fault) -> None:
    for number, oracle in CASES["events, crashed"].calls():
        failed = execute(events(*FILES), oracle, at=at(number, fault)).response
        assert isinstance(failed, list)
        again = [FILES[min(int(name.removeprefix("message-")), len(FILES) - 1)] for name in failed]
        if again:
            execute(events(*again), oracle)
        execute(SWEEP, oracle)
        oracle.check_at_rest()


def test_a_batch_of_messages_needs_no_sweep() -> None:
    oracle = crashed()

    execute(events(*FILES), oracle)

    oracle.check_at_rest()


@cases
def test_any_command_may_run_between_any_two_calls_of_another(case: Case) -> None:
    for other, skew in case.between:
        for number, oracle in case.calls():

            def meanwhile(call: int, _name: str) -> None:
                if call == number:  # noqa: B023  called within this iteration
                    execute(other, oracle, "other", skew=skew)  # noqa: B023

            response = execute(case.command, oracle, "first", meanwhile=meanwhile).response
            if isinstance(response, Progress):
                assert response.found.differences == 0
            settle(oracle)
            if case.command.is_acknowledged and other not in OUTSIDE:
                oracle.check_provenance()


@pytest.mark.slow
@pytest.mark.parametrize(("before", "first", "second"), TWICE, ids=lambda value: getattr(value, "name", ""))
def test_a_command_that_interrupts_another_may_be_interrupted_itself(
    before: Callable[[], Oracle], first: Command, second: Command
) -> None:
    """The first makes some calls, the second some of its own, the first all the rest, and then the second."""
    for number in range(2, len(execute(first, before()).calls)):
        for calls in range(2, len(execute(second, before()).calls) + 1):
            oracle = before()
            one, other = (
                Process(name, scheduled(Execution(name, command, oracle), skew), oracle.observe)
                for name, command, skew in (("first", first, 0), ("second", second, AHEAD))
            )
            one.step(calls=number + 1)
            other.step(calls=calls)
            run([one, other], lambda running: (running[0], None))
            settle(oracle)
            oracle.check_provenance()
