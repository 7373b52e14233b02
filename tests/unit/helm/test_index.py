"""The index: spliced is rebuilt, byte for byte; whatever is not ours is not read."""

import json
from dataclasses import replace

import pytest
from charthouse.helm.chart import ChartRef
from charthouse.helm.entry import render_entry
from charthouse.helm.index import Entry, Envelope, Index, Stamp
from charthouse.helm.index_check import check_index
from charthouse.helm.package import Package
from hypothesis import given
from hypothesis import strategies as st

PLAIN = Envelope()
STAMP = Stamp(7, "9f2c61d0", "2026-11-20T15:49:02Z")
EMPTY = Index.fold(PLAIN, [])


def an_entry(chart: str, version: str, note: str = "") -> Entry:
    metadata = {"apiVersion": "v2", "description": note, "name": chart, "version": version}
    package = Package(ChartRef(chart, version), metadata, digest="0" * 64, size=1)
    return Entry(chart, version, render_entry(package, "2026-11-20T15:49:01Z"))


def file_of(entry: Entry) -> str:
    return f"{entry.chart}-{entry.version}.tgz"


names = st.sampled_from(["a", "a-1", "a-1-2", "b", "Ab", "ä", "charts", "0"])
versions = st.sampled_from(
    ["1.0.0", "1", "v1.0.0", "1.0.0+a", "1.0.0-rc.1", "2-2.0.0", "2", "2.0.0", "10.0.0", "1.2-2", "01.2.3", "0.1.0-a-b"]
)
notes = st.sampled_from(["", "x", '"urls":["charts/a-1.tgz"],"version":"1"}', "ünï ], {", "\\"])
entries = st.builds(an_entry, names, versions, notes)


@given(st.lists(st.lists(st.tuples(entries, st.booleans()), max_size=6), max_size=8))
def test_an_index_grown_by_splices_is_the_index_folded_from_nothing(history: list[list[tuple[Entry, bool]]]) -> None:
    index = EMPTY
    listed: dict[str, Entry] = {}

    for changes in history:
        step = {file_of(entry): entry if there else None for entry, there in changes}
        before, index = index, index.splice(step, STAMP)
        listed = {file: entry for file, entry in (listed | step).items() if entry is not None}

        assert index.data == Index.fold(PLAIN, listed.values(), STAMP).data
        assert index.count() == replace(index, counts=None).count()
        for run in index.kept:
            assert index.data[run.at : run.at + run.end - run.begin] == before.data[run.begin : run.end]
    check_index(index.data)


@given(st.lists(entries, max_size=12, unique_by=file_of))
def test_what_is_published_is_read_again(listed: list[Entry]) -> None:
    index = Index.fold(Envelope("https://charts.example.com/x/", "/x"), listed, STAMP)

    again = Index.read(index.data, index.envelope, index.count())

    assert again == index
    assert Index.read(index.data, PLAIN) is None


@given(st.lists(entries, max_size=12, unique_by=file_of))
def test_the_view_of_a_chart_is_the_index_of_its_entries(listed: list[Entry]) -> None:
    index = Index.fold(PLAIN, listed, STAMP)
    names = {entry.chart for entry in listed}

    views = {name: index.chart(name) for name in [*names, "another"]}

    assert list(index.charts()) == sorted(names)
    for name, view in views.items():
        assert view.data == Index.fold(PLAIN, [entry for entry in listed if entry.chart == name], STAMP).data
        assert Index.read(view.data, PLAIN) == view


def test_the_view_of_the_only_chart_is_no_copy() -> None:
    index = Index.fold(PLAIN, [an_entry("a", "1.0.0"), an_entry("a", "2.0.0")], STAMP)

    assert index.chart("a").text is index.text


