"""settle: the row says what the bucket says, and `dirty` says whether the index may not."""

from dataclasses import replace
from hashlib import sha256

import pytest
from charthouse.errors import Unavailable, Unreadable
from charthouse.helm.package import Package
from charthouse.ports import Row
from charthouse.repository.publish import publish
from charthouse.repository.settle import TOMBSTONE_SECONDS, Written, settle

from tests.builders import a_package
from tests.fakes import World
from tests.unit.repository.a_store import a_store, held, note_names

FILE = "mychart-0.1.0.tgz"
LATER = 2e9


def test_a_new_object_gets_a_row_with_its_line() -> None:
    world = World()
    world.put_object(FILE, a_package())

    row = settle(a_store(world), "", FILE, until=LATER)

    assert (row.chart, row.version, row.digest) == ("mychart", "0.1.0", sha256(a_package()).hexdigest())
    assert row.line is not None
    assert '"urls":["charts/mychart-0.1.0.tgz"]' in row.line
    assert row.dirty is not None
    assert world.rows["", FILE] == row


def test_settling_again_moves_the_fence_and_nothing_else() -> None:
    world = World()
    world.put_object(FILE, a_package())
    settle(a_store(world), "", FILE, until=LATER)
    world.rows["", FILE] = clean = replace(world.rows["", FILE], dirty=None)

    row = settle(a_store(world), "", FILE, until=LATER)

    assert row == replace(clean, rev=clean.rev + 1)


def test_the_time_a_row_became_dirty_stays() -> None:
    world = World()
    world.put_object(FILE, a_package())
    first = settle(a_store(world), "", FILE, until=LATER)
    world.time += 60
    world.put_object(FILE, a_package(description="other"))

    second = settle(a_store(world), "", FILE, until=LATER)

    assert second.line != first.line
    assert second.dirty == first.dirty


def test_a_gone_object_leaves_a_tombstone_also_where_no_row_was() -> None:
    world = World()

    row = settle(a_store(world), "", FILE, until=LATER)

    assert (row.etag, row.line) == (None, None)
    assert row.dirty is not None, "there is no index yet: the first is still to be made"
    assert row.expires is None


@pytest.mark.parametrize("index", [None, b"garbage"])
def test_a_lost_row_whose_line_the_index_may_still_show_is_published(index: bytes | None) -> None:
    world = World()
    world.put_object(FILE, a_package())
    settle(a_store(world), "", FILE, until=LATER)
    publish(a_store(world), "", until=LATER)
    world.rows.clear()
    world.delete_object(FILE)
    world.indexes[""] = index or world.indexes[""]

    row = settle(a_store(world), "", FILE, until=LATER)

    assert row.dirty is not None
    assert row.expires is None, "what the index may still show must not be forgotten"


def test_a_file_nobody_ever_listed_is_nothing_to_publish() -> None:
    world = World()
    world.put_object("other-1.0.0.tgz", a_package("other", "1.0.0"))
    settle(a_store(world), "", "other-1.0.0.tgz", until=LATER)
    publish(a_store(world), "", until=LATER)
    world.put_object("bad-1.0.0.tgz", b"no archive")

    assert settle(a_store(world), "", FILE, until=LATER).dirty is None
    assert settle(a_store(world), "", "bad-1.0.0.tgz", until=LATER).dirty is None


def test_a_published_tombstone_settled_again_stays_as_long_as_a_new_one() -> None:
    world = World()
    settle(a_store(world), "", FILE, until=LATER)
    world.rows["", FILE] = replace(world.rows["", FILE], dirty=None, expires=1)

    row = settle(a_store(world), "", FILE, until=LATER)

    assert row.dirty is None
    assert row.expires == int(world.time) + TOMBSTONE_SECONDS


def test_an_object_that_comes_back_takes_the_expiry_away() -> None:
    world = World()
    settle(a_store(world), "", FILE, until=LATER)
    world.rows["", FILE] = replace(world.rows["", FILE], dirty=None, expires=1)
    world.put_object(FILE, a_package())

    row = settle(a_store(world), "", FILE, until=LATER)

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
def test_what_the_index_cannot_show_is_reported_and_has_no_line(file: str, body: bytes, problem: str) -> None:
    world = World()
    world.put_object(file, body)
    store = a_store(world)

    row = settle(store, "", file, until=LATER)
    settle(store, "", file, until=LATER)

    assert row.line is None
    assert problem in (row.problem or "")
    assert note_names(store) == ["package_not_listed"], "once, not at every look"


def test_what_it_wrote_itself_is_not_read_again() -> None:
    world = World()
    world.put_object(FILE, a_package(), "my-upload")
    calls: list[str] = []

    settle(a_store(world, calls.append), "", FILE, until=LATER, written=Written("my-upload", Package.read(a_package())))

    assert "bucket.read" not in calls


def test_what_another_wrote_meanwhile_is_read() -> None:
    world = World()
    world.put_object(FILE, a_package(description="theirs"), "their-upload")

    row = settle(a_store(world), "", FILE, until=LATER, written=Written("my-upload", Package.read(a_package())))

    assert '"description":"theirs"' in (row.line or "")


def test_an_object_known_by_its_version_is_not_read_again() -> None:
    world = World()
    world.put_object(FILE, a_package())
    settle(a_store(world), "", FILE, until=LATER)
    calls: list[str] = []

    settle(a_store(world, calls.append), "", FILE, until=LATER)

    assert "bucket.read" not in calls


@pytest.mark.parametrize("versioned", [True, False])
def test_an_object_replaced_between_look_and_read_is_looked_at_again(*, versioned: bool) -> None:
    world = World(versioned=versioned)
    world.put_object(FILE, a_package(description="old"))

    def replaced_before_the_read(call: str) -> None:
        if call == "bucket.read" and held(world)[FILE] == a_package(description="old"):
            world.put_object(FILE, a_package(description="new"))
            if versioned:
                world.forget_old_versions(FILE)

    row = settle(a_store(world, replaced_before_the_read), "", FILE, until=LATER)

    assert '"description":"new"' in (row.line or "")


def test_a_lost_race_for_the_row_starts_again_until_time_is_over() -> None:
    world = World()
    world.put_object(FILE, a_package())

    def somebody_is_faster(call: str) -> None:
        if call == "table.put":
            known = world.rows.get(("", FILE)) or Row("", FILE, 0)
            world.rows["", FILE] = replace(known, rev=known.rev + 1)

    with pytest.raises(Unavailable, match="busy"):
        settle(a_store(world, somebody_is_faster), "", FILE, until=world.time + 1)


def test_a_row_after_a_forgotten_tombstone_has_a_revision_no_row_had_before() -> None:
    world = World()
    tombstone = settle(a_store(world), "", FILE, until=LATER)
    del world.rows["", FILE]
    world.time += TOMBSTONE_SECONDS

    row = settle(a_store(world), "", FILE, until=LATER)

    assert row.rev > tombstone.rev


def test_an_object_that_cannot_be_read_is_reported_and_tried_again() -> None:
    world = World()
    world.put_object(FILE, a_package())

    def nobody_may_read(call: str) -> None:
        if call == "bucket.read":
            raise Unreadable("cannot be read: S3 says InvalidObjectState")

    archived = settle(a_store(world, nobody_may_read), "", FILE, until=LATER)
    restored = settle(a_store(world), "", FILE, until=LATER)

    assert (archived.line, archived.problem) == (None, "cannot be read: S3 says InvalidObjectState")
    assert restored.line is not None
    assert restored.problem is None
