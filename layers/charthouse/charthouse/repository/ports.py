"""What a repository needs of the outside: its packages, its catalog, its index, time, and a log of events.

The adapters in `charthouse.aws` implement these protocols on S3 and DynamoDB, `tests/fakes` in memory; `tests/contract`
runs the same cases on both. Every read is strongly consistent. Every method may raise `Unavailable` (throttled, timed
out, 5xx after the SDK's own retries); a write that raises `Unavailable` may or may not have happened.

A repository is named by its path (`org1/team`), the root repository by the empty string; `file` is the name of a file
in it, `<name>-<version>.tgz` or that with `.prov`.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from charthouse.helm.package import Package

from charthouse.helm.ranges import Text
from charthouse.oci.derived import Derived, Signed, derive


@dataclass(frozen=True, slots=True)
class StoredFile:
    """One version of a stored file."""

    repo: str
    file: str
    etag: str
    size: int
    """Bytes."""
    modified: datetime
    """UTC, whole seconds."""
    version_id: str | None = None
    """None where versions are not kept, and in listings."""
    upload_id: str | None = None
    """The upload that wrote the file; None in listings, and for files stored by other means.

    That of a chart pushed by OCI ends in a dot and the digest of its manifest.
    """
    digest: str | None = None
    """sha256 of the bytes, hex; None likewise."""


class PackageStore(Protocol):
    """The packages and provenance files of all repositories. What it holds is the truth."""

    def head(self, repo: str, file: str) -> StoredFile | None:
        """Return what is stored under the name now, or None. Access denied propagates; it never means "missing"."""

    def read(self, stored: StoredFile) -> bytes:
        """Return the bytes of exactly this version.

        Raises `ConditionFailed` if it is no longer there, `Unreadable` if it is there and access is denied.
        """

    def create(self, repo: str, file: str, body: bytes, upload_id: str) -> None:
        """Store where nothing is; raise `ConditionFailed` if a file is there already."""

    def replace(self, repo: str, file: str, body: bytes, upload_id: str) -> None:
        """Store over whatever is there."""

    def on_behalf_of(self, caller: str) -> "PackageStore":
        """Return the same store, which notes the caller beside every file that is stored through it."""

    def delete(self, stored: StoredFile) -> None:
        """Delete exactly this version; raise `ConditionFailed` if another is there, or none."""

    def list(self, repo: str, after: str = "") -> Iterator[StoredFile]:
        """Yield the files of the repository, bytewise by name, after the name `after`."""

    def repositories(self) -> Iterator[str]:
        """Yield every folder that directly holds a package, each once, in no particular order; not `.charthouse`."""


@dataclass(frozen=True, slots=True)
class StoredIndex:
    """The bytes of a published index, and the ETag by which it is replaced."""

    body: Text
    etag: str
    counts: tuple[int, int] | None = None
    """How many charts and versions it has, if that was stored with it."""


GZIP_COPY = ""
"""The name of the view that is the gzip copy of the whole index; every other view has the name of its chart."""


@dataclass(frozen=True, slots=True)
class StoredView:
    """A view of an index: its gzip copy, or the index of one chart."""

    revision: int
    """The revision of the index it was cut from; 0 if that was not stored with it."""
    etag: str
    body: Text = b""
    """Empty unless it was read."""


class IndexStore(Protocol):
    """The published `index.yaml` of every repository, and the views cut from it."""

    def read(self, repo: str, *, lazily: bool = False) -> StoredIndex | None:
        """Return the index published last, or None if there is none.

        Raises `StorageLimitReached`, before a byte is read, if it is larger than the process can hold. Read lazily, the
        bytes of a large one are fetched when they are looked at, which raises `Superseded` once it has been replaced.
        """

    def size(self, repo: str) -> int:
        """Return the bytes of the index published last; 0 if there is none."""

    def write(self, repo: str, body: Text, etag: str | None, counts: tuple[int, int] | None = None) -> None:
        """Replace the index that has this ETag (None: there must be none); raise `ConditionFailed` otherwise."""

    def repositories(self) -> Iterator[str]:
        """Yield the name of every repository that has an index, bytewise."""

    def view(self, repo: str, name: str) -> StoredView | None:
        """Return what is known of a view, without its bytes, or None if there is none."""

    def read_view(self, repo: str, name: str) -> StoredView | None:
        """Return a view, or None if there is none."""

    def write_view(self, repo: str, name: str, view: StoredView, etag: str | None) -> None:
        """Replace the view that has this ETag (None: there must be none); raise `ConditionFailed` otherwise."""

    def views(self, repo: str, after: str = "") -> Iterator[str]:
        """Yield the charts that have a view, bytewise by name, after the name `after`."""


@dataclass(frozen=True, slots=True)
class Row:
    """What the catalog knows of one file. A row without a line has no entry in the index.

    A tombstone (`etag is None`) says that the file is gone; it fences off processes that still saw it.
    """

    repo: str
    file: str
    rev: int
    """The fence of every conditional write: grows with every write of the row, never repeats for the same file."""
    etag: str | None = None
    version_id: str | None = None
    size: int = 0
    """Bytes of the package."""
    modified: str = ""
    """RFC 3339, UTC, whole seconds: the entry's `created`."""
    chart: str | None = None
    version: str | None = None
    digest: str | None = None
    """sha256 of the package, hex."""
    line: str | None = None
    """The entry as one line of JSON, with relative URLs; None: no entry."""
    problem: str | None = None
    """Why the file has no entry."""
    unreadable: bool = False
    """The file could not be judged, because the store denied reading it or the index was full: the next comparison
    tries again."""
    manifest: str | None = None
    """The digest of the OCI manifest the package was pushed with; None: it was stored by other means."""
    signature: str | None = None
    """sha256 of the provenance file beside a listed package, hex; None: there is none."""
    signature_size: int = 0
    """Bytes."""
    signature_etag: str | None = None
    dirty: str | None = None
    """Since when the published index may not agree with this row (RFC 3339, UTC); None: it agrees."""
    expires: int | None = None
    """When a published tombstone may be removed, seconds since the epoch."""

    @property
    def is_final(self) -> bool:
        """Whether the row says all there is to say of its file, so that the file need not be read again."""
        return self.line is not None or (self.problem is not None and not self.unreadable)

    @property
    def derived(self) -> Derived | None:
        """The OCI manifest and config that are made of the row; None for a row without an entry."""
        if self.line is None or self.digest is None:
            return None
        signature = Signed(self.signature, self.signature_size) if self.signature else None
        return derive(self.line, Signed(self.digest, self.size), signature)


