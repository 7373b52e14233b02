"""What clients pull: manifests, blobs, tags, referrers.

Whatever belongs to a chart is decided by the chart's row, at the moment of the request: there is no second record that
could say something else.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from charthouse.helm.chart import package_file
from charthouse.helm.index import Index
from charthouse.oci.errors import BlobUnknown, ManifestUnknown, NameUnknown, UploadUnknown
from charthouse.oci.manifests import IMAGE, INDEX
from charthouse.oci.names import Digest, tag_of, version_of
from charthouse.registry import layout
from charthouse.registry.ports import Artifact, ArtifactReader, CatalogReader, Place
from charthouse.repository.ports import FEW, Row

DAY = 86_400.0
"""Seconds that everything unreferenced stays: longer than any push takes."""

MAX_TAGS = 10_000
"""Tags in one answer; each has at most 128 characters."""


@dataclass(frozen=True, slots=True)
class StoredManifest:
    """A manifest as it is served."""

    digest: Digest
    media_type: str
    body: bytes
    row: Row | None = None
    """The row of the chart version it belongs to; None for an artifact, and for a chart without its tag yet."""


@dataclass(frozen=True, slots=True)
class Blob:
    """Where the bytes of a blob are: an object of the place, a file of the repository, or right here."""

    digest: Digest
    size: int
    name: str = ""
    file: str = ""
    etag: str | None = None
    """Of that file."""
    version_id: str | None = None
    body: bytes | None = None
    row: Row | None = None
    """The row of the chart version it belongs to."""


@dataclass(frozen=True, slots=True)
class Lookup:
    """One place, to be read."""

    place: Place
    artifacts: ArtifactReader
    catalog: CatalogReader
    published: Callable[[Place], Index | None]
    """The published index of a place's chart; None where there is none of our format."""
    now: Callable[[], float]

    def manifest(self, reference: Digest | str) -> StoredManifest:
        """Return the manifest of a tag or digest; raises `ManifestUnknown`."""
        found = self._of_digest(reference) if isinstance(reference, Digest) else self._of_tag(reference)
        if found is None:
            raise ManifestUnknown(f"{self.place.name} has no manifest {reference}")
        return found

    def listed(self, version: str) -> Row | None:
        """Return the row of a chart version that is listed, or None."""
        return self._listed(package_file(self.place.chart, version), version)

    def blob(self, digest: Digest) -> Blob:
        """Return where a blob is; raises `BlobUnknown`."""
        found = self._of_chart(digest)
        if found is None:
            listed = self.artifacts.look(self.place, layout.blob(digest))
            found = None if listed is None else Blob(digest, listed.size, name=listed.name)
        if found is None:
            raise BlobUnknown(f"{self.place.name} has no blob {digest}")
        return found

    def tags(self, after: str, limit: int) -> tuple[list[str], bool]:
        """Return the tags after a tag, bytewise, at most `limit`, and whether there are more.

        Raises `NameUnknown` for a place where nothing is.
        """
        versions = {tag for version in self._versions() if (tag := tag_of(version)) is not None}
        found = {tag for tag in versions if tag > after}
        start = layout.tag(after) if after else ""
        for listed in self.artifacts.names(self.place, layout.TAGS, start, limit + 1):
            found.add(listed.name.removeprefix(layout.TAGS))
        if not found and not versions and next(self.artifacts.names(self.place, "", limit=1), None) is None:
            raise NameUnknown(f"there is no repository {self.place.name}")
        tags = sorted(found)
        return tags[:limit], len(tags) > limit

    def referrers(self, subject: Digest, artifact_type: str = "") -> bytes:
        """Return an index of the manifests with this subject, also where there are none."""
        stored = self.artifacts.read(self.place, layout.referrers(subject))
        descriptors: list[dict[str, Any]] = json.loads(stored.body) if stored else []
        if artifact_type:
            descriptors = [found for found in descriptors if found.get("artifactType") == artifact_type]
        index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": descriptors}
        return json.dumps(index, ensure_ascii=False, separators=(",", ":")).encode()

    def upload_size(self, identifier: str) -> int:
        """Return how many bytes of an upload have come; raises `UploadUnknown`."""
        parts = list(self.artifacts.names(self.place, layout.upload(identifier)))
        if not any(part.name.endswith(layout.SESSION) for part in parts):
            raise UploadUnknown("there is no such upload: it ended, was cancelled, or is more than a day old")
        return sum(part.size for part in parts)

    def _versions(self) -> Iterable[str]:
        """Return the versions of the chart: of few from their rows, else from the chart's published index.

        Both have every change that was acknowledged, and the bytes of an index cost less than many rows.
        """
        rows = self.catalog.chart(self.place.repo, self.place.chart, FEW + 1)
        if len(rows) > FEW:
            index = self.published(self.place)
            if index is not None:
                return index.versions(self.place.chart)
            rows = self.catalog.chart(self.place.repo, self.place.chart)
        return [row.version for row in rows if row.version]

    def _listed(self, file: str, version: str | None = None) -> Row | None:
        row = self.catalog.get(self.place.repo, file)
        if row is None or row.line is None or row.chart != self.place.chart:
            return None
        return row if version in (None, row.version) else None

    def _of_tag(self, tag: str) -> StoredManifest | None:
        row = self.listed(version_of(tag))
        if row is not None:
            return self._of_row(row)
        pointer = self.artifacts.read(self.place, layout.tag(tag))
        return None if pointer is None else self._of_digest(Digest.parse(pointer.body.decode()))

    def _of_row(self, row: Row) -> StoredManifest | None:
        """Return the manifest a chart version was pushed with, if it still tells the truth; else the derived one."""
        if row.manifest is not None:
            digest = Digest.parse(row.manifest)
            stored = self.artifacts.read(self.place, layout.manifest(digest))
            if stored and stored.notes.get("provenance", "") == (row.signature or "") and _is_of(stored, row):
                return StoredManifest(digest, stored.media_type, stored.body, row)
        return self._derived(row)

    def _of_digest(self, digest: Digest) -> StoredManifest | None:
        # Once more: a tag that follows makes it a version's before what was parked is deleted.
        return self._of_version(digest) or self._parked(digest) or self._of_version(digest)

    def _of_version(self, digest: Digest) -> StoredManifest | None:
        """Return the manifest of an artifact, or of a version that is listed."""
        stored = self.artifacts.read(self.place, layout.manifest(digest))
        if stored is not None:
            row = None
            if "file" in stored.notes:
                row = self._listed(stored.notes["file"])
                if row is None or not _is_of(stored, row):
                    return None
            return StoredManifest(digest, stored.media_type, stored.body, row)
        row = self._row_of(digest)
        derived = None if row is None else self._derived(row)
        return derived if derived and derived.digest == digest else None

    def _derived(self, row: Row) -> StoredManifest | None:
        derived = row.derived
        return None if derived is None else StoredManifest(derived.digest, IMAGE, derived.manifest, row)

    def _parked(self, digest: Digest) -> StoredManifest | None:
        stored = self.artifacts.read(self.place, layout.parked(digest))
        if stored is None or stored.modified + DAY < self.now():
            return None
        return StoredManifest(digest, stored.media_type, stored.body)

    def _of_chart(self, digest: Digest) -> Blob | None:
        row = self._row_of(digest)
        if row is None:
            return None
        if row.digest == digest.hex:
            return Blob(digest, row.size, file=row.file, etag=row.etag, version_id=row.version_id, row=row)
        if row.signature == digest.hex:
            return Blob(digest, row.signature_size, file=f"{row.file}.prov", etag=row.signature_etag, row=row)
        derived = row.derived
        if derived is None or derived.config_digest != digest:
            return None
        return Blob(digest, len(derived.config), body=derived.config, row=row)

    def _row_of(self, digest: Digest) -> Row | None:
        if digest.algorithm != "sha256":
            return None
        file = self.catalog.find_digest(self.place.repo, self.place.chart, digest.hex)
        return None if file is None else self._listed(file)


def _is_of(stored: Artifact, row: Row) -> bool:
    """Return whether a chart's manifest is about the package the row has."""
    return stored.notes.get("package") == row.digest
