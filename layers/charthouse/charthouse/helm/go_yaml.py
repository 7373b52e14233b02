"""YAML read to JSON values as Helm reads it (`sigs.k8s.io/yaml` on go-yaml v2), within bounds.

Helm turns YAML into JSON and JSON into its structs. PyYAML's C parser gives the events; which scalar is a number or a
bool is decided here, because PyYAML's own rules are others (`1e3`, `1:20`, `y`, dates). Only the first document counts.
"""

import base64
import binascii
import codecs
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import yaml

from charthouse.helm.budget import Budget
from charthouse.helm.go_text import float32_text

type Json = str | int | float | bool | list[Json] | dict[str, Json] | None

MAX_DEPTH = 100
"""Nested collections. libyaml's time grows with the square of the depth; charts in the wild stay below twenty."""
MAX_TAG_DIRECTIVES = 100
"""libyaml compares each `%TAG` with all before it."""

_TAG = "tag:yaml.org,2002:"


class YamlError(ValueError):
    """The text is not YAML, or cannot be converted to JSON."""


def read(data: bytes, budget: Budget) -> Json:
    """Return the first document; an empty file is None. Raises `YamlError`, `BadPackage` beyond the budget.

    The values are JSON's, except for floats that JSON does not have (`.nan`, `.inf`): the caller must refuse those.
    What an alias repeats is shared, not copied: callers must not change it.
    """
    if data.count(b"%TAG") > MAX_TAG_DIRECTIVES:
        raise YamlError(f"yaml: more than {MAX_TAG_DIRECTIVES} %TAG directives")
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise YamlError("yaml: not UTF-8")
    try:
        return _Builder(budget).build(yaml.parse(data, Loader=yaml.CSafeLoader))
    except yaml.YAMLError as problem:
        raise YamlError(_described(problem)) from problem


def scalar(text: str, tag: str = "") -> Json:
    """Return the value of a plain scalar; `tag` is a full YAML tag or empty for none."""
    if tag in ("", f"{_TAG}bool", f"{_TAG}int", f"{_TAG}float", f"{_TAG}null", f"{_TAG}timestamp"):
        value = _resolved(text)
    elif tag == f"{_TAG}binary":
        return _decoded(text)
    else:
        return text
    kind = _KINDS[type(value)]
    if tag == f"{_TAG}float" and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if tag not in ("", f"{_TAG}timestamp") and tag != f"{_TAG}{kind}":
        raise YamlError(f"yaml: cannot decode !!{kind} `{text}` as a !!{tag.removeprefix(_TAG)}")
    return text if tag == f"{_TAG}timestamp" else value


_KINDS = {bool: "bool", int: "int", float: "float", str: "str", type(None): "null"}

_WORDS: dict[str, Json] = (
    dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"), True)
    | dict.fromkeys(("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"), False)
    | dict.fromkeys(("", "~", "null", "Null", "NULL"), None)
    | dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan)
    | dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), math.inf)
    | dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -math.inf)
)
_INTEGER = re.compile(r"([-+]?)(?:0[xX]([0-9a-fA-F]+)|0[bB]([01]+)|0[oO]?([0-7]+)|(0|[1-9][0-9]*))")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_FRACTION = re.compile(r"\.[0-9]+(?:_[0-9]+)*(?:[eE][-+]?[0-9]{1,3})?")
_MOST_DIGITS = 64
"""Of an integer that fits into 64 bits, in base two."""


def _resolved(text: str) -> Json:
    if text in _WORDS:
        return _WORDS[text]
    first = text[0]
    if first == ".":
        return float(text) if _FRACTION.fullmatch(text) else text
    if first in "+-0123456789":
        plain = text.replace("_", "")
        integer = _integer(plain)
        return _float(plain, text) if integer is None else integer
    return text


def _integer(plain: str) -> int | None:
    match = _INTEGER.fullmatch(plain)
    if not match:
        return None
    sign = match[1]
    for digits, base in zip(match.groups()[1:], (16, 2, 8, 10), strict=True):
        if digits is not None:
            digits = digits.lstrip("0") or "0"  # noqa: PLW2901 - leading zeros change nothing but the length
            if len(digits) > _MOST_DIGITS:
                return None
            value = int(f"{'-' if sign == '-' else ''}{digits}", base)
            most = 2**63 - 1 if sign else 2**64 - 1
            return value if -(2**63) <= value <= most else None
    return None


def _float(plain: str, text: str) -> Json:
    if _FLOAT.fullmatch(plain):
        value = float(plain)
        if math.isfinite(value):
            return value
    return text


