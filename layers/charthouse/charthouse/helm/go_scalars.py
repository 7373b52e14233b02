"""Scalars of YAML as go-yaml v2 resolves them: what is a number, a bool, a time or text."""

import base64
import binascii
import math
import re
from calendar import monthrange
from typing import cast

from charthouse.helm.go_text import clipped

type Json = str | int | float | bool | list[Json] | dict[str, Json] | None

MAX_NUMBER = 1000
"""Characters of a number; more is text."""

_TAG = "tag:yaml.org,2002:"


class YamlError(ValueError):
    """The text is not YAML, or cannot be converted to JSON."""


def scalar(text: str, tag: str = "") -> Json:
    """Return the value of a plain scalar; `tag` is a full YAML tag or empty for none."""
    if tag == f"{_TAG}binary":
        return _decoded(text)
    if tag == f"{_TAG}timestamp":
        if not is_timestamp(text):
            raise YamlError(f"yaml: cannot decode !!str `{clipped(text)}` as a !!timestamp")
        return text
    if tag not in ("", f"{_TAG}bool", f"{_TAG}int", f"{_TAG}float", f"{_TAG}null"):
        return text
    value = _resolved(text)
    kind = _KINDS[type(value)]
    if tag == f"{_TAG}float" and kind == "int" and -(2**63) <= (number := cast("int", value)) < 2**63:
        return float(number)
    if tag and tag != f"{_TAG}{kind}":
        raise YamlError(f"yaml: cannot decode !!{kind} `{clipped(text)}` as a !!{tag.removeprefix(_TAG)}")
    return value


_DATE = r"(\d{4})-(\d\d?)-(\d\d?)"
_CLOCK = r"(\d\d?):(\d\d?):(\d\d?)(?:[.,]\d+)?"
_TIMESTAMPS = [
    re.compile(f"{_DATE}{time}", re.ASCII)
    for time in ("", f" {_CLOCK}", f"[Tt]{_CLOCK}Z", rf"[Tt]{_CLOCK}[-+](\d\d):(\d\d)")
]


def is_timestamp(text: str) -> bool:
    """Whether go-yaml reads the text as a time: `2026-1-2`, `2026-1-2 3:04:05.6`, `2026-01-02T03:04:05+01:00`."""
    matches = (pattern.fullmatch(text) for pattern in _TIMESTAMPS)
    return any(match is not None and is_time(*map(int, match.groups())) for match in matches)


def is_time(year: int, month: int, day: int, hour: int = 0, minute: int = 0, second: int = 0, *offset: int) -> bool:
    """Whether Go's `time.Parse` takes these numbers; `offset` is hours and minutes, of which it takes 24 and 60."""
    offset_hours, offset_minutes = offset or (0, 0)
    return (
        month in range(1, 13)
        and day in range(1, monthrange(year or _LEAP_YEAR, month)[1] + 1)
        and hour in range(24)
        and minute in range(60)
        and second in range(60)
        and offset_hours in range(25)
        and offset_minutes in range(61)
    )


_LEAP_YEAR = 2000
"""Stands in for the year 0, which Go's time has and Python's has not."""

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
_FRACTION = re.compile(r"\.[0-9_]+(?:[eE][-+]?[0-9_]+)?")
_BAD_UNDERSCORE = re.compile(r"(?<![0-9])_|_(?![0-9])")
_MOST_DIGITS = 64
"""Of an integer that fits into 64 bits, in base two."""


def _resolved(text: str) -> Json:
    if text in _WORDS:
        return _WORDS[text]
    first = text[0]
    if len(text) > MAX_NUMBER:
        return text
    if first == ".":
        is_number = _FRACTION.fullmatch(text) and not _BAD_UNDERSCORE.search(text)
        return _float(text.replace("_", ""), text) if is_number else text
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
        data = base64.b64decode(text.replace("\r", "").replace("\n", ""), validate=True)
    except (binascii.Error, ValueError) as problem:
        raise YamlError("yaml: !!binary value contains invalid base64 data") from problem
    # Go's JSON writes one replacement character for every byte that is no UTF-8.
    return "".join("\ufffd" if "\ud800" <= c <= "\udfff" else c for c in data.decode(errors="surrogateescape"))
