"""YAML read to JSON values as Helm reads it (`sigs.k8s.io/yaml` on go-yaml v2), within bounds.

Helm turns YAML into JSON and JSON into its structs. PyYAML's C parser gives the events; what a scalar is says
`go_scalars`, because PyYAML's own rules are others (`1e3`, `1:20`, `y`, dates). Only the first document counts.
"""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import yaml

from charthouse.helm.budget import Budget
from charthouse.helm.go_scalars import Json, YamlError, scalar
from charthouse.helm.go_text import clipped, float32_text

MAX_DEPTH = 100
"""Nested collections, those that aliases stand for included: libyaml's time grows with the square of the depth, and
readers of an index recurse. Published charts stay below twenty."""
MAX_TAG_DIRECTIVES = 100
"""libyaml compares each `%TAG` with all before it."""
MAX_DIRECTIVES = 1024
"""Bytes of directives: libyaml copies the prefix of a `%TAG` for each node that uses it."""

_TAG = "tag:yaml.org,2002:"


def read(data: bytes, budget: Budget) -> Json:
    """Return the first document; an empty file is None. Raises `YamlError`, `BadPackage` beyond the budget.

    The values are JSON's, except for floats that JSON does not have (`.nan`, `.inf`): the caller must refuse those.
    What an alias repeats is shared, not copied: callers must not change it.
    """
    data = _in_utf8(data)
    if codecs.BOM_UTF8 in data and _LATER_MARK.search(data):
        raise YamlError("yaml: a byte order mark that is not at the beginning of the file")
    directives = _DIRECTIVE.findall(_head(data)) if b"%" in data else []
    if sum(line.startswith(b"%TAG") for line in directives) > MAX_TAG_DIRECTIVES:
        raise YamlError(f"yaml: more than {MAX_TAG_DIRECTIVES} %TAG directives")
    if sum(map(len, directives)) > MAX_DIRECTIVES:
        raise YamlError(f"yaml: more than {MAX_DIRECTIVES} bytes of directives")
    try:
        return _Builder(budget, data, has_slash=b"\\/" in data).build(yaml.parse(data, Loader=yaml.CSafeLoader))
    except yaml.YAMLError as problem:
        raise YamlError(_described(problem)) from problem


_BREAK = rb"(?:[\r\n]|\xc2\x85|\xe2\x80[\xa8\xa9])"
_LINE = rb"[^\r\n\xc2\xe2]*+(?:(?!" + _BREAK + rb")[\xc2\xe2][^\r\n\xc2\xe2]*+)*+"
_HEAD = re.compile(rb"(?:\xef\xbb\xbf)*+(?:(?:%" + _LINE + rb"|[ \t]*+(?:#" + _LINE + rb")?+)" + _BREAK + rb")*+")
"""Blank lines, comments and directives, which may come before the first document."""
_LATER_MARK = re.compile(_BREAK + rb"\xef\xbb\xbf|^(?:\xef\xbb\xbf){3}")
"""Helm removes one, and go-yaml another."""
_DIRECTIVE = re.compile(rb"(?:^|" + _BREAK + rb"|\xef\xbb\xbf)(%" + _LINE + rb")")


def _head(data: bytes) -> bytes:
    match = _HEAD.match(data)
    return match[0] if match else b""


def _in_utf8(data: bytes) -> bytes:
    """Return the text in UTF-8; UTF-16 is known by its byte order mark, as go-yaml knows it."""
    if not data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data
    try:
        return data.decode("utf-16").encode()
    except UnicodeDecodeError as problem:
        raise YamlError(f"yaml: {problem.reason}") from problem


@dataclass(slots=True)
class _Anchored:
    """What an anchor stands for."""

    value: Json = None
    nodes: int = 1
    """Scalars and collections, aliases counted with all they stand for."""
    decoded: int = 1
    """How many nodes go-yaml decodes for it: an alias is one more than what it stands for."""
    height: int = 0
    """Collections nested in each other."""
    is_open: bool = False
    """Its collection has not ended: an alias within would contain itself."""