def _decoded(text: str) -> str:
    try:
        data = base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError) as problem:
        raise YamlError("yaml: !!binary value contains invalid base64 data") from problem
    # Go's JSON writes one replacement character for every byte that is no UTF-8.
    return "".join("\ufffd" if "\ud800" <= c <= "\udfff" else c for c in data.decode(errors="surrogateescape"))


@dataclass(slots=True)
class _Open:
    """A collection whose end has not been read yet."""

    items: list[Json] | dict[str, Json]
    anchor: str | None = None
    left: int = 0
    """Nodes left when it began."""
    key: str | None = None
    """The mapping key that waits for its value."""
    merging: bool = False
    """That key is `<<`."""


@dataclass(slots=True)
class _Builder:
    """Values from events, without recursion."""

    budget: Budget
    anchors: dict[str, tuple[Json, int] | None] = field(default_factory=dict)
    """Anchor → value and how many nodes that is; None while it is still open."""
    open: list[_Open] = field(default_factory=lambda: [_Open([])])
    """The collections around the next value; the first one holds the document."""

    def build(self, events: Iterator[yaml.Event]) -> Json:
        for event in events:
            match event:
                case yaml.ScalarEvent():
                    self.scalar(event)
                case yaml.AliasEvent():
                    self.place(self.alias(event.anchor))
                case yaml.SequenceStartEvent():
                    self.begin([], event.anchor)
                case yaml.MappingStartEvent():
                    self.begin({}, event.anchor)
                case yaml.SequenceEndEvent() | yaml.MappingEndEvent():
                    self.end()
                case yaml.DocumentEndEvent():
                    break
                case _:
                    pass
        document = self.open[0].items
        return document[0] if isinstance(document, list) and document else None

    def scalar(self, event: yaml.ScalarEvent) -> None:
        self.budget.node()
        inside = self.open[-1]
        plain = event.implicit[0] if event.tag is None else event.tag == f"{_TAG}merge"
        if event.value == "<<" and plain and isinstance(inside.items, dict) and inside.key is None:
            inside.key, inside.merging = "<<", True
            return
        text: str = event.value
        value = text if event.tag is None and not event.implicit[0] else scalar(text, event.tag or "")
        if event.anchor is not None:
            self.anchors[event.anchor] = (value, 1)
        self.place(value)

    def alias(self, anchor: str | None) -> Json:
        if anchor is None or anchor not in self.anchors:
            raise YamlError(f"yaml: unknown anchor '{anchor}' referenced")
        known = self.anchors[anchor]
        if known is None:
            raise YamlError(f"yaml: anchor '{anchor}' value contains itself")
        value, size = known
        self.budget.node(size)
        return value

    def begin(self, items: list[Json] | dict[str, Json], anchor: str | None) -> None:
        self.budget.node()
        if len(self.open) > MAX_DEPTH:
            raise YamlError(f"yaml: exceeded max depth of {MAX_DEPTH}")
        if anchor is not None:
            self.anchors[anchor] = None
        self.open.append(_Open(items, anchor, self.budget.nodes))

    def end(self) -> None:
        done = self.open.pop()
        if done.anchor is not None:
            self.anchors[done.anchor] = (done.items, done.left - self.budget.nodes + 1)
        self.place(done.items)

    def place(self, value: Json) -> None:
        inside = self.open[-1]
        if isinstance(inside.items, list):
            inside.items.append(value)
        elif inside.key is None:
            inside.key = _key(value)
        else:
            if inside.merging:
                _merge(inside.items, value)
            else:
                inside.items[inside.key] = value
            inside.key, inside.merging = None, False


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
            raise YamlError("unsupported map key of type: uint64")
        case float():
            text = float32_text(value)
            return {"+Inf": ".inf", "-Inf": "-.inf", "NaN": ".nan"}.get(text, text)
        case None:
            raise YamlError("unsupported map key of type: null")
        case _:
            raise YamlError("yaml: invalid map key")


def _merge(items: dict[str, Json], value: Json) -> None:
    """Do what `<<` does: put in another mapping's pairs, of several the first one's last."""
    for other in reversed(value) if isinstance(value, list) else (value,):
        if not isinstance(other, dict):
            raise YamlError("yaml: map merge requires map or sequence of maps as the value")
        items.update(other)


def _described(problem: yaml.YAMLError) -> str:
    mark = getattr(problem, "problem_mark", None)
    text = getattr(problem, "problem", None) or getattr(problem, "reason", None) or "cannot be read"
    return f"yaml: line {mark.line + 1}: {text}" if mark else f"yaml: {text}"
