"""The gzip copy: spliced is made from nothing, byte for byte, and any decoder reads it as one member."""

import gzip
import zlib
from hashlib import sha256
from typing import Any

import pytest
from charthouse.helm.chart import ChartRef
from charthouse.helm.entry import render_entry
from charthouse.helm.gzip_copy import LARGE, PIECE, gzip_copy
from charthouse.helm.index import Entry, Envelope, Index, Stamp
from charthouse.helm.package import Package
from charthouse.settings import MAX_INDEX_SIZE
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.content import entry, file_of

SMALL = 600
"""Bytes of a piece, so that a handful of entries has several."""


def an_entry(chart: str, version: str, note: str = "") -> Entry:
    metadata = {"apiVersion": "v2", "description": note, "name": chart, "version": version}
    digest = sha256(f"{chart}-{version}-{note}".encode()).hexdigest()
    return Entry(chart, version, render_entry(Package(ChartRef(chart, version), metadata, digest, 1), "2026-11-20"))


entries = st.builds(
    an_entry,
    st.sampled_from("abcdef"),
    st.builds("{}.{}.0".format, st.integers(0, 9), st.integers(0, 9)),
    st.sampled_from(["", "x" * 300, "y" * 2000]),
)
changes = st.lists(st.tuples(entries, st.booleans()), max_size=5)


def stamp(revision: int) -> Stamp:
    return Stamp(revision, f"{revision:08x}", "2026-11-20T15:49:02Z")


@settings(deadline=None)
@given(st.lists(entries, max_size=60), st.lists(changes, max_size=5))
def test_a_copy_made_from_the_one_before_is_the_copy_made_from_nothing(
    listed: list[Entry], history: list[list[tuple[Entry, bool]]]
) -> None:
    index = Index.fold(Envelope(), {file_of(one): one for one in listed}.values(), stamp(1))
    copy = gzip_copy(index, piece=SMALL)

    for number, step in enumerate(history):
        former, index = (
            index,
            index.splice({file_of(one): one if there else None for one, there in step}, stamp(number + 2)),
        )
        copy = gzip_copy(index, former, copy, piece=SMALL)

        assert copy == gzip_copy(index, piece=SMALL)
        assert gzip.decompress(copy) == index.data
        one_member = zlib.decompressobj(zlib.MAX_WBITS | 16)
        assert one_member.decompress(copy) == index.data
        assert one_member.eof
        assert not one_member.unused_data


@given(
    st.one_of(
        st.binary(max_size=100), st.builds(lambda at, byte: (at, byte), st.integers(0, 300), st.binary(max_size=3))
    )
)
def test_a_copy_that_is_none_or_belongs_to_another_index_is_made_from_nothing(
    damage: bytes | tuple[int, bytes],
) -> None:
    former = Index.fold(Envelope(), [an_entry("a", f"{n}.0.0") for n in range(30)], stamp(1))
    index = former.splice({"a-7.0.0.tgz": None}, stamp(3))
    copy = gzip_copy(Index.fold(Envelope(), [an_entry("a", f"{n}.0.0") for n in range(30)], stamp(2)), piece=SMALL)
    if isinstance(damage, bytes):
        copy = damage
    else:
        at, replaced = damage
        copy = copy[:at] + replaced + copy[at + 1 :]

    assert gzip_copy(index, former, copy, piece=SMALL) == gzip_copy(index, piece=SMALL)


def test_a_change_of_one_line_compresses_few_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    former = Index.fold(Envelope(), [entry(chart, version) for chart in range(20) for version in range(200)], stamp(1))
    copy = gzip_copy(former)
    compressed = 0
    compress: Any = zlib.compressobj

    def counted(*arguments: int) -> object:
        nonlocal compressed
        compressed += 1
        return compress(*arguments)

    monkeypatch.setattr(zlib, "compressobj", counted)
    new = entry(10, 300)
    gzip_copy(former.splice({file_of(new): new}, stamp(2)), former, copy)

    assert compressed <= 3


def test_the_table_of_every_index_fits_the_header() -> None:
    """RFC 1952: an extra field has 65,535 bytes at most, of which 8 are not the table's, and 12 a piece."""
    pieces = max(LARGE / PIECE, MAX_INDEX_SIZE / (4 * PIECE))

    assert 8 + 12 * (pieces + 3) <= 65_535


def test_a_copy_has_at_most_an_eighth_of_the_bytes() -> None:
    listed = [entry(chart, version) for chart in range(20) for version in range(100)]
    unlike = [one._replace(line=one.line.replace("5e" * 32, sha256(one.line.encode()).hexdigest())) for one in listed]
    index = Index.fold(Envelope(), unlike, stamp(1))

    assert len(gzip_copy(index)) * 8 <= len(index.data)


def test_lines_without_an_end_of_a_piece_are_cut_all_the_same() -> None:
    listed = [an_entry("a", f"{n}.0.0", "z" * 500) for n in range(100)]
    index = Index.fold(Envelope(), listed, stamp(1))

    copy = gzip_copy(index, piece=1)

    assert gzip.decompress(copy) == index.data
