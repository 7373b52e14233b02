"""What OCI clients get of a world, and what they may rely on.

The promises of the registry, checked after every write: a chart's tag leads to its package and to nothing else, a
digest to the bytes it was made of, an accepted push to all its parts, and a deleted version's manifests lead nowhere.
"""

import json
from copy import copy
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Self

from charthouse.oci.errors import BlobUnknown, ManifestUnknown
from charthouse.oci.manifests import CHART_LAYER, PROVENANCE_LAYER
from charthouse.oci.names import Digest, tag_of, version_of
from charthouse.registry import layout
from charthouse.registry.lookup import Blob, Lookup, StoredManifest
from charthouse.registry.ports import Artifact, Place
from charthouse.repository.ports import Row

from tests.fakes import FakeArtifacts, FakeCatalog, World

if TYPE_CHECKING:
    from tests.storm.oracle import Oracle

PLACE = Place("team", "web")


@dataclass(slots=True)
class Pulls:
    """What was answered to OCI clients of one place, and what the world was when it was checked last."""

    charts: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Digest of every manifest of a chart that was ever stored → file and digest of its package."""
    accepted: set[str] = field(default_factory=set)
    """Those of them whose push was answered 201, for as long as their package is listed."""
    parked: dict[str, float] = field(default_factory=dict)
    """Those that were accepted by digest, until when they can be pulled without a tag; seconds since the epoch."""
    tagged: dict[str, str] = field(default_factory=dict)
    """Tag of an artifact → the digest that was pushed under it last, and answered 201."""
    withdrawn: set[str] = field(default_factory=set)
    """Tags and digests that a command may have taken away: nothing is promised of them."""
    _listed: dict[str, frozenset[str]] = field(default_factory=dict)
    """Process → the files that were listed when it began."""
    _led: dict[str, tuple[tuple[str | None, ...], str]] = field(default_factory=dict)
    """File → what its row said, and the digest its tag led to."""
    _rows: dict[str, Row] = field(default_factory=dict)
    _artifacts: dict[tuple[str, str], Artifact] = field(default_factory=dict)

    @classmethod
    def of(cls, world: World) -> Self:
        """Expect what can be pulled now, as if it had just been answered."""
        tags = {tag: digest_of_tag(world, tag) for tag in names_in(world, layout.TAGS)}
        rows = [row for row in world.rows.values() if (row.repo, row.chart) == (PLACE.repo, PLACE.chart)]
        return cls(tagged=tags, accepted={row.manifest for row in rows if row.manifest})

    def fork(self) -> "Pulls":
        """Return a copy that develops separately from here on."""
        other = copy(self)
        other.charts, other.accepted, other.tagged = dict(self.charts), set(self.accepted), dict(self.tagged)
        other.withdrawn, other.parked, other._led = set(self.withdrawn), dict(self.parked), dict(self._led)
        return other

    def begin(self, process: str, withdrawn: frozenset[str]) -> None:
        """Expect nothing any more of what a process may take away from now on."""
        self.withdrawn |= withdrawn
        self.tagged = {tag: digest for tag, digest in self.tagged.items() if not withdrawn & {tag, digest}}
        self._listed[process] = frozenset(row.file for row in self._rows.values() if row.line is not None)

    def was_listed(self, process: str, file: str) -> bool:
        """Return whether a file was listed when the process began, and is now."""
        return file in self._listed[process] and file in self._rows and self._rows[file].line is not None

    def observe(self, oracle: "Oracle") -> None:
        """Check what the last write may have changed; raises `PromiseBroken`."""
        world = oracle.world
        rows = {row.file: row for row in world.rows.values() if (row.repo, row.chart) == (PLACE.repo, PLACE.chart)}
        before, self._rows = self._rows, rows
        stored = world.artifacts != self._artifacts
        if not stored and rows == before:
            return
        if stored:
            self._artifacts = dict(world.artifacts)
            self._find_charts()
        for file in before.keys() - rows.keys():
            self._led.pop(file, None)
        for file, row in rows.items():
            if row is not before.get(file) or (stored and row.manifest):
                self._check_listed(oracle, row)
        self.check(oracle)

    def check(self, oracle: "Oracle") -> None:
        """Check what digests and the tags of artifacts lead to; raises `PromiseBroken`."""
        for digest in self.charts:
            self._check_digest(oracle, digest)
        tags = names_in(oracle.world, layout.TAGS)
        for tag in tags:
            self._check_tag(oracle, tag)
        for tag, digest in self.tagged.items():
            if tag not in tags and not self.withdrawn & {tag, digest}:
                raise oracle.breaks(f"the tag {tag} of {digest} was accepted and is gone")

    def _find_charts(self) -> None:
        for (_, name), artifact in self._artifacts.items():
            if "file" in artifact.notes:
                digest = str(layout.digest_of(name))
                self.charts[digest] = artifact.notes["file"], artifact.notes["package"]

    def _check_listed(self, oracle: "Oracle", row: Row) -> None:
        """Check that the tag of a listed chart leads to its package, and to one manifest as long as nothing changes."""
        tag = tag_of(row.version or "") or ""
        found = manifest_of(oracle.world, tag)
        if found is None:
            raise oracle.breaks(f"{row.file} is listed, and its tag leads nowhere")
        layers = {layer["mediaType"]: layer["digest"] for layer in json.loads(found.body)["layers"]}
        signature = f"sha256:{row.signature}" if row.signature else None
        if (layers.get(CHART_LAYER), layers.get(PROVENANCE_LAYER)) != (f"sha256:{row.digest}", signature):
            raise oracle.breaks(f"{row.file} is {row.digest}, signed by {signature}, and its tag leads to {layers}")
        self._check_whole(oracle, found)
        if not _is_current(oracle.world, row):
            return
        said = (row.digest, row.signature, row.manifest)
        if self._led.get(row.file, (None, ""))[0] == said and self._led[row.file][1] != str(found.digest):
            raise oracle.breaks(f"the tag {tag} led to {self._led[row.file][1]}, and now to {found.digest}")
        self._led[row.file] = said, str(found.digest)

    def _check_digest(self, oracle: "Oracle", digest: str) -> None:
        """Check that the digest of a chart's manifest leads to it or nowhere, and nowhere once the version is gone."""
        found = manifest_of(oracle.world, Digest.parse(digest))
        if found is not None and str(Digest.of(found.body)) != digest:
            raise oracle.breaks(f"{digest} leads to other bytes")
        file, package = self.charts[digest]
        row = self._rows.get(file)
        if row is None or row.digest != package:
            self.accepted.discard(digest)
            if found is not None and layout.parked(found.digest) not in names_in(
                oracle.world, layout.PARKED, whole=True
            ):
                raise oracle.breaks(f"{file} has another content or none, and its manifest is served by its digest")
        else:
            self.parked.pop(digest, None)
        is_promised = digest in self.accepted and _is_current(oracle.world, self._rows[file])
        if is_promised or (digest not in self.withdrawn and oracle.world.time < self.parked.get(digest, 0)):
            if found is None:
                raise oracle.breaks(f"the manifest {digest} of {file} was accepted, and leads nowhere")
            self._check_whole(oracle, found)

    def _check_tag(self, oracle: "Oracle", tag: str) -> None:
        """Check that the tag of an artifact leads to something whole."""
        found = manifest_of(oracle.world, tag)
        if found is not None:
            self._check_whole(oracle, found)
        elif digest_of_tag(oracle.world, tag) not in self.withdrawn:
            raise oracle.breaks(f"the tag {tag} leads nowhere")

    def _check_whole(self, oracle: "Oracle", manifest: StoredManifest) -> None:
        """Check that everything a manifest names is there, with the bytes of its digest."""
        if str(manifest.digest) in self.withdrawn:
            return
        for digest in _named(manifest.body):
            try:
                blob = lookup_in(oracle.world).blob(digest)
            except BlobUnknown:
                raise oracle.breaks(f"{digest} of the manifest {manifest.digest} is missing") from None
            body = body_of(oracle.world, blob)
            if body is not None and _digest_of(body) != digest:
                raise oracle.breaks(f"the blob {digest} has other bytes")


