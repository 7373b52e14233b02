"""The index: `index.yaml` as JSON bytes, one line per chart version, grown by splicing.

    {"apiVersion":"v1","annotations":{"charthouse.dev/revision":"41-9f2c61d0"},"entries":{
    "mychart":[
    {"apiVersion":"v2",…,"urls":["charts/mychart-0.2.0.tgz"],"version":"0.2.0"},
    {"apiVersion":"v2",…,"urls":["charts/mychart-0.1.0.tgz"],"version":"0.1.0"}
    ],
    …
    },"generated":"2026-11-20T15:49:02Z","serverInfo":{}}

JSON is YAML, and a newline never occurs inside a JSON string. So a line that starts with `"` opens a chart, one with
`{` is an entry, one with `]` closes the chart; charts and versions are sorted; any of them is found by bisecting the
bytes. A splice reads a handful of lines and copies the rest unparsed.

A file is listed only under the name `<name>-<version>.tgz` its own Chart.yaml gives. Hence the entry of a file can
only be where one of the ways to read the file name as name and version says: no table of contents is needed.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

from charthouse.helm.canonical_json import canonical_json
from charthouse.helm.chart import possible_references
from charthouse.helm.ranges import BLOCK, Kept, Piece, Spliced, Text, joined, placed
from charthouse.helm.versions import sort_key

_URLS = '"urls":["'
"""What precedes the URL of an entry. Keys are sorted, so the last one in a line is the entry's own: only `version`, a
string, follows it, and unescaped quotes do not occur inside a string."""

_COMMA, _QUOTE, _CLOSING = b',"]'
_OPENING = re.compile(rb'\n("[^\n]*"):\[(?=\n)')
"""The line that opens a chart."""
_DECODER = json.JSONDecoder()


class Entry(NamedTuple):
    """One chart version: where it belongs, and its line with relative URLs."""

    chart: str
    version: str
    line: str


@dataclass(frozen=True, slots=True)
class Envelope:
    """What an index holds around its entries: the same for every index of a repository until an option changes."""

    base_url: str = ""
    """The prefix of `charts/<file>` in every URL: empty, or absolute with a slash at its end."""
    context_path: str = ""

    @property
    def opening(self) -> bytes:
        """The bytes before the revision."""
        return b'{"apiVersion":"v1","annotations":{"charthouse.dev/revision":"'

    @property
    def entries(self) -> bytes:
        """The bytes between the revision and the first chart; they differ between envelopes of different base URLs."""
        base = f',"charthouse.dev/urls":{canonical_json(self.base_url)}' if self.base_url else ""
        return f'"{base}}},"entries":{{'.encode()

    def closing(self, generated: str) -> bytes:
        """Return the bytes after the last chart; `generated` is RFC 3339."""
        server = f'"contextPath":{canonical_json(self.context_path)}' if self.context_path else ""
        return f'\n}},"generated":"{generated}","serverInfo":{{{server}}}}}\n'.encode()

    def with_base_url(self, line: str) -> str:
        """Return the entry's line with the base URL, if there is one, before its URL."""
        if not self.base_url:
            return line
        before, urls, url = line.rpartition(_URLS)
        return f"{before}{urls}{canonical_json(self.base_url)[1:-1]}{url}"


@dataclass(frozen=True, slots=True)
class Stamp:
    """What makes every published index unique, and tells which of two is newer."""

    revision: int
    """Grows with every publication of a repository."""
    nonce: str
    """Hex; random, so that no two indexes have the same bytes, nor the same ETag."""
    generated: str
    """RFC 3339."""

    @classmethod
    def after(cls, previous: int, now: float, nonce: str, generated: str) -> Self:
        """Return the stamp that follows a revision; `now` is in seconds since the epoch.

        The revision is the time in milliseconds, or one more than the previous where that is higher. So it never comes
        back, not even when the index was deleted or restored by hand: views cut from a former index stay older.
        """
        return cls(max(previous + 1, int(now * 1000)), nonce, generated)


NO_STAMP = Stamp(0, "0", "1970-01-01T00:00:00Z")
"""Of an index that is not published: the empty one of a new repository, or one made to compare with."""