def test_the_whole_index_is_json_and_lists_every_entry_once() -> None:
    listed = [an_entry("b", "1.0.0"), an_entry("a", "1.0.0"), an_entry("a", "10.0.0"), an_entry("a", "2.0.0")]

    index = json.loads(Index.fold(PLAIN, listed, STAMP).data)

    assert list(index["entries"]) == ["a", "b"]
    assert [entry["version"] for entry in index["entries"]["a"]] == ["10.0.0", "2.0.0", "1.0.0"]
    assert index["apiVersion"] == "v1"
    assert index["annotations"] == {"charthouse.dev/revision": "7-9f2c61d0"}
    assert index["generated"] == "2026-11-20T15:49:02Z"
    assert index["serverInfo"] == {}


def test_an_empty_index_is_valid() -> None:
    assert json.loads(EMPTY.data)["entries"] == {}
    check_index(EMPTY.data)


def test_a_revision_is_the_time_or_later_than_the_one_before() -> None:
    assert Stamp.after(41, 1795103342.5, "00", "x").revision == 1795103342500
    assert Stamp.after(1795103342500, 1795103342.5, "00", "x").revision == 1795103342501


def test_a_base_url_goes_before_every_url() -> None:
    index = Index.fold(Envelope("https://h/ctx/org/", "/ctx"), [an_entry("a", "1.0.0+b")])

    parsed = json.loads(index.data)

    assert parsed["entries"]["a"][0]["urls"] == ["https://h/ctx/org/charts/a-1.0.0+b.tgz"]
    assert parsed["serverInfo"] == {"contextPath": "/ctx"}


def test_a_base_url_goes_before_the_url_of_the_entry_and_nowhere_else() -> None:
    imported = {"child": "a", "parent": "b", "urls": ["u1"]}
    metadata = {
        "apiVersion": "v2",
        "dependencies": [{"import-values": [imported], "name": "b", "repository": "", "version": "1"}],
        "name": "a",
        "version": "1.0.0",
    }
    package = Package(ChartRef("a", "1.0.0"), metadata, digest="0" * 64, size=1)
    line = render_entry(package, "2026-11-20T15:49:01Z")

    entry = json.loads(Envelope("https://cdn.example.com/").with_base_url(line))

    assert entry["urls"] == ["https://cdn.example.com/charts/a-1.0.0.tgz"]
    assert entry["dependencies"][0]["import-values"] == [imported]


def test_a_file_that_becomes_another_chart_leaves_no_line_behind() -> None:
    index = Index.fold(PLAIN, [an_entry("a", "1-2"), an_entry("a", "3")])

    spliced = index.splice({"a-1-2.tgz": an_entry("a-1", "2")}, STAMP)

    assert spliced.data == Index.fold(PLAIN, [an_entry("a-1", "2"), an_entry("a", "3")], STAMP).data


def test_counts_are_of_charts_and_versions() -> None:
    index = Index.fold(PLAIN, [an_entry("a", "1.0.0"), an_entry("a", "2.0.0"), an_entry("b", "1.0.0")])

    assert index.count() == (2, 3)
    assert EMPTY.count() == (0, 0)


@pytest.mark.parametrize(
    ("offset", "limit", "expected"),
    [(0, None, "abc"), (1, None, "bc"), (1, 1, "b"), (0, 2, "ab"), (3, None, ""), (9, 5, ""), (2, 9, "c")],
)
def test_a_page_is_of_charts_by_name(offset: int, limit: int | None, expected: str) -> None:
    index = Index.fold(PLAIN, [an_entry(name, version) for name in "cab" for version in ("1.0.0", "2.0.0")])

    assert list(json.loads(index.chart_bytes(offset, limit))) == list(expected)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n",
        b"apiVersion: v1\nentries: {}\n",
        b'{"apiVersion":"v1","entries":{}}',
        b"<html>",
        EMPTY.data[:-5],
        EMPTY.data.replace(b'"v1"', b'"v2"'),
        EMPTY.data.replace(b"{\n}", b"{\ngarbage\n}"),
    ],
)
def test_what_is_not_ours_is_not_read(data: bytes) -> None:
    assert Index.read(data, PLAIN) is None


@given(st.binary(max_size=200))
def test_any_bytes_are_an_index_or_none(data: bytes) -> None:
    for candidate in (data, EMPTY.data + data, data + EMPTY.data):
        assert Index.read(candidate, PLAIN) is None or candidate == EMPTY.data
