"""Version constraints as Helm reads them (Masterminds/semver v3): `^1.2`, `~1.9`, `1.x`, `>=1 <2`, `1 - 2 || 4`.

Written as alternatives (`||`) of terms that must all hold. Pre-releases are admitted only by an alternative of which a
term has a pre-release itself. Build metadata never matters.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Self

from charthouse.helm.versions import Precedence, parse_version, precedence, sort_key

MAX_LENGTH = 512
"""Characters of a constraint; a longer text is none."""
MAX_TERMS = 40
"""Of a constraint: each is compared with every version of a chart."""

_S = r"[\t\n\f\r ]"
_VERSION = (
    r"v?([0-9|xX*]+)(\.[0-9|xX*]+)?(\.[0-9|xX*]+)?"
    r"(-(?:[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?"
    r"(?:\+(?:[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?"
)
_BARE = re.sub(r"\((?!\?)", "(?:", _VERSION)
_RANGE = re.compile(rf"{_S}*({_BARE}){_S}+-{_S}+({_BARE}){_S}*")
_TERM = re.compile(rf"{_S}*(=>|=<|>=|<=|!=|~>|=|>|<|~|\^|){_S}*({_VERSION}){_S}*")
_ANY = ("x", "X", "*")


@dataclass(frozen=True, slots=True)
class Constraint:
    """Alternatives of terms."""

    alternatives: tuple[tuple["_Term", ...], ...]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a constraint; raises `ValueError("improper constraint: …")`. The empty text is none."""
        if len(text) > MAX_LENGTH:
            raise ValueError(f"improper constraint: {text[:MAX_LENGTH]}…")
        alternatives = tuple(tuple(_terms(part)) for part in _without_ranges(text).split("||"))
        if sum(map(len, alternatives)) > MAX_TERMS:
            raise ValueError(f"improper constraint: more than {MAX_TERMS} terms")
        return cls(alternatives)

    def admits(self, version: str) -> bool:
        """Whether the version satisfies the constraint; text that is no version never does."""
        return self.admits_key(sort_key(version))

    def admits_key(self, key: tuple[bool, Precedence, str]) -> bool:
        """Whether the version with this sort key satisfies the constraint."""
        is_version, wanted, _ = key
        return is_version and any(_all_hold(terms, wanted) for terms in self.alternatives)


def choose(versions: Iterable[str], wanted: str) -> str | None:
    """Return the version Helm would take: the very same string first, else the newest that the constraint admits.

    An empty constraint is the newest that is no pre-release. Raises `ValueError` if it is no constraint, also where a
    version is written exactly so, as Helm does.
    """
    constraint = Constraint.parse(wanted or "*")
    known = sorted(map(sort_key, versions), reverse=True)
    if wanted in (version for _, _, version in known):
        return wanted
    return next((key[2] for key in known if constraint.admits_key(key)), None)


@dataclass(frozen=True, slots=True)
class _Term:
    """An operator and a version, of which the end may be left open (`1.x`, `1`)."""

    operator: str
    version: Precedence
    any_minor: bool
    any_patch: bool
    open: bool
    """Any part is left open, the major number included."""


def _without_ranges(text: str) -> str:
    """Write `a - b` as two terms. It comes before `||` is looked at, so `1||2 - 3` is `>=1 || 2, <=3`, as in Helm."""
    rest = text
    for match in _RANGE.finditer(text):
        rest = rest.replace(match[0], f">= {match[1]}, <= {match[2]} ", 1)
    return rest


def _terms(text: str) -> Iterable[_Term]:
    position = 0
    while True:
        match = _TERM.match(text, position)
        if not match:
            raise ValueError(f"improper constraint: {text}")
        yield _term(match)
        position = match.end()
        if position == len(text):
            return
        if text[position] == ",":
            position += 1
        elif text[position - 1] not in "\t\n\f\r ":
            raise ValueError(f"improper constraint: {text}")


def _term(match: re.Match[str]) -> _Term:
    operator, written, major, minor, patch, prerelease = match.group(1, 2, 3, 4, 5, 6)
    prerelease = prerelease or ""
    any_major = major in _ANY
    any_minor = not any_major and (minor is None or minor[1:] in _ANY)
    any_patch = not any_major and not any_minor and (patch is None or patch[1:] in _ANY)
    if any_major:
        written = f"0.0.0{prerelease}"
    elif any_minor:
        written = f"{major}.0.0{prerelease}"
    elif any_patch:
        written = f"{major}{minor}.0{prerelease}"
    try:
        version = precedence(parse_version(written))
    except ValueError as problem:
        raise ValueError("constraint parser error") from problem
    return _Term(operator, version, any_minor, any_patch, any_major or any_minor or any_patch)


def _all_hold(terms: tuple[_Term, ...], version: Precedence) -> bool:
    if not version.is_release and all(term.version.is_release for term in terms):
        return False
    return all(_OPERATORS[term.operator](version, term) for term in terms)


def _is(version: Precedence, term: _Term) -> bool:
    return _tilde(version, term) if term.open else version == term.version


def _is_not(version: Precedence, term: _Term) -> bool:
    if not term.open or version.major != term.version.major:
        return version != term.version
    if term.any_minor:
        return False
    if version.minor != term.version.minor:
        return True
    if term.any_patch:
        return version.prerelease != term.version.prerelease
    return version.patch != term.version.patch or version != term.version


def _above(version: Precedence, term: _Term) -> bool:
    if not term.open or version.major != term.version.major:
        return version > term.version
    if term.any_minor:
        return False
    return version.minor > term.version.minor if term.any_patch else version > term.version


def _at_most(version: Precedence, term: _Term) -> bool:
    if not term.open:
        return version <= term.version
    if version.major != term.version.major:
        return version.major < term.version.major
    return term.any_minor or version.minor <= term.version.minor


def _tilde(version: Precedence, term: _Term) -> bool:
    wanted = term.version
    if version < wanted:
        return False
    if (wanted.major, wanted.minor, wanted.patch) == (0, 0, 0) and not term.any_minor and not term.any_patch:
        return True
    return version.major == wanted.major and (term.any_minor or version.minor == wanted.minor)


def _caret(version: Precedence, term: _Term) -> bool:
    """Hold the first part that is not zero; with `0` and `0.0` the parts that are written."""
    wanted = term.version
    if version < wanted or version.major != wanted.major:
        return False
    if wanted.major > 0 or term.any_minor:
        return True
    if version.minor != wanted.minor:
        return False
    return wanted.minor > 0 or term.any_patch or version.patch == wanted.patch


_OPERATORS: dict[str, Callable[[Precedence, _Term], bool]] = {
    "": _is,
    "=": _is,
    "!=": _is_not,
    ">": _above,
    "<": lambda version, term: version < term.version,
    ">=": lambda version, term: version >= term.version,
    "=>": lambda version, term: version >= term.version,
    "<=": _at_most,
    "=<": _at_most,
    "~": _tilde,
    "~>": _tilde,
    "^": _caret,
}
