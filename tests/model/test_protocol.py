"""The protocol keeps its promises in every interleaving of every scenario."""

import pytest

from tests.model.checker import Explored, explore
from tests.model.scenarios import SCENARIOS, provenance_storm, provenance_storms

WITHOUT_CHANGE: frozenset[str] = frozenset()


@pytest.mark.parametrize("sentence", SCENARIOS)
def test_every_interleaving_keeps_the_promises(sentence: str) -> None:
    storm = SCENARIOS[sentence](WITHOUT_CHANGE)

    explored = explore(storm)

    print(f"{explored.states} states, {explored.steps} steps: {sentence}")  # noqa: T201
    assert explored.violation is None, _trace_of(explored)


@pytest.mark.parametrize("processes", [1, 2, pytest.param(3, marks=pytest.mark.slow)])
def test_at_quiet_a_package_has_no_provenance_but_its_own_and_all_that_was_promised(processes: int) -> None:
    states = 0

    for before, acts in provenance_storms(processes):
        explored = explore(provenance_storm(before, acts))
        states += explored.states
        assert explored.violation is None, f"{before}: {', '.join(acts)}\n{_trace_of(explored)}"

    print(f"{states} states: provenance, {processes} processes")  # noqa: T201
    assert states


@pytest.mark.parametrize(
    "then",
    ["force a", *(pytest.param(then, marks=pytest.mark.slow) for then in ("force b with provenance", "delete"))],
)
def test_what_a_crash_does_to_provenance_lasts_until_the_next_accepted_write(then: str) -> None:
    states = 0

    for before, acts in provenance_storms(2):
        explored = explore(provenance_storm(before, acts, crashes=1, then=then))
        states += explored.states
        assert explored.violation is None, f"{before}: {', '.join(acts)}\n{_trace_of(explored)}"

    print(f"{states} states: provenance after a crash, then {then}")  # noqa: T201
    assert states


def test_a_crash_of_a_forced_overwrite_can_leave_the_provenance_of_the_package_before_it() -> None:
    storm = provenance_storm("a with provenance", ("force b",), crashes=1)
    storm.strict_provenance = True

    explored = explore(storm)

    assert explored.violation is not None
    assert "provenance of 'a' beside" in explored.violation
    assert [step.partition(":")[0] for step in explored.trace[:2]] == ["force b (0)", "force b (0)"]


def _trace_of(explored: Explored) -> str:
    return "\n".join([str(explored.violation), *explored.trace])
