"""What a client is told when an answer gets lost, somebody has died, or nobody knows the repository yet."""

from collections.abc import Callable

import pytest
from charthouse.errors import ChartVersionExists, NotFound, Unavailable
from charthouse.repository.outcome import Outcome

from tests.fakes import Lease
from tests.storm.acts import (
    SWEEP,
    Act,
    a_copy,
    a_file,
    a_repository,
    content,
    copying,
    deleting,
    deleting_chart,
    do,
    events,
    pushing,
    signing,
    taking,
)
from tests.storm.weather import Fault
from tests.storm.witness import Witness

SETTLED = a_repository("1.0.0", "2.0.0")


def the_repository() -> Witness:
    return Witness(a_copy(SETTLED), "team")


def at(wanted: str, fault: Fault) -> Callable[[int, str], Fault | None]:
    """Return the forecast of a fault at every call of this name."""
    return lambda _number, call: fault if call == wanted else None


@pytest.mark.parametrize(
    ("act", "call"),
    [
        (pushing("3.0.0", "b"), "bucket.create"),
        (pushing("1.0.0", "b", force=True), "bucket.replace"),
        (signing("1.0.0", "a"), "bucket.create"),
        (signing("1.0.0", "a", force=True), "bucket.replace"),
        (deleting("1.0.0"), "bucket.delete"),
    ],
    ids=lambda value: value.name if isinstance(value, Act) else value,
)
def test_what_was_done_is_said_to_be_done_though_the_answer_was_lost(act: Act, call: str) -> None:
    forecast = do(act, the_repository(), at=at(call, Fault.LOSE))

    assert forecast.answer is Outcome.PUBLISHED
    assert forecast.met


def test_a_deletion_that_was_done_is_said_to_be_done_though_time_is_up() -> None:
    witness = the_repository()

    def slow(number: int, call: str) -> Fault | None:
        if call == "bucket.delete" and number < 10:
            witness.world.time += 60
            return Fault.REPEAT
        return None

    answer = do(deleting("1.0.0"), witness, at=slow).answer

    assert isinstance(answer, Outcome)


def test_a_version_exists_only_for_whoever_can_see_it() -> None:
    witness = the_repository()
    do(pushing("3.0.0", "a", patient=False), witness)
    witness.world.leases["team"] = Lease("dead", witness.world.time + 10)

    too_early = do(pushing("3.0.0", "b"), witness).answer
    later = do(pushing("3.0.0", "b"), witness).answer

    assert isinstance(too_early, Unavailable)
    assert isinstance(later, ChartVersionExists)
    assert a_file("3.0.0") in witness.shown()


@pytest.mark.parametrize("patient", [True, False])
def test_a_version_is_not_found_only_where_the_index_does_not_show_it(*, patient: bool) -> None:
    witness = the_repository()
    do(deleting("1.0.0", patient=False), witness)
    witness.world.leases["team"] = Lease("dead", witness.world.time + 10)

    too_early = do(deleting("1.0.0", patient=patient), witness).answer
    later = do(deleting("1.0.0", patient=patient), witness).answer

    assert isinstance(too_early, Unavailable)
    assert isinstance(later, NotFound)
    assert a_file("1.0.0") not in witness.shown()


def test_a_chart_whose_deletion_died_before_the_index_knew_is_not_found_once_it_does() -> None:
    witness = the_repository()
    do(deleting_chart(), witness, at=at("markers.take_lease", Fault.CRASH))

    answer = do(deleting_chart("1.0.0", "2.0.0"), witness).answer

    assert isinstance(answer, NotFound)
    assert set(witness.shown()) == {"other-1.0.0.tgz"}


def test_a_chart_is_deleted_also_where_no_row_tells_of_it_yet() -> None:
    witness = the_repository()
    witness.world.rows.clear()
    witness.world.markers.clear()

    answer = do(deleting_chart("1.0.0", "2.0.0"), witness).answer

    assert answer is Outcome.PUBLISHED
    assert set(witness.shown()) == {"other-1.0.0.tgz"}
    witness.check_quiet()


def test_a_tombstone_that_the_index_does_not_know_of_outlives_its_day() -> None:
    witness = the_repository()
    do(deleting("1.0.0"), witness, at=at("markers.take_lease", Fault.CRASH))
    witness.world.time += 27 * 3600
    witness.world.expire_rows()

    do(SWEEP, witness)

    witness.check_quiet()


def test_only_tombstones_expire() -> None:
    witness = the_repository()
    do(pushing("1.0.0", "b", force=True), witness)
    do(events(a_file("1.0.0"), a_file("2.0.0")), witness)
    do(deleting("2.0.0"), witness)
    do(pushing("3.0.0", "b"), witness)
    witness.world.time += 27 * 3600

    witness.world.expire_rows()

    assert {file for _, file in witness.world.rows} == {a_file("1.0.0"), a_file("3.0.0"), "other-1.0.0.tgz"}


