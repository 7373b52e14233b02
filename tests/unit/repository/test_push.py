"""push: who wins a version, what may be overwritten, and what a failure before or after the write means."""

from dataclasses import replace

import pytest
from charthouse.errors import BadPackage, BadRequest, ChartVersionExists, Unavailable
from charthouse.repository.outcome import Outcome
from charthouse.repository.push import Push, push
from charthouse.settings import Rules

from tests.builders import a_package
from tests.fakes import World
from tests.unit.repository.a_store import SentTwice, a_store, failing, fill, held, made, note_names, shown

FILE = "mychart-0.1.0.tgz"
OLD, NEW = a_package(description="old"), a_package(description="new")
OPEN = Rules()


def test_a_pushed_package_is_in_bucket_and_index_when_the_answer_says_so() -> None:
    world = World()

    outcome = push(a_store(world), OPEN, "org1/repo1", Push(NEW, None))

    assert outcome is Outcome.PUBLISHED
    assert held(world, "org1/repo1") == {FILE: NEW}
    assert list(shown(world, "org1/repo1")) == [FILE]
    assert world.rows["org1/repo1", FILE].dirty is None


def test_a_version_that_exists_stays_as_it_is() -> None:
    world = World()
    pushed(world, OLD)

    with pytest.raises(ChartVersionExists, match=r"^file already exists$"):
        push(a_store(world), OPEN, "", Push(NEW, None))

    assert held(world) == {FILE: OLD}


def test_the_very_same_package_is_refused_too() -> None:
    world = World()
    pushed(world, OLD)

    with pytest.raises(ChartVersionExists):
        push(a_store(world), OPEN, "", Push(OLD, None))


def test_a_form_has_its_own_word_for_what_exists() -> None:
    world = World()
    pushed(world, OLD)

    with pytest.raises(ChartVersionExists, match=r"^chart already exists$"):
        push(a_store(world), OPEN, "", Push(NEW, None, exists="chart already exists"))


def test_whoever_is_told_exists_can_see_what_does() -> None:
    world = World()
    world.put_object(FILE, OLD, "a winner that died")

    with pytest.raises(ChartVersionExists):
        push(a_store(world), OPEN, "", Push(NEW, None))

    assert list(shown(world)) == [FILE]


def test_a_version_that_was_deleted_can_be_pushed_again() -> None:
    world = World()
    pushed(world, OLD)
    world.delete_object(FILE)

    assert push(a_store(world), OPEN, "", Push(NEW, None)) is Outcome.PUBLISHED

    assert held(world) == {FILE: NEW}


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
    pushed(world, OLD)

    if overwrites:
        push(a_store(world), rules, "", Push(NEW, None, force=force))
    else:
        with pytest.raises(ChartVersionExists):
            push(a_store(world), rules, "", Push(NEW, None, force=force))

    assert held(world) == {FILE: NEW if overwrites else OLD}


def test_force_also_stores_what_is_new() -> None:
    world = World()

    assert push(a_store(world), OPEN, "", Push(NEW, None, force=True)) is Outcome.PUBLISHED

    assert list(shown(world)) == [FILE]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"no archive", "gzip: invalid header"),
        (a_package(version="not-a-version"), "version"),
        (a_package(annotations={"big": "x" * 70_000}), "larger than 65536 bytes as an index entry"),
    ],
)
def test_of_a_bad_package_nothing_is_stored(body: bytes, reason: str) -> None:
    world = World()

    with pytest.raises(BadPackage, match=reason):
        push(a_store(world), OPEN, "", Push(body, None))

    assert world == World(tokens=world.tokens)


def test_nothing_at_all_is_no_upload() -> None:
    with pytest.raises(BadRequest):
        push(a_store(World()), OPEN, "", Push(None, None))


def test_a_write_that_failed_before_its_effect_stores_nothing() -> None:
    world = World()

    with pytest.raises(Unavailable):
        push(a_store(world, failing("bucket.create", Unavailable("slow down"))), OPEN, "", Push(NEW, None))

    assert (held(world), shown(world), world.rows) == ({}, {}, {})


def test_a_write_whose_answer_was_lost_is_known_again() -> None:
    world = World()

    outcome = push(a_store(world, failing("bucket.create:done", Unavailable("lost"))), OPEN, "", Push(NEW, None))

    assert outcome is Outcome.PUBLISHED
    assert held(world) == {FILE: NEW}


