"""push: which upload of a version wins, what may be overwritten, what a failure before or after the write means.

And how much a repository may hold: `MaxStorageObjects` refuses, `PerChartLimit` prunes.
"""

from dataclasses import replace

import pytest
from charthouse.errors import BadPackage, BadRequest, ChartVersionExists, StorageLimitReached, Unavailable
from charthouse.repository.changes import Push, delete_version, push
from charthouse.repository.publish import Outcome, publish_index
from charthouse.repository.sync import sync_file
from charthouse.settings import Rules

from tests.builders import a_package, a_provenance
from tests.fakes import World
from tests.unit.repository.in_memory import (
    NotVisibleYet,
    SentTwice,
    calls_in,
    event_names,
    failing,
    fill,
    listed,
    ports_in,
    repository_in,
    stored_in,
)

FILE = "mychart-0.1.0.tgz"
OLD, NEW = a_package(description="old"), a_package(description="new")
OPEN = Rules()


def test_a_pushed_package_is_in_bucket_and_index_when_the_answer_says_so() -> None:
    world = World()

    outcome = push(repository_in(world, "org1/repo1"), OPEN, Push(NEW, None))

    assert outcome is Outcome.PUBLISHED
    assert stored_in(world, "org1/repo1") == {FILE: NEW}
    assert list(listed(world, "org1/repo1")) == [FILE]
    assert world.rows["org1/repo1", FILE].dirty is None


def test_who_pushed_is_noted_beside_package_and_provenance_and_recorded_before_the_index_follows() -> None:
    world = World()
    ports = ports_in(world, failing("indexes.write", Unavailable("busy")))

    outcome = push(ports.on_behalf_of("user:alice").repository("team"), OPEN, Push(NEW, a_provenance(NEW), wait=False))

    assert outcome is Outcome.STORED
    assert world.callers == {f"team/{FILE}": "user:alice", f"team/{FILE}.prov": "user:alice"}
    assert event_names(ports)[0] == "file_stored"


def test_a_refused_push_is_not_recorded_as_stored() -> None:
    world = World()
    pushed_package(world, OLD)
    ports = ports_in(world)

    with pytest.raises(ChartVersionExists):
        push(ports.repository(""), OPEN, Push(NEW, None))

    assert "file_stored" not in event_names(ports)


def test_a_version_that_exists_stays_as_it_is() -> None:
    world = World()
    pushed_package(world, OLD)

    with pytest.raises(ChartVersionExists, match=r"^file already exists$"):
        push(repository_in(world), OPEN, Push(NEW, None))

    assert stored_in(world) == {FILE: OLD}


def test_the_identical_package_is_refused_as_well() -> None:
    world = World()
    pushed_package(world, OLD)

    with pytest.raises(ChartVersionExists):
        push(repository_in(world), OPEN, Push(OLD, None))


def test_a_form_upload_has_its_own_message_for_an_existing_version() -> None:
    world = World()
    pushed_package(world, OLD)

    with pytest.raises(ChartVersionExists, match=r"^chart already exists$"):
        push(repository_in(world), OPEN, Push(NEW, None, exists="chart already exists"))


def test_an_existing_version_is_listed_before_its_push_is_refused() -> None:
    world = World()
    world.put_object(FILE, OLD, "upload of a crashed process")

    with pytest.raises(ChartVersionExists):
        push(repository_in(world), OPEN, Push(NEW, None))

    assert list(listed(world)) == [FILE]


def test_a_version_that_was_deleted_can_be_pushed_again() -> None:
    world = World()
    pushed_package(world, OLD)
    world.delete_object(FILE)

    assert push(repository_in(world), OPEN, Push(NEW, None)) is Outcome.PUBLISHED

    assert stored_in(world) == {FILE: NEW}


