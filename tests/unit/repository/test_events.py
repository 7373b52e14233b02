"""absorb: a message is a hint; what the bucket holds now counts, and one bad object fails alone."""

from charthouse.repository.events import absorb
from charthouse.settings import Paths

from tests.builders import a_package
from tests.fakes import World
from tests.unit.repository.a_store import a_store, shown

LATER = 2e9


def test_a_batch_is_published_once_for_each_repository() -> None:
    world = World()
    for repo in ("a", "b"):
        for version in ("1.0.0", "2.0.0"):
            world.put_object(f"{repo}/mychart-{version}.tgz", a_package("mychart", version))
    messages = {f"m{number}": [key] for number, key in enumerate(world.objects)}
    calls: list[str] = []

    failed = absorb(a_store(world, calls.append), Paths(depth=1), messages, until=LATER)

    assert failed == []
    assert calls.count("index.write") == 2
    assert set(shown(world, "a")) == set(shown(world, "b")) == {"mychart-1.0.0.tgz", "mychart-2.0.0.tgz"}


def test_doubled_and_late_messages_change_nothing() -> None:
    world = World()
    world.put_object("mychart-0.1.0.tgz", a_package())
    absorb(a_store(world), Paths(), {"m": ["mychart-0.1.0.tgz"]}, until=LATER)
    published = world.indexes[""]

    absorb(a_store(world), Paths(), {"m": ["mychart-0.1.0.tgz"] * 2, "n": ["mychart-0.1.0.tgz"]}, until=LATER)

    assert world.indexes[""] == published


def test_keys_that_are_no_package_of_a_repository_are_passed_over() -> None:
    world = World()
    keys = [
        "index-cache.yaml",
        "a/mychart-0.1.0.tgz",
        "mychart-0.1.0.tgz.prov",
        ".tgz",
        ".charthouse/x.tgz",
        "api/x.tgz",
    ]
    calls: list[str] = []

    failed = absorb(a_store(world, calls.append), Paths(), {"m": keys}, until=LATER)

    assert failed == []
    assert calls == []


def test_an_object_nobody_foresaw_fails_its_own_message_only() -> None:
    world = World()
    world.put_object("bad-0.1.0.tgz", b"")
    world.put_object("mychart-0.1.0.tgz", a_package())
    heads = iter(range(9))

    def the_first_head_is_a_bug(call: str) -> None:
        if call == "bucket.head" and next(heads) == 0:
            raise KeyError("nobody foresaw this")

    messages = {"bad": ["bad-0.1.0.tgz"], "good": ["mychart-0.1.0.tgz"]}
    failed = absorb(a_store(world, the_first_head_is_a_bug), Paths(), messages, until=LATER)

    assert failed == ["bad"]
    assert set(shown(world)) == {"mychart-0.1.0.tgz"}
