"""events: messages are hints; doubled, late, reordered and bad ones change nothing."""

from charthouse.errors import Unavailable
from charthouse.repository.events import absorb
from charthouse.settings import Paths

from tests.builders import a_package
from tests.fakes import Lease, World
from tests.unit.repository.a_store import a_store, failing, held, made, note_names, shown

ROOT = Paths()
DYNAMIC = Paths(depth_dynamic=True)


def test_a_package_copied_into_the_bucket_is_in_the_index() -> None:
    world = World()
    world.put_object("mychart-0.1.0.tgz", a_package())

    assert absorb(a_store(world), ROOT, {"1": ["mychart-0.1.0.tgz"]}, until=world.time + 100) == []

    assert list(shown(world)) == ["mychart-0.1.0.tgz"]


def test_overwritten_and_removed_ones_follow() -> None:
    world = World()
    world.put_object("mychart-0.1.0.tgz", a_package())
    absorb(a_store(world), ROOT, {"1": ["mychart-0.1.0.tgz"]}, until=world.time + 100)
    before = shown(world)
    world.put_object("mychart-0.1.0.tgz", a_package(description="new"))

    absorb(a_store(world), ROOT, {"2": ["mychart-0.1.0.tgz"]}, until=world.time + 100)
    overwritten = shown(world)
    world.delete_object("mychart-0.1.0.tgz")
    absorb(a_store(world), ROOT, {"3": ["mychart-0.1.0.tgz"]}, until=world.time + 100)

    assert overwritten.keys() == before.keys()
    assert overwritten != before
    assert shown(world) == {}


def test_a_message_of_what_is_known_costs_no_publication() -> None:
    """As the event of an upload through the API, which comes when everything is done."""
    world = World()
    world.put_object("mychart-0.1.0.tgz", a_package())
    absorb(a_store(world), ROOT, {"1": ["mychart-0.1.0.tgz"]}, until=world.time + 100)
    before, calls = world.indexes[""], list[str]()

    absorb(a_store(world, calls.append), ROOT, {"1": ["mychart-0.1.0.tgz"]}, until=world.time + 100)

    assert world.indexes[""] == before
    assert made(calls) == ["table.get", "bucket.head", "table.put"]


def test_an_old_message_of_a_deletion_deletes_nothing() -> None:
    world = World()
    world.put_object("mychart-0.1.0.tgz", a_package())

    for message in ["created", "removed, long ago", "created, once more"]:
        absorb(a_store(world), ROOT, {message: ["mychart-0.1.0.tgz"]}, until=world.time + 100)

    assert list(shown(world)) == list(held(world)) == ["mychart-0.1.0.tgz"]


def test_each_key_is_settled_once_and_each_repository_published_once() -> None:
    world = World()
    keys = [f"{org}/mychart-0.{minor}.0.tgz" for org in ("org1", "org2") for minor in range(10)]
    for key in keys:
        world.put_object(key, a_package(version=key.split("-")[1].removesuffix(".tgz")))
    calls: list[str] = []

    absorb(a_store(world, calls.append), DYNAMIC, {"1": keys, "2": keys[::-1]}, until=world.time + 100)

    assert calls.count("index.write") == 2
    assert calls.count("bucket.read") == 20
    assert len(shown(world, "org1")) == len(shown(world, "org2")) == 10


def test_keys_of_no_repository_are_passed_over() -> None:
    calls: list[str] = []
    keys = ["index-cache.yaml", "org1/mychart-0.1.0.tgz", ".charthouse/x.tgz", "mychart-0.1.0.tgz.prov"]

    assert absorb(a_store(World(), calls.append), ROOT, {"1": keys}, until=2e9) == []

    assert calls == []


def test_an_object_that_is_no_chart_breaks_nothing_and_is_reported() -> None:
    world = World()
    world.put_object("bad-0.1.0.tgz", b"garbage")
    world.put_object("mychart-0.1.0.tgz", a_package())
    store = a_store(world)

    failed = absorb(store, ROOT, {"1": ["bad-0.1.0.tgz"], "2": ["mychart-0.1.0.tgz"]}, until=world.time + 100)

    assert failed == []
    assert list(shown(world)) == ["mychart-0.1.0.tgz"]
    assert "package_not_listed" in note_names(store)


def test_a_key_that_cannot_be_settled_now_fails_its_own_message_alone() -> None:
    world = World()
    for version in ["0.1.0", "0.2.0"]:
        world.put_object(f"mychart-{version}.tgz", a_package(version=version))
    messages = {"1": ["mychart-0.1.0.tgz"], "2": ["mychart-0.2.0.tgz"]}

    failed = absorb(a_store(world, failing("bucket.read", Unavailable("slow down"))), ROOT, messages, until=2e9)

    assert failed == ["1"]
    # The first publication lists the bucket itself, so the index is whole already.
    assert "mychart-0.2.0.tgz" in shown(world)


def test_a_publication_that_fails_fails_the_messages_of_its_repository() -> None:
    world = World()
    for org in ("org1", "org2"):
        world.put_object(f"{org}/mychart-0.1.0.tgz", a_package())
    messages = {"1": ["org1/mychart-0.1.0.tgz"], "2": ["org2/mychart-0.1.0.tgz"]}

    failed = absorb(a_store(world, failing("index.write", Unavailable("slow down"))), DYNAMIC, messages, until=2e9)

    assert failed == ["1"]
    assert list(shown(world, "org2")) == ["mychart-0.1.0.tgz"]
    assert world.rows["org1", "mychart-0.1.0.tgz"].dirty is not None


def test_it_never_waits_for_the_lease() -> None:
    world = World()
    world.put_object("mychart-0.1.0.tgz", a_package())
    world.leases[""] = Lease("somebody", world.time + 10)
    began = world.time

    assert absorb(a_store(world), ROOT, {"1": ["mychart-0.1.0.tgz"]}, until=world.time + 100) == []

    assert world.time == began


def test_an_object_nobody_foresaw_fails_its_own_message_only() -> None:
    world = World()
    world.put_object("bad-0.1.0.tgz", b"")
    world.put_object("mychart-0.1.0.tgz", a_package())
    messages = {"bad": ["bad-0.1.0.tgz"], "good": ["mychart-0.1.0.tgz"]}
    store = a_store(world, failing("bucket.head", KeyError("nobody foresaw this")))

    failed = absorb(store, ROOT, messages, until=world.time + 100)

    assert failed == ["bad"]
    assert list(shown(world)) == ["mychart-0.1.0.tgz"]
