"""The gzip copy of an index: compressed in pieces, so that a change of one line compresses a few pieces anew.

    header, with the table of the pieces in its extra field │ piece │ … │ piece │ end of stream, CRC-32, length

It is one gzip member, because curl (7.88 was tried) refuses a second one: the pieces are runs of DEFLATE blocks that
refer to nothing before them and end on a byte, as after `Z_FULL_FLUSH`. So a piece can be moved from copy to copy as
it is, and the checksum of the whole is combined from those of the pieces.

Where a piece ends depends on the lines from its beginning on, never on history: the copy of an index is always the same
bytes, whether made from nothing or from the copy of the index before.

https://www.rfc-editor.org/rfc/rfc1952
"""

import struct
import zlib
from bisect import bisect_left, bisect_right
from itertools import accumulate
from typing import NamedTuple

from charthouse.helm.index import Index

LEVEL = 6
PIECE = 32 * 1024
"""Bytes of the index in a piece at least; at most four times as many, and a line."""
LARGE = 128 * 1024 * 1024
"""Bytes of an index from which on pieces are 16 times larger, so that their table always fits the header."""
ONE_OF = 16
"""So many lines one ends a piece that is long enough; which, a hash of the line decides."""

_HASHED = 64
"""Bytes at the end of a line that are hashed; an entry ends with its URL and version, which an overwrite keeps."""
_HEADER = struct.Struct("<4BIBBHBBHI")
"""Magic, method, flags, time, compression, system, length of the extra field; then its id and length, and `PIECE`."""
_PIECE = struct.Struct("<III")
_TRAILER = struct.Struct("<II")
_END = b"\x03\x00"
"""The last block of the stream, empty."""


class _Piece(NamedTuple):
    size: int
    """Bytes of the index."""
    packed: int
    """Bytes of them compressed."""
    crc: int


class _Table(NamedTuple):
    """Where the pieces of a copy are; both lists have one number more than there are pieces."""

    pieces: list[_Piece]
    begins: list[int]
    """In the index."""
    packed: list[int]
    """In the copy."""


def gzip_copy(index: Index, former: Index | None = None, copy: bytes = b"", *, piece: int = PIECE) -> bytes:
    """Return the copy of an index; quickly if it was spliced from `former` and `copy` is the copy of that."""
    least = piece * (16 if len(index.text) >= LARGE else 1)
    table = _read(copy, former, least) if former else None
    ats = [run.at for run in index.kept]
    pieces: list[_Piece] = []
    packed: list[bytes | memoryview] = []
    at = 0
    while at < len(index.text):
        run = bisect_right(ats, at) - 1
        first, last = _unchanged(index, table, run, at) if table and former and run >= 0 else (0, 0)
        if table and first < last:
            pieces += table.pieces[first:last]
            packed.append(memoryview(copy)[table.packed[first] : table.packed[last]])
            at += table.begins[last] - table.begins[first]
        else:
            data = index.text[at : _next(index, at, least)]
            stream = zlib.compressobj(LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
            packed.append(stream.compress(data) + stream.flush(zlib.Z_FULL_FLUSH))
            pieces.append(_Piece(len(data), len(packed[-1]), zlib.crc32(data)))
            at += len(data)
    extra = b"".join(_PIECE.pack(*one) for one in pieces)
    crc = 0
    for one in pieces:
        crc = _shifted(crc, one.size) ^ one.crc
    trailer = _TRAILER.pack(crc, len(index.text) & 0xFFFFFFFF)
    return b"".join([_header(len(extra) + 4, least), extra, *packed, _END, trailer])


def _unchanged(index: Index, table: _Table, run: int, at: int) -> tuple[int, int]:
    """Return which pieces of the table, from one to before the other, the index has from `at` on.

    A piece is the same if what it holds was kept, and the line after it too: whether it ends there depends on that.
    """
    kept = index.kept[run]
    begin = kept.begin + at - kept.at
    first = bisect_left(table.begins, begin)
    if begin >= kept.end or table.begins[first] != begin:
        return 0, 0
    return first, bisect_left(table.begins, kept.end) - 1


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
    extra = _HEADER.unpack_from(copy)[-2] - 4
    if copy[: _HEADER.size] != _header(extra + 4, least) or not 0 < extra <= size or extra % _PIECE.size:
        return None
    start = _HEADER.size + extra
    pieces = list(map(_Piece._make, _PIECE.iter_unpack(copy[_HEADER.size : start])))
    begins = list(accumulate((one.size for one in pieces), initial=0))
    packed = list(accumulate((one.packed for one in pieces), initial=start))
    if begins[-1] != len(index.text) or packed[-1] + len(_END) + _TRAILER.size != len(copy):
        return None
    try:
        head = zlib.decompressobj(-zlib.MAX_WBITS).decompress(copy[start : packed[1]], pieces[0].size)
    except zlib.error:
        return None
    # The head of an index has a random part: no other has the same.
    return _Table(pieces, begins, packed) if head == index.text[: index.begin] else None


def _header(extra: int, least: int) -> bytes:
    return _HEADER.pack(0x1F, 0x8B, 8, 4, 0, 0, 255, extra + 4, *b"CH", extra, least)


# CRC-32 of two runs of bytes from theirs: crc(a + b) = crc(a)·x^(8·len(b)) + crc(b), over GF(2) and modulo the
# polynomial. zlib multiplies by x^32 for each four bytes it is given; `_times` uses that to reduce a product.

_ONE = 1 << 31
"""x^0: bit 31, as zlib has it."""
_SPREAD = int.from_bytes(b"\1" * 64)
_DIGITS = int.from_bytes(b"0" * 64)
_KIB = [0, 0]
"""x^(8·1024·n - 32) by n, a byte for each bit; extended as needed."""


def _shifted(crc: int, size: int) -> int:
    """Return a checksum as it counts with so many bytes after it."""
    kib, rest = divmod(size, 1024)
    crc = _raw(bytes(rest), crc)
    return _times(crc, _power(kib)) if kib else crc


def _power(kib: int) -> int:
    if not _KIB[1]:
        _KIB[1] = _spread(_raw(bytes(1024 - 4), _ONE))
    while len(_KIB) <= kib:
        _KIB.append(_spread(_times(_raw(bytes(1024 - 4), _ONE), _KIB[-1])))
    return _KIB[kib]


def _times(left: int, spread: int) -> int:
    """Return the product of both and x^32, modulo the polynomial."""
    # The sums of a schoolbook product, at most 32, do not overflow their bytes; their low bits are the sums over GF(2).
    product = _spread(left) * spread & _SPREAD
    return _raw((int((product | _DIGITS).to_bytes(64), 2) << 1).to_bytes(8, "little"), 0)


def _spread(value: int) -> int:
    return int.from_bytes(f"{value:032b}".encode()) & _SPREAD


def _raw(data: bytes, crc: int) -> int:
    """Return the register after these bytes, without zlib's inversions."""
    return zlib.crc32(data, crc ^ 0xFFFFFFFF) ^ 0xFFFFFFFF
