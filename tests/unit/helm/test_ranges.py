"""Ranges: bytes that are elsewhere answer as bytes do, and an index of them is spliced as one that is here."""

from collections.abc import Iterator

import pytest
from charthouse.aws.parts import Part, parts_of
from charthouse.helm import ranges
from charthouse.helm.gzip_copy import gzip_copy
from charthouse.helm.index import Entry, Index, Stamp
from charthouse.helm.ranges import Kept, Ranges, Spliced, Text
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.helm.test_index import PLAIN, STAMP, an_entry, entries, file_of

LATER = Stamp(8, "00", "2026-11-20T15:49:03Z")
TEXT = b'\n"a":[\n{"x":1},\n{"y":2}\n],\n"b":[\n{"z":3}\n]\n' * 3


@pytest.fixture(autouse=True, scope="module")
def small_blocks() -> Iterator[None]:
    """Cut even short bytes into many blocks."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ranges, "BLOCK", 16)
        yield


def elsewhere(data: bytes, start: int = 0) -> tuple[Ranges, list[int]]:
    """Return the bytes as ranges that know so many of them, and where it is noted how many are fetched."""
    fetched: list[int] = []

    def fetch(begin: int, end: int) -> bytes:
        fetched.append(end - begin)
        return data[begin:end]

    return Ranges(len(data), fetch, start=data[:start]), fetched


places = st.integers(0, len(TEXT) + 3)
parts = st.sampled_from([b"\n", b'\n"', b"],", b'"z":3}\n]', b"nowhere", TEXT[10:60], b""])


@given(places, places, parts)
def test_ranges_answer_as_bytes_do(begin: int, end: int, part: bytes) -> None:
    found, _ = elsewhere(TEXT, 20)

    assert (len(found), bytes(found)) == (len(TEXT), TEXT)
    found, _ = elsewhere(TEXT, 20)
    assert found[begin:end] == TEXT[begin:end]
    assert found[begin:end].count(part) == TEXT[begin:end].count(part)
    assert found.startswith(part, begin) == TEXT.startswith(part, begin) or begin > len(TEXT)
    if part:
        assert found.find(part, begin, end) == TEXT.find(part, begin, end)
        assert found.rfind(part, begin, end) == TEXT.rfind(part, begin, end)
        assert found.endswith(part, 0, end) == TEXT.endswith(part, 0, end)
        assert found.count(part, begin, end) == TEXT.count(part, begin, end)
    if begin < len(TEXT):
        assert found[begin] == TEXT[begin]


def test_nothing_is_fetched_twice_nor_what_is_known() -> None:
    found, fetched = elsewhere(TEXT, 40)

    assert found[0:32] == TEXT[0:32]
    assert fetched == []
    assert [found[70:75], found[65:79]] == [TEXT[70:75], TEXT[65:79]]
    assert fetched == [16]


def test_after_many_fetches_the_rest_is_fetched_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranges, "MANY", 2)
    found, fetched = elsewhere(TEXT)

    assert [found[at] for at in (0, 40, 80, 100)] == [TEXT[at] for at in (0, 40, 80, 100)]
    assert len(fetched) == 3


def test_a_missing_part_is_reported_as_bytes_do() -> None:
    found, _ = elsewhere(TEXT)

    for search in (found.index, found.rindex):
        with pytest.raises(ValueError, match="not found"):
            search(b"nowhere")


@given(st.lists(entries, max_size=8), st.lists(st.tuples(entries, st.booleans()), min_size=1, max_size=4))
def test_an_index_that_is_elsewhere_is_spliced_as_one_that_is_here(
    listed: list[Entry], changes: list[tuple[Entry, bool]]
) -> None:
    here = Index.fold(PLAIN, {file_of(entry): entry for entry in listed}.values(), STAMP)
    there = Index.read(elsewhere(here.data)[0], PLAIN, here.count())
    assert there is not None
    step = {file_of(entry): entry if stays else None for entry, stays in changes}
    expected, copy = here.splice(step, LATER), gzip_copy(here, piece=64)

    index = there.splice(step, LATER)

    assert isinstance(index.text, Spliced)
    assert stored(index.text, here.data) == expected.data
    assert index.kept == expected.kept
    assert index.count() == expected.count()
    # What was cut from it before it was stored, and after.
    for _ in range(2):
        assert gzip_copy(index, there, copy, piece=64) == gzip_copy(expected, here, copy, piece=64)
        for entry, _stays in changes:
            assert index.has(file_of(entry)) == expected.has(file_of(entry))
            assert index.versions(entry.chart) == expected.versions(entry.chart)
            view = index.chart(entry.chart)
            assert stored(view.text, expected.data) == expected.chart(entry.chart).data == view.data
        index.text.moved(lambda begin, end: expected.data[begin:end], ("", ""))
    assert list(index.lines()) == list(expected.lines())
    assert list(index.charts()) == list(expected.charts())
    assert index.chart_bytes(1, 1) == expected.chart_bytes(1, 1)


def stored(text: Text, former: bytes) -> bytes:
    """Return the bytes that a store has which copies runs of the former ones."""
    assert isinstance(text, Spliced)
    return b"".join(former[piece.begin : piece.end] if isinstance(piece, Kept) else piece for piece in text.pieces)


def test_a_change_of_one_line_fetches_what_is_around_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranges, "BLOCK", 1024)
    here = Index.fold(PLAIN, [an_entry(f"chart{at % 20}", f"1.{at}.0") for at in range(4_000)], STAMP)
    text, fetched = elsewhere(here.data)
    there = Index.read(text, PLAIN, here.count())
    assert there is not None

    index = there.splice({"chart7-0.1.0.tgz": an_entry("chart7", "0.1.0")}, LATER)

    assert index.count() == (20, 4_001)
    assert sum(fetched) < len(here.data) / 30


runs = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 300)), max_size=6)


@given(runs, st.integers(0, 30))
def test_parts_make_the_whole_and_are_as_large_as_s3_wants(pieces: list[tuple[int, int]], closing: int) -> None:
    kept: list[Kept] = []
    at = there = 0
    for new, run in pieces:
        kept.append(Kept(there, there + run, at + new))
        at, there = at + new + run, there + run

    found = parts_of(at + closing, kept, least=20, most=70)

    assert [part.begin for part in found[1:]] == [part.end for part in found[:-1]]
    assert (found[0].begin, found[-1].end) == (0, at + closing) if at + closing else found == []
    assert all(part.end - part.begin >= 20 for part in found[:-1])
    copied = [part for part in found if part.source is not None]
    assert all(20 <= part.end - part.begin <= 70 + 20 for part in copied)
    for part in copied:
        assert part.source is not None
        around = next(one for one in kept if one.at <= part.begin and part.end <= one.at + one.end - one.begin)
        assert part.source - around.begin == part.begin - around.at


def test_a_large_index_sends_a_part_at_its_beginning_one_around_the_change_and_its_end() -> None:
    mebibyte = 1024 * 1024
    kept = [Kept(100, 50 * mebibyte, 100), Kept(50 * mebibyte, 90 * mebibyte, 50 * mebibyte + 700)]

    found = parts_of(90 * mebibyte + 800, kept)

    sent = [part.end - part.begin for part in found if part.source is None]
    assert sent == [5 * mebibyte, 5 * mebibyte, 100]
    assert Part(5 * mebibyte, 27 * mebibyte + mebibyte // 2, 5 * mebibyte) in found
