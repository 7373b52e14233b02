"""sync: the row says what is stored, and `dirty` says whether the index may not."""

from dataclasses import replace
from hashlib import sha256

import pytest
from charthouse.errors import Unavailable, Unreadable
from charthouse.helm.package import Package
from charthouse.repository.ports import Row
from charthouse.repository.publish import publish_index
from charthouse.repository.sync import TOMBSTONE_SECONDS, OwnUpload, sync_all, sync_file

from tests.builders import a_package
from tests.fakes import World
from tests.unit.repository.in_memory import event_names, failing, repository_in, stored_in

FILE = "mychart-0.1.0.tgz"
LATER = 2e9


def test_a_new_file_gets_a_row_with_its_line() -> None:
    world = World()
    world.put_object(FILE, a_package())

    row = sync_file(repository_in(world), FILE)

    assert (row.chart, row.version, row.digest) == ("mychart", "0.1.0", sha256(a_package()).hexdigest())
    assert row.line is not None
    assert '"urls":["charts/mychart-0.1.0.tgz"]' in row.line
    assert row.dirty is not None
    assert world.rows["", FILE] == row


def test_a_repeated_sync_increments_the_revision_and_nothing_else() -> None:
    world = World()
    world.put_object(FILE, a_package())
    sync_file(repository_in(world), FILE)
    world.rows["", FILE] = clean = replace(world.rows["", FILE], dirty=None)

    row = sync_file(repository_in(world), FILE)

    assert row == replace(clean, rev=clean.rev + 1)


def test_the_time_a_row_became_dirty_stays() -> None:
    world = World()
    world.put_object(FILE, a_package())
    first = sync_file(repository_in(world), FILE)
    world.time += 60
    world.put_object(FILE, a_package(description="other"))

    second = sync_file(repository_in(world), FILE)

    assert second.line != first.line
    assert second.dirty == first.dirty


def test_a_missing_file_becomes_a_tombstone_also_without_a_row() -> None:
    world = World()

    row = sync_file(repository_in(world), FILE)

    assert (row.etag, row.line) == (None, None)
    assert row.dirty is not None, "there is no index yet: the first is still to be made"
    assert row.expires is None


@pytest.mark.parametrize("index", [None, b"garbage"])
def test_a_lost_row_makes_its_file_dirty_if_the_index_may_list_it(index: bytes | None) -> None:
    world = World()
    world.put_object(FILE, a_package())
    sync_file(repository_in(world), FILE)
    publish_index(repository_in(world))
    world.rows.clear()
    world.delete_object(FILE)
    world.indexes[""] = index or world.indexes[""]

    row = sync_file(repository_in(world), FILE)

    assert row.dirty is not None
    assert row.expires is None, "the index may still list the file"


@pytest.mark.parametrize("stale", ["", "mychart"])
def test_a_lost_row_makes_its_file_dirty_if_only_a_view_may_list_it(stale: str) -> None:
    """A publisher crashed between the index and that view, and its dirty rows were lost with the table."""
    world = World()
    world.put_object(FILE, a_package())
    sync_file(repository_in(world), FILE)
    publish_index(repository_in(world))
    view = world.views["", stale]
    world.delete_object(FILE)
    sync_file(repository_in(world), FILE)
    publish_index(repository_in(world))
    world.views["", stale] = view
    world.rows.clear()

    row = sync_file(repository_in(world), FILE)

    assert row.dirty is not None
    publish_index(repository_in(world))
    assert world.views["", stale].body != view.body


def test_a_file_that_was_never_listed_does_not_become_dirty() -> None:
    world = World()
    world.put_object("other-1.0.0.tgz", a_package("other", "1.0.0"))
    sync_file(repository_in(world), "other-1.0.0.tgz")
    publish_index(repository_in(world))
    world.put_object("bad-1.0.0.tgz", b"no archive")

    assert sync_file(repository_in(world), FILE).dirty is None
    assert sync_file(repository_in(world), "bad-1.0.0.tgz").dirty is None


def test_a_published_tombstone_synced_again_expires_as_late_as_a_new_one() -> None:
    world = World()
    sync_file(repository_in(world), FILE)
    world.rows["", FILE] = replace(world.rows["", FILE], dirty=None, expires=1)

    row = sync_file(repository_in(world), FILE)

    assert row.dirty is None
    assert row.expires == int(world.time) + TOMBSTONE_SECONDS


def test_a_file_stored_again_no_longer_expires() -> None:
    world = World()
    sync_file(repository_in(world), FILE)
    world.rows["", FILE] = replace(world.rows["", FILE], dirty=None, expires=1)
    world.put_object(FILE, a_package())

    row = sync_file(repository_in(world), FILE)

    assert row.expires is None
    assert row.dirty is not None


