"""delete: one version or all of a chart, gone from bucket and index when the answer says so."""

import pytest
from charthouse.errors import NotFound, Unavailable
from charthouse.repository.delete import delete_chart, delete_version
from charthouse.repository.outcome import Outcome
from charthouse.repository.push import Push, push
from charthouse.settings import Rules

from tests.builders import a_package, a_provenance
from tests.fakes import Step, World
from tests.unit.repository.a_store import a_store, failing, held, note_names, shown

FILE = "mychart-0.1.0.tgz"


def test_a_deleted_version_is_gone_from_bucket_and_index() -> None:
    world = a_repository(("mychart", "0.1.0"), ("mychart", "0.2.0"))

    outcome = delete_version(a_store(world), "", "mychart", "0.1.0")

    assert outcome is Outcome.PUBLISHED
    assert list(held(world)) == list(shown(world)) == ["mychart-0.2.0.tgz"]


def test_its_provenance_goes_with_it() -> None:
    world = World()
    push(a_store(world), Rules(), "", Push(a_package(), a_provenance(a_package())))

    delete_version(a_store(world), "", "mychart", "0.1.0")

    assert held(world) == {}


def test_the_last_chart_deleted_leaves_an_empty_index() -> None:
    world = a_repository(("mychart", "0.1.0"))

    delete_version(a_store(world), "", "mychart", "0.1.0")

    assert '"entries":{\n}' in world.indexes[""].decode()


@pytest.mark.parametrize(("name", "version"), [("mychart2", "0.1.0-SNAPSHOT-1"), ("mychart2-0.1.0-SNAPSHOT", "1")])
def test_the_file_name_decides_however_it_is_divided(name: str, version: str) -> None:
    world = a_repository(("mychart2", "0.1.0-SNAPSHOT-1"), ("mychart2", "0.1.0"))

    delete_version(a_store(world), "", name, version)

    assert list(held(world)) == list(shown(world)) == ["mychart2-0.1.0.tgz"]


def test_a_plus_that_became_a_space_is_one_again() -> None:
    world = a_repository(("mychart", "0.1.0+build"))

    delete_version(a_store(world), "", "mychart", "0.1.0 build")

    assert held(world) == {}


@pytest.mark.parametrize("version", ["latest", "9.9.9", "^0.1", ""])
def test_what_is_not_there_is_not_found(version: str) -> None:
    """A delete takes a version as it is written: neither `latest` nor a constraint."""
    world = a_repository(("mychart", "0.1.0"))

    with pytest.raises(NotFound, match=r"^chart version not found$"):
        delete_version(a_store(world), "", "mychart", version)

    assert list(shown(world)) == [FILE]


def test_an_object_that_is_no_chart_can_be_deleted() -> None:
    world = a_repository()
    world.put_object(FILE, b"garbage")

    assert delete_version(a_store(world), "", "mychart", "0.1.0") is Outcome.PUBLISHED

    assert held(world) == {}


@pytest.mark.parametrize(
    "call", ["table.get", "table.put", "index.read", "index.write", "table.clear", "bucket.head:done"]
)
def test_a_delete_that_crashed_is_finished_by_its_retry(call: str) -> None:
    world = a_repository(("mychart", "0.1.0"))

    with pytest.raises(Died):
        delete_version(a_store(world, dies_at(call)), "", "mychart", "0.1.0")
    world.time += 60
    try:
        delete_version(a_store(world), "", "mychart", "0.1.0")
    except NotFound:
        assert call != "bucket.head:done"

    assert (held(world), shown(world)) == ({}, {})


def test_not_found_is_said_after_the_index_agrees() -> None:
    world = a_repository(("mychart", "0.1.0"))
    world.delete_object(FILE)
    assert list(shown(world)) == [FILE]

    with pytest.raises(NotFound):
        delete_version(a_store(world), "", "mychart", "0.1.0")

    assert shown(world) == {}


def test_a_failure_before_the_object_is_gone_deletes_nothing() -> None:
    world = a_repository(("mychart", "0.1.0"))

    with pytest.raises(Unavailable):
        delete_version(a_store(world, failing("bucket.delete", Unavailable("slow down"))), "", "mychart", "0.1.0")

    assert list(held(world)) == list(shown(world)) == [FILE]


