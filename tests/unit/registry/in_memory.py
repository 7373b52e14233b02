"""A registry in memory, and a client of it."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from charthouse.oci.manifests import CHART_CONFIG, CHART_LAYER, IMAGE, PROVENANCE_LAYER
from charthouse.oci.names import Digest, tag_of
from charthouse.registry import uploads
from charthouse.registry.manifests import Pushed, push_manifest
from charthouse.registry.ports import Place
from charthouse.registry.registry import Registry
from charthouse.repository.changes import Push, push
from charthouse.repository.publish import Outcome
from charthouse.settings import Rules

from tests.fakes import FakeArtifacts, Step, World, nothing_happens
from tests.unit.repository.in_memory import ports_in


def registry_in(
    world: World,
    chart: str = "mychart",
    *,
    repo: str = "org1",
    rules: Rules | None = None,
    step: Step = nothing_happens,
) -> Registry:
    """Return a place as one process sees it, for the duration of one request."""
    ports = ports_in(world, step)
    return Registry(Place(repo, chart), FakeArtifacts(world, step), ports.repository(repo), rules or Rules())


def upload(world: World, package: bytes, provenance: bytes | None = None, *, force: bool = False) -> Outcome:
    """Upload a package the classic way."""
    return push(registry_in(world).repository, Rules(), Push(package, provenance, force=force))


def a_descriptor(body: bytes, media_type: str = "application/octet-stream") -> dict[str, Any]:
    """Return the descriptor of these bytes."""
    return {"mediaType": media_type, "digest": str(Digest.of(body)), "size": len(body)}


@dataclass(frozen=True)
class Chart:
    """A chart as Helm pushes it."""

    package: bytes
    name: str = "mychart"
    version: str = "0.1.0"
    provenance: bytes | None = None
    created: str = "2026-11-28T12:00:00Z"
    """The time of the file, which Helm writes into the manifest."""

    @property
    def config(self) -> bytes:
        return json.dumps({"name": self.name, "version": self.version, "apiVersion": "v2"}).encode()

    @property
    def manifest(self) -> bytes:
        layers = [a_descriptor(self.package, CHART_LAYER)]
        if self.provenance is not None:
            layers.append(a_descriptor(self.provenance, PROVENANCE_LAYER))
        document = {
            "schemaVersion": 2,
            "config": a_descriptor(self.config, CHART_CONFIG),
            "layers": layers,
            "annotations": {"org.opencontainers.image.created": self.created},
        }
        return json.dumps(document).encode()

    @property
    def digest(self) -> Digest:
        return Digest.of(self.manifest)

    @property
    def tag(self) -> str:
        return tag_of(self.version) or ""

    def push_blobs(self, registry: Registry) -> None:
        """Push what the manifest names."""
        for body in (self.package, self.config, *([self.provenance] if self.provenance else [])):
            uploads.put_blob(registry, Digest.of(body), body)

    def push(self, registry: Registry) -> Pushed:
        """Push as `helm push` does: blobs, manifest by digest, manifest by tag."""
        self.push_blobs(registry)
        push_manifest(registry, self.digest, self.manifest, IMAGE)
        assert registry.lookup.manifest(self.digest).body == self.manifest
        return push_manifest(registry, self.tag, self.manifest, IMAGE)


def push_artifact(
    registry: Registry, *tags: str, content: bytes = b"content", more: Mapping[str, object] | None = None
) -> Digest:
    """Push an artifact of one layer under these tags, or by its digest."""
    document = {
        "schemaVersion": 2,
        "mediaType": IMAGE,
        "artifactType": "application/x.test",
        "config": a_descriptor(b"{}"),
        "layers": [a_descriptor(content)],
        **(more or {}),
    }
    body = json.dumps(document).encode()
    for blob in (b"{}", content):
        uploads.put_blob(registry, Digest.of(blob), blob)
    digest = Digest.of(body)
    push_manifest(registry, digest, body, IMAGE)
    for tag in tags:
        push_manifest(registry, tag, body, IMAGE)
    return digest


def at(moment: int, act: Callable[[], object]) -> Step:
    """Return a step that acts at one of its calls, counted from 0."""
    seen = [0]

    def step(_call: str) -> None:
        seen[0] += 1
        if seen[0] == moment + 1:
            act()

    return step


def calls_of(act: Callable[[Step], object]) -> int:
    """Return how many calls are made."""
    calls: list[str] = []
    act(calls.append)
    return len(calls)


def pull(registry: Registry, reference: Digest | str) -> dict[str, bytes]:
    """Pull a manifest and everything it names, as clients do: media type → bytes, every digest checked."""
    manifest = registry.lookup.manifest(reference)
    manifest.digest.check(manifest.body)
    document = json.loads(manifest.body)
    found = {}
    for descriptor in (document["config"], *document["layers"]):
        digest = Digest.parse(descriptor["digest"])
        body = uploads.read_blob(registry, registry.lookup.blob(digest))
        digest.check(body)
        assert len(body) == descriptor["size"] == registry.lookup.blob(digest).size
        found[descriptor["mediaType"]] = body
    return found
