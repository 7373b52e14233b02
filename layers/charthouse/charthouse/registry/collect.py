"""The collection of what nothing refers to, a day after it was stored.

Safe beside pushes without stopping them: before anything is deleted a notice names it, then all references are read a
last time. A push writes its reference first and looks for notices afterwards. So one of the two sees the other: either
the collection finds the new reference and leaves what it names, or the push finds the notice and has to be sent again.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from itertools import batched, groupby

from charthouse.errors import Unavailable
from charthouse.oci.manifests import Manifest
from charthouse.registry import layout
from charthouse.registry.lookup import DAY
from charthouse.registry.manifests import forget_manifest
from charthouse.registry.ports import Artifact, ArtifactStore, Listed
from charthouse.registry.registry import Registry
from charthouse.repository.ports import Row
from charthouse.repository.repository import Ports
from charthouse.settings import Rules

NOTICED = 1_000
"""Digests in one notice."""


@dataclass(frozen=True, slots=True)
class Collected:
    """What a collection deleted."""

    blobs: int = 0
    manifests: int = 0
    uploads: int = 0
    failed: int = 0
    """Places that could not be collected."""

    def counts(self) -> dict[str, int]:
        """Return the counts by name."""
        return {f"collected_{name}": count for name, count in asdict(self).items()}

    def plus(self, other: "Collected") -> "Collected":
        """Return the sum of both."""
        mine, theirs = asdict(self), asdict(other)
        return Collected(**{name: mine[name] + theirs[name] for name in mine})


def collect(registry: Registry) -> Collected:
    """Delete the blobs, manifests and uploads of a place that are a day old and that nothing refers to.

    A blob that is a listed chart's package or provenance is stored twice, so it is deleted too. Raises `Unavailable`
    when the deadline has passed; what is left is for the next collection.
    """
    uploads = _collect_uploads(registry)
    for listed in _old(registry, registry.store.names(registry.place, layout.NOTICES)):
        registry.store.delete(registry.place, listed.name)
    _collect(registry, layout.PARKED)
    # Manifests first: blobs that only they refer to are unreferenced afterwards.
    manifests = _collect(registry, layout.MANIFESTS)
    _collect(registry, layout.TAGGED)
    return Collected(_collect(registry, layout.BLOBS), manifests, uploads)


def collect_all(ports: Ports, store: ArtifactStore, rules: Rules, *, deadline: float) -> Collected:
    """Collect every place until the deadline; one that fails is recorded and does not keep the others from it.

    It begins anywhere, so that none is always the last.
    """
    total = Collected()
    places = list(store.places())
    first = int(ports.clock.jitter() * len(places))
    for place in places[first:] + places[:first]:
        repository = ports.repository(place.repo, deadline)
        if repository.expired:
            repository.record("collect_unfinished", chart=place.chart)
            break
        try:
            collected = collect(Registry(place, store, repository, rules))
        except Exception as error:  # noqa: BLE001  one place that fails must not keep the others
            reason = {"reason": str(error)[:1000], "kind": type(error).__name__}
            repository.record("collect_failed", chart=place.chart, **reason)
            collected = Collected(failed=1)
        if collected != Collected():
            repository.record("collected", chart=place.chart, **collected.counts())
        total = total.plus(collected)
    return total


@dataclass(slots=True)
class _References:
    """What a place has that refers to something."""

    manifests: dict[str, Manifest] = field(default_factory=dict)
    """Digest → manifest, of all that are stored."""
    live: set[str] = field(default_factory=set)
    """Digests of the manifests that are to be kept."""
    blobs: set[str] = field(default_factory=set)
    """Digests of the blobs that are to be kept."""

    def spread(self) -> None:
        """Keep what the kept manifests keep: the manifests of an index, and those whose subject is kept."""
        before = -1
        while before != len(self.live):
            before = len(self.live)
            for digest, manifest in self.manifests.items():
                if digest in self.live:
                    self.live.update(str(child.digest) for child in manifest.children)
                elif manifest.subject is not None and str(manifest.subject.digest) in self.live:
                    self.live.add(digest)


def _collect(registry: Registry, folder: str) -> int:
    """Delete what is unreferenced in a folder and return how much that was."""
    deleted = 0
    for names in batched(_unreferenced(registry, folder), NOTICED, strict=False):
        if registry.repository.expired:
            raise Unavailable("the collection is to be continued")
        notice = layout.notice(registry.repository.clock.token())
        digests = "\n".join(str(layout.digest_of(name)) for name in names)
        registry.store.write(registry.place, notice, digests.encode())
        still = set(_unreferenced(registry, folder))
        for name in names:
            if name in still:
                _delete(registry, folder, name)
                deleted += 1
        registry.store.delete(registry.place, notice)
    return deleted


def _delete(registry: Registry, folder: str, name: str) -> None:
    if folder == layout.MANIFESTS:
        stored = registry.store.read(registry.place, name)
        if stored is not None:
            forget_manifest(registry, layout.digest_of(name), stored.body, stored.media_type)
    registry.store.delete(registry.place, name)


def _unreferenced(registry: Registry, folder: str) -> list[str]:
    """Return the names of what is old and unreferenced in a folder.

    What is in the folder is listed before the references are read: what a push stores in between is not in the list.
    """
    old = _old(registry, registry.store.names(registry.place, folder))
    kept = _kept(registry, folder) if old else set[str]()
    return [listed.name for listed in old if str(layout.digest_of(listed.name)) not in kept]


def _kept(registry: Registry, folder: str) -> set[str]:
    """Return the digests that keep what is in a folder, however old."""
    match folder:
        case layout.PARKED:
            return set()
        case layout.TAGGED:
            stored = registry.store.names(registry.place, layout.MANIFESTS)
            return {str(layout.digest_of(listed.name)) for listed in stored}
    references = _references(registry)
    return references.live if folder == layout.MANIFESTS else references.blobs


def _references(registry: Registry) -> _References:
    catalog, place, store = registry.repository.catalog, registry.place, registry.store
    found = _References()
    rows = {row.file: row for row in catalog.chart(place.repo, place.chart) if row.line is not None}
    found.live.update(str(derived.digest) for row in rows.values() if (derived := row.derived))
    for tag in store.names(place, layout.TAGS):
        pointer = store.read(place, tag.name)
        if pointer is not None:
            found.live.add(pointer.body.decode())
    for digest, stored in _stored(registry, layout.MANIFESTS):
        found.manifests[digest] = Manifest.parse(stored.body, stored.media_type)
        if not _is_old(registry, stored.modified) or _is_of_a_row(stored, rows):
            found.live.add(digest)
    found.spread()
    needed = [found.manifests[digest] for digest in found.live if digest in found.manifests]
    found.blobs.update(str(blob.digest) for manifest in needed for blob in manifest.blobs)
    # These bytes are where a chart's files are.
    found.blobs -= {f"sha256:{digest}" for row in rows.values() for digest in (row.digest, row.signature)}
    for _, stored in _stored(registry, layout.PARKED):
        found.blobs.update(str(blob.digest) for blob in Manifest.parse(stored.body, stored.media_type).blobs)
    return found


def _stored(registry: Registry, folder: str) -> list[tuple[str, Artifact]]:
    """Read all manifests of a folder, with their digests."""
    names = [listed.name for listed in registry.store.names(registry.place, folder)]
    artifacts = registry.repository.map(lambda name: registry.store.read(registry.place, name), names)
    return [(str(layout.digest_of(name)), found) for name, found in zip(names, artifacts, strict=True) if found]


def _is_of_a_row(stored: Artifact, rows: dict[str, Row]) -> bool:
    row = rows.get(stored.notes.get("file", ""))
    return row is not None and row.digest == stored.notes.get("package")


def _collect_uploads(registry: Registry) -> int:
    """Delete the uploads to which nothing was added for a day."""
    parts = registry.store.names(registry.place, layout.UPLOADS)
    count = 0
    for _, upload in groupby(parts, key=lambda part: part.name.rpartition("/")[0]):
        some = list(upload)
        if len(_old(registry, some)) == len(some):
            count += 1
            for part in some:
                registry.store.delete(registry.place, part.name)
    return count


def _old(registry: Registry, listed: Iterable[Listed]) -> list[Listed]:
    return [found for found in listed if _is_old(registry, found.modified)]


def _is_old(registry: Registry, modified: float) -> bool:
    return modified + DAY < registry.repository.clock.now()