def test_a_delete_whose_answer_was_lost_was_done() -> None:
    world = a_repository(("mychart", "0.1.0"))

    outcome = delete_version(a_store(world, failing("bucket.delete:done", Unavailable("lost"))), "", "mychart", "0.1.0")

    assert outcome is Outcome.PUBLISHED
    assert shown(world) == {}


@pytest.mark.parametrize("call", ["table.get", "table.put", "markers.take_lease", "index.write"])
def test_after_it_a_failure_only_means_that_the_index_follows(call: str) -> None:
    world = a_repository(("mychart", "0.1.0"))
    store = a_store(world, failing(call, Unavailable("throttled"), times=1000))

    outcome = delete_version(store, "", "mychart", "0.1.0")

    assert outcome is Outcome.STORED
    assert held(world) == {}
    assert "left_to_the_event" in note_names(store)


def test_who_does_not_want_to_wait_is_answered_before_the_index() -> None:
    world = a_repository(("mychart", "0.1.0"))

    outcome = delete_version(a_store(world), "", "mychart", "0.1.0", patient=False)

    assert outcome is Outcome.STORED
    assert list(shown(world)) == [FILE]


def test_what_was_pushed_after_the_look_is_deleted_too_or_kept_but_shown() -> None:
    """The delete removes what it has seen: another upload in between makes it look again."""
    world = a_repository(("mychart", "0.1.0"))
    new = a_package(description="new")
    pushes = [True]

    def pushed_in_between(call: str) -> None:
        if call == "bucket.delete" and pushes:
            pushes.clear()
            push(a_store(world), Rules(), "", Push(new, None, force=True))

    delete_version(a_store(world, pushed_in_between), "", "mychart", "0.1.0")

    assert sorted(held(world)) == sorted(shown(world))


def test_a_chart_goes_with_all_its_versions_and_their_provenance() -> None:
    world = a_repository(("mychart", "0.1.0"), ("mychart", "0.2.0"), ("mychart-2", "1.0.0"))
    push(a_store(world), Rules(), "", Push(None, a_provenance(a_package())))

    outcome = delete_chart(a_store(world), "", "mychart")

    assert outcome is Outcome.PUBLISHED
    assert list(held(world)) == list(shown(world)) == ["mychart-2-1.0.0.tgz"]


def test_all_versions_of_a_chart_are_published_at_once() -> None:
    world = a_repository(*(("mychart", f"0.{minor}.0") for minor in range(9)))
    calls: list[str] = []

    delete_chart(a_store(world, calls.append), "", "mychart")

    assert calls.count("index.write") == 1


def test_a_chart_that_is_not_there_is_not_found() -> None:
    world = a_repository(("mychart", "0.1.0"))

    with pytest.raises(NotFound, match=r"^chart not found$"):
        delete_chart(a_store(world), "", "other")


def test_a_chart_deleted_before_is_not_found_again() -> None:
    world = a_repository(("mychart", "0.1.0"))
    delete_chart(a_store(world), "", "mychart")

    with pytest.raises(NotFound, match=r"^chart not found$"):
        delete_chart(a_store(world), "", "mychart")


def test_a_chart_half_deleted_is_not_said_to_be_deleted_and_a_retry_deletes_the_rest() -> None:
    world = a_repository(("mychart", "0.1.0"), ("mychart", "0.2.0"))
    deletes = iter([None, Unavailable("slow down")])

    def second_fails(call: str) -> None:
        if call == "bucket.delete" and (failure := next(deletes, None)):
            raise failure

    with pytest.raises(Unavailable):
        delete_chart(a_store(world, second_fails), "", "mychart")
    assert list(held(world)) == ["mychart-0.2.0.tgz"]
    delete_chart(a_store(world), "", "mychart")

    assert (held(world), shown(world)) == ({}, {})


class Died(BaseException):
    """The process is gone."""


def dies_at(call: str) -> Step:
    return failing(call, Died())


def a_repository(*charts: tuple[str, str]) -> World:
    world = World()
    for name, version in charts:
        push(a_store(world), Rules(), "", Push(a_package(name, version), None))
    return world
