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
from charthouse.helm.versions import sort_key

_URLS = '"urls":["'
"""What precedes the URL of an entry. Keys are sorted, so the last one in a line is the entry's own: only `version`, a
string, follows it, and unescaped quotes do not occur inside a string."""

_COMMA, _QUOTE, _CLOSING = b',"]'
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
class Index:
    r"""The charts of an index: blocks of `\n"name":[\n{…},\n{…}\n],`, each with its comma, in one run of bytes."""

    envelope: Envelope
    blocks: bytes = b""
    revision: int = 0

    @classmethod
    def read(cls, data: bytes, envelope: Envelope) -> Self | None:
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
        # Joined, not added: a slice of bytes would be one more copy of it all.
        blocks = b"".join([memoryview(data)[head:tail], b","]) if tail > head else b""
        if blocks and not (blocks.startswith(b'\n"') and blocks.endswith(b"\n],")):
            return None
        return cls(envelope, blocks, int(number[1]))

    @classmethod
    def fold(cls, envelope: Envelope, entries: Iterable[Entry], revision: int = 0) -> Self:
        """Build the index of these entries from nothing, whatever their order, as the successor of a revision."""
        charts: dict[str, list[Entry]] = {}
        for entry in entries:
            charts.setdefault(entry.chart, []).append(entry)
        pieces: list[_Piece] = []
        for name in sorted(charts):
            lines = sorted(charts[name], key=lambda entry: sort_key(entry.version), reverse=True)
            pieces += _block(name, [_line(envelope, entry) for entry in lines])
        return cls(envelope, b"".join(pieces), revision)

    def splice(self, changes: Mapping[str, Entry | None]) -> "Index":
        """Return the index with the entry of each file (`<name>-<version>.tgz`) replaced, or removed for None.

        Raises `ValueError` for bytes that this module did not write.
        """
        edits: dict[str, _Edit] = {}
        for file, entry in changes.items():
            for name, version in _readings(file):
                edits.setdefault(name, _Edit(set(), [])).gone.add(version)
            if entry is not None:
                edits.setdefault(entry.chart, _Edit(set(), [])).new.append(entry)
        # Views, joined once: the index may be 60 MB, and each slice or sum of bytes would copy it.
        kept = memoryview(self.blocks)
        pieces: list[_Piece] = []
        at = 0
        for name in sorted(edits):
            begin, end = _find_block(self.blocks, name)
            lines = _spliced(self.envelope, self.blocks, _lines_of(self.blocks, begin, end), edits[name])
            pieces += [kept[at:begin], *_block(name, lines)]
            at = end
        return Index(self.envelope, b"".join([*pieces, kept[at:]]), self.revision)

    def has(self, file: str) -> bool:
        """Return whether the file is listed; True for a broken index, which may list anything."""
        try:
            return any(_is_listed(self.blocks, name, version) for name, version in _readings(file))
        except ValueError:
            return True

    def render(self, nonce: str, generated: str) -> bytes:
        """Return the bytes to publish, the revision one higher; `nonce` (hex) makes them unique."""
        revision = f"{self.revision + 1}-{nonce}".encode()
        opening = self.envelope.opening + revision + self.envelope.entries
        return b"".join([opening, memoryview(self.blocks)[:-1], self.envelope.closing(generated)])

    def count(self) -> tuple[int, int]:
        """Return how many charts and how many versions there are."""
        charts = self.blocks.count(b"\n],")
        # A chart is a line that opens it, one that closes it, and one for each version.
        return charts, self.blocks.count(b"\n") - 2 * charts

    def chart_bytes(self, offset: int = 0, limit: int | None = None) -> bytes:
        """Return the charts as one JSON object, name → entries; the `limit` charts after `offset`, bytewise by name."""
        begin = self._skip(0, offset)
        end = len(self.blocks) if limit is None else self._skip(begin, limit)
        return b"{" + self.blocks[begin : max(begin, end - 1)] + b"}"

    def lines(self) -> Iterator[bytes]:
        """Yield every entry line in order, without its comma."""
        at = self.blocks.find(b"\n{")
        while at >= 0:
            end = self.blocks.index(b"\n", at + 1)
            yield self.blocks[at + 1 : end].removesuffix(b",")
            at = self.blocks.find(b"\n{", end)

    def versions(self, name: str) -> dict[str, bytes]:
        """Return the entries of one chart by version, newest first; raises `ValueError` for bytes of others."""
        begin, end = _lines_of(self.blocks, *_find_block(self.blocks, name))
        entries = [line.removesuffix(b",") for line in self.blocks[begin:end].split(b"\n")[1:]]
        return {_version(entry, 0, len(entry)): entry for entry in entries}

    def _skip(self, at: int, charts: int) -> int:
        for _ in range(charts):
            at = self.blocks.find(b"\n],", at) + 3
            if at < 3:  # noqa: PLR2004  find said -1
                return len(self.blocks)
        return at


type _Piece = bytes | memoryview
"""A part of the next index, to be joined once."""


class _Edit(NamedTuple):
    gone: set[str]
    new: list[Entry]


