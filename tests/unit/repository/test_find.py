"""find and list: what the API answers, and how little it reads for it."""

import json
from typing import Any

import pytest
from charthouse.errors import NotFound, Unavailable
from charthouse.repository.find import find_chart, find_line, find_version, list_charts, read_package
from charthouse.repository.push import Push, push
from charthouse.repository.settle import settle
from charthouse.settings import Layout, Rules

from tests.builders import a_package
from tests.fakes import World
from tests.unit.repository.a_store import a_store, fill, made


def test_an_exact_version_is_one_read_of_one_row() -> None:
    world = World()
    fill(world, 1000)
    calls: list[str] = []

    row = find_version(a_store(world, calls.append), "", "mychart", "1.0.500")

    assert row.file == "mychart-1.0.500.tgz"
    assert made(calls) == ["table.get"]


def test_latest_reads_the_rows_of_this_chart_only_and_no_object() -> None:
    world = World()
    fill(world, 3)
    calls: list[str] = []

    row = find_version(a_store(world, calls.append), "", "mychart", "latest")

    assert row.version == "1.0.2"
    assert made(calls) == ["table.get", "table.chart"]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("latest", "1.10.0"),
        ("", "1.10.0"),
        ("1.9.0", "1.9.0"),
        ("2.0.0-rc.1", "2.0.0-rc.1"),
        ("^1.2", "1.10.0"),
        (">=1 <1.10", "1.9.0"),
        ("~1.9", "1.9.0"),
        ("1.x", "1.10.0"),
        (">=2.0.0-0", "2.0.0-rc.1"),
        ("0.1.0+a", "0.1.0+a"),
        ("0.1.0 a", "0.1.0+a"),
    ],
)
def test_a_version_is_found_as_it_is_written_or_by_constraint(wanted: str, found: str) -> None:
    world = a_repository("1.9.0", "1.10.0", "2.0.0-rc.1", "0.1.0+a", "0.1.0+b")

    assert find_version(a_store(world), "", "mychart", wanted).version == found


@pytest.mark.parametrize(
    ("name", "wanted", "message"),
    [
        ("other", "0.1.0", "no chart name found"),
        ("other", "latest", "no chart name found"),
        ("mychart", "9.9.9", "no chart version found for mychart-9.9.9"),
        ("mychart", "^9", "no chart version found for mychart-^9"),
        ("mychart", "latest", "no chart version found for mychart-"),
        ("mychart", "not a version", "improper constraint: not a version"),
    ],
)
def test_what_is_not_there_is_said_in_helms_words(name: str, wanted: str, message: str) -> None:
    world = a_repository("2.0.0-rc.1")

    with pytest.raises(NotFound) as refused:
        find_version(a_store(world), "", name, wanted)

    assert refused.value.message == message


def test_a_file_name_that_can_be_read_in_two_ways_is_the_chart_that_is_in_it() -> None:
    world = World()
    push(a_store(world), Rules(), "", Push(a_package("mychart2", "0.1.0-SNAPSHOT-1"), None))

    assert find_version(a_store(world), "", "mychart2", "0.1.0-SNAPSHOT-1").version == "0.1.0-SNAPSHOT-1"
    with pytest.raises(NotFound, match="no chart name found"):
        find_version(a_store(world), "", "mychart2-0.1.0-SNAPSHOT", "1")


def test_a_deleted_version_is_not_found_though_its_row_remains() -> None:
    world = a_repository("0.1.0")
    world.delete_object("mychart-0.1.0.tgz")
    settle(a_store(world), "", "mychart-0.1.0.tgz", until=world.time + 9)

    with pytest.raises(NotFound, match="no chart name found"):
        find_version(a_store(world), "", "mychart", "0.1.0")
    with pytest.raises(NotFound, match="chart not found"):
        find_chart(a_store(world), "", "mychart")


