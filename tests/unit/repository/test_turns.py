"""Turns: many changes share a publication, and a dead holder keeps nobody waiting for long."""

import pytest
from charthouse.errors import Unavailable
from charthouse.ports import Row
from charthouse.repository.push import Push, push
from charthouse.repository.settle import settle
from charthouse.repository.turns import LEASE_SECONDS, publish_together
from charthouse.settings import Rules

from tests.builders import a_package
from tests.fakes import Lease, World
from tests.unit.repository.a_store import a_store, made, shown


def test_one_publication_serves_everybody_who_settled_before_it() -> None:
    world = World()
    rows = [stored(world, f"0.{minor}.0") for minor in range(64)]
    calls: list[str] = []

    for row in rows:
        assert publish_together(a_store(world, calls.append), "", rows=[row], until=world.time + 8)

    assert len(shown(world)) == 64
    assert calls.count("index.write") == 1


def test_what_was_settled_during_a_publication_shares_the_next_one() -> None:
    """Sixteen uploads arrive while the first of them publishes: two publications, not seventeen."""
    world = World()
    others = iter(range(1, 17))
    first, calls = stored(world, "0.0.0"), list[str]()

    def others_arrive(call: str) -> None:
        calls.append(call)
        if call == "index.write":
            for minor in others:
                row = stored(world, f"0.{minor}.0")
                assert not publish_together(a_store(world), "", rows=[row], until=world.time + 1, wait=False)

    assert publish_together(a_store(world, others_arrive), "", rows=[first], until=world.time + 8)

    assert len(shown(world)) == 17
    assert calls.count("index.write") == 2


def test_who_cannot_have_the_lease_waits_until_its_row_is_shown() -> None:
    world = World()
    row = stored(world, "0.1.0")
    world.leases[""] = Lease("somebody", world.time + LEASE_SECONDS)
    calls: list[str] = []

    def holder_publishes(call: str) -> None:
        calls.append(call)
        if call == "clock.sleep" and calls.count("clock.sleep") == 3:
            a_store(world).markers.drop_lease("", "somebody")
            publish_together(a_store(world), "", until=world.time + 8)
            world.leases[""] = Lease("another", world.time + LEASE_SECONDS)

    assert publish_together(a_store(world, holder_publishes), "", rows=[row], until=world.time + 8)

    assert "index.write" not in calls
    assert made(calls).count("table.get") == 4, "one look at its own row after each refused lease"


def test_a_row_that_somebody_settled_again_counts_as_shown_when_it_is() -> None:
    world = World()
    row = stored(world, "0.1.0")
    world.put_object(row.file, a_package(description="newer"))
    settle(a_store(world), "", row.file, until=world.time + 8)
    publish_together(a_store(world), "", until=world.time + 8)
    world.leases[""] = Lease("somebody", world.time + LEASE_SECONDS)

    assert publish_together(a_store(world), "", rows=[row], until=world.time + 8)


def test_a_dead_holder_is_waited_for_until_its_lease_is_over() -> None:
    world = World()
    row, died = stored(world, "0.1.0"), world.time
    world.leases[""] = Lease("somebody who died", died + LEASE_SECONDS)

    assert publish_together(a_store(world), "", rows=[row], until=died + 60)

    assert LEASE_SECONDS <= world.time - died < LEASE_SECONDS + 1.5
    assert list(shown(world)) == ["mychart-0.1.0.tgz"]


def test_when_time_is_over_the_answer_is_no() -> None:
    world = World()
    row, began = stored(world, "0.1.0"), world.time
    world.leases[""] = Lease("somebody", began + 100)

    assert not publish_together(a_store(world), "", rows=[row], until=began + 8)

    assert world.time <= began + 8


def test_who_does_not_wait_leaves_at_once() -> None:
    world = World()
    stored(world, "0.1.0")
    world.leases[""] = Lease("somebody", world.time + LEASE_SECONDS)
    calls: list[str] = []

    assert not publish_together(a_store(world, calls.append), "", until=world.time + 8, wait=False)

    assert made(calls) == ["markers.take_lease"]


