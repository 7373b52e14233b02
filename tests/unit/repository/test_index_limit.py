"""`MaxIndexSize`: no repository grows until the functions that all share die of it."""

import json
from dataclasses import replace

import pytest
from charthouse.errors import ChartVersionExists, StorageLimitReached
from charthouse.repository.changes import Push, delete_version, push
from charthouse.repository.maintenance import handle_object_events, publish_pending, reconcile
from charthouse.repository.publish import Outcome
from charthouse.repository.repository import Ports, readable_size
from charthouse.settings import Paths, Rules

from tests.builders import a_package
from tests.fakes import FakeEvents, FakeIndexStore, World
from tests.unit.repository.in_memory import event_names, listed, ports_in

PATHS = Paths(depth=1)
LIMIT = 10_000
LARGE = "x" * 1_000


def limited(world: World, limit: int = LIMIT) -> Ports:
    """Return a process's view of the world whose functions hold indexes of so many bytes."""
    indexes = FakeIndexStore(world, limit=readable_size(limit))
    return replace(ports_in(world), indexes=indexes, max_index_size=limit)


def filled(world: World) -> list[str]:
    """Fill team-a until it is full; return its versions."""
    versions: list[str] = []
    while True:
        version = f"{len(versions)}.0.0"
        try:
            push(limited(world).repository("team-a"), Rules(), Push(a_package("big", version, description=LARGE), None))
        except StorageLimitReached:
            return versions
        versions.append(version)


def test_at_the_limit_uploads_are_refused_with_the_reason_and_nothing_is_stored() -> None:
    world = World()
    versions = filled(world)

    before = set(world.objects)
    with pytest.raises(StorageLimitReached, match="MaxIndexSize"):
        push(limited(world).repository("team-a"), Rules(), Push(a_package("big", "99.0.0"), None))

    assert len(versions) == 9
    assert set(world.objects) == before
    assert len(listed(world, "team-a")) == 9


def test_at_the_limit_a_version_that_exists_is_still_said_to_exist() -> None:
    world = World()
    filled(world)

    with pytest.raises(ChartVersionExists):
        push(limited(world).repository("team-a"), Rules(), Push(a_package("big", "0.0.0", description=LARGE), None))


def test_room_made_by_a_delete_is_used() -> None:
    world = World()
    for version in filled(world)[:2]:
        assert delete_version(limited(world).repository("team-a"), "big", version) is Outcome.PUBLISHED

    assert push(limited(world).repository("team-a"), Rules(), Push(a_package("small"), None)) is Outcome.PUBLISHED


def test_packages_put_into_a_full_repository_are_reported_unread_and_listed_once_there_is_room() -> None:
    world = World()
    versions = filled(world)
    world.put_object("team-a/late-0.1.0.tgz", a_package("late"))
    world.put_object("team-b/good-0.1.0.tgz", a_package("good"))
    ports = limited(world)
    messages = {path: [path] for path in ("team-a/late-0.1.0.tgz", "team-b/good-0.1.0.tgz")}

    failed = handle_object_events(ports, PATHS, messages, deadline=world.time + 100)

    assert failed == []
    assert "package_not_listed" in event_names(ports)
    assert "MaxIndexSize" in str(world.rows["team-a", "late-0.1.0.tgz"].problem)
    assert "late-0.1.0.tgz" not in listed(world, "team-a")
    assert listed(world, "team-b")

    found = reconcile(limited(world), PATHS, deadline=world.time + 600)
    assert (found.done, found.found.unlisted) == (True, 1)
    for version in versions[:2]:
        delete_version(limited(world).repository("team-a"), "big", version)
    reconcile(limited(world), PATHS, deadline=world.time + 600)
    assert "late-0.1.0.tgz" in listed(world, "team-a")


def test_an_index_far_beyond_the_limit_is_read_by_nobody_and_stops_nobody() -> None:
    """It grew under another limit; its bytes are not fetched to find that out."""
    world = World()
    filled(world)
    push(ports_in(world).repository("team-b"), Rules(), Push(a_package("good"), None, wait=False))
    push(
        ports_in(world).repository("team-a"),
        Rules(),
        Push(a_package("big", "9.0.0", description=LARGE), None, wait=False),
    )
    ports = limited(world, limit=1_000)

    publish_pending(ports, deadline=world.time + 600)
    progress = reconcile(ports, PATHS, deadline=world.time + 600)

    assert isinstance(ports.events, FakeEvents)
    failed = [one.fields["repository"] for one in ports.events.recorded if one.event == "sweep_failed"]
    assert failed == ["team-a"]
    assert progress.failed == ("team-a",)
    assert listed(world, "team-b")
    assert len(json.loads(world.indexes["team-a"])["entries"]["big"]) == 9


def test_rows_that_would_make_too_large_an_index_are_not_held() -> None:
    """The first index of an adopted bucket is made of all rows."""
    world = World()
    for number in range(12):
        world.put_object(f"team-a/big-{number}.0.0.tgz", a_package("big", f"{number}.0.0", description=LARGE))
    world.put_object("team-b/good-0.1.0.tgz", a_package("good"))
    ports = limited(world)

    progress = reconcile(ports, PATHS, deadline=world.time + 600)

    assert progress.failed == ("team-a",)
    assert "team-a" not in world.indexes
    assert listed(world, "team-b")
