"""sweep: what everybody else left unpublished."""

from charthouse.errors import Unavailable
from charthouse.repository.push import Push, push
from charthouse.repository.settle import settle
from charthouse.repository.sweep import sweep
from charthouse.settings import Rules

from tests.builders import a_package
from tests.fakes import Lease, World
from tests.unit.repository.a_store import a_store, failing, made, note_names, shown


def test_what_is_unpublished_in_any_repository_is_published() -> None:
    world = World()
    for repo in ("", "org1/repo1"):
        push(a_store(world), Rules(), repo, Push(a_package(), None, patient=False))

    sweep(a_store(world), until=world.time + 60)

    assert list(shown(world)) == list(shown(world, "org1/repo1")) == ["mychart-0.1.0.tgz"]


def test_it_says_for_how_long_the_oldest_has_been_waiting() -> None:
    world = World()
    push(a_store(world), Rules(), "org1", Push(a_package(), None, patient=False))
    world.time += 240
    push(a_store(world), Rules(), "org2", Push(a_package(), None, patient=False))
    world.time += 60

    assert sweep(a_store(world), until=world.time + 60) == 300.0


def test_with_nothing_unpublished_it_costs_one_look() -> None:
    world = World()
    push(a_store(world), Rules(), "", Push(a_package(), None))
    calls: list[str] = []

    assert sweep(a_store(world, calls.append), until=world.time + 60) == 0.0

    assert made(calls) == ["markers.unpublished"]


def test_one_repository_that_fails_keeps_no_other_waiting() -> None:
    world = World()
    for repo in ("org1", "org2"):
        push(a_store(world), Rules(), repo, Push(a_package(), None, patient=False))
    store = a_store(world, failing("index.write", Unavailable("slow down")))

    sweep(store, until=world.time + 60)

    assert "sweep_failed" in note_names(store)
    assert [list(shown(world, repo)) for repo in ("org1", "org2")] == [[], ["mychart-0.1.0.tgz"]]


def test_a_publisher_that_died_is_followed() -> None:
    world = World()
    world.put_object("mychart-0.1.0.tgz", a_package())
    settle(a_store(world), "", "mychart-0.1.0.tgz", until=world.time + 8)
    world.leases[""] = Lease("dead", world.time + 10)

    sweep(a_store(world), until=world.time + 60)

    assert list(shown(world)) == ["mychart-0.1.0.tgz"]