@pytest.mark.parametrize(
    ("file", "body", "problem"),
    [
        (FILE, b"no archive", "gzip: invalid header"),
        ("other-0.1.0.tgz", a_package(), "its Chart.yaml makes it mychart-0.1.0.tgz"),
        (FILE, a_package(annotations={"big": "x" * 70_000}), "larger than 65536 bytes"),
    ],
)
def test_a_file_that_cannot_be_listed_is_reported_once_and_has_no_line(file: str, body: bytes, problem: str) -> None:
    world = World()
    world.put_object(file, body)
    repository = repository_in(world)

    row = sync_file(repository, file)
    sync_file(repository, file)

    assert row.line is None
    assert problem in (row.problem or "")
    assert event_names(repository) == ["package_not_listed"], "once, not at every look"


def test_the_package_of_ones_own_upload_is_not_read() -> None:
    world = World()
    world.put_object(FILE, a_package(), "my-upload")
    calls: list[str] = []

    sync_file(repository_in(world, step=calls.append), FILE, own=OwnUpload("my-upload", Package.read(a_package())))

    assert "packages.read" not in calls


def test_the_package_of_another_upload_is_read() -> None:
    world = World()
    world.put_object(FILE, a_package(description="theirs"), "their-upload")

    row = sync_file(repository_in(world), FILE, own=OwnUpload("my-upload", Package.read(a_package())))

    assert '"description":"theirs"' in (row.line or "")


def test_a_known_version_is_not_read_again() -> None:
    world = World()
    world.put_object(FILE, a_package())
    sync_file(repository_in(world), FILE)
    calls: list[str] = []

    sync_file(repository_in(world, step=calls.append), FILE)

    assert "packages.read" not in calls


@pytest.mark.parametrize("versioned", [True, False])
def test_a_file_replaced_between_head_and_read_is_looked_at_again(*, versioned: bool) -> None:
    world = World(versioned=versioned)
    world.put_object(FILE, a_package(description="old"))

    def replaced_before_the_read(call: str) -> None:
        if call == "packages.read" and stored_in(world)[FILE] == a_package(description="old"):
            world.put_object(FILE, a_package(description="new"))
            if versioned:
                world.forget_old_versions(FILE)

    row = sync_file(repository_in(world, step=replaced_before_the_read), FILE)

    assert '"description":"new"' in (row.line or "")


def test_a_lost_condition_is_retried_until_the_deadline() -> None:
    world = World()
    world.put_object(FILE, a_package())

    def another_process_is_faster(call: str) -> None:
        if call == "catalog.put":
            known = world.rows.get(("", FILE)) or Row("", FILE, 0)
            world.rows["", FILE] = replace(known, rev=known.rev + 1)

    with pytest.raises(Unavailable, match="busy"):
        sync_file(repository_in(world, step=another_process_is_faster, deadline=world.time + 1), FILE)


def test_a_row_after_an_expired_tombstone_has_a_higher_revision() -> None:
    world = World()
    tombstone = sync_file(repository_in(world), FILE)
    del world.rows["", FILE]
    world.time += TOMBSTONE_SECONDS

    row = sync_file(repository_in(world), FILE)

    assert row.rev > tombstone.rev


@pytest.mark.parametrize("message", ["cannot be read: S3 says InvalidObjectState", "the storage class is an archive"])
def test_a_file_that_cannot_be_read_is_reported_and_read_by_the_next_sync(message: str) -> None:
    """Whatever the adapter says: a restored file must not stay unlisted for its old problem's wording."""
    world = World()
    world.put_object(FILE, a_package())

    def access_denied(call: str) -> None:
        if call == "packages.read":
            raise Unreadable(message)

    archived = sync_file(repository_in(world, step=access_denied), FILE)
    restored = sync_file(repository_in(world), FILE)

    assert (archived.line, archived.problem, archived.unreadable) == (None, message, True)
    assert restored.line is not None
    assert (restored.problem, restored.unreadable) == (None, False)


def test_a_file_that_cannot_be_read_is_read_by_every_comparison() -> None:
    world = World()
    world.put_object(FILE, a_package())

    def access_denied(call: str) -> None:
        if call == "packages.read":
            raise Unreadable("access denied")

    first = sync_all(repository_in(world, step=access_denied))
    second = sync_all(repository_in(world))
    third = sync_all(repository_in(world))

    assert (first.synced, first.unlisted, first.failed) == (1, 1, 0)
    assert (second.synced, second.unlisted) == (1, 0)
    assert (third.synced, third.unlisted) == (0, 0)


def test_a_file_that_fails_does_not_keep_the_others_from_being_synced() -> None:
    world = World()
    for version in ("0.1.0", "0.2.0", "0.3.0"):
        world.put_object(f"mychart-{version}.tgz", a_package(version=version))
    repository = repository_in(world, step=failing("packages.read", KeyError("unexpected")))

    found = sync_all(repository)

    assert (found.synced, found.failed, found.next) == (3, 1, None)
    assert event_names(repository) == ["file_failed"]
    assert sorted(file for _, file in world.rows) == ["mychart-0.2.0.tgz", "mychart-0.3.0.tgz"]


def test_an_unavailable_store_ends_the_comparison() -> None:
    world = World()
    world.put_object(FILE, a_package())

    with pytest.raises(Unavailable):
        sync_all(repository_in(world, step=failing("packages.read", Unavailable("slow down"))))
