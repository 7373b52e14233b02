"""Chart.yaml to the metadata of an index entry: Helm's coercions, validation and omissions.

Helm reads YAML into Go structs through JSON. Hence a number or bool becomes text where text is expected, keys match
without case, unknown keys are dropped, null leaves a field as it is, and a second document read into the same struct
(requirements.yaml, a second Chart.yaml) changes only what it names.
"""

import math
import re
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from itertools import zip_longest
from typing import Any

from charthouse.errors import BadPackage
from charthouse.helm import go_yaml
from charthouse.helm.budget import Budget
from charthouse.helm.chart import checked_reference
from charthouse.helm.go_scalars import Json, YamlError, is_time
from charthouse.helm.go_text import float32_text, folded, quoted, sanitised

type Shape = Callable[[Json, Any, str], Any]
"""A Go type: maps the JSON value, the field's previous value and the field's path to the new value."""


def read_chart(data: bytes, before: Mapping[str, Any], budget: Budget) -> dict[str, Any]:
    """Read Chart.yaml over the fields read before; without an apiVersion it is `v1`. Raises `YamlError`."""
    metadata = read_requirements(data, before, budget)
    return metadata | {"apiVersion": metadata.get("apiVersion") or "v1"}


def read_requirements(data: bytes, before: Mapping[str, Any], budget: Budget) -> dict[str, Any]:
    """Read requirements.yaml over the fields of Chart.yaml: Helm lets it change any of them. Raises `YamlError`."""
    return dict(_decoded(_METADATA, data, before, "Metadata", budget) or before)


def read_lock(data: bytes, budget: Budget) -> None:
    """Check the shape of Chart.lock or requirements.lock; raises `YamlError`."""
    _decoded(_LOCK, data, None, "Lock", budget)


def read_values(data: bytes, budget: Budget) -> dict[str, Any]:
    """Read values.yaml, which is a mapping or empty; raises `YamlError`."""
    values: dict[str, Any] = _decoded(_VALUES, data, None, "", budget) or {}
    return values


MAX_METADATA = 1024 * 1024
"""Characters of all texts of the metadata, aliases counted with all they stand for; an index entry has 64 KiB."""