@pytest.mark.parametrize(
    ("rules", "force", "overwrites"),
    [
        (Rules(), False, False),
        (Rules(), True, True),
        (Rules(allow_overwrite=True), False, True),
        (Rules(disable_force_overwrite=True), True, False),
        (Rules(disable_force_overwrite=True, allow_overwrite=True), False, True),
    ],
)
def test_overwriting_needs_the_option_or_force(rules: Rules, *, force: bool, overwrites: bool) -> None:
    world = World()
    pushed_package(world, OLD)

    if overwrites:
        push(repository_in(world), rules, Push(NEW, None, force=force))
    else:
        with pytest.raises(ChartVersionExists):
            push(repository_in(world), rules, Push(NEW, None, force=force))

    assert stored_in(world) == {FILE: NEW if overwrites else OLD}


def test_force_also_stores_what_is_new() -> None:
    world = World()

    assert push(repository_in(world), OPEN, Push(NEW, None, force=True)) is Outcome.PUBLISHED

    assert list(listed(world)) == [FILE]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"no archive", "gzip: invalid header"),
        (a_package(version="not-a-version"), "version"),
        (a_package(annotations={"big": "x" * 70_000}), "larger than 65536 bytes as an index entry"),
    ],
)
def test_nothing_is_stored_of_a_bad_package(body: bytes, reason: str) -> None:
    world = World()

    with pytest.raises(BadPackage, match=reason):
        push(repository_in(world), OPEN, Push(body, None))

    assert world == World(tokens=world.tokens)


def test_an_upload_without_any_file_is_refused() -> None:
    with pytest.raises(BadRequest):
        push(repository_in(World()), OPEN, Push(None, None))


def test_a_write_that_failed_before_its_effect_stores_nothing() -> None:
    world = World()

    with pytest.raises(Unavailable):
        push(repository_in(world, step=failing("packages.create", Unavailable("slow down"))), OPEN, Push(NEW, None))

    assert (stored_in(world), listed(world), world.rows) == ({}, {}, {})


def test_a_write_whose_response_was_lost_is_recognised() -> None:
    world = World()

    outcome = push(
        repository_in(world, step=failing("packages.create:done", Unavailable("lost"))), OPEN, Push(NEW, None)
    )

    assert outcome is Outcome.PUBLISHED
    assert stored_in(world) == {FILE: NEW}


def test_a_write_sent_twice_by_the_sdk_finds_its_own_object() -> None:
    """The first try stored it, its answer was lost, and the SDK's second try is answered that something is there."""
    world = World()
    repository = replace(ports_in(world), packages=SentTwice(world)).repository("")

    assert push(repository, OPEN, Push(NEW, None)) is Outcome.PUBLISHED


def test_after_a_lost_response_the_package_of_another_upload_is_not_accepted_as_ones_own() -> None:
    world = World()
    world.put_object(FILE, OLD, "theirs")

    with pytest.raises(Unavailable):
        push(repository_in(world, step=failing("packages.create:done", Unavailable("lost"))), OPEN, Push(NEW, None))

    assert stored_in(world) == {FILE: OLD}


def test_a_version_deleted_after_the_refused_create_is_created() -> None:
    world = World()
    world.put_object(FILE, OLD)

    def deleted_in_between(call: str) -> None:
        if call == "packages.create:done" and FILE in stored_in(world) and stored_in(world)[FILE] == OLD:
            world.delete_object(FILE)

    assert push(repository_in(world, step=deleted_in_between), OPEN, Push(NEW, None)) is Outcome.PUBLISHED

    assert stored_in(world) == {FILE: NEW}


@pytest.mark.parametrize(
    "call",
    [
        "catalog.get",
        "catalog.put",
        "catalog.put:done",
        "catalog.acquire_lease",
        "index.read",
        "index.write",
        "catalog.clear",
    ],
)
def test_after_the_write_a_failure_only_means_that_the_index_follows(call: str) -> None:
    world = World()
    repository = repository_in(world, step=failing(call, Unavailable("throttled"), times=1000))

    outcome = push(repository, OPEN, Push(NEW, None))

    assert outcome is Outcome.STORED
    assert stored_in(world) == {FILE: NEW}
    assert "left_to_the_event" in event_names(repository)


