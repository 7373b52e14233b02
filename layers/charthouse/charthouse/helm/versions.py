"""Versions as Helm reads them: SemVer 2, loosely, with SemVer's precedence.

The `semver` package knows only strict versions (no `v`, no missing parts, no leading zeros) and compares two of them in
3.6 µs, where a list of a hundred thousand wants keys. So parsing and keys are here, held to that package's order by the
tests.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Self

MAX_NUMBER = 2**64 - 1
"""Masterminds/semver keeps numbers in 64 bits: a larger part is no version, a larger pre-release part is text."""

type Precedence = tuple[int, int, int, bool, tuple[tuple[bool, int, str], ...]]
"""Compares as SemVer does: the three numbers, a release above its pre-releases, numbers below text."""

_VERSION = re.compile(
    r"v?([0-9]+)(?:\.([0-9]+))?(?:\.([0-9]+))?"
    r"(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?"
    r"(?:\+([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?"
)
_LONGEST_NUMBER = 4000
"""Digits; Python refuses to convert much more, and only leading zeros could make such a number small."""


@dataclass(frozen=True, slots=True)
class Version:
    """A parsed version; `text` is how it was written."""

    major: int
    minor: int
    patch: int
    prerelease: str
    build: str
    text: str
    precedence: Precedence
    """Equal for versions that differ in build metadata or spelling only."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read as `semver.NewVersion` of Masterminds/semver v3 does; raises `ValueError`.

        Accepts `v1.2.3`, `1.2`, `1`, `01.2.3`; a numeric pre-release part may have no leading zero.
        """
        match = _VERSION.fullmatch(text)
        if not match:
            raise ValueError("invalid semantic version")
        major, minor, patch = (_number(part) for part in match.group(1, 2, 3))
        prerelease = match[4] or ""
        parts = tuple(_part(part) for part in prerelease.split(".")) if prerelease else ()
        return cls(major, minor, patch, prerelease, match[5] or "", text, (major, minor, patch, not prerelease, parts))


@lru_cache(maxsize=4096)
def sort_key(version: str) -> tuple[bool, Precedence, str]:
    """Return the key of the index's order: `sorted(versions, key=sort_key, reverse=True)` is newest first.

    SemVer precedence, then the version string; code points order as their UTF-8 bytes do. What is no version sinks to
    the end. The last keys asked for are remembered.
    """
    try:
        return True, Version.parse(version).precedence, version
    except ValueError:
        return False, (0, 0, 0, False, ()), version


def _number(digits: str | None) -> int:
    digits = (digits or "0").lstrip("0") or "0"
    if len(digits) > _LONGEST_NUMBER or int(digits) > MAX_NUMBER:
        raise ValueError("error parsing version segment: value out of range")
    return int(digits)


def _part(part: str) -> tuple[bool, int, str]:
    """Return the key of one pre-release identifier."""
    if part.isdigit():
        if len(part) > 1 and part[0] == "0":
            raise ValueError("version segment starts with 0")
        if len(part) <= _LONGEST_NUMBER and int(part) <= MAX_NUMBER:
            return False, int(part), ""
    return True, 0, part
