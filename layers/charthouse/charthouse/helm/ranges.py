"""Bytes that are elsewhere: an index too large to be fetched for the sake of a few lines.

`Ranges` has the methods of `bytes` that looking for a line needs, and fetches what they look at, block by block. A
`Spliced` one is made of runs of another and of new bytes; its store copies the runs where they are.
"""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import NamedTuple, overload

BLOCK = 64 * 1024
"""Bytes fetched at least: less than a call's own time is worth."""
MANY = 64
"""Fetches after which all the rest is fetched: a batch of changes all over an index looks at most of its blocks."""

type Fetch = Callable[[int, int], bytes]
"""Returns the bytes from `begin` to before `end`; raises `Superseded` if they are no longer there."""


class Kept(NamedTuple):
    """A run of bytes taken over from elsewhere."""

    begin: int
    """Where it began there."""
    end: int
    at: int
    """Where it begins here."""


type Piece = bytes | Kept
"""New bytes, or a run of those there."""


class Ranges:
    """Bytes by their size and a function that fetches some of them; `start` is what is known of their beginning."""

    def __init__(self, size: int, fetch: Fetch, source: tuple[str, str] = ("", ""), start: bytes = b"") -> None:
        """Remember where the bytes are; `source`, key and ETag of the object, is for the store that copies them."""
        self.source = source
        self._size = size
        self._fetch = fetch
        self._fetches = 0
        self._blocks = {at // BLOCK: start[at : at + BLOCK] for at in range(0, len(start) // BLOCK * BLOCK, BLOCK)}

    def moved(self, fetch: Fetch, source: tuple[str, str]) -> None:
        """Fetch from there on; the bytes are the same."""
        self._fetch, self.source = fetch, source

    def __len__(self) -> int:
        return self._size

    def __bytes__(self) -> bytes:
        return self._between(0, self._size)

    @overload
    def __getitem__(self, key: int) -> int: ...
    @overload
    def __getitem__(self, key: slice) -> bytes: ...
    def __getitem__(self, key: int | slice) -> int | bytes:
        if isinstance(key, int):
            return self._between(key, key + 1)[0]
        begin, end, step = key.indices(self._size)
        return self._between(begin, end)[::step]

    def find(self, sub: bytes, begin: int = 0, end: int | None = None) -> int:
        """As `bytes.find`."""
        begin, end, _ = slice(begin, end).indices(self._size)
        while begin + len(sub) <= end:
            until = min((begin // BLOCK + 1) * BLOCK + len(sub) - 1, end)
            at = self._between(begin, until).find(sub)
            if at >= 0:
                return begin + at
            begin = until - len(sub) + 1
        return -1

    def rfind(self, sub: bytes, begin: int = 0, end: int | None = None) -> int:
        """As `bytes.rfind`."""
        begin, end, _ = slice(begin, end).indices(self._size)
        while begin + len(sub) <= end:
            since = max((end - 1) // BLOCK * BLOCK - len(sub) + 1, begin)
            at = self._between(since, end).rfind(sub)
            if at >= 0:
                return since + at
            end = since + len(sub) - 1
        return -1

    def index(self, sub: bytes, begin: int = 0, end: int | None = None) -> int:
        """As `bytes.index`."""
        return _found(self.find(sub, begin, end))

    def rindex(self, sub: bytes, begin: int = 0, end: int | None = None) -> int:
        """As `bytes.rindex`."""
        return _found(self.rfind(sub, begin, end))

    def startswith(self, prefix: bytes, begin: int = 0) -> bool:
        """As `bytes.startswith`."""
        return self[begin : begin + len(prefix)] == prefix

    def endswith(self, suffix: bytes, begin: int, end: int) -> bool:
        """As `bytes.endswith`."""
        end = min(end, self._size)
        return self[max(begin, end - len(suffix)) : end] == suffix

    def count(self, sub: bytes, begin: int, end: int) -> int:
        """As `bytes.count`."""
        return self[begin:end].count(sub)

    def _between(self, begin: int, end: int) -> bytes:
        if begin >= end:
            return b""
        first, last = begin // BLOCK, (end - 1) // BLOCK
        self._load(first, last)
        found = b"".join(self._blocks[block] for block in range(first, last + 1))
        return found[begin - first * BLOCK : end - first * BLOCK]

    def _load(self, first: int, last: int) -> None:
        """Fetch the blocks that are missing, by one call: it costs more than some blocks between them that are not."""
        missing = [block for block in range(first, last + 1) if block not in self._blocks]
        if not missing:
            return
        if self._fetches == MANY:
            missing = [block for block in range((self._size - 1) // BLOCK + 1) if block not in self._blocks]
        self._fetches += 1
        start = missing[0] * BLOCK
        data = self._fetch(start, min((missing[-1] + 1) * BLOCK, self._size))
        for at in range(0, len(data), BLOCK):
            self._blocks.setdefault((start + at) // BLOCK, data[at : at + BLOCK])


class Spliced(Ranges):
    """Runs of other bytes, with new ones between them; read from those until they are stored themselves."""

    def __init__(self, pieces: Sequence[Piece], former: Ranges) -> None:
        """Take the pieces, in order, each run of `former` with where it begins here."""
        self.former = former
        self.pieces = pieces
        self._ats = list(accumulate(map(size_of, pieces), initial=0))
        super().__init__(self._ats.pop(), self._compose)

    @property
    def kept(self) -> list[Kept]:
        """The runs of the former bytes, in order."""
        return [piece for piece in self.pieces if isinstance(piece, Kept)]

    def where(self, piece: bytes) -> int | None:
        """Return where the new bytes begin that are a piece of their own; None if there are none like these."""
        return next((at for at, one in zip(self._ats, self.pieces, strict=True) if one == piece), None)

    def _compose(self, begin: int, end: int) -> bytes:
        found: list[bytes] = []
        at = bisect_right(self._ats, begin) - 1
        while begin < end:
            piece, start = self.pieces[at], self._ats[at]
            until = min(start + size_of(piece), end)
            whole = self.former if isinstance(piece, Kept) else piece
            shift = piece.begin - start if isinstance(piece, Kept) else -start
            found.append(whole[begin + shift : until + shift])
            begin = until
            at += 1
        return b"".join(found)


type Text = bytes | Ranges
"""The bytes of an index, here or elsewhere."""


def placed(pieces: Sequence[Piece]) -> list[Piece]:
    """Return the pieces, each run with where it begins when they are joined."""
    ats = accumulate(map(size_of, pieces), initial=0)
    return [piece._replace(at=at) if isinstance(piece, Kept) else piece for at, piece in zip(ats, pieces, strict=False)]


def joined(pieces: Sequence[Piece], former: Text) -> Text:
    """Return the pieces as one, copied once: an index may have 100 MB, and each slice or sum of bytes copies them."""
    if isinstance(former, Ranges):
        return Spliced(pieces, former)
    whole = memoryview(former)
    return b"".join(whole[piece.begin : piece.end] if isinstance(piece, Kept) else piece for piece in pieces)


def size_of(piece: Piece) -> int:
    """Return how many bytes a piece has."""
    return piece.end - piece.begin if isinstance(piece, Kept) else len(piece)


def _found(at: int) -> int:
    if at < 0:
        raise ValueError("subsection not found")
    return at