@pytest.mark.parametrize("force", [False, True])
def test_a_package_that_cannot_be_seen_after_its_own_put_is_left_to_the_event(*, force: bool) -> None:
    """S3 may answer 404 for a new object in the first 15 minutes after versioning was switched on."""
    world = World()
    pushed_package(world, a_package(version="0.2.0"))
    repository = replace(ports_in(world), packages=NotVisibleYet(world)).repository("")

    outcome = push(repository, OPEN, Push(NEW, None, force=force))

    assert outcome is Outcome.STORED
    assert event_names(repository)[-1] == "left_to_the_event"
    assert ("", FILE) not in world.rows, "no tombstone"
    sync_file(repository_in(world), FILE)
    publish_index(repository_in(world))
    assert sorted(listed(world)) == [FILE, "mychart-0.2.0.tgz"]


def test_provenance_of_a_package_that_cannot_be_seen_is_reported_as_not_stored() -> None:
    world = World()
    repository = replace(ports_in(world), packages=NotVisibleYet(world)).repository("")

    with pytest.raises(Unavailable, match="the package is stored, its provenance is not"):
        push(repository, OPEN, Push(NEW, a_provenance(NEW)))


@pytest.mark.parametrize("call", ["catalog.get", "packages.head", "catalog.put"])
def test_provenance_whose_row_cannot_follow_is_stored_all_the_same(call: str) -> None:
    world = World()
    pushed_package(world, NEW)
    written: list[str] = []

    def fails_once_stored(step: str) -> None:
        written.append(step)
        if step == call and "packages.create:done" in written:
            raise Unavailable("throttled")

    repository = repository_in(world, step=fails_once_stored)

    outcome = push(repository, OPEN, Push(None, a_provenance(NEW)))

    assert outcome is Outcome.STORED
    assert event_names(repository)[-1] == "left_to_the_event"
    assert f"{FILE}.prov" in stored_in(world)


def test_a_client_that_does_not_wait_is_answered_before_the_index() -> None:
    world = World()
    calls: list[str] = []

    outcome = push(repository_in(world, step=calls.append), OPEN, Push(NEW, None, wait=False))

    assert outcome is Outcome.STORED
    assert world.rows["", FILE].dirty is not None, "the sweep finds it"
    assert {call for call in calls if call.startswith("index.") and ":" not in call} == {"index.size"}


def test_without_the_lease_a_push_is_answered_as_stored_after_eight_seconds() -> None:
    world = World()
    began = world.time

    def another_process_holds_the_lease(call: str) -> None:
        if call == "catalog.acquire_lease":
            world.leases.clear()
            ports_in(world).catalog.acquire_lease("", "another process", world.time, world.time + 10)

    outcome = push(repository_in(world, step=another_process_holds_the_lease), OPEN, Push(NEW, None))

    assert outcome is Outcome.STORED
    assert 7 < world.time - began <= 8.1, "seconds"


def test_a_package_overwritten_before_its_sync_is_not_listed() -> None:
    world = World()

    def overwritten(call: str) -> None:
        if call == "catalog.get" and stored_in(world) == {FILE: NEW}:
            world.put_object(FILE, OLD)

    push(repository_in(world, step=overwritten), OPEN, Push(NEW, None))

    assert '"description":"old"' in (world.rows["", FILE].line or "")


def test_an_upload_reads_no_row_of_another_version() -> None:
    """Adding a version costs the same in a repository with a thousand of them, and reads none of their rows."""
    crowded, empty = World(), World()
    fill(crowded, 1000)
    for world in (crowded, empty):
        pushed_package(world, a_package("first"))

    assert len(listed(crowded)) == 1001
    assert calls_of_a_push(crowded) == calls_of_a_push(empty) == ["index.size", *STORE, *SYNC, *PUBLISH]


