"""The manifest and config of a chart that was not pushed by OCI, made of what its row says.

Both are canonical JSON and depend on nothing but the package and its provenance, so every process makes the same bytes,
now and later. That is why they have no creation date, and why this module may not change what it writes.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from charthouse.oci.manifests import CHART_CONFIG, CHART_LAYER, IMAGE, PROVENANCE_LAYER
from charthouse.oci.names import Digest

_NOT_METADATA = frozenset({"created", "digest", "urls"})
"""Fields of an index entry that Chart.yaml does not have."""

_PREFIX = "org.opencontainers.image"


@dataclass(frozen=True, slots=True)
class Signed:
    """Digest (sha256, hex) and size (bytes) of a file."""

    digest: str
    size: int


@dataclass(frozen=True, slots=True)
class Derived:
    """The bytes of a manifest and of its config."""

    config: bytes
    manifest: bytes

    @property
    def config_digest(self) -> Digest:
        """The digest by which the manifest names the config."""
        return Digest.of(self.config)

    @property
    def digest(self) -> Digest:
        """The digest of the manifest."""
        return Digest.of(self.manifest)


def derive(entry: str, package: Signed, provenance: Signed | None = None) -> Derived:
    """Return manifest and config of a chart; `entry` is its index entry as JSON."""
    metadata = {key: value for key, value in json.loads(entry).items() if key not in _NOT_METADATA}
    config = _canonical(metadata)
    layers = [_layer(CHART_LAYER, package)]
    if provenance is not None:
        layers.append(_layer(PROVENANCE_LAYER, provenance))
    manifest = {
        "schemaVersion": 2,
        "mediaType": IMAGE,
        "config": {"mediaType": CHART_CONFIG, "digest": str(Digest.of(config)), "size": len(config)},
        "layers": layers,
        "annotations": _annotations(metadata),
    }
    return Derived(config, _canonical(manifest))


def _layer(media_type: str, file: Signed) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": f"sha256:{file.digest}", "size": file.size}


def _annotations(metadata: Mapping[str, Any]) -> dict[str, str]:
    """Return the annotations Helm gives a chart it pushes: the chart's own, and the image spec's from its metadata."""
    people = [
        f"{person.get('name', '')} ({person['email']})" if person.get("email") else person.get("name", "")
        for person in metadata.get("maintainers", ())
    ]
    ours = {
        "title": metadata["name"],
        "version": metadata["version"],
        "description": metadata.get("description", ""),
        "url": metadata.get("home", ""),
        "source": next(iter(metadata.get("sources", ())), ""),
        "authors": ", ".join(people),
    }
    own = {str(key): str(value) for key, value in metadata.get("annotations", {}).items()}
    image = {f"{_PREFIX}.{key}": value for key, value in ours.items() if value}
    # What says which chart it is cannot be said otherwise by the chart's own annotations.
    fixed = {key: image[key] for key in (f"{_PREFIX}.title", f"{_PREFIX}.version")}
    return image | own | fixed


def _canonical(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
