"""The gzip copy of an index: compressed in pieces, so that a change of one line compresses a few pieces anew.

    header, with the table of the pieces in its extra field │ piece │ … │ piece │ end of stream, CRC-32, length

It is one gzip member, because curl (7.88 was tried) refuses a second one: the pieces are runs of DEFLATE blocks that
refer to nothing before them and end on a byte, as after `Z_FULL_FLUSH`. So a piece can be moved from copy to copy as
it is, and the checksum of the whole follows from that of the copy before and those of the pieces that changed.

Where a piece ends depends on the lines from its beginning on, never on history: the copy of an index is always the same
bytes, whether made from nothing or from the copy of the index before.

https://www.rfc-editor.org/rfc/rfc1952
"""

import struct
import zlib
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import accumulate
from typing import NamedTuple

from charthouse.helm.index import Index

LEVEL = 6
PIECE = 32 * 1024
"""Bytes of the index in a piece at least; at most four times as many, and a line."""
LARGE = 32 * 1024 * 1024
"""Bytes of an index from which on pieces are four times larger: a tenth fewer bytes, for a millisecond more. The table
of 5,400 pieces, which is what the header holds, is enough for 700 MB so."""
ONE_OF = 16
"""So many lines one ends a piece that is long enough; which, a hash of the line decides."""

_HASHED = 64
"""Bytes at the end of a line that are hashed; an entry ends with its URL and version, which an overwrite keeps."""
_HEADER = struct.Struct("<4BIBBHBBHI")
"""Magic, method, flags, time, compression, system, length of the extra field; then its id and length, and `PIECE`."""
_PIECE = struct.Struct("<III")
"""Bytes of the index, bytes of them compressed, CRC-32."""
_STORED = struct.Struct("<BHH")
"""The beginning of a block that is not compressed: kind, length, and that inverted."""
_TRAILER = struct.Struct("<II")
_END = b"\x03\x00"
"""The last block of the stream, empty."""


class _Piece(NamedTuple):
    size: int
    """Bytes of the index."""
    crc: int


class _Table(NamedTuple):
    """Where the pieces of a copy are; `begins` and `packed` have one number more than there are pieces."""

    extra: bytes
    """The table as it stands in the header."""
    pieces: list[_Piece]
    begins: list[int]
    """In the index."""
    packed: list[int]
    """In the copy."""
    crc: int
    """Of the whole index."""


class _Run(NamedTuple):
    """Pieces that a copy has from the one before: there from `first` to before `last`."""

    first: int
    last: int
    at: int
    """Where they begin in the index."""


def gzip_copy(index: Index, former: Index | None = None, copy: bytes = b"", *, piece: int = PIECE) -> bytes:
    """Return the copy of an index; quickly if it was spliced from `former` and `copy` is the copy of that."""
    least = piece * (4 if len(index.text) >= LARGE else 1)
    table = _read(copy, former, least) if former else None
    ats = [run.at for run in index.kept]
    parts: list[_Piece | _Run] = []
    extra: list[bytes] = []
    packed: list[bytes | memoryview] = []
    at = 0
    while at < len(index.text):
        run = bisect_right(ats, at) - 1
        first, last = _unchanged(index, table, run, at) if table and run >= 0 else (0, 0)
        if table and first < last:
            parts.append(_Run(first, last, at))
            extra.append(table.extra[first * _PIECE.size : last * _PIECE.size])
            packed.append(memoryview(copy)[table.packed[first] : table.packed[last]])
            at += table.begins[last] - table.begins[first]
        else:
            data = index.text[at : _next(index, at, least)]
            blocks = _compressed(data) if index.begin <= at < index.end else _stored(data)
            made = _Piece(len(data), zlib.crc32(data))
            parts.append(made)
            extra.append(_PIECE.pack(made.size, len(blocks), made.crc))
            packed.append(blocks)
            at += len(data)
    trailer = _TRAILER.pack(_checksum(parts, table, len(index.text)), len(index.text) & 0xFFFFFFFF)
    header = _header(sum(map(len, extra)), least)
    return b"".join([header, *extra, *packed, _END, trailer])