STORE = ["packages.create", "packages.head"]
"""The package, and a look for stale provenance beside it."""
SYNC = ["catalog.get", "packages.head", "packages.head", "catalog.add_digests", "catalog.put"]
"""The package and its provenance, and by which digests OCI clients find the row."""
PUBLISH = [
    "catalog.acquire_lease",
    "index.read",
    "catalog.dirty",
    "index.write",
    "index.read_view",
    "index.write_view",
    "index.view",
    "index.write_view",
    "catalog.clear",
    "catalog.set_counts",
    "catalog.release_lease",
    "catalog.dirty",
]


def calls_of_a_push(world: World) -> list[str]:
    calls: list[str] = []
    push(repository_in(world, step=calls.append), OPEN, Push(NEW, None))
    assert calls.count("catalog.dirty:item") == 1, "its own row, and no other"
    return calls_in(calls)


def pushed_package(world: World, package: bytes) -> None:
    assert push(repository_in(world), OPEN, Push(package, None)) is Outcome.PUBLISHED


OPEN = Rules()


def test_a_full_repository_accepts_no_new_file() -> None:
    world = a_repository("0.1.0", "0.2.0")

    with pytest.raises(StorageLimitReached, match=r"^repo has reached storage limit$"):
        pushed(world, "0.3.0", Rules(max_storage_objects=2))

    assert len(stored_in(world)) == 2


def test_the_last_free_place_can_be_used() -> None:
    world = a_repository("0.1.0", "0.2.0")

    pushed(world, "0.3.0", Rules(max_storage_objects=3))

    assert len(stored_in(world)) == 3


def test_provenance_files_count() -> None:
    world = World()
    push(repository_in(world), OPEN, Push(a_package(), a_provenance(a_package())))

    with pytest.raises(StorageLimitReached):
        pushed(world, "0.2.0", Rules(max_storage_objects=2))
    with pytest.raises(StorageLimitReached):
        push(repository_in(world), Rules(max_storage_objects=2), Push(None, a_provenance(a_package(), version="7.0.0")))


def test_other_files_and_other_repositories_do_not_count() -> None:
    world = a_repository("0.1.0")
    world.put_object("index-cache.yaml", b"ChartMuseum's")
    world.put_object("org1/other-1.0.0.tgz", b"elsewhere")

    pushed(world, "0.2.0", Rules(max_storage_objects=2))

    assert sorted(listed(world)) == ["mychart-0.1.0.tgz", "mychart-0.2.0.tgz"]


def test_an_existing_version_is_refused_as_such_in_a_full_repository() -> None:
    world = a_repository("0.1.0", "0.2.0")

    with pytest.raises(ChartVersionExists, match=r"^chart already exists$"):
        push(
            repository_in(world),
            Rules(max_storage_objects=2),
            Push(a_package(version="0.1.0"), None, exists="chart already exists"),
        )


def test_existing_provenance_is_refused_as_such_in_a_full_repository() -> None:
    world = World()
    push(repository_in(world), OPEN, Push(a_package(), a_provenance(a_package())))

    with pytest.raises(ChartVersionExists):
        push(repository_in(world), Rules(max_storage_objects=2), Push(None, a_provenance(a_package())))


def test_an_unlisted_version_in_a_full_repository_is_listed_before_its_push_is_refused() -> None:
    world = World()
    world.put_object(FILE, OLD, "upload of a crashed process")

    with pytest.raises(ChartVersionExists):
        push(repository_in(world), Rules(max_storage_objects=1), Push(NEW, None))

    assert list(listed(world)) == [FILE]


def test_an_overwrite_is_possible_in_a_full_repository() -> None:
    world = a_repository("0.1.0", "0.2.0")
    package = a_package(version="0.1.0", description="new")

    push(repository_in(world), Rules(max_storage_objects=2), Push(package, None, force=True))

    assert stored_in(world)["mychart-0.1.0.tgz"] == package


def test_force_does_not_exceed_the_limit_for_a_new_version() -> None:
    world = a_repository("0.1.0", "0.2.0")

    with pytest.raises(StorageLimitReached):
        push(repository_in(world), Rules(max_storage_objects=2), Push(a_package(version="0.3.0"), None, force=True))


