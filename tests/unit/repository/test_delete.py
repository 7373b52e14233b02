"""delete: one version or a whole chart, gone from store and index when the response says so."""

import pytest
from charthouse.errors import NotFound, Unavailable
from charthouse.repository.changes import Push, delete_chart, delete_version, push
from charthouse.repository.publish import Outcome
from charthouse.settings import Rules

from tests.builders import a_package, a_provenance
from tests.fakes import Step, World
from tests.unit.repository.in_memory import event_names, failing, listed, repository_in, stored_in

FILE = "mychart-0.1.0.tgz"


def test_a_deleted_version_is_gone_from_bucket_and_index() -> None:
    world = a_repository(("mychart", "0.1.0"), ("mychart", "0.2.0"))

    outcome = delete_version(repository_in(world), "mychart", "0.1.0")

    assert outcome is Outcome.PUBLISHED
    assert list(stored_in(world)) == list(listed(world)) == ["mychart-0.2.0.tgz"]


def test_every_deleted_version_is_recorded() -> None:
    world = a_repository(("mychart", "0.1.0"), ("mychart", "0.2.0"))
    repository = repository_in(world)

    delete_chart(repository, "mychart")
    with pytest.raises(NotFound):
        delete_version(repository, "mychart", "0.1.0")

    assert event_names(repository).count("file_deleted") == 2


def test_its_provenance_goes_with_it() -> None:
    world = World()
    push(repository_in(world), Rules(), Push(a_package(), a_provenance(a_package())))

    delete_version(repository_in(world), "mychart", "0.1.0")

    assert stored_in(world) == {}


def test_the_package_is_deleted_before_its_provenance() -> None:
    """A crash in between leaves provenance without a package, never a package without its provenance."""
    world = World()
    push(repository_in(world), Rules(), Push(a_package(), a_provenance(a_package())))
    deleted: list[list[str]] = []

    def look(call: str) -> None:
        if call == "packages.delete:done":
            deleted.append(list(stored_in(world)))

    delete_version(repository_in(world, step=look), "mychart", "0.1.0")

    assert deleted == [[f"{FILE}.prov"], []]


@pytest.mark.parametrize("call", ["packages.head", "packages.read", "packages.delete"])
def test_provenance_left_by_a_crash_is_deleted_by_the_retry(call: str) -> None:
    world = World()
    push(repository_in(world), Rules(), Push(a_package(), a_provenance(a_package())))
    gone = [False]

    def crash(name: str) -> None:
        gone[0] = gone[0] or name == "packages.delete:done"
        if gone[0] and name == call:
            raise Crash

    with pytest.raises(Crash):
        delete_version(repository_in(world, step=crash), "mychart", "0.1.0")
    assert list(stored_in(world)) == [f"{FILE}.prov"]
    with pytest.raises(NotFound):
        delete_version(repository_in(world), "mychart", "0.1.0")

    assert stored_in(world) == {}


def test_provenance_that_cannot_be_deleted_is_recorded_and_the_version_deleted() -> None:
    world = World()
    push(repository_in(world), Rules(), Push(a_package(), a_provenance(a_package())))
    repository = repository_in(world, step=failing("packages.read", Unavailable("slow down")))

    assert delete_version(repository, "mychart", "0.1.0") is Outcome.PUBLISHED

    assert event_names(repository).count("provenance_left") == 1
    assert list(stored_in(world)) == [f"{FILE}.prov"]


def test_a_version_that_could_not_be_deleted_keeps_its_provenance() -> None:
    world = World()
    push(repository_in(world), Rules(), Push(a_package(), a_provenance(a_package())))

    with pytest.raises(Unavailable):
        delete_version(
            repository_in(world, step=failing("packages.delete", Unavailable("slow down"))), "mychart", "0.1.0"
        )

    assert sorted(stored_in(world)) == [FILE, f"{FILE}.prov"]


def test_the_last_chart_deleted_leaves_an_empty_index() -> None:
    world = a_repository(("mychart", "0.1.0"))

    delete_version(repository_in(world), "mychart", "0.1.0")

    assert '"entries":{\n}' in world.indexes[""].decode()


@pytest.mark.parametrize(("name", "version"), [("mychart2", "0.1.0-SNAPSHOT-1"), ("mychart2-0.1.0-SNAPSHOT", "1")])
def test_the_file_name_decides_however_it_is_split(name: str, version: str) -> None:
    world = a_repository(("mychart2", "0.1.0-SNAPSHOT-1"), ("mychart2", "0.1.0"))

    delete_version(repository_in(world), name, version)

    assert list(stored_in(world)) == list(listed(world)) == ["mychart2-0.1.0.tgz"]


@pytest.mark.parametrize("version", ["latest", "9.9.9", "^0.1", ""])
def test_a_version_that_is_not_stored_is_not_found(version: str) -> None:
    """A delete takes a version as it is written: neither `latest` nor a constraint."""
    world = a_repository(("mychart", "0.1.0"))

    with pytest.raises(NotFound, match=r"^chart version not found$"):
        delete_version(repository_in(world), "mychart", version)

    assert list(listed(world)) == [FILE]


def test_an_object_that_is_no_chart_can_be_deleted() -> None:
    world = a_repository()
    world.put_object(FILE, b"garbage")

    assert delete_version(repository_in(world), "mychart", "0.1.0") is Outcome.PUBLISHED

    assert stored_in(world) == {}


