"""What a client is answered when a response is lost, a process has crashed, or the repository was never published."""

from collections.abc import Callable

import pytest
from charthouse.errors import ChartVersionExists, NotFound, Unavailable
from charthouse.repository.ports import StoredFile
from charthouse.repository.publish import Outcome
from charthouse.repository.repository import Ports

from tests.fakes import Lease
from tests.storm.commands import (
    SWEEP,
    Command,
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
    signing,
)
from tests.storm.faults import Fault
from tests.storm.mutants import Lies, Mutation, lie, override
from tests.storm.oracle import Oracle

PUBLISHED = a_repository("1.0.0", "2.0.0")


def the_repository() -> Oracle:
    return Oracle(a_copy(PUBLISHED), "team")


def at(wanted: str, fault: Fault) -> Callable[[int, str], Fault | None]:
    """Return the plan of a fault at every call of this name."""
    return lambda _number, call: fault if call == wanted else None


@pytest.mark.parametrize(
    ("command", "call"),
    [
        (pushing("3.0.0", "b"), "packages.create"),
        (pushing("1.0.0", "b", force=True), "packages.replace"),
        (signing("1.0.0", "a"), "packages.create"),
        (signing("1.0.0", "a", force=True), "packages.replace"),
        (deleting("1.0.0"), "packages.delete"),
    ],
    ids=lambda value: value.name if isinstance(value, Command) else value,
)
def test_a_change_whose_response_was_lost_is_reported_as_done(command: Command, call: str) -> None:
    plan = execute(command, the_repository(), at=at(call, Fault.LOSE))

    assert plan.response is Outcome.PUBLISHED
    assert plan.injected


def test_a_deletion_is_reported_as_done_even_after_the_deadline() -> None:
    oracle = the_repository()

    def slow(number: int, call: str) -> Fault | None:
        if call == "packages.delete" and number < 10:
            oracle.world.time += 60
            return Fault.REPEAT
        return None

    answer = execute(deleting("1.0.0"), oracle, at=slow).response

    assert isinstance(answer, Outcome)


def test_a_version_is_refused_as_existing_only_once_the_index_lists_it() -> None:
    oracle = the_repository()
    execute(pushing("3.0.0", "a", wait=False), oracle)
    oracle.world.leases["team"] = Lease("crashed", oracle.world.time + 10)

    too_early = execute(pushing("3.0.0", "b"), oracle).response
    later = execute(pushing("3.0.0", "b"), oracle).response

    assert isinstance(too_early, Unavailable)
    assert isinstance(later, ChartVersionExists)
    assert a_file("3.0.0") in oracle.listed()


@pytest.mark.parametrize("patient", [True, False])
def test_a_version_is_reported_as_missing_only_once_the_index_does_not_list_it(*, patient: bool) -> None:
    oracle = the_repository()
    execute(deleting("1.0.0", wait=False), oracle)
    oracle.world.leases["team"] = Lease("crashed", oracle.world.time + 10)

    too_early = execute(deleting("1.0.0", wait=patient), oracle).response
    later = execute(deleting("1.0.0", wait=patient), oracle).response

    assert isinstance(too_early, Unavailable)
    assert isinstance(later, NotFound)
    assert a_file("1.0.0") not in oracle.listed()


def test_a_chart_whose_deletion_crashed_is_reported_as_missing_only_once_the_index_agrees() -> None:
    oracle = the_repository()
    execute(deleting_chart(), oracle, at=at("catalog.acquire_lease", Fault.CRASH))

    answer = execute(deleting_chart("1.0.0", "2.0.0"), oracle).response

    assert isinstance(answer, NotFound)
    assert set(oracle.listed()) == {"other-1.0.0.tgz"}


def test_a_chart_is_deleted_even_if_the_catalog_does_not_know_it_yet() -> None:
    oracle = the_repository()
    oracle.world.rows.clear()
    oracle.world.states.clear()

    answer = execute(deleting_chart("1.0.0", "2.0.0"), oracle).response

    assert answer is Outcome.PUBLISHED
    assert set(oracle.listed()) == {"other-1.0.0.tgz"}
    oracle.check_at_rest()


def test_an_unpublished_tombstone_does_not_expire() -> None:
    oracle = the_repository()
    execute(deleting("1.0.0"), oracle, at=at("catalog.acquire_lease", Fault.CRASH))
    oracle.world.time += 27 * 3600
    oracle.world.expire_rows()

    execute(SWEEP, oracle)

    oracle.check_at_rest()


