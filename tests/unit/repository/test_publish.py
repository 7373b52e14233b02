"""publish: the index says what the rows say, step by step or from nothing."""

import json

import pytest
from charthouse.errors import Unavailable
from charthouse.repository.publish import publish
from charthouse.repository.push import Push, push
from charthouse.repository.settle import TOMBSTONE_SECONDS, settle
from charthouse.settings import Layout, Rules

from tests.builders import a_package
from tests.fakes import World
from tests.unit.repository.a_store import a_store, fill, made, note_names, shown

LATER = 2e9


def test_every_dirty_row_is_published_and_clean_afterwards() -> None:
    world = World()
    stored(world, "0.1.0", "0.2.0")

    publish(a_store(world), "", until=LATER)

    assert sorted(shown(world)) == ["mychart-0.1.0.tgz", "mychart-0.2.0.tgz"]
    assert not any(row.dirty for row in world.rows.values())


def test_where_nothing_is_dirty_nothing_is_written() -> None:
    world = World()
    stored(world, "0.1.0")
    publish(a_store(world), "", until=LATER)
    before, calls = world.indexes[""], list[str]()

    publish(a_store(world, calls.append), "", until=LATER)

    assert world.indexes[""] == before
    assert made(calls) == ["index.read", "table.dirty"]


def test_of_a_thousand_rows_only_the_dirty_ones_are_read() -> None:
    world = World()
    fill(world, 1000)
    publish(a_store(world), "", until=LATER, rebuild=True)
    stored(world, "0.1.0")
    calls: list[str] = []

    publish(a_store(world, calls.append), "", until=LATER)

    assert made(calls) == ["index.read", "table.dirty", "index.write", "table.clear"]
    assert calls.count("table.dirty:item") == 1
    assert len(shown(world)) == 1001


def test_no_two_indexes_are_the_same_bytes() -> None:
    world = World()
    published: set[bytes] = set()

    for description in ["a", "b", "a", "b"]:
        world.put_object("mychart-0.1.0.tgz", a_package(description=description))
        settle(a_store(world), "", "mychart-0.1.0.tgz", until=LATER)
        publish(a_store(world), "", until=LATER)
        published.add(world.indexes[""])

    assert len(published) == 4


def test_a_dirty_row_is_published_although_the_index_shows_it_already() -> None:
    """Another may be about to publish what it read before: only a new ETag stops it."""
    world = World()
    stored(world, "0.1.0")
    publish(a_store(world), "", until=LATER)
    before = world.indexes[""]
    settle(a_store(world), "", "mychart-0.1.0.tgz", until=LATER, doubt=True)

    publish(a_store(world), "", until=LATER)

    assert world.indexes[""] != before


def test_a_row_settled_meanwhile_stays_dirty() -> None:
    world = World()
    stored(world, "0.1.0")

    def overwritten(call: str) -> None:
        if call == "index.write:done":
            world.put_object("mychart-0.1.0.tgz", a_package(description="newer"))
            settle(a_store(world), "", "mychart-0.1.0.tgz", until=LATER)

    publish(a_store(world, overwritten), "", until=LATER)

    assert world.rows["", "mychart-0.1.0.tgz"].dirty is not None


@pytest.mark.parametrize("at", ["index.write", "table.dirty", "table.dirty:done"])
def test_whoever_was_slower_starts_again_from_reading_the_index(at: str) -> None:
    world = World()
    stored(world, "0.1.0")
    publish(a_store(world), "", until=LATER)
    stored(world, "0.2.0")
    meanwhile = [True]

    def somebody_is_faster(call: str) -> None:
        if call == at and meanwhile:
            meanwhile.clear()
            stored(world, "0.3.0")
            publish(a_store(world), "", until=LATER)

    publish(a_store(world, somebody_is_faster), "", until=LATER)

    assert sorted(shown(world)) == ["mychart-0.1.0.tgz", "mychart-0.2.0.tgz", "mychart-0.3.0.tgz"]
    assert not any(row.dirty for row in world.rows.values())


def test_two_first_publications_make_one_index() -> None:
    world = World()
    stored(world, "0.1.0")
    meanwhile = [True]

    def somebody_is_faster(call: str) -> None:
        if call == "index.write" and meanwhile:
            meanwhile.clear()
            stored(world, "0.2.0")
            publish(a_store(world), "", until=LATER)

    publish(a_store(world, somebody_is_faster), "", until=LATER)

    assert sorted(shown(world)) == ["mychart-0.1.0.tgz", "mychart-0.2.0.tgz"]


