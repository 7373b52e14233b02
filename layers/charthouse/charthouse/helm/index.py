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
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple, Self

from charthouse.helm.text import as_json
from charthouse.helm.versions import sort_key

URLS = '"urls":["'
"""What stands before the URL of an entry; unescaped quotes keep it from occurring inside a string."""


class Entry(NamedTuple):
    """One chart version: where it belongs, and its line with relative URLs."""

    chart: str
    version: str
    line: str


@dataclass(frozen=True, slots=True)
class Frame:
    """What an index says around its entries: the same for every index of a repository until an option changes."""

    base_url: str = ""
    """What stands before `charts/<file>` in every URL: empty, or absolute with a slash at its end."""
    context_path: str = ""

    @property
    def opening(self) -> bytes:
        """The bytes before the revision."""
        return b'{"apiVersion":"v1","annotations":{"charthouse.dev/revision":"'

    @property
    def entries(self) -> bytes:
        """The bytes between the revision and the first chart; they tell one frame from another."""
        base = f',"charthouse.dev/urls":{as_json(self.base_url)}' if self.base_url else ""
        return f'"{base}}},"entries":{{'.encode()

    def closing(self, generated: str) -> bytes:
        """Return the bytes after the last chart; `generated` is RFC 3339."""
        server = f'"contextPath":{as_json(self.context_path)}' if self.context_path else ""
        return f'\n}},"generated":"{generated}","serverInfo":{{{server}}}}}\n'.encode()

    def localize(self, line: str) -> str:
        """Return the line as this index shows it: with the base URL, if there is one."""
        return line.replace(URLS, URLS + as_json(self.base_url)[1:-1], 1) if self.base_url else line


@dataclass(frozen=True, slots=True)
class Index:
    r"""The charts of an index: blocks of `\n"name":[\n{…},\n{…}\n],`, each with its comma, in one run of bytes."""

    frame: Frame
    blocks: bytes = b""
    revision: int = 0

    @classmethod
    def read(cls, data: bytes, frame: Frame) -> Self | None:
        """Take published bytes apart; None if they are not an index of this frame, as we write it.

        Looks at both ends only: the middle is ours if the ends are, and `check_index` reads it all once a day.
        """
        head = data.find(b"\n")
        tail = data.rfind(b"\n", 0, len(data) - 1)
        number = re.fullmatch(rb"(\d+)-[0-9a-f]+", data[len(frame.opening) : max(head, 0) - len(frame.entries)])
        if number is None or not data.startswith(frame.opening) or not data.endswith(frame.entries, 0, head):
            return None
        generated = re.match(rb'\n},"generated":"([^"\n]*)"', data[tail:])
        if generated is None or data[tail:] != frame.closing(generated[1].decode(errors="replace")):
            return None
        blocks = data[head:tail] + b"," if tail > head else b""
        if blocks and not (blocks.startswith(b'\n"') and blocks.endswith(b"\n],")):
            return None
        return cls(frame, blocks, int(number[1]))

    @classmethod
    def fold(cls, frame: Frame, entries: Iterable[Entry], revision: int = 0) -> Self:
        """Build the index of these entries from nothing, whatever their order, as the successor of a revision."""
        charts: dict[str, list[Entry]] = {}
        for entry in entries:
            charts.setdefault(entry.chart, []).append(entry)
        pieces = []
        for name in sorted(charts):
            lines = sorted(charts[name], key=lambda entry: sort_key(entry.version), reverse=True)
            pieces.append(_block(name, b"".join(_line(frame, entry) for entry in lines)))
        return cls(frame, b"".join(pieces), revision)

    def splice(self, changes: Mapping[str, Entry | None]) -> "Index":
        """Return the index with the entry of each file (`<name>-<version>.tgz`) replaced, or taken out for None."""
        edits: dict[str, _Edit] = {}
        for file, entry in changes.items():
            for name, version in _readings(file):
                edits.setdefault(name, _Edit(set(), [])).gone.add(version)
            if entry is not None:
                edits.setdefault(entry.chart, _Edit(set(), [])).new.append(entry)
        pieces, at = [], 0
        for name in sorted(edits):
            begin, end = self._find(name)
            lines = _spliced(self.frame, self.blocks[begin:end], edits[name])
            pieces += [self.blocks[at:begin], _block(name, lines) if lines else b""]
            at = end
        return Index(self.frame, b"".join([*pieces, self.blocks[at:]]), self.revision)

    def render(self, nonce: str, generated: str) -> bytes:
        """Return the bytes to publish, the revision one higher; `nonce` (hex) makes them unlike any before."""
        revision = f"{self.revision + 1}-{nonce}".encode()
        opening = self.frame.opening + revision + self.frame.entries
        return b"".join([opening, memoryview(self.blocks)[:-1], self.frame.closing(generated)])

    def count(self) -> tuple[int, int]:
        """Return how many charts and how many versions there are."""
        return self.blocks.count(b'\n"'), self.blocks.count(b"\n{")

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

    def _skip(self, at: int, charts: int) -> int:
        for _ in range(charts):
            at = self.blocks.find(b"\n],", at) + 3
            if at < 3:  # noqa: PLR2004  find said -1
                return len(self.blocks)
        return at

    def _find(self, name: str) -> tuple[int, int]:
        """Return where the chart's block begins and ends; where it would stand, twice, if there is none."""
        low, high = 0, len(self.blocks)
        above = high
        while low < high:
            middle = (low + high) // 2
            at = self.blocks.find(b'\n"', middle, high + 1)
            if at < 0 or at >= high:
                high = middle
                continue
            found = _opened(self.blocks, at)
            if found == name:
                return at, self.blocks.index(b"\n],", at) + 3
            if found < name:
                low = at + 1
            else:
                above, high = at, middle
        return above, above


