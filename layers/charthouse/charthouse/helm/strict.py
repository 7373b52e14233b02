"""What is about to be published, read again by another parser: PyYAML's, event by event, believing nothing.

It knows nothing of how entries are written. Every text must be in double quotes (so no parser can guess a type), every
key known to Helm and given once, and nothing may need YAML beyond JSON: no tags, anchors or aliases.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any

import yaml

from charthouse.helm.versions import Version, sort_key

_NOT_EVERYWHERE = re.compile(
    rb"[\x00-\x09\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80[\xa8\xa9]|\xef\xbb\xbf|\xef\xbf[\xbe\xbf]|\xed[\xa0-\xbf]"
)
"""UTF-8 of what some YAML parser refuses or takes for a line break, PyYAML's not always among them: control characters,
U+2028, U+2029, the byte order mark, non-characters, surrogates."""

type Check = Callable[["_Events", str], Any]
"""Reads one value off the events and returns it (of collections only what others need); raises `ValueError`."""


def check_line(line: str) -> None:
    """Hold one index entry to Helm's shape; raises `ValueError` saying what is wrong."""
    if "\n" in line:
        raise ValueError("entry: a line break")
    _check(line.encode(errors="surrogatepass"), _entry, "entry")


def check_index(data: bytes) -> None:
    """Hold a whole index to Helm's shape and to our order; raises `ValueError` saying what is wrong.

    Charts must be sorted bytewise, versions newest first, none twice, each entry under its own name. Memory does not
    grow with the index: it is read as events.
    """
    versions: dict[str, str] = {}

    def chart(events: _Events, at: str) -> None:
        name = at.removeprefix("index.entries.")
        if (last := versions.get("chart")) is not None and name.encode() <= last.encode():
            raise ValueError(f"{at}: not after {last}")
        versions.clear()
        versions["chart"] = name
        _many(version)(events, at)

    def version(events: _Events, at: str) -> None:
        name, this = _entry(events, at)
        if name != versions["chart"]:
            raise ValueError(f"{at}: is named {name}")
        if (last := versions.get("version")) is not None and sort_key(this) >= sort_key(last):
            raise ValueError(f"{at}: {this} is not older than {last}")
        versions["version"] = this

    fields: dict[str, Check] = {
        "apiVersion": _text,
        "annotations": _mapping(_text),
        "entries": _mapping(chart),
        "generated": _time,
        "publicKeys": _many(_text),
        "serverInfo": _mapping(_anything),
    }

    def index(events: _Events, at: str) -> None:
        found = _struct(fields)(events, at)
        if found.get("apiVersion") != "v1" or "entries" not in found:
            raise ValueError(f"{at}: no apiVersion v1, or no entries")

    _check(data, index, "index")


class _Events:
    """Events of a document that must be a subset of JSON."""

    def __init__(self, events: Iterator[yaml.Event]) -> None:
        self.events = events

    def next(self, at: str) -> yaml.Event:
        """Return the next event; raises `ValueError` for what JSON does not have."""
        event = next(self.events)
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) or getattr(event, "tag", None):
            raise ValueError(f"{at}: a tag, an anchor or an alias")
        if isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent) and not event.flow_style:
            raise ValueError(f"{at}: a block collection")
        return event

    def key(self, seen: set[str], at: str) -> str | None:
        """Return the next key of the mapping, None at its end."""
        event = self.next(at)
        if isinstance(event, yaml.MappingEndEvent):
            return None
        key = _quoted(event, at)
        if key in seen:
            raise ValueError(f"{at}: {key} twice")
        seen.add(key)
        return key


def _check(text: bytes, check: Check, at: str) -> None:
    if match := _NOT_EVERYWHERE.search(text):
        raise ValueError(f"{at}: the bytes {match[0].hex()} at {match.start()} are not for every YAML parser")
    try:
        events = _Events(yaml.parse(text, Loader=yaml.CSafeLoader))
        _expect(events.next(at), yaml.StreamStartEvent, at)
        _expect(events.next(at), yaml.DocumentStartEvent, at)
        check(events, at)
        _expect(events.next(at), yaml.DocumentEndEvent, at)
        _expect(events.next(at), yaml.StreamEndEvent, at)
    except yaml.YAMLError as problem:
        raise ValueError(f"{at}: {problem}") from problem


def _expect(event: yaml.Event, kind: type[yaml.Event], at: str) -> None:
    if not isinstance(event, kind) or getattr(event, "explicit", False):
        raise ValueError(f"{at}: {type(event).__name__} where {kind.__name__} belongs")