def test_what_was_settled_before_the_lease_was_dropped_is_published_by_its_holder() -> None:
    """Whoever leaves at once relies on it: the holder looks again after it has let go."""
    world = World()
    stored(world, "0.1.0")
    late = [True]

    def late_event(call: str) -> None:
        if call == "markers.drop_lease" and late:
            late.clear()
            stored(world, "0.2.0")
            assert not publish_together(a_store(world), "", until=world.time + 8, wait=False)

    assert publish_together(a_store(world, late_event), "", until=world.time + 8)

    assert sorted(shown(world)) == ["mychart-0.1.0.tgz", "mychart-0.2.0.tgz"]


def test_the_lease_is_dropped_also_when_the_publication_fails() -> None:
    world = World()
    stored(world, "0.1.0")

    def fails(call: str) -> None:
        if call == "index.read":
            raise Unavailable("slow down")

    with pytest.raises(Unavailable):
        publish_together(a_store(world, fails), "", until=world.time + 8)

    assert world.leases == {}


def test_a_holder_that_lost_its_lease_drops_nobody_elses() -> None:
    world = World()
    stored(world, "0.1.0")

    def overtaken(call: str) -> None:
        if call == "index.write":
            world.leases[""] = Lease("the next", world.time + LEASE_SECONDS)

    publish_together(a_store(world, overtaken), "", until=world.time + 8)

    assert world.leases[""].owner == "the next"


def test_the_first_publication_takes_in_what_the_bucket_holds() -> None:
    world = World()
    for minor in range(5):
        world.put_object(f"mychart-0.{minor}.0.tgz", a_package(version=f"0.{minor}.0"))

    push(a_store(world), Rules(), "", Push(a_package("first"), None))

    assert len(shown(world)) == 6
    assert world.markers[""].reconciled is not None
    assert (world.markers[""].charts, world.markers[""].versions) == (2, 6)


def test_a_bucket_too_large_for_the_first_upload_is_no_half_index() -> None:
    world = World()
    for minor in range(130):
        world.put_object(f"mychart-0.{minor}.0.tgz", a_package(version=f"0.{minor}.0"))
    row = stored(world, "9.0.0")

    def slow(call: str) -> None:
        if call == "bucket.read:done":
            world.time += 0.1

    with pytest.raises(Unavailable, match="being taken in"):
        publish_together(a_store(world, slow), "", rows=[row], until=world.time + 8)

    assert world.indexes == {}
    assert world.markers[""].reconciled is None


def test_the_table_emptied_the_next_change_lists_the_bucket_again() -> None:
    world = World()
    for version in ["0.1.0", "0.2.0"]:
        push(a_store(world), Rules(), "", Push(a_package(version=version), None))
    world.rows.clear()
    world.markers.clear()
    world.leases.clear()

    push(a_store(world), Rules(), "", Push(a_package(version="0.3.0"), None))

    assert sorted(shown(world)) == ["mychart-0.1.0.tgz", "mychart-0.2.0.tgz", "mychart-0.3.0.tgz"]


def test_the_table_emptied_the_next_change_shows_no_ghosts_of_the_old_index() -> None:
    world = World()
    for version in ["0.1.0", "0.2.0"]:
        push(a_store(world), Rules(), "", Push(a_package(version=version), None))
    world.rows.clear()
    world.markers.clear()
    world.delete_object("mychart-0.1.0.tgz")

    push(a_store(world), Rules(), "", Push(a_package(version="0.3.0"), None))

    assert sorted(shown(world)) == ["mychart-0.2.0.tgz", "mychart-0.3.0.tgz"]


def test_counts_are_noted_only_when_they_change() -> None:
    world = World()
    push(a_store(world), Rules(), "", Push(a_package(), None))
    calls: list[str] = []

    push(a_store(world, calls.append), Rules(), "", Push(a_package(description="new"), None, force=True))

    assert "index.write" in calls
    assert "markers.count" not in calls


def stored(world: World, version: str) -> Row:
    """Put a package into the bucket and settle its row."""
    world.put_object(f"mychart-{version}.tgz", a_package(version=version))
    return settle(a_store(world), "", f"mychart-{version}.tgz", until=world.time + 8)
