"""The name of one chart version, and of its file."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

from charthouse.errors import BadPackage
from charthouse.helm.go_text import quoted, sanitised
from charthouse.helm.versions import parse_version, sort_key

MAX_FILENAME = 900
"""Bytes of UTF-8. An S3 key and a DynamoDB sort key end at 1,024, with the repository, a prefix and `.prov` in it; a
YAML key, which a chart's name is in the index, ends at 1,024 characters."""


@dataclass(frozen=True, slots=True)
class ChartRef:
    """A checked chart name and version: no holder needs to check again."""

    name: str
    version: str

    @classmethod
    def parse(cls, name: object, version: object) -> Self:
        """Check as Helm does on load, and that file names, URLs and the index can hold it; raises `BadPackage`.

        Helm wants a name that is its own base name and a loose SemVer version. Ours: nothing unprintable and no white
        space but the blank (Helm replaces those when it reads a chart), no lone surrogates, and
        not too long. Everything else is allowed: a blank, `%`, `+`, a back-slash, any script.
        """
        name, version = checked_reference(name, version)
        ref = cls(name, version)
        if len(ref.filename.encode()) > MAX_FILENAME:
            raise BadPackage(f"validation: the file name made of name and version is longer than {MAX_FILENAME} bytes")
        return ref

    @property
    def filename(self) -> str:
        """The only file name the chart version is stored and listed under."""
        return package_file(self.name, self.version)


def package_file(name: str, version: str) -> str:
    """Return the file name of a chart version, as `helm package` gives it."""
    return f"{name}-{version}.tgz"


def possible_references(file: str) -> Iterator[tuple[str, str]]:
    """Yield every (name, version) whose file name this is: `a-1-2.tgz` is a 1-2 or a-1 2."""
    stem = file.removesuffix(".tgz")
    for at, character in enumerate(stem):
        if character == "-" and 0 < at < len(stem) - 1 and sort_key(stem[at + 1 :])[0]:
            yield stem[:at], stem[at + 1 :]


def possible_charts(file: str) -> list[str]:
    """Return the names of the charts a file may be a version of."""
    return [name for name, _ in possible_references(file)]


def checked_reference(name: object, version: object) -> tuple[str, str]:
    """Check a chart's name and version, or a subchart's, as Helm does on load; raises `BadPackage`."""
    if not isinstance(name, str) or not name:
        raise BadPackage("validation: chart.metadata.name is required")
    if name in (".", ".."):
        raise BadPackage(f"validation: chart.metadata.name {quoted(name)} is not allowed")
    if "/" in name or name != sanitised(name):
        raise BadPackage(f"validation: chart.metadata.name {quoted(name)} is invalid")
    if not isinstance(version, str) or not version:
        raise BadPackage("validation: chart.metadata.version is required")
    try:
        parse_version(version)
    except ValueError as problem:
        raise BadPackage(f"validation: chart.metadata.version {quoted(version)} is invalid") from problem
    return name, version
