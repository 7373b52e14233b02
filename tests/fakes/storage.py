"""S3 in memory: packages, and the published indexes."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256

from charthouse.errors import ConditionFailed, StorageLimitReached, Superseded
from charthouse.helm.ranges import Fetch, Kept, Ranges, Spliced, Text
from charthouse.repository.ports import StoredFile, StoredIndex, StoredView

from tests.fakes.world import Step, Version, World, etag_of, nothing_happens, path_of


@dataclass(frozen=True, slots=True)
class FakePackageStore:
    """Implements `PackageStore`; strongly consistent, conditions checked at the moment of the effect."""

    world: World
    step: Step = nothing_happens
    caller: str = ""

    def head(self, repo: str, file: str) -> StoredFile | None:
        """Return what is stored under the name now, or None."""
        self.step("packages.head")
        version = self.world.current(path_of(repo, file))
        found = None if version is None else _from_head(repo, file, version)
        self.step("packages.head:done")
        return found

    def read(self, stored: StoredFile) -> bytes:
        """Return the bytes of the version, also of an old one; without a version id only while the ETag matches."""
        self.step("packages.read")
        path = path_of(stored.repo, stored.file)
        version = self.world.current(path)
        if stored.version_id is not None:
            kept = self.world.objects.get(path, [])
            version = next((one for one in kept if one.id == stored.version_id), None)
        self.step("packages.read:done")
        if version is None or version.body is None or version.etag != stored.etag:
            raise ConditionFailed(path)
        return version.body

    def create(self, repo: str, file: str, body: bytes, upload_id: str) -> None:
        """Store where nothing, or a delete marker, is; else raise `ConditionFailed`."""
        self.step("packages.create")
        path = path_of(repo, file)
        free = self.world.current(path) is None
        if free:
            self._put(path, body, upload_id)
        self.step("packages.create:done")
        if not free:
            raise ConditionFailed(path)

    def replace(self, repo: str, file: str, body: bytes, upload_id: str) -> None:
        """Store over whatever is there."""
        self.step("packages.replace")
        self._put(path_of(repo, file), body, upload_id)
        self.step("packages.replace:done")

    def _put(self, path: str, body: bytes, upload_id: str) -> None:
        self.world.put_object(path, body, upload_id)
        self.world.callers[path] = self.caller

    def on_behalf_of(self, caller: str) -> "FakePackageStore":
        """Return the same store, which notes the caller of every file."""
        return replace(self, caller=caller)

    def delete(self, stored: StoredFile) -> None:
        """Delete a file that still has this ETag; else raise `ConditionFailed`."""
        self.step("packages.delete")
        path = path_of(stored.repo, stored.file)
        version = self.world.current(path)
        matches = version is not None and version.etag == stored.etag
        if matches:
            self.world.delete_object(path)
        self.step("packages.delete:done")
        if not matches:
            raise ConditionFailed(path)

    def list(self, repo: str, after: str = "") -> Iterator[StoredFile]:
        """Yield the files bytewise by name; each is looked up when it is reached."""
        self.step("packages.list")
        while (file := self._next(repo, after)) is not None:
            self.step("packages.list:item")
            version = self.world.current(path_of(repo, file))
            if version is not None:
                yield _from_listing(repo, file, version)
            after = file
        self.step("packages.list:done")

    def repositories(self) -> Iterator[str]:
        """Yield the folders of the packages there are when this is called."""
        self.step("packages.repositories")
        stored = [path for path in self.world.objects if self.world.current(path) and path.endswith(".tgz")]
        found = {path.rpartition("/")[0] for path in stored if not path.startswith(".charthouse/")}
        self.step("packages.repositories:done")
        yield from sorted(found, key=str.encode)

    def _next(self, repo: str, after: str) -> str | None:
        start = path_of(repo, "")
        files = (path[len(start) :] for path in self.world.objects if path.startswith(start))
        later = (file for file in files if file and "/" not in file and file.encode() > after.encode())
        return min(later, key=str.encode, default=None)


@dataclass(frozen=True, slots=True)
class FakeIndexStore:
    """Implements `IndexStore`; the ETag is the MD5 of the bytes."""

    world: World
    step: Step = nothing_happens
    limit: int = 0

    def read(self, repo: str, *, lazily: bool = False) -> StoredIndex | None:
        """Return the index published last, or None."""
        self.step("index.read")
        body = self.world.indexes.get(repo)
        self.step("index.read:done")
        if body is None:
            return None
        if self.limit and len(body) > self.limit:
            raise StorageLimitReached("the index is larger than can be read")
        etag = etag_of(body)
        found = Ranges(len(body), *self._source(repo, etag)) if lazily and self.world.large_indexes else body
        return StoredIndex(found, etag, self.world.counts.get(etag))

    def size(self, repo: str) -> int:
        """Return the bytes of the index published last; 0 if there is none."""
        self.step("index.size")
        size = len(self.world.indexes.get(repo, b""))
        self.step("index.size:done")
        return size

    def write(self, repo: str, body: Text, etag: str | None, counts: tuple[int, int] | None = None) -> None:
        """Replace the index with this ETag (None: there must be none); else raise `ConditionFailed`."""
        spliced, body = body, self._stored(body)
        self.step("index.write")
        current = self.world.indexes.get(repo)
        matches = current is None if etag is None else current is not None and etag_of(current) == etag
        if matches:
            self.world.indexes[repo] = body
            if counts:
                self.world.counts[etag_of(body)] = counts
        self.step("index.write:done")
        if not matches:
            raise ConditionFailed(f"index of {repo!r}")
        if isinstance(spliced, Spliced):
            spliced.moved(*self._source(repo, etag_of(body)))

    def _stored(self, body: Text) -> bytes:
        """Return the bytes, their runs copied from where they are."""
        if not isinstance(body, Spliced):
            return bytes(body)
        return b"".join(
            self._fetch(*body.former.source, piece.begin, piece.end) if isinstance(piece, Kept) else piece
            for piece in body.pieces
        )

    def _source(self, repo: str, etag: str) -> tuple[Fetch, tuple[str, str]]:
        return partial(self._fetch, repo, etag), (repo, etag)

    def _fetch(self, repo: str, etag: str, begin: int, end: int) -> bytes:
        self.step("index.fetch")
        body = self.world.indexes.get(repo, b"")
        self.step("index.fetch:done")
        if etag_of(body) != etag:
            raise Superseded(repo)
        return body[begin:end]

    def repositories(self) -> Iterator[str]:
        """Yield the name of every repository that has an index, bytewise."""
        self.step("index.repositories")
        names = sorted(self.world.indexes, key=str.encode)
        self.step("index.repositories:done")
        yield from names

    def view(self, repo: str, name: str) -> StoredView | None:
        """Return what is known of a view, without its bytes, or None."""
        self.step("index.view")
        view = self.world.views.get((repo, name))
        self.step("index.view:done")
        return None if view is None else replace(view, body=b"")

    def read_view(self, repo: str, name: str) -> StoredView | None:
        """Return a view, or None."""
        self.step("index.read_view")
        view = self.world.views.get((repo, name))
        self.step("index.read_view:done")
        return view

    def write_view(self, repo: str, name: str, view: StoredView, etag: str | None) -> None:
        """Replace the view with this ETag (None: there must be none); else raise `ConditionFailed`."""
        body = self._stored(view.body)
        self.step("index.write_view")
        current = self.world.views.get((repo, name))
        matches = (current.etag if current else None) == etag
        if matches:
            self.world.views[repo, name] = replace(view, etag=etag_of(body), body=body)
        self.step("index.write_view:done")
        if not matches:
            raise ConditionFailed(f"view {name!r} of {repo!r}")

    def views(self, repo: str, after: str = "") -> Iterator[str]:
        """Yield the charts that have a view, bytewise by name, after the name `after`."""
        self.step("index.views")
        names = [name for owner, name in self.world.views if owner == repo and name.encode() > after.encode()]
        self.step("index.views:done")
        yield from sorted(filter(None, names), key=str.encode)


def _from_head(repo: str, file: str, version: Version) -> StoredFile:
    size = len(version.body or b"")
    digest = sha256(version.body).hexdigest() if version.body and version.upload_id else None
    return StoredFile(repo, file, version.etag, size, version.modified, version.id, version.upload_id, digest)


def _from_listing(repo: str, file: str, version: Version) -> StoredFile:
    return StoredFile(repo, file, version.etag, len(version.body or b""), version.modified)