def _quoted(event: yaml.Event, at: str) -> str:
    if not isinstance(event, yaml.ScalarEvent) or event.style != '"':
        raise ValueError(f"{at}: not a text in double quotes")
    text: str = event.value
    return text


def _text(events: _Events, at: str) -> str:
    return _quoted(events.next(at), at)


def _flag(events: _Events, at: str) -> bool:
    event = events.next(at)
    if not isinstance(event, yaml.ScalarEvent) or event.style == '"' or event.value not in ("true", "false"):
        raise ValueError(f"{at}: neither true nor false")
    return event.value == "true"


def _matching(pattern: str, what: str) -> Check:
    def check(events: _Events, at: str) -> str:
        text = _text(events, at)
        if not re.fullmatch(pattern, text, re.ASCII):
            raise ValueError(f"{at}: not {what}")
        return text

    return check


def _many(item: Check) -> Check:
    def check(events: _Events, at: str) -> int:
        _expect(events.next(at), yaml.SequenceStartEvent, at)
        count = 0
        while True:
            event = events.next(at)
            if isinstance(event, yaml.SequenceEndEvent):
                return count
            item(_Pushed(event, events), f"{at}[{count}]")
            count += 1

    return check


class _Pushed(_Events):
    """Events with one that was looked at already in front."""

    def __init__(self, event: yaml.Event, rest: _Events) -> None:
        super().__init__(rest.events)
        self.pushed: list[yaml.Event] = [event]

    def next(self, at: str) -> yaml.Event:
        return self.pushed.pop() if self.pushed else super().next(at)


def _mapping(value: Check) -> Check:
    def check(events: _Events, at: str) -> None:
        _expect(events.next(at), yaml.MappingStartEvent, at)
        seen: set[str] = set()
        while (key := events.key(seen, at)) is not None:
            value(events, f"{at}.{key}")

    return check


def _struct(fields: dict[str, Check]) -> Check:
    def check(events: _Events, at: str) -> dict[str, Any]:
        _expect(events.next(at), yaml.MappingStartEvent, at)
        found: dict[str, Any] = {}
        seen: set[str] = set()
        while (key := events.key(seen, at)) is not None:
            if key not in fields:
                raise ValueError(f"{at}: {key} is unknown to Helm")
            found[key] = fields[key](events, f"{at}.{key}")
        return found

    return check


_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?", re.ASCII)


def _anything(events: _Events, at: str) -> None:
    event = events.next(at)
    match event:
        case yaml.MappingStartEvent():
            _mapping(_anything)(_Pushed(event, events), at)
        case yaml.SequenceStartEvent():
            _many(_anything)(_Pushed(event, events), at)
        case yaml.ScalarEvent() if event.style == '"':
            pass
        case yaml.ScalarEvent() if event.value in ("true", "false", "null") or _NUMBER.fullmatch(event.value):
            pass
        case _:
            raise ValueError(f"{at}: not a JSON value")


def _entry(events: _Events, at: str) -> tuple[str, str]:
    """Return name and version."""
    found = _ENTRY(events, at)
    for key in ("apiVersion", "name", "version", "urls", "created", "digest"):
        if not found.get(key):
            raise ValueError(f"{at}: no {key}")
    try:
        Version.parse(found["version"])
    except ValueError as problem:
        raise ValueError(f"{at}: version {found['version']} is none") from problem
    return found["name"], found["version"]


_time = _matching(r"\d{4}-[01]\d-[0-3]\dT[0-2]\d:[0-5]\d:[0-6]\d(\.\d+)?(Z|[-+]\d\d:\d\d)", "a time as in RFC 3339")
_ENTRY = _struct(
    {
        "annotations": _mapping(_text),
        "apiVersion": _text,
        "appVersion": _text,
        "condition": _text,
        "created": _time,
        "dependencies": _many(
            _struct(
                {
                    "alias": _text,
                    "condition": _text,
                    "enabled": _flag,
                    "import-values": _many(_anything),
                    "name": _text,
                    "repository": _text,
                    "tags": _many(_text),
                    "version": _text,
                }
            )
        ),
        "deprecated": _flag,
        "description": _text,
        "digest": _matching(r"[0-9a-f]{64}", "a sha256 in hex"),
        "home": _text,
        "icon": _text,
        "keywords": _many(_text),
        "kubeVersion": _text,
        "maintainers": _many(_struct({"email": _text, "name": _text, "url": _text})),
        "name": _text,
        "sources": _many(_text),
        "tags": _text,
        "type": _matching("application|library", "a chart type"),
        "urls": _many(_matching(r"[^\s?#]+", "a plain URL")),
        "version": _text,
    }
)