def test_a_delete_frees_a_place() -> None:
    world = a_repository("0.1.0", "0.2.0")
    delete_version(repository_in(world), "mychart", "0.1.0")

    pushed(world, "0.3.0", Rules(max_storage_objects=2))

    assert sorted(listed(world)) == ["mychart-0.2.0.tgz", "mychart-0.3.0.tgz"]


def test_without_a_limit_nothing_is_listed() -> None:
    calls: list[str] = []

    push(repository_in(World(), step=calls.append), OPEN, Push(None, a_provenance(a_package())))

    assert "packages.list" not in calls


def test_pruning_keeps_the_newest_versions_by_precedence_not_by_time() -> None:
    world = a_repository("1.10.0", "1.9.0", "1.2.0", "1.10.0-rc.1")

    pushed(world, "1.11.0", Rules(per_chart_limit=3))

    assert versions(world) == ["1.10.0", "1.10.0-rc.1", "1.11.0"]
    assert sorted(listed(world)) == sorted(stored_in(world))


def test_pruning_keeps_the_uploaded_version_even_if_it_is_the_oldest() -> None:
    world = a_repository("2.0.0", "3.0.0")

    pushed(world, "1.0.0", Rules(per_chart_limit=2))

    assert versions(world) == ["1.0.0", "2.0.0", "3.0.0"]


def test_an_old_version_uploaded_last_is_pruned_by_the_next_upload() -> None:
    world = a_repository("2.0.0", "3.0.0")
    pushed(world, "1.0.0", Rules(per_chart_limit=2))

    pushed(world, "4.0.0", Rules(per_chart_limit=2))

    assert versions(world) == ["3.0.0", "4.0.0"]


def test_only_the_uploaded_chart_is_pruned() -> None:
    world = a_repository("1.0.0", "2.0.0")
    push(repository_in(world), OPEN, Push(a_package("mychart-2", "0.1.0"), None))

    push(repository_in(world), Rules(per_chart_limit=1), Push(a_package("mychart-2", "0.2.0"), None))

    assert sorted(stored_in(world)) == ["mychart-1.0.0.tgz", "mychart-2-0.2.0.tgz", "mychart-2.0.0.tgz"]


def test_pruning_deletes_the_provenance_as_well() -> None:
    world = World()
    push(repository_in(world), OPEN, Push(a_package(), a_provenance(a_package())))

    pushed(world, "0.2.0", Rules(per_chart_limit=1))

    assert sorted(stored_in(world)) == ["mychart-0.2.0.tgz"]


def test_a_version_overwritten_during_pruning_stays() -> None:
    world = a_repository("1.0.0")
    theirs = a_package(version="1.0.0", description="theirs")

    def overwritten(call: str) -> None:
        if call == "catalog.chart:done":
            world.put_object("mychart-1.0.0.tgz", theirs)

    repository = repository_in(world, step=overwritten)
    push(repository, Rules(per_chart_limit=1), Push(a_package(version="2.0.0"), None))

    assert stored_in(world)["mychart-1.0.0.tgz"] == theirs
    assert "version_pruned" not in event_names(repository)


def test_versions_that_could_not_be_pruned_are_pruned_by_the_next_upload() -> None:
    world = a_repository("1.0.0", "2.0.0")
    rules = Rules(per_chart_limit=1)
    repository = repository_in(world, step=failing("packages.delete", Unavailable("slow down"), times=99))
    assert push(repository, rules, Push(a_package(version="3.0.0"), None)) is Outcome.STORED

    pushed(world, "4.0.0", rules)

    assert versions(world) == ["4.0.0"]
    assert list(listed(world)) == ["mychart-4.0.0.tgz"]


def a_repository(*versions: str) -> World:
    world = World()
    for version in versions:
        pushed(world, version)
    return world


def pushed(world: World, version: str, rules: Rules = OPEN) -> None:
    assert push(repository_in(world), rules, Push(a_package(version=version), None)) is Outcome.PUBLISHED


def versions(world: World) -> list[str]:
    return sorted(file.removeprefix("mychart-").removesuffix(".tgz") for file in stored_in(world))