def _readings(file: str) -> Iterator[tuple[str, str]]:
    """Yield every (name, version) whose file name this is: `a-1-2.tgz` is a 1-2 or a-1 2."""
    stem = file.removesuffix(".tgz")
    for at, character in enumerate(stem):
        if character == "-" and 0 < at < len(stem) - 1 and sort_key(stem[at + 1 :])[0]:
            yield stem[:at], stem[at + 1 :]


def _is_listed(blocks: bytes, name: str, version: str) -> bool:
    begin, end = _find_line(blocks, _lines_of(blocks, *_find_block(blocks, name)), version)
    return begin < end


def _find_block(blocks: bytes, name: str) -> tuple[int, int]:
    """Return where the chart's block begins and ends; where it would stand, twice, if there is none."""
    begin = _bisect(blocks, 0, len(blocks), lambda begin, end: _chart(blocks, begin, end) < name)
    return begin, _bisect(blocks, begin, len(blocks), lambda begin, end: _chart(blocks, begin, end) <= name)


def _lines_of(blocks: bytes, begin: int, end: int) -> tuple[int, int]:
    """Return where the entries of a block begin and end."""
    return (blocks.index(b"\n", begin + 1), end - len(b"\n],")) if begin < end else (begin, begin)


def _spliced(envelope: Envelope, blocks: bytes, lines: tuple[int, int], edit: _Edit) -> list[_Piece]:
    """Return the lines of a block after the edit, in runs without the comma after them."""
    changes = []
    for version in edit.gone:
        begin, end = _find_line(blocks, lines, version)
        if begin < end:
            changes.append((begin, end, sort_key(version), b""))
    for entry in edit.new:
        begin, _ = _find_line(blocks, lines, entry.version)
        changes.append((begin, begin, sort_key(entry.version), _line(envelope, entry)))
    # Several insertions at one place: the newest first, as in the whole block.
    changes.sort(key=lambda change: change[2], reverse=True)
    changes.sort(key=lambda change: change[:2])
    kept = memoryview(blocks)
    at, last = lines
    runs: list[_Piece] = []
    for begin, end, _, line in changes:
        runs += [kept[at:begin], line]
        at = end
    runs.append(kept[at:last])
    return [run[:-1] if run[-1] == _COMMA else run for run in runs if run]


def _find_line(blocks: bytes, lines: tuple[int, int], version: str) -> tuple[int, int]:
    """Return where the line of the version begins and ends; where it would stand, twice, if there is none."""
    low, high = lines
    wanted = sort_key(version)
    begin = _bisect(blocks, low, high, lambda begin, end: sort_key(_version(blocks, begin, end)) > wanted)
    if begin == high:
        return begin, begin
    end = _line_end(blocks, begin, high)
    return begin, end if _version(blocks, begin, end) == version else begin


def _bisect(blocks: bytes, low: int, high: int, is_before: Callable[[int, int], bool]) -> int:
    """Return where the first line begins that is not before what is looked for; `is_before` gets its begin and end."""
    while low < high:
        # The line around the middle, with the newline before it: newlines only stand between lines.
        begin = blocks.rfind(b"\n", low, (low + high) // 2 + 1)
        end = _line_end(blocks, begin, high)
        if is_before(begin, end):
            low = end
        else:
            high = begin
    return low


def _line_end(blocks: bytes, begin: int, high: int) -> int:
    end = blocks.find(b"\n", begin + 1, high)
    return high if end < 0 else end


def _chart(blocks: bytes, begin: int, end: int) -> str:
    """Return the name of the chart whose block has this line."""
    if blocks[begin + 1] == _CLOSING:
        begin, end = blocks.rindex(b"\n", 0, begin), begin
    if blocks[begin + 1] == _QUOTE:
        return _text(blocks[begin + 1 : end - len(b":[")])
    # The entry's own name is the last of its members so called: dependencies and maintainers stand before it.
    at = blocks.rindex(b'"name":', begin, end) + len(b'"name":')
    return _string(_DECODER.raw_decode(blocks[at:end].decode())[0])


def _version(blocks: bytes, begin: int, end: int) -> str:
    """Return the version of an entry line; it is the last member, and no string holds its unescaped quotes."""
    at = blocks.rindex(b'"version":', begin, end) + len(b'"version":')
    return _text(blocks[at:end].removesuffix(b",").removesuffix(b"}"))


def _text(data: bytes) -> str:
    return _string(json.loads(data))


def _string(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} where a string belongs")  # noqa: TRY004  broken bytes, not a wrong argument
    return value


def _line(envelope: Envelope, entry: Entry) -> bytes:
    return f"\n{envelope.with_base_url(entry.line)}".encode()


def _block(name: str, lines: Sequence[_Piece]) -> list[_Piece]:
    """Return the pieces of a chart's block; nothing for a chart without versions."""
    if not lines:
        return []
    separated = [piece for line in lines for piece in (b",", line)][1:]
    return [f"\n{canonical_json(name)}:[".encode(), *separated, b"\n],"]