def lookup_in(world: World) -> Lookup:
    """Return the place as clients find it, whatever a mutant does to the ports of processes."""
    return Lookup(PLACE, FakeArtifacts(world), FakeCatalog(world), lambda _: None, lambda: world.time)


def manifest_of(world: World, reference: Digest | str) -> StoredManifest | None:
    """Return what a tag or digest leads to, or None."""
    try:
        return lookup_in(world).manifest(reference)
    except ManifestUnknown:
        return None


def body_of(world: World, blob: Blob) -> bytes | None:
    """Return the bytes a client is led to; None for a file that was replaced since the row was written."""
    if blob.body is not None:
        return blob.body
    if blob.name:
        return world.artifacts[PLACE.name, blob.name].body
    versions = world.objects.get(f"{PLACE.repo}/{blob.file}", [])
    wanted = [one for one in versions if blob.version_id == one.id and one.etag == blob.etag]
    return wanted[-1].body if wanted else None


def _is_current(world: World, row: Row) -> bool:
    """Return whether the package of the row is still stored."""
    version = world.current(f"{row.repo}/{row.file}")
    return version is not None and version.etag == row.etag


def names_in(world: World, folder: str, *, whole: bool = False) -> list[str]:
    """Return the names in a folder of the place, without the folder unless they are to be whole."""
    names = (name for place, name in world.artifacts if place == PLACE.name and name.startswith(folder))
    return [name if whole else name.removeprefix(folder) for name in names]