def test_whoever_always_loses_gives_up_in_time() -> None:
    world = World()
    stored(world, "0.1.0")

    def somebody_is_faster(call: str) -> None:
        if call == "index.write":
            world.indexes[""] = world.indexes.get("", b"") + b" "

    with pytest.raises(Unavailable, match="busy"):
        publish(a_store(world, somebody_is_faster), "", until=world.time + 2)


def test_a_published_tombstone_gets_an_end_and_others_none() -> None:
    world = World()
    stored(world, "0.1.0")
    world.put_object("bad-0.1.0.tgz", b"garbage")
    settle(a_store(world), "", "bad-0.1.0.tgz", until=LATER)
    settle(a_store(world), "", "gone-0.1.0.tgz", until=LATER)

    publish(a_store(world), "", until=LATER)

    ends = {file: row.expires for (_, file), row in world.rows.items()}
    assert ends == {
        "mychart-0.1.0.tgz": None,
        "bad-0.1.0.tgz": None,
        "gone-0.1.0.tgz": int(world.time) + TOMBSTONE_SECONDS,
    }


@pytest.mark.parametrize("foreign", [b"garbage", b"apiVersion: v1\nentries: {}\n", b"", b"{}"])
def test_an_index_that_is_not_ours_is_replaced_by_the_fold_of_all_rows(foreign: bytes) -> None:
    world = World()
    stored(world, "0.1.0", "0.2.0")
    publish(a_store(world), "", until=LATER)
    world.indexes[""] = foreign

    publish(a_store(world), "", until=LATER)

    assert sorted(shown(world)) == ["mychart-0.1.0.tgz", "mychart-0.2.0.tgz"]


def test_a_changed_chart_url_rebuilds_every_line_at_the_next_change() -> None:
    world = World()
    stored(world, "0.1.0", "0.2.0")
    publish(a_store(world), "", until=LATER)
    stored(world, "0.3.0")

    publish(a_store(world, layout=Layout("https://charts.example.com")), "", until=LATER)

    assert world.indexes[""].count(b'"urls":["https://charts.example.com/charts/mychart-') == 3


def test_step_by_step_and_from_nothing_are_the_same_bytes() -> None:
    world = World()
    for version in ["0.2.0", "0.10.0", "1.0.0", "1.0.0+a", "1.0.0-rc.1"]:
        stored(world, version)
        publish(a_store(world), "", until=LATER)
    stepwise = json.loads(world.indexes[""])["entries"]

    publish(a_store(world), "", until=LATER, rebuild=True)

    assert json.loads(world.indexes[""])["entries"] == stepwise
    assert [entry["version"] for entry in stepwise["mychart"]] == ["1.0.0+a", "1.0.0", "1.0.0-rc.1", "0.10.0", "0.2.0"]


def test_a_publication_is_noted_with_its_size() -> None:
    world = World()
    stored(world, "0.1.0")
    store = a_store(world)

    publish(store, "", until=LATER)

    assert note_names(store) == ["index_published"]


def stored(world: World, *versions: str) -> None:
    """Put packages into the bucket and settle their rows."""
    for version in versions:
        world.put_object(f"mychart-{version}.tgz", a_package(version=version))
        settle(a_store(world), "", f"mychart-{version}.tgz", until=LATER)


@pytest.mark.parametrize(
    ("there", "broken"),
    [
        (b'"version":"1.0.0"}', b'"version":1}'),
        (b'"version":"1.0.0"}', b""),
        (b'"mychart":[', b'"mychart:['),
        (b"\n{", b"\n"),
    ],
)
def test_an_index_that_is_broken_inside_is_made_anew(there: bytes, broken: bytes) -> None:
    world = World()
    store = a_store(world)
    push(store, Rules(), "", Push(a_package("mychart", "1.0.0"), None))
    world.indexes[""] = world.indexes[""].replace(there, broken)

    push(store, Rules(), "", Push(a_package("mychart", "2.0.0"), None))

    assert set(shown(world)) == {"mychart-1.0.0.tgz", "mychart-2.0.0.tgz"}