@dataclass(frozen=True, slots=True)
class Index:
    r"""A published index: blocks of `\n"name":[\n{…},\n{…}\n]` stand between `begin` and `end` of its bytes."""

    envelope: Envelope
    text: Text
    begin: int
    end: int
    revision: int
    counts: tuple[int, int] | None = None
    """How many charts and versions there are, if that is known without looking."""
    kept: tuple[Kept, ...] = ()
    """What a splice took over from the index before, in order."""

    @classmethod
    def read(cls, data: Text, envelope: Envelope, counts: tuple[int, int] | None = None) -> Self | None:
        """Parse published bytes; None if they are not an index with this envelope, as we write it.

        Looks at both ends only: the middle is ours if the ends are, and `check_index` reads it all once a day.
        """
        head = data.find(b"\n")
        tail = data.rfind(b"\n", 0, len(data) - 1)
        number = re.fullmatch(rb"(\d+)-[0-9a-f]+", data[len(envelope.opening) : max(head, 0) - len(envelope.entries)])
        if number is None or not data.startswith(envelope.opening) or not data.endswith(envelope.entries, 0, head):
            return None
        generated = re.match(rb'\n},"generated":"([^"\n]*)"', data[tail:])
        if generated is None or data[tail:] != envelope.closing(generated[1].decode(errors="replace")):
            return None
        if tail > head and not (data.startswith(b'\n"', head) and data.endswith(b"\n]", head, tail)):
            return None
        return cls(envelope, data, head, max(head, tail), int(number[1]), counts)

    @classmethod
    def fold(cls, envelope: Envelope, entries: Iterable[Entry], stamp: Stamp = NO_STAMP) -> Self:
        """Build the index of these entries from nothing, whatever their order."""
        charts: dict[str, list[Entry]] = {}
        for entry in entries:
            charts.setdefault(entry.chart, []).append(entry)
        blocks: list[list[Piece]] = []
        for name in sorted(charts):
            lines = sorted(charts[name], key=lambda entry: sort_key(entry.version), reverse=True)
            blocks.append(_block(name, [_line(envelope, entry) for entry in lines]))
        return cls._of(envelope, _separated(blocks), stamp, (len(charts), sum(map(len, charts.values()))))

    @classmethod
    def _of(
        cls,
        envelope: Envelope,
        blocks: Sequence[Piece],
        stamp: Stamp,
        counts: tuple[int, int] | None,
        former: Text = b"",
    ) -> Self:
        opening = envelope.opening + f"{stamp.revision}-{stamp.nonce}".encode() + envelope.entries
        closing = envelope.closing(stamp.generated)
        pieces = placed([opening, *blocks, closing])
        kept = tuple(piece for piece in pieces if isinstance(piece, Kept))
        text = joined(pieces, former)
        return cls(envelope, text, len(opening), len(text) - len(closing), stamp.revision, counts, kept)

    @property
    def data(self) -> bytes:
        """All of the bytes."""
        return bytes(self.text)

    @property
    def blocks(self) -> bytes:
        """The charts and their entries: all that two indexes of the same content have in common."""
        return self.text[self.begin : self.end]

    def splice(self, changes: Mapping[str, Entry | None], stamp: Stamp) -> "Index":
        """Return the index with the entry of each file (`<name>-<version>.tgz`) replaced, or removed for None.

        Raises `ValueError` for bytes that this module did not write.
        """
        edits: dict[str, _Edit] = {}
        for file, entry in changes.items():
            for name, version in possible_references(file):
                edits.setdefault(name, _Edit(set(), [])).gone.add(version)
            if entry is not None:
                edits.setdefault(entry.chart, _Edit(set(), [])).new.append(entry)
        runs: list[list[Piece]] = []
        at = self.begin
        charts = versions = 0
        for name in sorted(edits):
            begin, end = self._find_block(name)
            lines, more = _spliced(self.envelope, self.text, _lines_of(self.text, begin, end), edits[name])
            runs += [_run(self.text, at, begin), _block(name, lines)]
            charts += bool(lines) - (begin < end)
            versions += more
            at = end
        runs.append(_run(self.text, at, self.end))
        counts = (self.counts[0] + charts, self.counts[1] + versions) if self.counts else None
        return self._of(self.envelope, _separated(runs), stamp, counts, self.text)

    def chart(self, name: str) -> "Index":
        """Return the view of one chart: an index with its entries alone, or none, stamped as this one.

        Raises `ValueError` for bytes that this module did not write.
        """
        begin, end = self._find_block(name)
        # The index of the only chart is the whole one, byte for byte.
        is_whole = (begin, end) == (self.begin, self.end)
        if begin < end and self.text[end - 1] == _COMMA:
            end -= 1
        runs = [Kept(0, self.begin, 0), Kept(begin, end, 0), Kept(self.end, len(self.text), 0)]
        data = self.text if is_whole and isinstance(self.text, bytes) else joined(placed(runs), self.text)
        return Index(self.envelope, data, self.begin, self.begin + end - begin, self.revision)

    def charts(self) -> Iterator[str]:
        """Yield the name of every chart, in order."""
        for opening in _OPENING.finditer(self.data, self.begin, self.end):
            yield _text(opening[1])

    def has(self, file: str) -> bool:
        """Return whether the file is listed; True for a broken index, which may list anything."""
        try:
            return any(self._has(name, version) for name, version in possible_references(file))
        except ValueError:
            return True

    def charts_of(self, file: str) -> list[str]:
        """Return the charts under which the file is listed: one, or none."""
        return [name for name, version in possible_references(file) if self._has(name, version)]

    def count(self) -> tuple[int, int]:
        """Return how many charts and how many versions there are."""
        if self.counts:
            return self.counts
        charts = self.text.count(b'\n"', self.begin, self.end)
        # A chart is a line that opens it, one that closes it, and one for each version.
        return charts, self.text.count(b"\n", self.begin, self.end) - 2 * charts

    def chart_bytes(self, offset: int = 0, limit: int | None = None) -> bytes:
        """Return the charts as one JSON object, name → entries; the `limit` charts after `offset`, bytewise by name."""
        data = self.data
        begin = self._skip(data, self.begin, offset)
        end = self.end if limit is None else self._skip(data, begin, limit)
        if begin < end and data[end - 1] == _COMMA:
            end -= 1
        return b"".join([b"{", memoryview(data)[begin:end], b"}"])

    def lines(self) -> Iterator[bytes]:
        """Yield every entry line in order, without its comma."""
        data = self.data
        at = data.find(b"\n{", self.begin, self.end)
        while at >= 0:
            end = data.index(b"\n", at + 1)
            yield data[at + 1 : end].removesuffix(b",")
            at = data.find(b"\n{", end, self.end)

    def versions(self, name: str) -> dict[str, bytes]:
        """Return the entries of one chart by version, newest first; raises `ValueError` for bytes of others."""
        begin, end = _lines_of(self.text, *self._find_block(name))
        entries = [line.removesuffix(b",") for line in self.text[begin:end].split(b"\n")[1:]]
        return {_version(entry, 0, len(entry)): entry for entry in entries}

    def _skip(self, data: bytes, at: int, charts: int) -> int:
        for _ in range(charts):
            at = data.find(b"\n],", at, self.end) + 3
            if at < 3:  # noqa: PLR2004  find said -1
                return self.end
        return at

    def _has(self, name: str, version: str) -> bool:
        begin, end = _find_line(self.text, _lines_of(self.text, *self._find_block(name)), version)
        return begin < end

    def _find_block(self, name: str) -> tuple[int, int]:
        """Return where the chart's block begins and ends; where it would stand, twice, if there is none."""
        data = self.text
        begin = data.where(_opening(name)) if isinstance(data, Spliced) else None
        if begin is None:
            begin = _bisect(data, self.begin, self.end, lambda begin, end: _chart(data, begin, end) < name)
        return begin, _near(data, begin, self.end, lambda begin, end: _chart(data, begin, end) <= name)