@dataclass(slots=True)
class _Open:
    """A collection whose end has not been read yet."""

    items: list[Json] | dict[str, Json]
    anchored: _Anchored
    nodes: int = 0
    """Nodes left in the budget when it began."""
    decoded: int = 0
    """Nodes decoded when it began."""
    key: str | None = None
    """The mapping key that waits for its value."""
    merging: bool = False
    """That key is `<<`."""
    height: int = 0
    """Of the highest value in it."""


class _BadKey(str):
    """A key that JSON does not have: an error, unless a later duplicate replaces the mapping that contains it."""

    __slots__ = ()


@dataclass(slots=True)
class _Builder:
    """Values from events, without recursion."""

    budget: Budget
    data: bytes
    has_slash: bool
    """There may be an escape `\\/`."""
    anchors: dict[str, _Anchored] = field(default_factory=dict)
    open: list[_Open] = field(default_factory=lambda: [_Open([], _Anchored())])
    """The collections around the next value; the first one holds the document."""
    decoded: int = 0
    """Nodes that go-yaml decodes."""
    aliased: int = 0
    """Those of them that aliases stand for."""
    flow: int = 0
    """Flow collections around the next value."""
    has_bad_key: bool = False
    source: str | None = None

    def build(self, events: Iterator[yaml.Event]) -> Json:
        for event in events:
            match event:
                case yaml.ScalarEvent():
                    self.scalar(event)
                case yaml.AliasEvent():
                    self.alias(event.anchor or "")
                case yaml.SequenceStartEvent():
                    self.begin([], event)
                case yaml.MappingStartEvent():
                    self.begin({}, event)
                case yaml.SequenceEndEvent() | yaml.MappingEndEvent():
                    self.end()
                case yaml.DocumentStartEvent() if event.version not in (None, (1, 1)):
                    raise YamlError("yaml: found incompatible YAML document")
                case yaml.DocumentEndEvent():
                    break
                case _:
                    pass
        document = self.open[0].items
        value = document[0] if isinstance(document, list) and document else None
        if self.has_bad_key:
            _refuse_bad_keys(value)
        return value

    def scalar(self, event: yaml.ScalarEvent) -> None:
        self.budget.node()
        inside = self.open[-1]
        text: str = event.value
        is_plain = event.implicit[0]
        if self.flow or self.has_slash:
            self.check(event)
        merges = text == "<<" and (is_plain or event.tag == f"{_TAG}merge")
        if merges and isinstance(inside.items, dict) and inside.key is None:
            if event.anchor is not None:
                self.anchors[event.anchor] = _Anchored(text)
            inside.key, inside.merging = "<<", True
            return
        self.decoded += 1
        value = text if event.tag is None and not is_plain else scalar(text, event.tag or "")
        if event.anchor is not None:
            self.anchors[event.anchor] = _Anchored(value)
        self.place(value)

    def alias(self, anchor: str) -> None:
        known = self.anchors.get(anchor)
        if known is None:
            raise YamlError(f"yaml: unknown anchor '{clipped(anchor)}' referenced")
        if known.is_open:
            raise YamlError(f"yaml: anchor '{clipped(anchor)}' value contains itself")
        self.budget.node(known.nodes)
        if len(self.open) - 1 + known.height > MAX_DEPTH:
            raise YamlError(f"yaml: exceeded max depth of {MAX_DEPTH}")
        self.decoded += 1 + known.decoded
        self.aliased += known.decoded
        is_large = self.aliased > _MANY_ALIASED and self.decoded > _MANY_DECODED
        if is_large and self.aliased / self.decoded > _allowed_ratio(self.decoded):
            raise YamlError("yaml: document contains excessive aliasing")
        self.place(known.value, known.height, is_alias=True)

    def begin(self, items: list[Json] | dict[str, Json], event: yaml.CollectionStartEvent) -> None:
        self.budget.node()
        if self.flow or self.has_slash:
            self.check(event)
        self.decoded += 1
        if len(self.open) > MAX_DEPTH:
            raise YamlError(f"yaml: exceeded max depth of {MAX_DEPTH}")
        anchored = _Anchored(items, is_open=True)
        if event.anchor is not None:
            self.anchors[event.anchor] = anchored
        self.flow += bool(event.flow_style)
        self.open.append(_Open(items, anchored, self.budget.nodes, self.decoded))

    def check(self, event: yaml.ScalarEvent | yaml.CollectionStartEvent) -> None:
        """Refuse what libyaml reads by YAML 1.2 and go-yaml otherwise, or not at all; raises `YamlError`."""
        if self.flow and event.tag is not None and _TAG_IN_FLOW.match(self.written(event)):
            raise YamlError("yaml: a tag in brackets does not end with a blank")
        if not isinstance(event, yaml.ScalarEvent):
            return
        if self.flow and "?" in event.value and not event.style:
            raise YamlError("yaml: a plain scalar in brackets has a `?`")
        if self.has_slash and event.style == '"' and _ESCAPED_SLASH.search(self.written(event)):
            raise YamlError("yaml: found unknown escape character")

    def written(self, event: yaml.ScalarEvent | yaml.CollectionStartEvent) -> str:
        """Return how a node is written, from its properties to the character after its end."""
        if self.source is None:
            self.source = self.data.decode(errors="replace").removeprefix("\ufeff")
        begin, end = event.start_mark, event.end_mark
        return self.source[begin.index : end.index + 1] if begin and end else ""

    def end(self) -> None:
        done = self.open.pop()
        self.flow = max(self.flow - 1, 0)
        done.anchored.nodes = done.nodes - self.budget.nodes + 1
        done.anchored.decoded = self.decoded - done.decoded + 1
        done.anchored.height = done.height + 1
        done.anchored.is_open = False
        self.place(done.items, done.anchored.height)

    def place(self, value: Json, height: int = 0, *, is_alias: bool = False) -> None:
        inside = self.open[-1]
        inside.height = max(inside.height, height)
        if isinstance(inside.items, list):
            inside.items.append(value)
        elif inside.key is None:
            inside.key = _key(value)
            self.has_bad_key = self.has_bad_key or type(inside.key) is _BadKey
        else:
            if inside.merging:
                _merge(inside.items, value, is_alias=is_alias)
            else:
                inside.items[inside.key] = value
            inside.key, inside.merging = None, False