def test_a_version_overwritten_since_it_was_seen_to_be_old_is_not_pruned() -> None:
    witness = the_repository()
    told: list[object] = []
    calls: list[str] = []

    def overwrite(_number: int, call: str) -> None:
        if "table.chart:item" in calls and call == "bucket.head" and not told:
            told.append(do(pushing("1.0.0", "c", force=True), witness).answer)
        calls.append(call)

    do(pushing("3.0.0", "b", limit=1), witness, meanwhile=overwrite)

    assert told == [Outcome.PUBLISHED]
    assert a_file("1.0.0") in witness.shown()
    assert a_file("2.0.0") not in witness.shown()


def test_a_repository_that_could_not_be_listed_in_time_is_not_published_by_half() -> None:
    witness = Witness(a_copy(a_repository("1.0.0", "2.0.0", known=False)), "team")

    def slow(_number: int, call: str) -> None:
        witness.world.time += 20 if call == "bucket.list" else 0

    answer = do(pushing("3.0.0", "b"), witness, meanwhile=slow).answer

    assert answer is Outcome.STORED
    assert witness.world.indexes == {}


def test_an_object_is_listed_only_under_the_name_its_chart_gives() -> None:
    witness = the_repository()
    witness.world.put_object(f"team/{a_file('1.0.0')}", content("9.9.9", "a"))
    witness.look("")

    do(events(a_file("1.0.0")), witness)

    assert set(witness.shown()) == {a_file("2.0.0"), "other-1.0.0.tgz"}
    witness.check_quiet()


def test_who_read_a_tombstone_just_before_it_expired_cannot_overwrite_what_followed() -> None:
    witness = the_repository()
    do(deleting("9.0.0"), witness)
    witness.world.time += 27 * 3600
    told: list[object] = []

    def expire(_number: int, call: str) -> None:
        if call == "table.put" and not told:
            witness.world.expire_rows()
            told.append(do(pushing("9.0.0", "b"), witness).answer)

    do(events(a_file("9.0.0")), witness, meanwhile=expire)

    assert told == [Outcome.PUBLISHED]
    assert a_file("9.0.0") in witness.shown()


def test_what_others_leave_to_the_holder_of_the_lease_is_published_by_it() -> None:
    for number in range(len(do(pushing("3.0.0", "b"), the_repository()).calls)):
        witness = the_repository()

        def leave(call: int, _name: str) -> None:
            if call == number:  # noqa: B023  called before the next turn
                do(copying("2.0.0", "b"), witness)  # noqa: B023
                do(events(a_file("2.0.0")), witness)  # noqa: B023

        do(pushing("3.0.0", "b"), witness, meanwhile=leave)

        witness.check_quiet()


def test_a_holder_that_fails_lets_go_of_the_lease() -> None:
    witness = the_repository()

    do(pushing("3.0.0", "b"), witness, at=at("index.write", Fault.FAIL))

    assert witness.world.leases == {}


@pytest.mark.parametrize("first", [None, Fault.CRASH])
def test_what_went_with_its_row_is_not_shown_after_the_next_change(first: Fault | None) -> None:
    witness = the_repository()
    witness.world.rows.clear()
    witness.world.markers.clear()
    do(taking("1.0.0"), witness)
    if first is not None:
        do(pushing("4.0.0", "b"), witness, at=at("index.write", first))
        witness.world.time += 11

    do(pushing("3.0.0", "b"), witness)

    assert a_file("1.0.0") not in witness.shown()
    witness.check_quiet()


def test_a_deleted_version_takes_its_provenance_along() -> None:
    witness = Witness(a_copy(a_repository("1.0.0", signed=["1.0.0"])), "team")

    do(deleting("1.0.0"), witness)

    witness.check_provenance()


def test_a_version_that_could_not_be_deleted_keeps_its_provenance() -> None:
    witness = Witness(a_copy(a_repository("1.0.0", signed=["1.0.0"])), "team")
    deletions: list[int] = []

    def second(number: int, call: str) -> Fault | None:
        deletions.extend([number] if call == "bucket.delete" else [])
        return Fault.FAIL if call == "bucket.delete" and len(deletions) == 2 else None

    answer = do(deleting("1.0.0"), witness, at=second).answer

    assert isinstance(answer, Unavailable)
    assert witness.world.current(f"team/{a_file('1.0.0')}.prov") is not None


def test_the_version_just_pushed_stays_though_it_is_the_oldest() -> None:
    witness = the_repository()

    do(pushing("0.5.0", "b", limit=1), witness)

    assert set(witness.shown()) == {a_file("0.5.0"), a_file("2.0.0"), "other-1.0.0.tgz"}


def test_messages_whose_index_could_not_be_written_come_again() -> None:
    witness = the_repository()
    do(copying("2.0.0", "b"), witness)

    failed = do(events(a_file("2.0.0")), witness, at=at("index.write", Fault.FAIL)).answer

    assert failed == ["message-0", "message-1"]


def test_a_file_that_goes_after_its_row_was_lost_goes_from_the_index_too() -> None:
    witness = the_repository()
    witness.world.rows.pop(("team", a_file("1.0.0")))
    do(taking("1.0.0"), witness)

    do(events(a_file("1.0.0")), witness)

    witness.check_quiet()
