"""Manifests: parsed within bounds, and told apart by what they hold.

A chart is an image manifest with Helm's config (https://helm.sh/docs/topics/registries/); everything else is an
artifact, of which nothing is known but what the image spec says of every manifest.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from charthouse.oci.errors import ManifestInvalid, SizeInvalid
from charthouse.oci.names import Digest

IMAGE = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
DOCKER_IMAGE = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
IMAGES = frozenset({IMAGE, DOCKER_IMAGE})
INDEXES = frozenset({INDEX, DOCKER_LIST})

CHART_CONFIG = "application/vnd.cncf.helm.config.v1+json"
CHART_LAYER = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
PROVENANCE_LAYER = "application/vnd.cncf.helm.chart.provenance.v1.prov"
CHART_LAYERS = frozenset({CHART_LAYER, "application/tar+gzip"})
"""The second is what Helm 3.0 to 3.6 wrote; Helm pulls it still."""

MAX_DEPTH = 32
"""Nested objects and lists. The image spec needs five."""
MAX_COLLECTIONS = 20_000
"""Objects and lists in a manifest: a bound on memory, not on what anyone pushes."""
MAX_DESCRIPTORS = 256
"""Blobs and manifests one manifest may name: each is looked up before the manifest is accepted."""
MAX_SIZE = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Descriptor:
    """What a manifest says of something it names."""

    media_type: str
    digest: Digest
    size: int
    """Bytes."""

    @property
    def is_elsewhere(self) -> bool:
        """Whether the bytes need not be in the registry (layers that may not be distributed)."""
        return "nondistributable" in self.media_type or ".foreign." in self.media_type


@dataclass(frozen=True, slots=True)
class ChartLayers:
    """What a chart's manifest is made of."""

    config: Descriptor
    package: Descriptor
    provenance: Descriptor | None


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest that is well-formed; whether what it names exists, is for the registry to look up."""

    media_type: str
    body: bytes
    blobs: tuple[Descriptor, ...] = ()
    """Config and layers."""
    config: Descriptor | None = None
    children: tuple[Descriptor, ...] = ()
    """The manifests of an index."""
    subject: Descriptor | None = None
    artifact_type: str = ""
    annotations: Mapping[str, str] | None = None

    @classmethod
    def parse(cls, body: bytes, content_type: str) -> Self:
        """Read a manifest; `content_type` is the header's value, which counts where the body names no type.

        Raises `ManifestInvalid` and `SizeInvalid` (and `DigestInvalid`), each saying where.
        """
        document = _json(body)
        media_type = _media_type(document, content_type)
        if document.get("schemaVersion") != 2:  # noqa: PLR2004  the only one there is
            raise ManifestInvalid("schemaVersion must be 2")
        is_index = media_type in INDEXES
        # One document that is both could be pulled as either: GHSA-77vh-xpmg-72qh.
        for key in ("config", "layers", "fsLayers") if is_index else ("manifests", "fsLayers"):
            if key in document:
                raise ManifestInvalid(f"a manifest of type {media_type} has no {key!r}")
        config = None if is_index else _descriptor(document.get("config"), "config")
        layers = () if is_index else _descriptors(document, "layers")
        subject = document.get("subject")
        return cls(
            media_type,
            body,
            blobs=(config, *layers) if config else (),
            config=config,
            children=_descriptors(document, "manifests") if is_index else (),
            subject=None if subject is None else _descriptor(subject, "subject"),
            artifact_type=_text(document, "artifactType"),
            annotations=_annotations(document.get("annotations")),
        )

    @property
    def chart(self) -> ChartLayers | None:
        """The layers of a chart; None for any other artifact.

        Raises `ManifestInvalid` for what has Helm's types and yet is not what Helm could pull.
        """
        layers = self.blobs[1:]
        packages = [layer for layer in layers if layer.media_type in CHART_LAYERS]
        if self.config is None or self.config.media_type != CHART_CONFIG:
            if any(layer.media_type == CHART_LAYER for layer in layers):
                raise ManifestInvalid(f"the config of a chart must be of the type {CHART_CONFIG}")
            return None
        provenance = [layer for layer in layers if layer.media_type == PROVENANCE_LAYER]
        if len(packages) != 1 or len(provenance) > 1:
            raise ManifestInvalid(
                f"a chart has one layer of the type {CHART_LAYER} and at most one of the type {PROVENANCE_LAYER}"
            )
        return ChartLayers(self.config, packages[0], next(iter(provenance), None))

    def descriptor(self, digest: Digest) -> dict[str, Any]:
        """Return what the referrers of its subject say of this manifest.

        https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#listing-referrers
        """
        kind = self.artifact_type or (self.config.media_type if self.config else "")
        return {
            "mediaType": self.media_type,
            "digest": str(digest),
            "size": len(self.body),
            **({"artifactType": kind} if kind else {}),
            **({"annotations": dict(self.annotations)} if self.annotations else {}),
        }


def read_json(body: bytes) -> Any:
    """Return the value of a JSON document within the bounds of a manifest; raises `ManifestInvalid`.

    A member that occurs twice, NaN and numbers beyond reason are refused: two parsers would read two documents.
    """
    if body.count(b"{") + body.count(b"[") > MAX_COLLECTIONS:
        raise ManifestInvalid(f"more than {MAX_COLLECTIONS} objects and lists")
    try:
        value = json.loads(body, object_pairs_hook=_unique, parse_constant=_no_constant)
    except RecursionError:
        raise ManifestInvalid(f"nested deeper than {MAX_DEPTH} levels") from None
    except ValueError as problem:
        raise ManifestInvalid(f"not JSON: {str(problem)[:100]}") from None
    if _is_deeper(value, MAX_DEPTH):
        raise ManifestInvalid(f"nested deeper than {MAX_DEPTH} levels")
    return value


def _json(body: bytes) -> dict[str, Any]:
    value = read_json(body)
    if not isinstance(value, dict):
        raise ManifestInvalid("a manifest is a JSON object")
    return value


def _unique(members: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(members)
    if len(found) != len(members):
        raise ValueError("a member occurs twice")
    return found


def _no_constant(constant: str) -> float:
    raise ValueError(f"{constant} is no JSON")


def _is_deeper(value: Any, limit: int) -> bool:
    level = [value]
    for _ in range(limit + 1):
        level = [
            child
            for item in level
            if isinstance(item, dict | list)
            for child in (item.values() if isinstance(item, dict) else item)
        ]
        if not level:
            return False
    return True


def _media_type(document: Mapping[str, Any], content_type: str) -> str:
    sent = content_type.partition(";")[0].strip().lower()
    inside = _text(document, "mediaType")
    known = IMAGES | INDEXES
    if inside and sent in known and inside != sent:
        raise ManifestInvalid(f"Content-Type says {sent}, mediaType says {inside}")
    media_type = inside or sent
    if media_type not in known:
        raise ManifestInvalid(f"{media_type[:100]!r} is no type of manifest that can be stored here")
    return media_type


def _descriptors(document: Mapping[str, Any], key: str) -> tuple[Descriptor, ...]:
    values = document.get(key)
    if not isinstance(values, list):
        raise ManifestInvalid(f"{key} must be a list")
    if len(values) > MAX_DESCRIPTORS:
        raise ManifestInvalid(f"{key} has more than {MAX_DESCRIPTORS} entries")
    return tuple(_descriptor(value, f"{key}[{position}]") for position, value in enumerate(values))


def _descriptor(value: object, where: str) -> Descriptor:
    if not isinstance(value, dict):
        raise ManifestInvalid(f"{where} must be an object")
    media_type, size = value.get("mediaType"), value.get("size")
    if not isinstance(media_type, str) or not media_type:
        raise ManifestInvalid(f"{where} has no mediaType")
    if isinstance(size, bool) or not isinstance(size, int) or not 0 <= size <= MAX_SIZE:
        raise SizeInvalid(f"the size of {where} must be a whole number of bytes from 0 on")
    return Descriptor(media_type, Digest.parse(value.get("digest")), size)


def _annotations(value: object) -> Mapping[str, str] | None:
    if value is None:
        return None
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
        raise ManifestInvalid("annotations must be an object of strings")
    return value


def _text(document: Mapping[str, Any], key: str) -> str:
    value = document.get(key, "")
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ManifestInvalid(f"{key} must be a string")
    return value