@dataclass(frozen=True, slots=True)
class RepositoryState:
    """What the catalog knows of a repository as a whole."""

    repo: str
    reconciled: str | None = None
    """When all stored files were last compared with the rows (RFC 3339); None: never."""
    charts: int = 0
    versions: int = 0
    """Counts of the index published last."""
    begun: frozenset[str] = frozenset()
    """Tasks that a process began and did not end: it is at them now, or died of one."""
    failed: frozenset[str] = frozenset()
    """Tasks that failed when they were tried last."""


FEW = 100
"""Rows of a chart that are read for one request: about 50 read units of 2 KB each, at most 1,600 for the largest."""


class Catalog(Protocol):
    """A row for every package file, and the state of every repository."""

    def get(self, repo: str, file: str) -> Row | None:
        """Return the row, or None."""

    def put(self, row: Row, over: int | None) -> None:
        """Write the row if the stored one has this `rev` (None: there is none); raise `ConditionFailed` otherwise."""

    def dirty(self, repo: str) -> list[Row]:
        """Return all dirty rows, every page. Rows that become dirty during the call may be missing."""

    def clear(self, row: Row, expires: int | None) -> None:
        """Remove `dirty` if the stored `rev` is still `row.rev`, and set `expires`; otherwise do nothing."""

    def rows(self, repo: str, after: str = "") -> Iterator[Row]:
        """Yield all rows, bytewise by file name, after the name `after`; tombstones included."""

    def chart(self, repo: str, name: str, limit: int | None = None) -> list[Row]:
        """Return the rows of this chart, all or so many of them, in no particular order."""

    def add_digests(self, row: Row, digests: Iterable[str]) -> None:
        """Record that these sha256 digests, in hex, are found by the row's file, under its repository and chart."""

    def find_digest(self, repo: str, chart: str, digest: str) -> str | None:
        """Return the file that was recorded for this digest, or None. Its row tells whether it still has it."""

    def state(self, repo: str) -> RepositoryState | None:
        """Return the repository's state, or None if it was never published."""

    def states(self, repos: Iterable[str]) -> list[RepositoryState]:
        """Return the states of these repositories, in their order; those without one are left out."""

    def acquire_lease(self, repo: str, owner: str, now: float, until: float) -> RepositoryState | None:
        """Acquire the publication lease if it is free or expired at `now`; return the state, or None if it is held."""

    def release_lease(self, repo: str, owner: str) -> None:
        """Release the lease if this owner still holds it; otherwise do nothing."""

    def set_reconciled(self, repo: str, at: str) -> None:
        """Record that all stored files have been compared with the rows."""

    def set_counts(self, repo: str, charts: int, versions: int) -> None:
        """Record the counts of the index just published."""

    def begin(self, repo: str, task: str) -> None:
        """Record that a process begins a task; if it dies, the record stays."""

    def end(self, repo: str, task: str, *, failed: bool = False) -> None:
        """Remove that record, and record whether the task failed."""

    def unpublished(self) -> dict[str, str]:
        """Return the repositories with dirty rows, each with the time of the oldest."""


class PackageReader(Protocol):
    """Reads packages that others have made; in production in a process of its own, with limits of memory and time."""

    def package(self, data: bytes) -> "Package":
        """Return what the index needs of the package; raises `BadPackage` if no index can list it."""

    def templates(self, data: bytes) -> bytes:
        """Return templates and values as JSON; raises `BadPackage`, `TooLarge`."""

    def values(self, data: bytes) -> bytes:
        """Return values.yaml; raises `NotFound`, `BadPackage`, `TooLarge`."""


class Clock(Protocol):
    """Time and randomness, so that tests can control them."""

    def now(self) -> float:
        """Return seconds since the epoch."""

    def sleep(self, seconds: float) -> None:
        """Wait."""

    def token(self) -> str:
        """Return 32 random hex digits, never the same twice."""

    def jitter(self) -> float:
        """Return a random number from 0 to 1."""


class Events(Protocol):
    """Where the domain reports what happened: log lines and metrics in production."""

    def record(self, event: str, **fields: str | float) -> None:
        """Record an event (snake_case) with its fields: repository, chart, version, file, counts, seconds."""


class Map(Protocol):
    """How a step is done for many items: one after another, or several at once where threads are at hand."""

    def __call__[Item, Result](self, step: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
        """Return the result of the step for every item, in order; raise what the first failing step raised."""