def test_only_tombstones_expire() -> None:
    oracle = the_repository()
    execute(pushing("1.0.0", "b", force=True), oracle)
    execute(events(a_file("1.0.0"), a_file("2.0.0")), oracle)
    execute(deleting("2.0.0"), oracle)
    execute(pushing("3.0.0", "b"), oracle)
    oracle.world.time += 27 * 3600

    oracle.world.expire_rows()

    assert {file for _, file in oracle.world.rows} == {a_file("1.0.0"), a_file("3.0.0"), "other-1.0.0.tgz"}


def test_a_version_overwritten_since_it_was_chosen_is_not_pruned() -> None:
    oracle = the_repository()
    responses: list[object] = []
    calls: list[str] = []

    def overwrite(_number: int, call: str) -> None:
        if "catalog.chart:item" in calls and call == "packages.head" and not responses:
            responses.append(execute(pushing("1.0.0", "c", force=True), oracle).response)
        calls.append(call)

    execute(pushing("3.0.0", "b", limit=1), oracle, meanwhile=overwrite)

    assert responses == [Outcome.PUBLISHED]
    assert a_file("1.0.0") in oracle.listed()
    assert a_file("2.0.0") not in oracle.listed()


def test_a_repository_that_could_not_be_imported_in_time_is_not_partly_published() -> None:
    oracle = Oracle(a_copy(a_repository("1.0.0", "2.0.0", published=False)), "team")

    def slow(_number: int, call: str) -> None:
        oracle.world.time += 20 if call == "packages.list" else 0

    answer = execute(pushing("3.0.0", "b"), oracle, meanwhile=slow).response

    assert answer is Outcome.STORED
    assert oracle.world.indexes == {}


def test_a_file_is_listed_only_under_the_name_its_chart_gives() -> None:
    oracle = the_repository()
    oracle.world.put_object(f"team/{a_file('1.0.0')}", content("9.9.9", "a"))
    oracle.observe("")

    execute(events(a_file("1.0.0")), oracle)

    assert set(oracle.listed()) == {a_file("2.0.0"), "other-1.0.0.tgz"}
    oracle.check_at_rest()


def test_a_process_that_read_a_tombstone_before_it_expired_cannot_overwrite_the_next_row() -> None:
    oracle = the_repository()
    execute(deleting("9.0.0"), oracle)
    oracle.world.time += 27 * 3600
    responses: list[object] = []

    def expire(_number: int, call: str) -> None:
        if call == "catalog.put" and not responses:
            oracle.world.expire_rows()
            responses.append(execute(pushing("9.0.0", "b"), oracle).response)

    execute(events(a_file("9.0.0")), oracle, meanwhile=expire)

    assert responses == [Outcome.PUBLISHED]
    assert a_file("9.0.0") in oracle.listed()


def test_rows_left_to_the_holder_of_the_lease_are_published_by_it() -> None:
    for number in range(len(execute(pushing("3.0.0", "b"), the_repository()).calls)):
        oracle = the_repository()

        def leave(call: int, _name: str) -> None:
            if call == number:  # noqa: B023  called before the next turn
                execute(copying("2.0.0", "b"), oracle)  # noqa: B023
                execute(events(a_file("2.0.0")), oracle)  # noqa: B023

        execute(pushing("3.0.0", "b"), oracle, meanwhile=leave)

        oracle.check_at_rest()


def test_a_holder_that_fails_releases_the_lease() -> None:
    oracle = the_repository()

    execute(pushing("3.0.0", "b"), oracle, at=at("index.write", Fault.FAIL))

    assert oracle.world.leases == {}


@pytest.mark.parametrize("first", [None, Fault.CRASH])
def test_a_package_removed_together_with_its_row_is_not_listed_after_the_next_change(first: Fault | None) -> None:
    oracle = the_repository()
    oracle.world.rows.clear()
    oracle.world.states.clear()
    execute(removing("1.0.0"), oracle)
    if first is not None:
        execute(pushing("4.0.0", "b"), oracle, at=at("index.write", first))
        oracle.world.time += 11

    execute(pushing("3.0.0", "b"), oracle)

    assert a_file("1.0.0") not in oracle.listed()
    oracle.check_at_rest()


def test_deleting_a_version_deletes_its_provenance() -> None:
    oracle = Oracle(a_copy(a_repository("1.0.0", signed=["1.0.0"])), "team")

    execute(deleting("1.0.0"), oracle)

    oracle.check_provenance()


