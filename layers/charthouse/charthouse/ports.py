"""What the repository needs of the outside, as small protocols.

The adapters in `charthouse.aws` keep them on S3 and DynamoDB, `tests/fakes` in memory; `tests/contract` holds both to
the same cases. Every read here is strongly consistent. Every method may raise `Unavailable` (throttled, timed out,
5xx after the SDK's own retries); a write that raises `Unavailable` may or may not have happened.

Keys are `<repo>/<file>`, or `<file>` for the repository whose name is empty; a storage prefix, where one is
configured, belongs to the adapter and is never seen here.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One version of an object in the bucket, as HEAD or a listing tells it."""

    key: str
    etag: str
    size: int
    """Bytes."""
    modified: datetime
    """UTC, whole seconds, as S3's `Last-Modified`."""
    version_id: str | None = None
    """None in a bucket without versioning, and in listings."""
    upload_id: str | None = None
    """The upload that wrote it, from the object's metadata; None for objects put there by other means."""
    digest: str | None = None
    """sha256 of the bytes, hex, from the object's metadata; None likewise, and in listings."""


class Bucket(Protocol):
    """Packages and provenance files."""

    def head(self, key: str) -> StoredObject | None:
        """Return what is stored under the key now, or None if nothing is. A 403 is never "gone": it flies."""

    def read(self, stored: StoredObject) -> bytes:
        """Return the bytes of exactly this version; raise `Changed` if it is no longer there to be read.

        Raises `Unreadable` if it is there and may not be read.
        """

    def create(self, key: str, body: bytes, upload_id: str) -> None:
        """Store where nothing is (`If-None-Match: *`); raise `Changed` if something is there already."""

    def replace(self, key: str, body: bytes, upload_id: str, match: StoredObject | None = None) -> None:
        """Store over whatever is there, or with `match` over exactly that version (`If-Match`), else `Changed`."""

    def delete(self, stored: StoredObject) -> None:
        """Delete exactly this version (`If-Match` on its ETag); `Changed` if another is there or none."""

    def list(self, prefix: str, after: str = "") -> Iterator[StoredObject]:
        """Yield the objects directly below the prefix (`""` or `<repo>/`), bytewise by key, after the key `after`."""


class Folders(Protocol):
    """The repositories a bucket holds, found by walking its folders."""

    def below(self, prefix: str) -> Iterator[str]:
        """Yield the prefixes one level below (`""` → `"org1/"`, …), bytewise; ours (`.charthouse/`) left out."""


@dataclass(frozen=True, slots=True)
class StoredIndex:
    """The bytes of a published index and the ETag to replace it by."""

    body: bytes
    etag: str


class IndexStore(Protocol):
    """The published `index.yaml` of every repository."""

    def read(self, repo: str) -> StoredIndex | None:
        """Return the index published last, or None if there is none."""

    def write(self, repo: str, body: bytes, etag: str | None) -> None:
        """Replace the index with this ETag (None: there must be none); raise `Changed` if it is another by now."""

    def repositories(self) -> Iterator[str]:
        """Yield the name of every repository that has an index, bytewise."""


@dataclass(frozen=True, slots=True)
class Row:
    """What is known of one file of a repository. A row without a line shows nothing in the index.

    A tombstone (`etag is None`) says that the object is gone; it fences off whoever still saw it.
    """

    repo: str
    file: str
    rev: int
    """The fence of every condition: goes up with every settling, and never comes back for the same file."""
    etag: str | None = None
    version_id: str | None = None
    size: int = 0
    modified: str = ""
    """RFC 3339, UTC, whole seconds: the entry's `created`."""
    chart: str | None = None
    version: str | None = None
    digest: str | None = None
    """sha256 of the package, hex."""
    line: str | None = None
    """The entry as one line of JSON, with relative URLs; None: no entry."""
    problem: str | None = None
    """Why the object has no entry."""
    dirty: str | None = None
    """Since when the published index may not show this row (RFC 3339, UTC); None: it does."""
    expires: int | None = None
    """When a published tombstone may go, seconds since the epoch."""


class Table(Protocol):
    """The rows, by repository and file name."""

    def get(self, repo: str, file: str) -> Row | None:
        """Return the row, or None."""

    def put(self, row: Row, over: int | None) -> None:
        """Write the row if the stored one has the `rev` that is given (None: there is none), else raise `Changed`."""

    def dirty(self, repo: str) -> list[Row]:
        """Return all rows that are dirty, complete, every page. Rows made dirty meanwhile may be missing."""

    def clear(self, row: Row, expires: int | None) -> None:
        """Take `dirty` off if the stored `rev` is still `row.rev`, and set `expires`; otherwise do nothing."""

    def rows(self, repo: str, after: str = "") -> Iterator[Row]:
        """Yield all rows, bytewise by file name, after the file name `after`; tombstones included."""

    def chart(self, repo: str, name: str) -> list[Row]:
        """Return all rows whose chart has this name, in no particular order."""


@dataclass(frozen=True, slots=True)
class Marker:
    """What is known of a repository as a whole."""

    repo: str
    reconciled: str | None = None
    """When the bucket was last listed to its end into rows (RFC 3339); None: never."""
    charts: int = 0
    versions: int = 0
    """Counts of the index published last."""
    lease_until: float = 0.0
    """Seconds since the epoch until which somebody has the lease."""


class Markers(Protocol):
    """One marker per repository: reconciled, counts, lease."""

    def get(self, repo: str) -> Marker | None:
        """Return the marker, or None for a repository never published."""

    def take_lease(self, repo: str, owner: str, now: float, until: float) -> Marker | None:
        """Take the lease if it is free or expired at `now`; return the marker, or None if somebody has it."""

    def drop_lease(self, repo: str, owner: str) -> None:
        """Let go of the lease if it is still this owner's; otherwise do nothing."""

    def reconciled(self, repo: str, at: str) -> None:
        """Note that the bucket has been listed to its end into rows."""

    def count(self, repo: str, charts: int, versions: int) -> None:
        """Note the counts of the index just published."""

    def unpublished(self) -> dict[str, str]:
        """Return the repositories with dirty rows, each with the oldest `dirty` time."""


class Clock(Protocol):
    """Time and chance, so that tests can own them."""

    def now(self) -> float:
        """Return seconds since the epoch."""

    def sleep(self, seconds: float) -> None:
        """Wait."""

    def token(self) -> str:
        """Return 32 random hex digits, never twice the same."""


class Journal(Protocol):
    """Where the repository says what happened; logs and metrics in production."""

    def begin(self, request_id: str) -> None:
        """Say that what is noted from here on belongs to this request."""

    def note(self, event: str, **facts: str | float) -> None:
        """Record an event (snake_case) with its facts: repository, chart, version, file, counts, seconds."""