def test_a_chart_lists_its_versions_newest_first_without_index_or_bucket() -> None:
    world = a_repository("0.2.0", "0.10.0", "0.9.0", "1.0.0-rc.1")
    calls: list[str] = []

    text = find_chart(a_store(world, calls.append), "", "mychart")

    assert [entry["version"] for entry in json.loads(text)] == ["1.0.0-rc.1", "0.10.0", "0.9.0", "0.2.0"]
    assert made(calls) == ["table.chart"]


def test_what_is_found_is_what_the_index_shows_to_the_byte() -> None:
    world, layout = World(), Layout("https://charts.example.com", "/base")
    push(a_store(world, layout=layout), Rules(), "team", Push(a_package(), None))
    store = a_store(world, layout=layout)

    line = find_line(store, find_version(store, "team", "mychart", "0.1.0"))

    assert json.loads(line)["urls"] == ["https://charts.example.com/base/team/charts/mychart-0.1.0.tgz"]
    assert f"\n{line}\n".encode() in world.indexes["team"]
    assert find_chart(store, "team", "mychart") == f"[{line}]"


def test_the_list_is_a_slice_of_the_published_index() -> None:
    world = three_charts()
    calls: list[str] = []

    body = list_charts(a_store(world, calls.append), "")

    assert json.loads(body) == json.loads(world.indexes[""])["entries"]
    assert made(calls) == ["index.read"]


@pytest.mark.parametrize(
    ("offset", "limit", "names"),
    [
        (0, None, ["alpha", "beta", "gamma"]),
        (0, 1, ["alpha"]),
        (1, 1, ["beta"]),
        (1, None, ["beta", "gamma"]),
        (2, 9, ["gamma"]),
        (3, None, []),
        (99, 1, []),
    ],
)
def test_a_page_of_the_list_counts_charts(offset: int, limit: int | None, names: list[str]) -> None:
    world = three_charts()

    page: dict[str, Any] = json.loads(list_charts(a_store(world), "", offset, limit))

    assert list(page) == names


def test_a_repository_nobody_has_pushed_to_has_an_empty_list() -> None:
    assert list_charts(a_store(World()), "") == b"{}"


@pytest.mark.parametrize("index", [None, b"garbage", b"apiVersion: v1\nentries: {}\n"])
def test_without_an_index_of_ours_the_rows_are_listed(index: bytes | None) -> None:
    world = three_charts()
    before = list_charts(a_store(world), "")
    if index is None:
        del world.indexes[""]
    else:
        world.indexes[""] = index

    assert list_charts(a_store(world), "") == before


def test_a_package_is_read_as_it_is_now() -> None:
    world = a_repository("0.1.0")
    row = find_version(a_store(world), "", "mychart", "0.1.0")
    new = a_package(description="new")
    world.put_object("mychart-0.1.0.tgz", new)

    assert read_package(a_store(world), row) == new


def test_a_package_that_is_gone_is_not_found() -> None:
    world = a_repository("0.1.0")
    row = find_version(a_store(world), "", "mychart", "0.1.0")
    world.delete_object("mychart-0.1.0.tgz")

    with pytest.raises(NotFound, match=r"^object not found$"):
        read_package(a_store(world), row)


def test_a_package_that_changes_at_every_look_is_given_up() -> None:
    world = a_repository("0.1.0")
    row = find_version(a_store(world), "", "mychart", "0.1.0")

    def overwritten(call: str) -> None:
        if call == "bucket.head:done":
            world.put_object("mychart-0.1.0.tgz", a_package(description=str(world.versions)))
            world.forget_old_versions("mychart-0.1.0.tgz")

    with pytest.raises(Unavailable):
        read_package(a_store(world, overwritten), row)


def a_repository(*versions: str) -> World:
    world = World()
    for version in versions:
        push(a_store(world), Rules(), "", Push(a_package(version=version), None))
    return world


def three_charts() -> World:
    world = World()
    for name, version in [("gamma", "1.0.0"), ("alpha", "0.1.0"), ("beta", "1.0.0"), ("alpha", "0.2.0")]:
        push(a_store(world), Rules(), "", Push(a_package(name, version), None))
    return world