class _Edit(NamedTuple):
    gone: set[str]
    new: list[Entry]


def _readings(file: str) -> Iterator[tuple[str, str]]:
    """Yield every (name, version) whose file name this is: `a-1-2.tgz` is a 1-2 or a-1 2."""
    stem = file.removesuffix(".tgz")
    for at, character in enumerate(stem):
        if character == "-" and 0 < at < len(stem) - 1 and sort_key(stem[at + 1 :])[0]:
            yield stem[:at], stem[at + 1 :]


def _opened(blocks: bytes, at: int) -> str:
    r"""Return the name of the chart whose block begins at `at`, with its newline."""
    name = json.loads(blocks[at + 1 : blocks.index(b"\n", at + 1) - 2])
    assert isinstance(name, str)  # noqa: S101  a key of a JSON object
    return name


def _spliced(frame: Frame, block: bytes, edit: _Edit) -> bytes:
    r"""Return the lines of a block (`\n{…},` each) after the edit."""
    lines = block[block.index(b"\n", 1) : -3] + b"," if block else b""
    changes = []
    for version in edit.gone:
        begin, end = _find_line(lines, version)
        if begin < end:
            changes.append((begin, end, sort_key(version), b""))
    for entry in edit.new:
        begin, _ = _find_line(lines, entry.version)
        changes.append((begin, begin, sort_key(entry.version), _line(frame, entry)))
    # Several insertions at one place: the newest first, as in the whole block.
    changes.sort(key=lambda change: change[2], reverse=True)
    changes.sort(key=lambda change: change[:2])
    pieces, at = [], 0
    for begin, end, _, line in changes:
        pieces += [lines[at:begin], line]
        at = end
    return b"".join([*pieces, lines[at:]])


def _find_line(lines: bytes, version: str) -> tuple[int, int]:
    """Return where the line of the version begins and ends; where it would stand, twice, if there is none."""
    wanted = sort_key(version)
    low, high = 0, len(lines)
    while low < high:
        # The line around the middle: newlines only stand between lines.
        begin = lines.rfind(b"\n", low, (low + high) // 2 + 1)
        end = lines.find(b"\n", begin + 1, high)
        end = high if end < 0 else end
        found = sort_key(_version(lines[begin:end]))
        if found == wanted:
            return begin, end
        if found > wanted:
            low = end
        else:
            high = begin
    return low, low


def _version(line: bytes) -> str:
    """Return the version of an entry line; it is the last member, and no string holds its unescaped quotes."""
    at = line.rindex(b'"version":') + len(b'"version":')
    version = json.loads(line[at:].removesuffix(b",").removesuffix(b"}"))
    assert isinstance(version, str)  # noqa: S101  rendered as a string
    return version


def _line(frame: Frame, entry: Entry) -> bytes:
    return f"\n{frame.localize(entry.line)},".encode()


def _block(name: str, lines: bytes) -> bytes:
    return f"\n{as_json(name)}:[".encode() + lines[:-1] + b"\n],"
