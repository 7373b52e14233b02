"""Versions as Helm reads them: `semver.Version`, after Masterminds' looseness has been removed.

`semver` is imported by the first version that is parsed: the read function, which parses none, does not pay for it.
"""

import re
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from semver import Version

MAX_LENGTH = 256
"""Characters of a version, the limit of Masterminds/semver 3.5 (`MaxVersionLen`)."""
MAX_NUMBER = 2**64 - 1
"""Masterminds/semver keeps numbers in 64 bits: a larger part is no version, a larger pre-release part is text."""

_LOOSE = re.compile(r"v?([0-9]+)(?:\.([0-9]+))?(?:\.([0-9]+))?([-+].*)?", re.ASCII)


class Precedence(NamedTuple):
    """Orders as SemVer does, and is equal for versions that differ in build metadata only."""

    major: int
    minor: int
    patch: int
    is_release: bool
    """A release is above its pre-releases."""
    prerelease: tuple[tuple[bool, int, str], ...]
    """Per identifier: is text (numbers are below text), number, text."""


def parse_version(text: str) -> "Version":
    """Parse what `semver.NewVersion` of Masterminds/semver v3 accepts; raises `ValueError`.

    A leading `v`, missing parts (`1`, `1.2`) and leading zeros (`01.2.3`) are removed, the rest is SemVer 2.
    """
    from semver import Version  # noqa: PLC0415 - see the module's docstring

    match = _LOOSE.fullmatch(text) if len(text) <= MAX_LENGTH else None
    if not match:
        raise ValueError("invalid semantic version")
    major, minor, patch, rest = match.groups("")
    version = Version.parse(f"{int(major)}.{int(minor or 0)}.{int(patch or 0)}{rest}")
    if max(version.major, version.minor, version.patch) > MAX_NUMBER:
        raise ValueError("error parsing version segment: value out of range")
    return version


def precedence(version: "Version") -> Precedence:
    """Return the key that orders as `Version.compare` does, made once per version: `compare` takes 4 µs per pair.

    Unlike there, a pre-release part beyond 64 bits is text, as in Masterminds/semver.
    """
    parts = version.prerelease
    identifiers = tuple(map(_identifier, parts.split("."))) if parts else ()
    return Precedence(version.major, version.minor, version.patch, not parts, identifiers)


@lru_cache(maxsize=4096)
def sort_key(version: str) -> tuple[bool, Precedence, str]:
    """Return the key of the index's order: `sorted(versions, key=sort_key, reverse=True)` is newest first.

    SemVer precedence, then the version string; code points order as their UTF-8 bytes do. What is no version sorts
    last. The most recent keys are cached.
    """
    try:
        return True, precedence(parse_version(version)), version
    except ValueError:
        return False, _NONE, version


_NONE = Precedence(0, 0, 0, is_release=False, prerelease=())


def _identifier(part: str) -> tuple[bool, int, str]:
    """Return the key of one pre-release identifier."""
    if part.isdigit() and int(part) <= MAX_NUMBER:
        return False, int(part), ""
    return True, 0, part