def _compressed(data: bytes) -> bytes:
    stream = zlib.compressobj(LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    return stream.compress(data) + stream.flush(zlib.Z_FULL_FLUSH)


def _stored(data: bytes) -> bytes:
    """Return head or tail of the index, which are short, as they are."""
    return _STORED.pack(0, len(data), len(data) ^ 0xFFFF) + data


def _unchanged(index: Index, table: _Table, run: int, at: int) -> tuple[int, int]:
    """Return which pieces of the table, from one to before the other, the index has from `at` on.

    A piece is the same if what it holds was kept, and the line after it too: whether it ends there depends on that.
    The last before the tail ends in any case, if the lines of both indexes end there.
    """
    kept = index.kept[run]
    begin = kept.begin + at - kept.at
    first = bisect_left(table.begins, begin)
    if begin >= kept.end or table.begins[first] != begin:
        return 0, 0
    last = bisect_left(table.begins, kept.end)
    is_end = kept.end == table.begins[-2] and kept.at + kept.end - kept.begin == index.end
    return first, last if is_end else last - 1


def _next(index: Index, at: int, least: int) -> int:
    """Return where the piece ends that begins here; head and tail of the index are pieces of their own."""
    if at < index.begin:
        return index.begin
    if at >= index.end:
        return len(index.text)
    line = index.text.find(b"\n", at + least, index.end)
    while 0 < line < at + 4 * least:
        after = index.text.find(b"\n", line + 1, index.end)
        after = index.end if after < 0 else after
        if zlib.crc32(index.text[max(line, after - _HASHED) : after].rstrip(b",")) % ONE_OF == 0:
            return line
        line = after
    return index.end if line < 0 else line


def _read(copy: bytes, index: Index, least: int) -> _Table | None:
    """Return the table of a copy; None for bytes that are none of ours, or not of this index."""
    size = len(copy) - _HEADER.size
    if size < 0:
        return None
    length = _HEADER.unpack_from(copy)[-2] - 4
    if copy[: _HEADER.size] != _header(length, least) or not 0 < length <= size or length % _PIECE.size:
        return None
    start = _HEADER.size + length
    extra = copy[_HEADER.size : start]
    numbers = struct.unpack(f"<{length // 4}I", extra)
    begins = list(accumulate(numbers[0::3], initial=0))
    packed = list(accumulate(numbers[1::3], initial=start))
    if begins[-1] != len(index.text) or packed[-1] + len(_END) + _TRAILER.size != len(copy):
        return None
    # The head of an index has a random part: no other has the same.
    if copy[start : packed[1]] != _stored(index.text[: index.begin]):
        return None
    crc, _ = _TRAILER.unpack_from(copy, packed[-1] + len(_END))
    return _Table(extra, list(map(_Piece, numbers[0::3], numbers[2::3])), begins, packed, crc)


def _header(table: int, least: int) -> bytes:
    """Return what stands before a table of so many bytes."""
    return _HEADER.pack(0x1F, 0x8B, 8, 4, 0, 0, 255, table + 8, *b"CH", table + 4, least)


# CRC-32 of two runs of bytes from theirs: crc(a + b) = crc(a)·x^(8·len(b)) + crc(b), over GF(2) and modulo the
# polynomial. zlib multiplies by x^32 for each four bytes it is given; `_times` uses that to reduce a product.

_ONE = 1 << 31
"""x^0: bit 31, as zlib has it."""
_ORDER = 2**32 - 1
"""x to this power is 1, since the polynomial is primitive."""
_SPREAD = int.from_bytes(b"\1" * 64)
_DIGITS = int.from_bytes(b"0" * 64)


def _checksum(parts: Sequence[_Piece | _Run], table: _Table | None, size: int) -> int:
    """Return the checksum of all parts, without those of the pieces in the longest run.

    Checksums are sums: what that run adds to the former one is what the other pieces do not. Now it adds as much,
    shifted by the bytes that there are more after it, or fewer.
    """
    runs = [part for part in parts if isinstance(part, _Run)]
    if table is None or not runs:
        return _combined(part for part in parts if isinstance(part, _Piece))
    longest = max(runs, key=lambda run: run.last - run.first)
    known: dict[_Run, _Piece] = {}
    before: list[_Piece] = []
    at = 0
    for run in runs:
        crc = 0 if run is longest else _combined(table.pieces[run.first : run.last])
        known[run] = _Piece(table.begins[run.last] - table.begins[run.first], crc)
        before += [*table.pieces[at : run.first], known[run]]
        at = run.last
    added = table.crc ^ _combined([*before, *table.pieces[at:]])
    more = (size - longest.at) - (table.begins[-1] - table.begins[longest.first])
    return _shifted(added, more) ^ _combined(known[part] if isinstance(part, _Run) else part for part in parts)


def _combined(pieces: Iterable[_Piece]) -> int:
    crc = 0
    for piece in pieces:
        crc = _shifted(crc, piece.size) ^ piece.crc
    return crc


def _shifted(crc: int, size: int) -> int:
    """Return a checksum as it counts with so many bytes after it, or, for a negative number, before these were."""
    kib, rest = divmod(size % _ORDER, 1024)
    crc = _raw(bytes(rest), crc)
    return _times(_spread(crc), _power(kib)) if kib else crc


@lru_cache(1024)
def _power(kib: int) -> int:
    """Return x^(8·1024·kib - 32), a byte for each bit."""
    if kib == 1:
        return _spread(_raw(bytes(1024 - 4), _ONE))
    return _spread(_times(_power(kib // 2), _power(kib - kib // 2)))


def _times(left: int, right: int) -> int:
    """Return the product of both and x^32, modulo the polynomial; they have a byte for each bit."""
    # The sums of a schoolbook product, at most 32, do not overflow their bytes; their low bits are the sums over GF(2).
    product = left * right & _SPREAD
    return _raw((int((product | _DIGITS).to_bytes(64), 2) << 1).to_bytes(8, "little"), 0)


def _spread(value: int) -> int:
    return int.from_bytes(f"{value:032b}".encode()) & _SPREAD


def _raw(data: bytes, crc: int) -> int:
    """Return the register after these bytes, without zlib's inversions."""
    return zlib.crc32(data, crc ^ 0xFFFFFFFF) ^ 0xFFFFFFFF