class _Edit(NamedTuple):
    gone: set[str]
    new: list[Entry]


def _lines_of(data: Text, begin: int, end: int) -> tuple[int, int]:
    """Return where the entries of a block begin and end."""
    return (data.index(b"\n", begin + 1), data.rindex(b"\n", begin, end)) if begin < end else (begin, begin)


def _spliced(envelope: Envelope, data: Text, lines: tuple[int, int], edit: _Edit) -> tuple[list[Piece], int]:
    """Return the lines of a block after the edit, in runs without the comma after them, and how many more they are."""
    versions = edit.gone.union(entry.version for entry in edit.new)
    places = {version: _find_line(data, lines, version) for version in versions}
    changes = []
    for version in edit.gone:
        begin, end = places[version]
        if begin < end:
            changes.append((begin, end, sort_key(version), b""))
    for entry in edit.new:
        begin, _ = places[entry.version]
        changes.append((begin, begin, sort_key(entry.version), _line(envelope, entry)))
    more = 2 * len(edit.new) - len(changes)
    # Several insertions at one place: the newest first, as in the whole block.
    changes.sort(key=lambda change: change[2], reverse=True)
    changes.sort(key=lambda change: change[:2])
    at, last = lines
    runs: list[Piece] = []
    for begin, end, _, line in changes:
        runs += [*_run(data, at, begin), *([line] if line else [])]
        at = end
    return [*runs, *_run(data, at, last)], more