@pytest.mark.parametrize(
    "call", ["catalog.get", "catalog.put", "index.read", "index.write", "catalog.clear", "packages.head:done"]
)
def test_a_delete_that_crashed_is_finished_by_its_retry(call: str) -> None:
    world = a_repository(("mychart", "0.1.0"))

    with pytest.raises(Crash):
        delete_version(repository_in(world, step=crashes_at(call)), "mychart", "0.1.0")
    world.time += 60
    try:
        delete_version(repository_in(world), "mychart", "0.1.0")
    except NotFound:
        assert call != "packages.head:done"

    assert (stored_in(world), listed(world)) == ({}, {})


def test_a_missing_version_is_reported_after_the_index_agrees() -> None:
    world = a_repository(("mychart", "0.1.0"))
    world.delete_object(FILE)
    assert list(listed(world)) == [FILE]

    with pytest.raises(NotFound):
        delete_version(repository_in(world), "mychart", "0.1.0")

    assert listed(world) == {}


def test_a_failed_delete_deletes_nothing() -> None:
    world = a_repository(("mychart", "0.1.0"))

    with pytest.raises(Unavailable):
        delete_version(
            repository_in(world, step=failing("packages.delete", Unavailable("slow down"))), "mychart", "0.1.0"
        )

    assert list(stored_in(world)) == list(listed(world)) == [FILE]


def test_a_delete_whose_response_was_lost_succeeds() -> None:
    world = a_repository(("mychart", "0.1.0"))

    outcome = delete_version(
        repository_in(world, step=failing("packages.delete:done", Unavailable("lost"))), "mychart", "0.1.0"
    )

    assert outcome is Outcome.PUBLISHED
    assert listed(world) == {}


@pytest.mark.parametrize("call", ["catalog.get", "catalog.put", "catalog.acquire_lease", "index.write"])
def test_after_the_delete_a_failure_only_means_that_the_index_follows(call: str) -> None:
    world = a_repository(("mychart", "0.1.0"))
    repository = repository_in(world, step=failing(call, Unavailable("throttled"), times=1000))

    outcome = delete_version(repository, "mychart", "0.1.0")

    assert outcome is Outcome.STORED
    assert stored_in(world) == {}
    assert "left_to_the_event" in event_names(repository)


def test_a_client_that_does_not_wait_is_answered_before_the_index() -> None:
    world = a_repository(("mychart", "0.1.0"))

    outcome = delete_version(repository_in(world), "mychart", "0.1.0", wait=False)

    assert outcome is Outcome.STORED
    assert list(listed(world)) == [FILE]


def test_a_package_pushed_between_look_and_delete_is_in_store_and_index_or_in_neither() -> None:
    """The delete is conditional on the package seen: an upload in between makes it look again."""
    world = a_repository(("mychart", "0.1.0"))
    new = a_package(description="new")
    pushes = [True]

    def push_meanwhile(call: str) -> None:
        if call == "packages.delete" and pushes:
            pushes.clear()
            push(repository_in(world), Rules(), Push(new, None, force=True))

    delete_version(repository_in(world, step=push_meanwhile), "mychart", "0.1.0")

    assert sorted(stored_in(world)) == sorted(listed(world))


def test_deleting_a_chart_deletes_all_versions_and_their_provenance() -> None:
    world = a_repository(("mychart", "0.1.0"), ("mychart", "0.2.0"), ("mychart-2", "1.0.0"))
    push(repository_in(world), Rules(), Push(None, a_provenance(a_package())))

    outcome = delete_chart(repository_in(world), "mychart")

    assert outcome is Outcome.PUBLISHED
    assert list(stored_in(world)) == list(listed(world)) == ["mychart-2-1.0.0.tgz"]


def test_deleting_a_chart_publishes_once() -> None:
    world = a_repository(*(("mychart", f"0.{minor}.0") for minor in range(9)))
    calls: list[str] = []

    delete_chart(repository_in(world, step=calls.append), "mychart")

    assert calls.count("index.write") == 1


def test_a_missing_chart_is_not_found() -> None:
    world = a_repository(("mychart", "0.1.0"))

    with pytest.raises(NotFound, match=r"^chart not found$"):
        delete_chart(repository_in(world), "other")


def test_a_chart_deleted_before_is_not_found_again() -> None:
    world = a_repository(("mychart", "0.1.0"))
    delete_chart(repository_in(world), "mychart")

    with pytest.raises(NotFound, match=r"^chart not found$"):
        delete_chart(repository_in(world), "mychart")


def test_a_partly_deleted_chart_is_reported_as_unavailable_and_a_retry_deletes_the_rest() -> None:
    world = a_repository(("mychart", "0.1.0"), ("mychart", "0.2.0"))
    deletes = iter([None, Unavailable("slow down")])

    def second_fails(call: str) -> None:
        if call == "packages.delete" and (failure := next(deletes, None)):
            raise failure

    with pytest.raises(Unavailable):
        delete_chart(repository_in(world, step=second_fails), "mychart")
    assert list(stored_in(world)) == ["mychart-0.2.0.tgz"]
    delete_chart(repository_in(world), "mychart")

    assert (stored_in(world), listed(world)) == ({}, {})


class Crash(BaseException):
    """The process has ended."""


def crashes_at(call: str) -> Step:
    return failing(call, Crash())


def a_repository(*charts: tuple[str, str]) -> World:
    world = World()
    for name, version in charts:
        push(repository_in(world), Rules(), Push(a_package(name, version), None))
    return world