def test_a_write_sent_twice_by_the_sdk_finds_its_own_object() -> None:
    """The first try stored it, its answer was lost, and the SDK's second try is told that something is there."""
    world = World()
    store = replace(a_store(world), bucket=SentTwice(world))

    assert push(store, OPEN, "", Push(NEW, None)) is Outcome.PUBLISHED


def test_a_lost_answer_is_no_excuse_for_somebody_elses_package() -> None:
    world = World()
    world.put_object(FILE, OLD, "theirs")

    with pytest.raises(Unavailable):
        push(a_store(world, failing("bucket.create:done", Unavailable("lost"))), OPEN, "", Push(NEW, None))

    assert held(world) == {FILE: OLD}


def test_what_exists_and_is_deleted_before_it_can_be_looked_at_is_no_obstacle() -> None:
    world = World()
    world.put_object(FILE, OLD)

    def deleted_in_between(call: str) -> None:
        if call == "bucket.create:done" and FILE in held(world) and held(world)[FILE] == OLD:
            world.delete_object(FILE)

    assert push(a_store(world, deleted_in_between), OPEN, "", Push(NEW, None)) is Outcome.PUBLISHED

    assert held(world) == {FILE: NEW}


@pytest.mark.parametrize(
    "call",
    ["table.get", "table.put", "table.put:done", "markers.take_lease", "index.read", "index.write", "table.clear"],
)
def test_after_the_write_a_failure_only_means_that_the_index_follows(call: str) -> None:
    world = World()
    store = a_store(world, failing(call, Unavailable("throttled"), times=1000))

    outcome = push(store, OPEN, "", Push(NEW, None))

    assert outcome is Outcome.STORED
    assert held(world) == {FILE: NEW}
    assert "left_to_the_event" in note_names(store)


def test_who_does_not_want_to_wait_is_answered_before_the_index() -> None:
    world = World()
    calls: list[str] = []

    outcome = push(a_store(world, calls.append), OPEN, "", Push(NEW, None, patient=False))

    assert outcome is Outcome.STORED
    assert world.rows["", FILE].dirty is not None, "the sweep finds it"
    assert not any(call.startswith("index.") for call in calls)


def test_an_index_that_is_not_written_in_time_is_left_to_others() -> None:
    world = World()
    began = world.time

    def somebody_has_the_lease(call: str) -> None:
        if call == "markers.take_lease":
            world.leases.clear()
            a_store(world).markers.take_lease("", "somebody", world.time, world.time + 10)

    outcome = push(a_store(world, somebody_has_the_lease), OPEN, "", Push(NEW, None))

    assert outcome is Outcome.STORED
    assert 7 < world.time - began <= 8.1, "seconds"


def test_a_package_overwritten_before_it_was_settled_is_not_shown() -> None:
    world = World()

    def overwritten(call: str) -> None:
        if call == "table.get" and held(world) == {FILE: NEW}:
            world.put_object(FILE, OLD)

    push(a_store(world, overwritten), OPEN, "", Push(NEW, None))

    assert '"description":"old"' in (world.rows["", FILE].line or "")


def test_an_upload_reads_no_other_row_however_many_there_are() -> None:
    """Adding a version costs the same in a repository with a thousand of them, and reads none of their rows."""
    crowded, empty = World(), World()
    fill(crowded, 1000)
    for world in (crowded, empty):
        pushed(world, a_package("first"))

    assert len(shown(crowded)) == 1001
    assert calls_of_a_push(crowded) == calls_of_a_push(empty) == [*WRITE, *SETTLE, *PUBLISH]


WRITE = ["bucket.create", "bucket.head"]
"""The package, and a look whether provenance of another is beside it."""
SETTLE = ["table.get", "bucket.head", "table.put"]
PUBLISH = [
    "markers.take_lease",
    "index.read",
    "table.dirty",
    "index.write",
    "table.clear",
    "markers.count",
    "markers.drop_lease",
    "table.dirty",
]


def calls_of_a_push(world: World) -> list[str]:
    calls: list[str] = []
    push(a_store(world, calls.append), OPEN, "", Push(NEW, None))
    assert calls.count("table.dirty:item") == 1, "its own row, and no other"
    return made(calls)


def pushed(world: World, package: bytes) -> None:
    assert push(a_store(world), OPEN, "", Push(package, None)) is Outcome.PUBLISHED
