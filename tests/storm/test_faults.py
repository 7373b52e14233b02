"""Every command at every one of its calls: it crashes, the call fails, its response is lost, another command runs."""

from collections.abc import Callable, Iterator
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
from tests.storm.faults import Fault
from tests.storm.oracle import Oracle
from tests.storm.scheduler import Process, run

PUBLISHED = a_repository("0.9.0", "1.0.0", "2.0.0", signed=["1.0.0"])
UNVERSIONED = a_repository("0.9.0", "1.0.0", "2.0.0", signed=["1.0.0"], versioned=False)
NEW = a_repository("1.0.0", published=False)
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


class Case(NamedTuple):
    """A command, and the repository it is executed on."""

    before: Callable[[], Oracle]
    command: Command

    def calls(self) -> Iterator[tuple[int, Oracle]]:
        """Yield the number of every call of the command, each with a repository of its own."""
        for number in range(len(execute(self.command, self.before()).calls)):
            yield number, self.before()


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
OUTSIDE = [copying("1.0.0", "c"), copying("3.0.0", "c"), removing("1.0.0")]
"""Changes that only an event reports; they leave provenance as it is."""

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

AHEAD = 20.0
"""Seconds by which the clock of a process is ahead, so that no lease keeps it from publishing."""

cases = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


def at(number: int, fault: Fault) -> Callable[[int, str], Fault | None]:
    """Return the plan of one fault at one call."""
    return lambda call, _name: fault if call == number else None


@cases
def test_what_a_crash_at_any_call_leaves_is_finished_by_any_other_command(case: Case) -> None:
    for number, oracle in case.calls():
        execute(case.command, oracle, "first", at=at(number, Fault.CRASH))
        for other in OTHERS:
            fork = oracle.fork(a_copy(oracle.world))
            execute(other, fork, "other")
            quiesce(fork)
            fork.check_at_rest()


@pytest.mark.parametrize("fault", [Fault.FAIL, Fault.LOSE, Fault.REPEAT, Fault.CONFLICT])
@cases
def test_the_response_is_right_whichever_call_fails(case: Case, fault: Fault) -> None:
    for number, oracle in case.calls():
        execute(case.command, oracle, "first", at=at(number, fault))
        quiesce(oracle)
        oracle.check_at_rest()
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
    for other, skew in [*((other, AHEAD) for other in [*OTHERS, *OUTSIDE]), (OTHERS[0], 0), (OTHERS[2], 0)]:
        for number, oracle in case.calls():

            def meanwhile(call: int, _name: str) -> None:
                if call == number:  # noqa: B023  called within this iteration
                    execute(other, oracle, "other", skew=skew)  # noqa: B023

            response = execute(case.command, oracle, "first", meanwhile=meanwhile).response
            if isinstance(response, Progress):
                assert response.found.differences == 0
            quiesce(oracle)
            oracle.check_at_rest()
            if case.command.is_acknowledged and other not in OUTSIDE:
                oracle.check_provenance()


@pytest.mark.parametrize(("first", "second"), TWICE, ids=lambda command: command.name)
def test_a_command_that_interrupts_another_may_be_interrupted_itself(first: Command, second: Command) -> None:
    """The first makes some calls, the second some of its own, the first all the rest, and then the second."""
    for number in range(2, len(execute(first, published()).calls)):
        for calls in range(2, len(execute(second, published()).calls) + 1):
            oracle = published()
            one, other = (
                Process(name, scheduled(Execution(name, command, oracle), skew), oracle.observe)
                for name, command, skew in (("first", first, 0), ("second", second, AHEAD))
            )
            order = [one] * (number + 1) + [other] * calls

            def choose(running: list[Process]) -> tuple[Process, None]:
                wanted = order.pop(0) if order else one  # noqa: B023  called within this iteration
                return wanted if wanted in running else running[0], None

            run([one, other], choose)
            quiesce(oracle)
            oracle.check_at_rest()
            oracle.check_provenance()