def validated(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return the metadata sanitised and checked as Helm does on load: as an index has it, empty fields left out.

    Raises `BadPackage` with Helm's text.
    """
    if text_length(metadata) > MAX_METADATA:
        raise BadPackage(f"the metadata of the chart has more than {MAX_METADATA} characters")
    clean = {key: _clean(key, value) for key, value in metadata.items()}
    if not clean.get("apiVersion"):
        raise BadPackage("validation: chart.metadata.apiVersion is required")
    checked_reference(clean.get("name", ""), clean.get("version", ""))
    if clean.get("type", "") not in ("", "application", "library"):
        raise BadPackage("validation: chart.metadata.type must be application or library")
    if any(maintainer is None for maintainer in clean.get("maintainers") or ()):
        raise BadPackage("validation: maintainers must not contain empty or null nodes")
    _check_dependencies(clean.get("dependencies") or ())
    if "maintainers" in clean:
        clean["maintainers"] = [_without_empty(maintainer) for maintainer in clean["maintainers"] or ()]
    if "dependencies" in clean:
        named = ({"name": "", "repository": ""} | dependency for dependency in clean["dependencies"] or ())
        clean["dependencies"] = [_without_empty(dependency, keep=("name", "repository")) for dependency in named]
    return _without_empty(clean)


def text_length(value: Any) -> int:
    """Return the characters of all texts and keys in a value, those counted again that aliases repeat."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, Mapping):
        return sum(len(key) + text_length(item) for key, item in value.items())
    return sum(map(text_length, value)) if isinstance(value, list) else 0


_ALIAS = re.compile(r"[a-zA-Z0-9_-]+")
_NOT_SANITISED = ("apiVersion", "version", "type", "annotations", "deprecated", "enabled", "alias", "import-values")


def _check_dependencies(dependencies: Iterable[dict[str, Any] | None]) -> None:
    names = set()
    for dependency in dependencies:
        if dependency is None:
            raise BadPackage("validation: dependencies must not contain empty or null nodes")
        name, alias = dependency.get("name", ""), dependency.get("alias", "")
        if alias and not _ALIAS.fullmatch(alias):
            raise BadPackage(f"validation: dependency {quoted(name)} has disallowed characters in the alias")
        if (alias or name) in names:
            raise BadPackage(f"validation: more than one dependency with name or alias {quoted(alias or name)}")
        names.add(alias or name)


def _clean(key: str, value: Any, *, inside: bool = False) -> Any:
    """Sanitise the texts that Helm sanitises; a dependency's version among them, the chart's own not."""
    if key in _NOT_SANITISED and not (inside and key == "version"):
        return value
    if isinstance(value, str):
        return sanitised(value)
    if isinstance(value, dict):
        return {name: _clean(name, item, inside=True) for name, item in value.items()}
    if isinstance(value, list):
        return [_clean(key, item, inside=True) for item in value]
    return value


def _without_empty(fields: Mapping[str, Any], keep: tuple[str, ...] = ()) -> dict[str, Any]:
    """Leave out what Go's `omitempty` does: empty texts and collections, false, null."""
    return {key: value for key, value in sorted(fields.items()) if value or key in keep}


def _decoded(shape: Shape, data: bytes, before: Any, struct: str, budget: Budget) -> Any:
    try:
        document = go_yaml.read(data, budget)
    except YamlError as problem:
        raise YamlError(f"error converting YAML to JSON: {problem}") from problem
    return shape(document, before, struct)


def _text(value: Json, before: Any, at: str) -> str:
    match value:
        case None:
            return before or ""
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float():
            return float32_text(value)
        case _:
            raise _mismatch(value, at, "string")


def _flag(value: Json, before: Any, at: str) -> bool:
    if value is None:
        return bool(before)
    if isinstance(value, bool):
        return value
    raise _mismatch(value, at, "bool")


def _anything(value: Json, _before: Any, at: str) -> Any:
    """Return the value as Go's `interface{}` holds it: every number a 64-bit float."""
    match value:
        case bool() | str() | None:
            return value
        case int() | float():
            return _number(value)
        case list():
            return [_anything(item, None, at) for item in value]
        case dict():
            return {key: _anything(item, None, at) for key, item in value.items()}


_EXACT = 10**21
"""Go's JSON writes whole floats below this without an exponent, zeros after the digits that matter."""


def _number(value: float) -> int | float:
    number = float(value)
    if not math.isfinite(number):
        raise YamlError(f"error converting YAML to JSON: json: unsupported value: {float32_text(number)}")
    return int(Decimal(repr(number))) if number.is_integer() and abs(number) < _EXACT else number


class _Slice(list[Any]):
    """A Go slice: what stood behind its end shows again when it grows."""

    __slots__ = ("behind",)
    behind: list[Any]


def _many(item: Shape, go_type: str) -> Shape:
    """Return the shape of a slice: what it held before is decoded into, element by element."""

    def shape(value: Json, before: Any, at: str) -> list[Any] | None:
        if value is None:
            return None
        if not isinstance(value, list):
            raise _mismatch(value, at, go_type)
        old = [*(before or ()), *(before.behind if isinstance(before, _Slice) else ())]
        new = _Slice(item(element, before, at) for element, before in zip_longest(value, old[: len(value)]))
        new.behind = old[len(value) :] if value else []
        return new

    return shape


def _mapping(item: Shape, go_type: str) -> Shape:
    def shape(value: Json, before: Any, at: str) -> dict[str, Any] | None:
        if value is None:
            return None
        if not isinstance(value, dict):
            raise _mismatch(value, at, go_type)
        return {**(before or {}), **{key: item(value[key], None, at) for key in sorted(value)}}

    return shape


def _struct(fields: Mapping[str, Shape], go_type: str) -> Shape:
    """Return the shape of a pointer to a struct: keys come bytewise, so of two spellings of a field the last wins."""
    spellings = {folded(name): name for name in fields}

    def shape(value: Json, before: Any, at: str) -> dict[str, Any] | None:
        if value is None:
            return None
        if not isinstance(value, dict):
            raise _mismatch(value, at, go_type)
        result: dict[str, Any] = dict(before or {})
        for key in sorted(value):
            name = key if key in fields else spellings.get(folded(key))
            if name is None:
                _anything(value[key], None, at)
            else:
                result[name] = fields[name](value[key], result.get(name), f"{at}.{name}")
        return result

    return shape


_KINDS = {dict: "object", list: "array", str: "string", bool: "bool", int: "number", float: "number"}


def _mismatch(value: Json, at: str, wanted: str) -> YamlError:
    kind = _KINDS[type(value)]
    where = f"Go struct field {at}" if "." in at else "Go value"
    return YamlError(
        f"error unmarshaling JSON: while decoding JSON: json: cannot unmarshal {kind} into {where} of type {wanted}"
    )


_RFC_3339 = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d?):(\d\d):(\d\d)(?:[.,]\d+)?(?:Z|[-+](\d\d):(\d\d))", re.ASCII)
"""As Go's `time.Parse` reads it: an hour may have one digit."""


def _time(value: Json, before: Any, at: str) -> Any:
    if value is None:
        return before
    match = _RFC_3339.fullmatch(value) if isinstance(value, str) else None
    if match and is_time(*map(int, match.groups("0"))):
        return value
    raise YamlError(f"error unmarshaling JSON: while decoding JSON: {at} is not a time as in RFC 3339")


_VALUES = _mapping(_anything, "map[string]interface {}")
_MAINTAINER = _struct({"name": _text, "email": _text, "url": _text}, "chart.Maintainer")
_DEPENDENCY = _struct(
    {
        "name": _text,
        "version": _text,
        "repository": _text,
        "condition": _text,
        "tags": _many(_text, "[]string"),
        "enabled": _flag,
        "import-values": _many(_anything, "[]interface {}"),
        "alias": _text,
    },
    "chart.Dependency",
)
_METADATA = _struct(
    {
        "name": _text,
        "home": _text,
        "sources": _many(_text, "[]string"),
        "version": _text,
        "description": _text,
        "keywords": _many(_text, "[]string"),
        "maintainers": _many(_MAINTAINER, "[]*chart.Maintainer"),
        "icon": _text,
        "apiVersion": _text,
        "condition": _text,
        "tags": _text,
        "appVersion": _text,
        "deprecated": _flag,
        "annotations": _mapping(_text, "map[string]string"),
        "kubeVersion": _text,
        "dependencies": _many(_DEPENDENCY, "[]*chart.Dependency"),
        "type": _text,
    },
    "chart.Metadata",
)
_LOCK = _struct(
    {"generated": _time, "digest": _text, "dependencies": _many(_DEPENDENCY, "[]*chart.Dependency")}, "chart.Lock"
)