_TAG_IN_FLOW = re.compile(r"(?:&\S+\s+)?!(?!<)\S*[,\[\]{}]")
_ESCAPED_SLASH = re.compile(r"(?<!\\)(?:\\\\)*\\/")

_MANY_ALIASED, _MANY_DECODED = 100, 1000
"""Below these go-yaml does not look at the ratio."""


def _allowed_ratio(decoded: int) -> float:
    """Return the share of nodes that aliases may stand for: 99 %, above 400,000 nodes less."""
    return 0.99 - 0.89 * min(max(decoded - 400_000, 0) / 3_600_000, 1)


def _key(value: Json) -> str:
    """Return a mapping key as JSON has it: text."""
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int() if value < 2**63:
            return str(value)
        case int():
            return _BadKey("uint64")
        case float():
            text = float32_text(value)
            return {"+Inf": ".inf", "-Inf": "-.inf", "NaN": ".nan"}.get(text, text)
        case None:
            return _BadKey("null")
        case _:
            raise YamlError("yaml: invalid map key")


def _refuse_bad_keys(value: Json) -> None:
    """Raise `YamlError` if a key that JSON does not have is left in the document."""
    waiting, seen = [value], set()
    while waiting:
        item = waiting.pop()
        if not isinstance(item, list | dict) or id(item) in seen:
            continue
        seen.add(id(item))
        if isinstance(item, dict):
            for key in item:
                if type(key) is _BadKey:
                    raise YamlError(f"unsupported map key of type: {key}")
        waiting.extend(item.values() if isinstance(item, dict) else item)


def _merge(items: dict[str, Json], value: Json, *, is_alias: bool) -> None:
    """Do what `<<` does: insert another mapping's pairs, of several the first one's last. No alias of a list."""
    for other in reversed(value) if isinstance(value, list) and not is_alias else (value,):
        if not isinstance(other, dict):
            raise YamlError("yaml: map merge requires map or sequence of maps as the value")
        items.update(other)


def _described(problem: yaml.YAMLError) -> str:
    mark = getattr(problem, "problem_mark", None)
    text = getattr(problem, "problem", None) or getattr(problem, "reason", None) or "cannot be read"
    return f"yaml: line {mark.line + 1}: {text}" if mark else f"yaml: {text}"
