"""lookup: what the API answers, and how little it reads for it."""

import json
from typing import Any

import pytest
from charthouse.errors import NotFound, Unavailable
from charthouse.repository.changes import Push, push
from charthouse.repository.lookup import entry_of, find_chart, find_version, list_charts, read_package
from charthouse.repository.sync import sync_file
from charthouse.settings import Layout, Rules

from tests.builders import a_package
from tests.fakes import World
from tests.unit.repository.in_memory import calls_in, fill, repository_in


def test_an_exact_version_is_found_by_reading_one_row() -> None:
    world = World()
    fill(world, 1000)
    calls: list[str] = []

    row = find_version(repository_in(world, step=calls.append), "mychart", "1.0.500")

    assert row.file == "mychart-1.0.500.tgz"
    assert calls_in(calls) == ["catalog.get"]


def test_latest_reads_only_the_rows_of_its_chart() -> None:
    world = World()
    fill(world, 3)
    calls: list[str] = []

    row = find_version(repository_in(world, step=calls.append), "mychart", "latest")

    assert row.version == "1.0.2"
    assert calls_in(calls) == ["catalog.get", "catalog.chart"]


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
    ],
)
def test_a_version_is_found_exactly_or_by_constraint(wanted: str, found: str) -> None:
    world = a_repository("1.9.0", "1.10.0", "2.0.0-rc.1", "0.1.0+a", "0.1.0+b")

    assert find_version(repository_in(world), "mychart", wanted).version == found


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
def test_a_missing_version_is_reported_in_helms_words(name: str, wanted: str, message: str) -> None:
    world = a_repository("2.0.0-rc.1")

    with pytest.raises(NotFound) as refused:
        find_version(repository_in(world), name, wanted)

    assert refused.value.message == message


def test_an_ambiguous_file_name_belongs_to_the_chart_stored_in_it() -> None:
    world = World()
    push(repository_in(world), Rules(), Push(a_package("mychart2", "0.1.0-SNAPSHOT-1"), None))

    assert find_version(repository_in(world), "mychart2", "0.1.0-SNAPSHOT-1").version == "0.1.0-SNAPSHOT-1"
    with pytest.raises(NotFound, match="no chart name found"):
        find_version(repository_in(world), "mychart2-0.1.0-SNAPSHOT", "1")


def test_a_deleted_version_is_not_found_even_though_its_row_remains() -> None:
    world = a_repository("0.1.0")
    world.delete_object("mychart-0.1.0.tgz")
    sync_file(repository_in(world, deadline=world.time + 9), "mychart-0.1.0.tgz")

    with pytest.raises(NotFound, match="no chart name found"):
        find_version(repository_in(world), "mychart", "0.1.0")
    with pytest.raises(NotFound, match="chart not found"):
        find_chart(repository_in(world), "mychart")


def test_a_chart_lists_its_versions_newest_first_from_rows_only() -> None:
    world = a_repository("0.2.0", "0.10.0", "0.9.0", "1.0.0-rc.1")
    calls: list[str] = []

    text = find_chart(repository_in(world, step=calls.append), "mychart")

    assert [entry["version"] for entry in json.loads(text)] == ["1.0.0-rc.1", "0.10.0", "0.9.0", "0.2.0"]
    assert calls_in(calls) == ["catalog.chart"]


def test_a_found_entry_equals_the_indexed_one_byte_for_byte() -> None:
    world, layout = World(), Layout("https://charts.example.com", "/base")
    push(repository_in(world, "team", layout=layout), Rules(), Push(a_package(), None))
    repository = repository_in(world, "team", layout=layout)

    line = entry_of(repository, find_version(repository, "mychart", "0.1.0"))

    assert json.loads(line)["urls"] == ["https://charts.example.com/base/team/charts/mychart-0.1.0.tgz"]
    assert f"\n{line}\n".encode() in world.indexes["team"]
    assert find_chart(repository, "mychart") == f"[{line}]"


def test_the_list_is_a_slice_of_the_published_index() -> None:
    world = three_charts()
    calls: list[str] = []

    body = list_charts(repository_in(world, step=calls.append))

    assert json.loads(body) == json.loads(world.indexes[""])["entries"]
    assert calls_in(calls) == ["index.read"]


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

    page: dict[str, Any] = json.loads(list_charts(repository_in(world), offset, limit))

    assert list(page) == names


def test_an_empty_repository_has_an_empty_list() -> None:
    assert list_charts(repository_in(World())) == b"{}"


@pytest.mark.parametrize("index", [None, b"garbage", b"apiVersion: v1\nentries: {}\n"])
def test_without_an_index_of_our_format_the_rows_are_listed(index: bytes | None) -> None:
    world = three_charts()
    before = list_charts(repository_in(world))
    if index is None:
        del world.indexes[""]
    else:
        world.indexes[""] = index

    assert list_charts(repository_in(world)) == before


def test_a_package_is_read_as_it_is_now() -> None:
    world = a_repository("0.1.0")
    row = find_version(repository_in(world), "mychart", "0.1.0")
    new = a_package(description="new")
    world.put_object("mychart-0.1.0.tgz", new)

    assert read_package(repository_in(world), row) == new


def test_a_deleted_package_is_not_found() -> None:
    world = a_repository("0.1.0")
    row = find_version(repository_in(world), "mychart", "0.1.0")
    world.delete_object("mychart-0.1.0.tgz")

    with pytest.raises(NotFound, match=r"^object not found$"):
        read_package(repository_in(world), row)


def test_reading_a_package_that_changes_all_the_time_stops_at_the_deadline() -> None:
    world = a_repository("0.1.0")
    row = find_version(repository_in(world), "mychart", "0.1.0")

    def overwritten(call: str) -> None:
        if call == "packages.head:done":
            world.put_object("mychart-0.1.0.tgz", a_package(description=str(world.versions)))
            world.forget_old_versions("mychart-0.1.0.tgz")

    with pytest.raises(Unavailable):
        read_package(repository_in(world, step=overwritten), row)


def a_repository(*versions: str) -> World:
    world = World()
    for version in versions:
        push(repository_in(world), Rules(), Push(a_package(version=version), None))
    return world


def three_charts() -> World:
    world = World()
    for name, version in [("gamma", "1.0.0"), ("alpha", "0.1.0"), ("beta", "1.0.0"), ("alpha", "0.2.0")]:
        push(repository_in(world), Rules(), Push(a_package(name, version), None))
    return world