def _run(data: Text, begin: int, end: int) -> list[Piece]:
    """Return what is kept of whole lines, without the comma after them; nothing if there are none."""
    return [Kept(begin, end - (data[end - 1] == _COMMA), 0)] if begin < end else []


def _separated(runs: Iterable[list[Piece]]) -> list[Piece]:
    """Return the pieces of all runs that are not empty, with a comma between two runs."""
    pieces: list[Piece] = []
    for run in runs:
        pieces += [b",", *run] if pieces and run else run
    return pieces


def _find_line(data: Text, lines: tuple[int, int], version: str) -> tuple[int, int]:
    """Return where the line of the version begins and ends; where it would stand, twice, if there is none."""
    low, high = lines
    wanted = sort_key(version)
    begin = _bisect(data, low, high, lambda begin, end: sort_key(_version(data, begin, end)) > wanted)
    if begin == high:
        return begin, begin
    end = _line_end(data, begin, high)
    return begin, end if _version(data, begin, end) == version else begin


def _bisect(data: Text, low: int, high: int, is_before: Callable[[int, int], bool]) -> int:
    """Return where the first line begins that is not before what is looked for; `is_before` gets its begin and end."""
    while low < high:
        # The line around the middle, with the newline before it: newlines only stand between lines.
        begin = data.rfind(b"\n", low, (low + high) // 2 + 1)
        end = _line_end(data, begin, high)
        if is_before(begin, end):
            low = end
        else:
            high = begin
    return low


def _near(data: Text, low: int, high: int, is_before: Callable[[int, int], bool]) -> int:
    """Return the same as `_bisect`, looking near `low` first: the end of a block is much nearer to it than `high`."""
    step = BLOCK
    while low + step < high:
        begin = data.rfind(b"\n", low, low + step)
        end = _line_end(data, begin, high)
        if not is_before(begin, end):
            return _bisect(data, low, begin, is_before)
        low, step = end, 2 * step
    return _bisect(data, low, high, is_before)


def _line_end(data: Text, begin: int, high: int) -> int:
    end = data.find(b"\n", begin + 1, high)
    return high if end < 0 else end


def _chart(data: Text, begin: int, end: int) -> str:
    """Return the name of the chart whose block has this line."""
    if data[begin + 1] == _CLOSING:
        begin, end = data.rindex(b"\n", 0, begin), begin
    if data[begin + 1] == _QUOTE:
        return _text(data[begin + 1 : end - len(b":[")])
    # The entry's own name is the last of its members so called: dependencies and maintainers stand before it.
    at = data.rindex(b'"name":', begin, end) + len(b'"name":')
    return _string(_DECODER.raw_decode(data[at:end].decode())[0])


def _version(data: Text, begin: int, end: int) -> str:
    """Return the version of an entry line; it is the last member, and no string holds its unescaped quotes."""
    at = data.rindex(b'"version":', begin, end) + len(b'"version":')
    return _text(data[at:end].removesuffix(b",").removesuffix(b"}"))


def _text(data: bytes) -> str:
    return _string(json.loads(data))


def _string(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} where a string belongs")  # noqa: TRY004  broken bytes, not a wrong argument
    return value


def _line(envelope: Envelope, entry: Entry) -> bytes:
    return f"\n{envelope.with_base_url(entry.line)}".encode()


def _block(name: str, lines: Iterable[Piece]) -> list[Piece]:
    """Return the pieces of a chart's block; nothing for a chart without versions."""
    separated = _separated([line] for line in lines)
    return [_opening(name), *separated, b"\n]"] if separated else []


def _opening(name: str) -> bytes:
    """Return the line that opens a chart's block."""
    return f"\n{canonical_json(name)}:[".encode()
