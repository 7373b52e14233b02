"""What the read function is made of: presigned URLs, and one HEAD per index and process."""

from dataclasses import dataclass, field
from typing import Literal

from charthouse.aws.keys import index_key
from charthouse.aws.reading import PresignedStore
from charthouse.aws.signer import Signer
from charthouse.helm.index import Index
from charthouse.repository.store import folder, frame_of
from charthouse.settings import Layout, Settings, credentials

INDEX_SECONDS = 300
FILE_SECONDS = 900

type Method = Literal["GET", "HEAD"]


@dataclass(frozen=True, slots=True)
class Reading:
    """URLs of indexes and files."""

    store: PresignedStore
    layout: Layout
    seen: set[str] = field(default_factory=set)
    """Repositories whose index this process has seen: an index once published is never removed."""

    def index_url(self, method: Method, repo: str) -> str | None:
        """Return a URL of the index, or None for a repository that has none yet; raises `Unavailable`."""
        key = index_key(repo)
        if repo not in self.seen:
            if not self.store.exists(key):
                return None
            self.seen.add(repo)
        return self.store.url(method, key, INDEX_SECONDS)

    def file_url(self, method: Method, repo: str, file: str) -> str:
        """Return a URL of a package or provenance file, unseen: a missing one is S3's 404."""
        return self.store.url(method, f"{folder(repo)}{file}", FILE_SECONDS)

    def empty_index(self, repo: str) -> bytes:
        """Return the index of a repository without one: valid, without entries, always the same bytes."""
        return Index(frame_of(self.layout, repo)).render("0", "1970-01-01T00:00:00Z")


def reading(settings: Settings) -> Reading:
    """Return what the read function needs."""
    signer = Signer("s3", settings.storage.region, credentials)
    return Reading(PresignedStore(settings.storage, signer), settings.layout)
