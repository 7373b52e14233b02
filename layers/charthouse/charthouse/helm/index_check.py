"""The check of what is about to be published: `json` and PyYAML read the same values, and they have Helm's shape.

It shares no code with the renderer. Text that is JSON leaves YAML no type to guess; that both parsers agree shows that
no escape or character means something else in YAML.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from charthouse.helm.versions import sort_key

MAX_DEPTH = 200
"""Nested collections of a line; PyYAML's composer recurses in C, where too much of it ends the process."""

_NOT_EVERYWHERE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]")
"""What some YAML parser refuses or reads as a line break: controls, U+2028, U+2029, the byte order mark,
non-characters, surrogates."""


class _Number(str):
    """A JSON number as it is written."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class _MapOf:
    """A mapping with any keys."""

    item: "Shape"


type Shape = type | re.Pattern[str] | Sequence["Shape"] | Mapping[str, "Shape"] | _MapOf
"""A type (`object`: any JSON value), the pattern of a text, `[shape]` for a list, a dict for a struct of these keys."""

_TIME = re.compile(r"\d{4}-[01]\d-[0-3]\dT[0-2]\d:[0-5]\d:[0-6]\d(\.\d+)?(Z|[-+]\d\d:\d\d)", re.ASCII)
_DEPENDENCY: Shape = {
    "alias": str,
    "condition": str,
    "enabled": bool,
    "import-values": [object],
    "name": str,
    "repository": str,
    "tags": [str],
    "version": str,
}
_ENTRY: Shape = {
    "annotations": _MapOf(str),
    "apiVersion": str,
    "appVersion": str,
    "condition": str,
    "created": _TIME,
    "dependencies": [_DEPENDENCY],
    "deprecated": bool,
    "description": str,
    "digest": re.compile("[0-9a-f]{64}"),
    "home": str,
    "icon": str,
    "keywords": [str],
    "kubeVersion": str,
    "maintainers": [{"email": str, "name": str, "url": str}],
    "name": str,
    "sources": [str],
    "tags": str,
    "type": re.compile("application|library"),
    "urls": [re.compile(r"[^\s?#]+")],
    "version": str,
}
_REQUIRED = ("apiVersion", "name", "version", "urls", "created", "digest")
_INDEX: Shape = {
    "apiVersion": re.compile("v1"),
    "annotations": _MapOf(str),
    "entries": _MapOf([object]),
    "generated": _TIME,
    "publicKeys": [str],
    "serverInfo": _MapOf(object),
}


def check_line(line: str) -> None:
    """Check one index entry; raises `ValueError` saying what is wrong."""
    _entry(line, "entry")


def check_index(data: bytes) -> None:
    """Check a whole index as `Index.render` writes it; raises `ValueError` saying what is wrong.

    Charts must be sorted bytewise, versions newest first, none twice, each entry under its own name. It reads line by
    line, so memory does not grow with the index.
    """
    lines = _lines(data)
    head, tail = next(lines), ""
    chart, may_follow = None, True
    for line in lines:
        if line.startswith("}"):
            tail = line
            break
        if not may_follow or not line.endswith(":["):
            raise ValueError(f"index.entries: {line[:100]} where a chart begins or the entries end")
        name, *others = _read(f"{{{line}]}}", _MapOf([object]), "index.entries")
        if others:
            raise ValueError(f"index.entries: {line[:100]} begins more than one chart")
        if chart is not None and name.encode() <= chart.encode():
            raise ValueError(f"index.entries: {name} is not after {chart}")
        chart, may_follow = name, _check_chart(lines, name)
    if not tail or next(lines, None) is not None or (chart is not None and may_follow):
        raise ValueError("index: does not end where it should")
    found = _read(head + tail, _INDEX, "index")
    if not found.keys() >= {"apiVersion", "entries", "generated"} or found["entries"]:
        raise ValueError("index: no apiVersion, entries or generated, or entries on its first line")


def _check_chart(lines: Iterator[str], name: str) -> bool:
    """Check the entries of a chart and the line that closes it; return whether another chart has to follow."""
    last, more = None, True
    for line in lines:
        if line.startswith("]"):
            if line not in ("]", "],") or more:
                raise ValueError(f"index.entries.{name}: {line[:100]} where the chart ends")
            return line == "],"
        if not more:
            raise ValueError(f"index.entries.{name}: no comma before {line[:100]}")
        more = line.endswith(",")
        entry = _entry(line.removesuffix(","), f"index.entries.{name}")
        version = entry["version"]
        if entry["name"] != name:
            raise ValueError(f"index.entries.{name}: {version} is named {entry['name']}")
        if last is not None and sort_key(version) >= sort_key(last):
            raise ValueError(f"index.entries.{name}: {version} is not older than {last}")
        last = version
    raise ValueError(f"index.entries.{name}: no end")


def _lines(data: bytes) -> Iterator[str]:
    start = 0
    while (end := data.find(b"\n", start)) >= 0:
        try:
            yield data[start:end].decode()
        except UnicodeDecodeError as problem:
            raise ValueError(f"index: {problem}") from problem
        start = end + 1
    if start < len(data) or not data:
        raise ValueError("index: its last line does not end")


def _entry(line: str, at: str) -> Any:
    entry = _read(line, _ENTRY, at)
    for key in _REQUIRED:
        if not entry.get(key):
            raise ValueError(f"{at}: no {key}")
    if not sort_key(entry["version"])[0]:
        raise ValueError(f"{at}: version {entry['version']} is none")
    return entry


def _read(text: str, shape: Shape, at: str) -> Any:
    """Return the JSON value, numbers as they are written; PyYAML must read the same."""
    if match := _NOT_EVERYWHERE.search(text):
        raise ValueError(f"{at}: the character {match[0]!r} at {match.start()} is not for every YAML parser")
    try:
        value = json.loads(
            text, object_pairs_hook=_unique, parse_int=_Number, parse_float=_Number, parse_constant=_no_constant
        )
    except (ValueError, RecursionError) as problem:
        raise ValueError(f"{at}: {problem}") from problem
    _check(value, shape, at)
    try:
        read_by_yaml = yaml.load(text, Loader=yaml.CBaseLoader)  # noqa: S506 - it makes texts, lists and mappings only
    except yaml.YAMLError as problem:
        raise ValueError(f"{at}: {problem}") from problem
    if not _is_same(value, read_by_yaml):
        raise ValueError(f"{at}: YAML reads other values than JSON")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key twice")
    return found


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _check(value: Any, shape: Shape, at: str, depth: int = 0) -> None:
    """Compare a value with its shape; raises `ValueError`."""
    if depth > MAX_DEPTH:
        raise ValueError(f"{at} is nested more than {MAX_DEPTH} deep")
    for key, item, inside in _children(value, shape, at):
        if type(item) is not inside:  # most are texts where a text belongs
            _check(item, inside, f"{at}{key}", depth + 1)


def _children(value: Any, shape: Shape, at: str) -> Iterator[tuple[str, Any, Shape]]:
    """Yield key, value and shape of all that a value contains, or look at a scalar; raises `ValueError`."""
    if isinstance(value, dict) and (shape is object or isinstance(shape, dict | _MapOf)):
        for key, item in value.items():
            yield f".{key}", item, _shape_of(shape, key, at)
    elif isinstance(value, list) and (shape is object or isinstance(shape, list)):
        for item in value:
            yield "[]", item, shape[0] if isinstance(shape, list) else object
    elif isinstance(shape, re.Pattern):
        if type(value) is not str or not shape.fullmatch(value):
            raise ValueError(f"{at} does not match {shape.pattern}")
    elif shape is not object and type(value) is not shape:
        raise ValueError(f"{at} is of another type")


def _shape_of(shape: Shape, key: str, at: str) -> Shape:
    if isinstance(shape, dict):
        if key not in shape:
            raise ValueError(f"{at}.{key} is unknown to Helm")
        inside: Shape = shape[key]
        return inside
    return shape.item if isinstance(shape, _MapOf) else object


def _is_same(value: Any, text: Any) -> bool:
    """Compare a JSON value with what `yaml.BaseLoader` read: every scalar as its text."""
    if type(value) is str:
        return type(text) is str and value == text
    if isinstance(value, dict):
        return (
            isinstance(text, dict)
            and value.keys() == text.keys()
            and all(_is_same(item, text[key]) for key, item in value.items())
        )
    if isinstance(value, list):
        return isinstance(text, list) and len(value) == len(text) and all(map(_is_same, value, text))
    return bool(text == (value if isinstance(value, _Number) else _WORDS[value]))


_WORDS = {True: "true", False: "false", None: "null"}