def test_a_version_that_could_not_be_deleted_keeps_its_provenance() -> None:
    oracle = Oracle(a_copy(a_repository("1.0.0", signed=["1.0.0"])), "team")

    response = execute(deleting("1.0.0"), oracle, at=at("packages.delete", Fault.FAIL)).response

    assert isinstance(response, Unavailable)
    assert oracle.world.current(f"team/{a_file('1.0.0')}.prov") is not None


@pytest.mark.parametrize("fault", [Fault.CRASH, Fault.FAIL])
def test_provenance_left_by_a_deletion_is_deleted_by_its_retry(fault: Fault) -> None:
    oracle = Oracle(a_copy(a_repository("1.0.0", signed=["1.0.0"])), "team")
    deletions: list[int] = []

    def second(number: int, call: str) -> Fault | None:
        deletions.extend([number] if call == "packages.delete" else [])
        return fault if len(deletions) == 2 and deletions[1] == number else None

    execute(deleting("1.0.0"), oracle, at=second)
    assert oracle.world.current(f"team/{a_file('1.0.0')}.prov") is not None
    response = execute(deleting("1.0.0"), oracle).response

    assert isinstance(response, NotFound)
    oracle.check_provenance()


def test_provenance_alone_does_not_overwrite() -> None:
    oracle = Oracle(a_copy(a_repository("1.0.0", signed=["1.0.0"])), "team")
    before = oracle.world.current(f"team/{a_file('1.0.0')}.prov")

    response = execute(signing("1.0.0", "b"), oracle).response

    assert isinstance(response, ChartVersionExists)
    assert oracle.world.current(f"team/{a_file('1.0.0')}.prov") is before


def test_the_pushed_version_is_not_pruned_even_if_it_is_the_oldest() -> None:
    oracle = the_repository()

    execute(pushing("0.5.0", "b", limit=1), oracle)

    assert set(oracle.listed()) == {a_file("0.5.0"), a_file("2.0.0"), "other-1.0.0.tgz"}


def test_messages_whose_index_could_not_be_written_are_reported_as_failed() -> None:
    oracle = the_repository()
    execute(copying("2.0.0", "b"), oracle)

    failed = execute(events(a_file("2.0.0")), oracle, at=at("index.write", Fault.FAIL)).response

    assert failed == ["message-0", "message-1"]


def test_a_file_removed_after_its_row_was_lost_is_removed_from_the_index() -> None:
    oracle = the_repository()
    oracle.world.rows.pop(("team", a_file("1.0.0")))
    execute(removing("1.0.0"), oracle)

    execute(events(a_file("1.0.0")), oracle)

    oracle.check_at_rest()


@pytest.mark.parametrize("looks", [1, 2, 3])
@pytest.mark.parametrize(
    "command",
    [
        pushing("3.0.0", "b"),
        pushing("3.0.0", "b", signed=True),
        pushing("1.0.0", "b", force=True),
        pushing("1.0.0", "b", force=True, signed=True),
    ],
    ids=lambda command: command.name,
)
def test_a_push_whose_package_cannot_be_seen_yet_is_not_reported_as_published(command: Command, looks: int) -> None:
    """S3 may answer 404 for a new object in the first 15 minutes after versioning was switched on."""
    oracle = the_repository()

    with head_misses_own_package(looks)():
        response = execute(command, oracle).response

    assert isinstance(response, Unavailable | Outcome)
    if response is Outcome.PUBLISHED:
        assert command.files[0] in oracle.listed()
    quiesce(oracle)
    oracle.check_at_rest()
    oracle.check_provenance()


def head_misses_own_package(looks: int) -> Mutation:
    """Return the ports by which the first HEADs of a package after its own PUT say that it is not there."""

    def wrap(ports: Ports) -> Lies:
        left: dict[str, int] = {}

        def create(repo: str, file: str, body: bytes, upload_id: str) -> None:
            ports.packages.create(repo, file, body, upload_id)
            left.setdefault(file, looks)

        def replace(repo: str, file: str, body: bytes, upload_id: str) -> None:
            ports.packages.replace(repo, file, body, upload_id)
            left.setdefault(file, looks)

        def head(repo: str, file: str) -> StoredFile | None:
            stored = ports.packages.head(repo, file)
            if left.get(file, 0) and not file.endswith(".prov"):
                left[file] -= 1
                return None
            return stored

        return {"packages": override(ports.packages, create=create, replace=replace, head=head)}

    return lie(wrap)
