"""What the registry needs of the outside, besides the ports of a repository.

The adapters in `charthouse.aws` implement these protocols on S3 and DynamoDB, `tests/fakes` in memory; `tests/contract`
runs the same cases on both. Every read is strongly consistent, and every method may raise `Unavailable`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from charthouse.repository.ports import Row

BINARY = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Place:
    """A repository of the registry: one chart of a chart repository, and the artifacts beside it."""

    repo: str
    """The chart repository; empty: the root repository."""
    chart: str

    @property
    def name(self) -> str:
        """The name by which OCI clients know it."""
        return f"{self.repo}/{self.chart}" if self.repo else self.chart


@dataclass(frozen=True, slots=True)
class Artifact:
    """An object of a place, read."""

    body: bytes
    media_type: str
    etag: str
    modified: float
    """Seconds since the epoch, whole."""
    notes: Mapping[str, str] = field(default_factory=dict)
    """What its writer noted besides; short ASCII."""


@dataclass(frozen=True, slots=True)
class Listed:
    """An object of a place, as a listing shows it."""

    name: str
    size: int
    """Bytes."""
    modified: float


class ArtifactReader(Protocol):
    """The objects of the registry, by place and name (`charthouse.registry.layout`)."""

    def read(self, place: Place, name: str) -> Artifact | None:
        """Return the object, or None."""

    def look(self, place: Place, name: str) -> Listed | None:
        """Return size and time of the object, or None if there is none."""

    def names(self, place: Place, prefix: str, after: str = "", limit: int | None = None) -> Iterator[Listed]:
        """Yield the objects whose names begin with the prefix, bytewise, after a name, at most `limit`."""


class ArtifactStore(ArtifactReader, Protocol):
    """The same, to be changed."""

    def write(
        self, place: Place, name: str, body: bytes, media_type: str = BINARY, notes: Mapping[str, str] | None = None
    ) -> None:
        """Store the object over whatever is there."""

    def replace(self, place: Place, name: str, body: bytes, etag: str | None) -> None:
        """Store over the object with this ETag (None: there must be none); raise `ConditionFailed` otherwise."""

    def delete(self, place: Place, name: str, etag: str | None = None) -> None:
        """Delete the object, if there is one; with an ETag raise `ConditionFailed` if another is there."""

    def copy(self, source: Place, source_name: str, place: Place, name: str) -> bool:
        """Copy an object; return False if it is not there."""

    def copy_file(self, repo: str, file: str, etag: str, place: Place, name: str) -> bool:
        """Copy a file of a chart repository as an object; return False if that with this ETag is not there."""

    def places(self) -> Iterator[Place]:
        """Yield every place that has objects."""


class CatalogReader(Protocol):
    """The rows of the charts."""

    def get(self, repo: str, file: str) -> Row | None:
        """Return the row of a file, or None."""

    def chart(self, repo: str, name: str, limit: int | None = None) -> list[Row]:
        """Return the rows of this chart, all or so many of them, in no particular order."""

    def find_digest(self, repo: str, chart: str, digest: str) -> str | None:
        """Return the file whose package, provenance or derived manifest or config has had this digest, or None."""
