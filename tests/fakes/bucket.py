"""S3 in memory: packages, and the published indexes."""

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256

from charthouse.errors import Changed
from charthouse.ports import StoredIndex, StoredObject

from tests.fakes.world import Step, Version, World, etag_of, nothing_happens


@dataclass(frozen=True, slots=True)
class FakeBucket:
    """Keeps `ports.Bucket`; strongly consistent, conditions checked at the moment of the effect."""

    world: World
    step: Step = nothing_happens

    def head(self, key: str) -> StoredObject | None:
        """Return what is stored under the key now, or None."""
        self.step("bucket.head")
        version = self.world.current(key)
        found = None if version is None else _told_by_head(key, version)
        self.step("bucket.head:done")
        return found

    def read(self, stored: StoredObject) -> bytes:
        """Return the bytes of the version, also of an old one; without a version id only while the ETag matches."""
        self.step("bucket.read")
        version = self.world.current(stored.key)
        if stored.version_id is not None:
            kept = self.world.objects.get(stored.key, [])
            version = next((one for one in kept if one.id == stored.version_id), None)
        self.step("bucket.read:done")
        if version is None or version.body is None or version.etag != stored.etag:
            raise Changed(stored.key)
        return version.body

    def create(self, key: str, body: bytes, upload_id: str) -> None:
        """Store where nothing, or a delete marker, is; else `Changed`."""
        self.step("bucket.create")
        free = self.world.current(key) is None
        if free:
            self.world.put_object(key, body, upload_id)
        self.step("bucket.create:done")
        if not free:
            raise Changed(key)

    def replace(self, key: str, body: bytes, upload_id: str, match: StoredObject | None = None) -> None:
        """Store over whatever is there, or over an object with the ETag of `match`; else `Changed`."""
        self.step("bucket.replace")
        matches = match is None or self._has(key, match.etag)
        if matches:
            self.world.put_object(key, body, upload_id)
        self.step("bucket.replace:done")
        if not matches:
            raise Changed(key)

    def delete(self, stored: StoredObject) -> None:
        """Delete an object that still has this ETag; else `Changed`."""
        self.step("bucket.delete")
        matches = self._has(stored.key, stored.etag)
        if matches:
            self.world.delete_object(stored.key)
        self.step("bucket.delete:done")
        if not matches:
            raise Changed(stored.key)

    def list(self, prefix: str, after: str = "") -> Iterator[StoredObject]:
        """Yield the direct children in the order of their keys' bytes; each is looked up when its turn comes."""
        self.step("bucket.list")
        while (key := self._next(prefix, after)) is not None:
            self.step("bucket.list:item")
            version = self.world.current(key)
            if version is not None:
                yield _told_by_listing(key, version)
            after = key
        self.step("bucket.list:done")

    def _has(self, key: str, etag: str) -> bool:
        version = self.world.current(key)
        return version is not None and version.etag == etag

    def _next(self, prefix: str, after: str) -> str | None:
        children = (
            key
            for key in self.world.objects
            if key.startswith(prefix) and key != prefix
            if "/" not in key[len(prefix) :] and key.encode() > after.encode()
        )
        return min(children, key=str.encode, default=None)


@dataclass(frozen=True, slots=True)
class FakeFolders:
    """Keeps `ports.Folders`, by the keys of the objects there."""

    world: World
    step: Step = nothing_happens

    def below(self, prefix: str) -> Iterator[str]:
        """Yield the prefixes one level below, bytewise."""
        self.step("folders.below")
        keys = [key for key in self.world.objects if self.world.current(key) and key.startswith(prefix)]
        found = {prefix + key[len(prefix) :].split("/")[0] + "/" for key in keys if "/" in key[len(prefix) :]}
        self.step("folders.below:done")
        yield from sorted(found - {".charthouse/"}, key=str.encode)


@dataclass(frozen=True, slots=True)
class FakeIndexStore:
    """Keeps `ports.IndexStore`; the ETag is the MD5 of the bytes."""

    world: World
    step: Step = nothing_happens

    def read(self, repo: str) -> StoredIndex | None:
        """Return the index published last, or None."""
        self.step("index.read")
        body = self.world.indexes.get(repo)
        self.step("index.read:done")
        return None if body is None else StoredIndex(body, etag_of(body))

    def write(self, repo: str, body: bytes, etag: str | None) -> None:
        """Replace the index with this ETag (None: there must be none); else `Changed`."""
        self.step("index.write")
        there = self.world.indexes.get(repo)
        matches = there is None if etag is None else there is not None and etag_of(there) == etag
        if matches:
            self.world.indexes[repo] = body
        self.step("index.write:done")
        if not matches:
            raise Changed(f"index of {repo!r}")

    def repositories(self) -> Iterator[str]:
        """Yield the name of every repository that has an index, bytewise."""
        self.step("index.repositories")
        names = sorted(self.world.indexes, key=str.encode)
        self.step("index.repositories:done")
        yield from names


def _told_by_head(key: str, version: Version) -> StoredObject:
    size = len(version.body or b"")
    digest = sha256(version.body).hexdigest() if version.body and version.upload_id else None
    return StoredObject(key, version.etag, size, version.modified, version.id, version.upload_id, digest)


def _told_by_listing(key: str, version: Version) -> StoredObject:
    return StoredObject(key, version.etag, len(version.body or b""), version.modified)
