"""What all processes share: the state of S3 and DynamoDB, and the time."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import md5

from charthouse.registry.ports import Artifact
from charthouse.repository.ports import RepositoryState, Row, StoredView

type Step = Callable[[str], None]


def nothing_happens(_call: str) -> None:
    """Be the step of a test without a schedule."""


@dataclass(frozen=True, slots=True)
class Version:
    """One version of an object; without a body it is a delete marker."""

    id: str | None
    body: bytes | None
    modified: datetime
    upload_id: str | None = None

    @property
    def etag(self) -> str:
        """The MD5 of the content, as S3's: contents that come back bring their ETag back."""
        return etag_of(self.body or b"")


@dataclass(frozen=True, slots=True)
class Lease:
    """The owner of a repository's lease, and until when (seconds since the epoch)."""

    owner: str
    until: float


@dataclass(slots=True)
class World:
    """The state behind the fakes; tests may look into it and change it, as an administrator would."""

    versioned: bool = True
    large_indexes: bool = False
    """Whether every index counts as a large one: read lazily, its bytes are fetched when they are looked at."""
    time: float = 1_795_000_000.0
    """Seconds since the epoch; stands still unless a process sleeps or a test moves it."""
    objects: dict[str, list[Version]] = field(default_factory=dict)
    """Path (`<repo>/<file>`) → versions, oldest first; without versioning only ever one."""
    indexes: dict[str, bytes] = field(default_factory=dict)
    """Repository → the index published last."""
    counts: dict[str, tuple[int, int]] = field(default_factory=dict)
    """ETag of an index → the counts stored with it."""
    views: dict[tuple[str, str], StoredView] = field(default_factory=dict)
    """(Repository, name) → the view written last."""
    rows: dict[tuple[str, str], Row] = field(default_factory=dict)
    """(Repository, file) → row."""
    digests: dict[tuple[str, str, str], str] = field(default_factory=dict)
    """(Repository, chart, sha256 digest) → file."""
    artifacts: dict[tuple[str, str], Artifact] = field(default_factory=dict)
    """(Name of the place, name of the object) → object of the OCI registry."""
    states: dict[str, RepositoryState] = field(default_factory=dict)
    leases: dict[str, Lease] = field(default_factory=dict)
    callers: dict[str, str] = field(default_factory=dict)
    """Path → who stored the file there last, where that is known."""
    tokens: int = 0
    """How many tokens have been given out."""
    versions: int = 0
    """How many versions have been written."""

    def current(self, path: str) -> Version | None:
        """Return the version a GET without `versionId` reads."""
        versions = self.objects.get(path)
        return versions[-1] if versions and versions[-1].body is not None else None

    def put_object(self, path: str, body: bytes, upload_id: str | None = None) -> None:
        """Store an object as `aws s3 cp` does: over whatever is there."""
        self._add(path, body, upload_id)

    def delete_object(self, path: str) -> None:
        """Remove an object as `aws s3 rm` does: with a delete marker where versions are kept."""
        if self.versioned:
            self._add(path, None, None)
        else:
            self.objects.pop(path, None)

    def forget_old_versions(self, path: str) -> None:
        """Remove all versions but the current one, as a lifecycle rule does."""
        self.objects[path] = self.objects[path][-1:]

    def expire_rows(self) -> None:
        """Remove the rows whose `expires` has come, as DynamoDB's TTL does sooner or later."""
        self.rows = {at: row for at, row in self.rows.items() if row.expires is None or row.expires > self.time}

    def _add(self, path: str, body: bytes | None, upload_id: str | None) -> None:
        self.versions += 1
        version_id = f"version-{self.versions}" if self.versioned else None
        version = Version(version_id, body, datetime.fromtimestamp(int(self.time), UTC), upload_id)
        kept = self.objects.get(path, []) if self.versioned else []
        self.objects[path] = [*kept, version]


def path_of(repo: str, file: str) -> str:
    """Return the path of a file."""
    return f"{repo}/{file}" if repo else file


@lru_cache(4)
def etag_of(body: bytes) -> str:
    """Return the ETag S3 gives an object uploaded in one part without KMS; each range of a large one asks for it."""
    return md5(body, usedforsecurity=False).hexdigest()