def pulled(world: World) -> dict[str, tuple[str, ...]]:
    """Return what can be pulled by tag: tag → digests of the manifest and of all it names."""
    tags = [tag for tag in lookup_in(world).tags("", 1_000)[0] if manifest_of(world, tag) is not None]
    found = {tag: lookup_in(world).manifest(tag) for tag in tags}
    return {tag: tuple(map(str, (one.digest, *_named(one.body)))) for tag, one in found.items()}


@cache
def _named(manifest: bytes) -> list[Digest]:
    """Return the digests of config and layers."""
    document = json.loads(manifest)
    return [Digest.parse(named["digest"]) for named in (document["config"], *document["layers"])]


_digest_of = cache(Digest.of)


def referenced(world: World) -> set[str]:
    """Return the names of the objects that a collection has to leave: what the tags lead to, and listed charts."""
    rows = [row for row in world.rows.values() if (row.repo, row.chart) == (PLACE.repo, PLACE.chart)]
    files = {f"sha256:{digest}" for row in rows for digest in (row.digest, row.signature)}
    tags = set(names_in(world, layout.TAGS))
    live = {digest_of_tag(world, tag) for tag in tags}
    packages = {(row.file, row.digest) for row in rows}
    manifests = {name: world.artifacts[PLACE.name, name] for name in names_in(world, layout.MANIFESTS, whole=True)}
    live |= {
        str(layout.digest_of(name))
        for name, stored in manifests.items()
        if (stored.notes.get("file"), stored.notes.get("package")) in packages
    }
    kept = {layout.tag(tag) for tag in tags}
    for digest in map(Digest.parse, live):
        name = layout.manifest(digest)
        blobs = _named(manifests[name].body) if name in manifests else []
        kept |= {name, *(layout.blob(blob) for blob in blobs if str(blob) not in files)}
        kept |= set(names_in(world, layout.tagged(digest), whole=True))
    return kept


def digest_of_tag(world: World, tag: str) -> str:
    """Return the digest that the tag of an artifact says, also where it is the tag of a chart."""
    return world.artifacts[PLACE.name, layout.tag(tag)].body.decode()


def is_listed(world: World, tag: str) -> bool:
    """Return whether the tag is that of a listed chart."""
    return lookup_in(world).listed(version_of(tag)) is not None
