"""Manifests pushed and deleted.

A chart's manifest is stored first, under its digest; then its package goes where every package goes, by the same
conditional write as an upload, which alone decides who wins the version. The package carries the digest of the
manifest it was pushed with, so whichever package wins, the tag leads to its manifest. Only then is it answered.
"""

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from charthouse.errors import BadPackage, BadProvenance, ChartVersionExists, ConditionFailed, NotFound, Unavailable
from charthouse.helm.package import Package
from charthouse.helm.provenance import Provenance
from charthouse.oci.errors import (
    BlobUnknown,
    ManifestBlobUnknown,
    ManifestInvalid,
    ManifestUnknown,
    SizeInvalid,
    TagTaken,
)
from charthouse.oci.manifests import ChartLayers, Descriptor, Manifest, read_json
from charthouse.oci.names import Digest, tag_of, version_of
from charthouse.registry import layout
from charthouse.registry.lookup import StoredManifest
from charthouse.registry.registry import Registry
from charthouse.registry.uploads import read_blob
from charthouse.repository.changes import Push, delete_version, push
from charthouse.repository.packages import Signature, sync_provenance
from charthouse.repository.ports import Row
from charthouse.repository.publish import Outcome, publish_rows
from charthouse.repository.sync import sync_file

MAX_REFERRERS = 4_000_000
"""Bytes of the descriptors of all manifests with one subject: they are answered at once."""


@dataclass(frozen=True, slots=True)
class Pushed:
    """A manifest that was stored."""

    digest: Digest
    subject: Digest | None = None
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Chart:
    """The chart a manifest is about."""

    parsed: Package
    package: bytes
    provenance: bytes | None

    @property
    def ref_file(self) -> str:
        """The file of the version."""
        return self.parsed.ref.filename

    @property
    def version(self) -> str:
        """The version."""
        return self.parsed.ref.version

    @property
    def digest(self) -> str:
        """sha256 of the package, hex, by whatever algorithm the manifest names it."""
        return self.parsed.digest

    @property
    def notes(self) -> dict[str, str]:
        """What the stored manifest has to say of it, so that it can be compared with a row."""
        provenance = "" if self.provenance is None else Digest.of(self.provenance).hex
        return {"file": self.ref_file, "package": self.digest, "provenance": provenance}


def push_manifest(
    registry: Registry, reference: Digest | str, body: bytes, content_type: str, tags: Sequence[str] = ()
) -> Pushed:
    """Store a manifest under a tag or its digest, and under more tags; return once clients can pull it.

    Raises `ManifestInvalid`, `SizeInvalid`, `DigestInvalid`, `ManifestBlobUnknown`; `ChartVersionExists` and `TagTaken`
    for a tag that has another content and keeps it; what an upload raises; and `Unavailable` if it has to be sent
    again.
    """
    digest = reference if isinstance(reference, Digest) else Digest.of(body)
    digest.check(body)
    wanted = tags if isinstance(reference, Digest) else (reference, *tags)
    manifest = Manifest.parse(body, content_type)
    layers = manifest.chart
    _check_content(registry, manifest)
    push = _Push(registry, manifest, digest)
    if layers is not None:
        _push_chart(push, _read_chart(registry, layers, wanted), tagged=bool(wanted))
    else:
        _push_artifact(push, wanted)
    if manifest.subject is not None:
        _refer(registry, manifest, digest, manifest.subject.digest)
    return Pushed(digest, manifest.subject.digest if manifest.subject else None, tuple(tags))


def delete_manifest(registry: Registry, reference: Digest | str) -> None:
    """Delete what a tag or digest leads to: a tag alone, a manifest with its tags, or a chart version.

    Raises `ManifestUnknown`, after making sure that the index agrees: a delete that crashed is finished by its retry.
    """
    try:
        _delete(registry, reference)
    except ManifestUnknown as missing:
        dirty = registry.repository.catalog.dirty(registry.place.repo)
        if publish_rows(registry.repository, dirty) is Outcome.STORED:
            raise Unavailable(f"{missing.message}, and the index does not say so yet: try again") from None
        raise


def _delete(registry: Registry, reference: Digest | str) -> None:
    if isinstance(reference, str):
        row = registry.lookup.listed(version_of(reference))
        untagged = _untag(registry, reference)
        if row is not None:
            _delete_version(registry, row)
        elif not untagged:
            raise ManifestUnknown(f"{registry.place.name} has no tag {reference}")
        return
    found = registry.lookup.manifest(reference)
    if found.row is not None:
        _delete_version(registry, found.row)
    if Manifest.parse(found.body, found.media_type).chart is None:
        with registry.notice(found.digest):
            _forget(registry, found)
    else:
        # What is stored of a listed chart's manifest went with its row, and may be that of the next push by now.
        registry.store.delete(registry.place, layout.parked(found.digest))


def forget_manifest(registry: Registry, digest: Digest, stored: bytes, media_type: str) -> None:
    """Delete the manifest of an artifact and everything that says it is there."""
    _forget(registry, StoredManifest(digest, media_type, stored))


@dataclass(frozen=True, slots=True)
class _Push:
    """A manifest on its way."""

    registry: Registry
    manifest: Manifest
    digest: Digest

    def write(self, name: str, notes: dict[str, str] | None = None) -> None:
        """Store the manifest, and be sure that all it names is still there.

        In this order: the manifest is written, then notices are looked for, then the content once more. A collection
        gives notice before it reads the references a last time, and takes the notice back when it has deleted. So it
        either reads this reference, or is found by its notice, or by what it has deleted.
        """
        registry, manifest = self.registry, self.manifest
        before = registry.store.look(registry.place, name)
        registry.store.write(registry.place, name, manifest.body, manifest.media_type, notes or {})
        try:
            self._check_again(name)
        except (Unavailable, ManifestBlobUnknown):
            if before is None:
                registry.store.delete(registry.place, name)
            raise

    def _check_again(self, name: str) -> None:
        registry, manifest = self.registry, self.manifest
        named = (found.digest for found in (*manifest.blobs, *manifest.children))
        if registry.is_condemned([self.digest, *named]) or registry.store.look(registry.place, name) is None:
            raise Unavailable("the manifest, or what it names, is being deleted as unused: push it again")
        _check_content(registry, manifest)


def _check_content(registry: Registry, manifest: Manifest) -> None:
    """Raise unless everything the manifest names is there, in the size it says."""
    blobs = {found.digest: found for found in manifest.blobs if not found.is_elsewhere}

    def check_blob(descriptor: Descriptor) -> None:
        # An upload is mostly what is asked for, not the content of a chart.
        listed = registry.store.look(registry.place, layout.blob(descriptor.digest))
        try:
            size = registry.lookup.blob(descriptor.digest).size if listed is None else listed.size
        except BlobUnknown as problem:
            raise ManifestBlobUnknown(f"{problem.message}: push it first") from None
        _check_size(descriptor, size)

    def check_child(descriptor: Descriptor) -> None:
        try:
            _check_size(descriptor, len(registry.lookup.manifest(descriptor.digest).body))
        except ManifestUnknown as problem:
            raise ManifestBlobUnknown(f"{problem.message}: push it first") from None

    registry.repository.map(check_blob, blobs.values())
    registry.repository.map(check_child, {found.digest: found for found in manifest.children}.values())


def _check_size(descriptor: Descriptor, size: int) -> None:
    if descriptor.size != size:
        raise SizeInvalid(f"{descriptor.digest} has {size} bytes, not {descriptor.size}")


# Charts.


def _read_chart(registry: Registry, layers: ChartLayers, tags: Sequence[str]) -> _Chart:
    """Read the chart; raises `ManifestInvalid` if it is none, or not the one that repository, tags and config say."""
    body = _content(registry, layers.package)
    provenance = None if layers.provenance is None else _content(registry, layers.provenance)
    try:
        package = registry.repository.reader.package(body)
        signed = None if provenance is None else Provenance.read(provenance).filename
    except (BadPackage, BadProvenance) as problem:
        raise ManifestInvalid(problem.message) from None
    ref = package.ref
    if ref.name != registry.place.chart:
        raise ManifestInvalid(f"the chart {ref.name} cannot be pushed to the repository {registry.place.name}")
    if any(tag != tag_of(ref.version) for tag in tags):
        raise ManifestInvalid(
            f"{ref.name} {ref.version} cannot have the tag {', '.join(tags)}: "
            "the tag of a chart is its version, with _ for +"
        )
    if signed not in (None, f"{ref.filename}.prov"):
        raise ManifestInvalid(f"{signed} cannot be the provenance file of {ref.filename}")
    config = read_json(_content(registry, layers.config))
    if not isinstance(config, dict) or (config.get("name"), config.get("version")) != (ref.name, ref.version):
        raise ManifestInvalid(f"the config is not the metadata of {ref.name} {ref.version}")
    return _Chart(package, body, provenance)


def _content(registry: Registry, descriptor: Descriptor) -> bytes:
    try:
        stored = registry.store.read(registry.place, layout.blob(descriptor.digest))
        return stored.body if stored else read_blob(registry, registry.lookup.blob(descriptor.digest))
    except BlobUnknown as problem:
        raise ManifestBlobUnknown(f"{problem.message}: push it first") from None


def _push_chart(pushed: _Push, chart: _Chart, *, tagged: bool) -> None:
    registry, digest = pushed.registry, pushed.digest
    if not tagged and not _has(registry, chart):
        # Its tag is to follow, and only that makes it a version. Until then it can be pulled by its digest.
        pushed.write(layout.parked(digest), chart.notes)
        return
    pushed.write(layout.manifest(digest), chart.notes)
    if not tagged:
        return
    upload = Push(chart.package, chart.provenance, manifest=str(digest), parsed=chart.parsed)
    try:
        outcome = push(registry.repository, registry.rules, upload)
    except ChartVersionExists:
        if not _has(registry, chart):
            raise ChartVersionExists(
                f"{registry.place.chart} {chart.version} exists already with another content, and may not be changed"
            ) from None
        outcome = _sign(registry, chart)
    if outcome is not Outcome.PUBLISHED:
        raise Unavailable("the chart is stored, and the index does not show it yet: push it again")
    registry.store.delete(registry.place, layout.parked(digest))
    # A chart takes the tag of an artifact, for good.
    _untag(registry, tag_of(chart.version) or "")


def _has(registry: Registry, chart: _Chart) -> bool:
    """Return whether the very package is listed."""
    row = registry.lookup.listed(chart.version)
    return row is not None and row.digest == chart.digest


def _sign(registry: Registry, chart: _Chart) -> Outcome:
    """Store the provenance of a package that was there without."""
    row = registry.lookup.listed(chart.version)
    if chart.provenance is not None and row is not None and row.signature is None:
        sync_provenance(registry.repository, chart.ref_file, Signature(chart.provenance, chart.digest))
        sync_file(registry.repository, chart.ref_file)
    return Outcome.PUBLISHED


def _delete_version(registry: Registry, row: Row) -> None:
    try:
        delete_version(registry.repository, row.chart or "", row.version or "", digest=row.digest)
    except NotFound as problem:
        raise ManifestUnknown(problem.message) from None


# Artifacts.


def _push_artifact(pushed: _Push, tags: Sequence[str]) -> None:
    registry, digest = pushed.registry, pushed.digest
    for tag in tags:
        row = registry.lookup.listed(version_of(tag))
        if row is not None:
            raise TagTaken(f"{tag} is {row.chart} {row.version}, a listed chart: no other artifact can take its tag")
    pushed.write(layout.manifest(digest))
    for tag in tags:
        registry.store.write(registry.place, layout.tagged(digest, tag), b"")
        registry.store.write(registry.place, layout.tag(tag), str(digest).encode())
    # A process that deletes the manifest looks for its tags afterwards: it finds these, or this one the deletion.
    if tags and registry.store.look(registry.place, layout.manifest(digest)) is None:
        raise Unavailable("the manifest was deleted meanwhile: push it again")


def _refer(registry: Registry, manifest: Manifest, digest: Digest, subject: Digest) -> None:
    """Add the manifest to the referrers of its subject."""
    descriptor = manifest.descriptor(digest)
    _change_referrers(registry, subject, lambda others: [*others, descriptor], str(digest))


type _Descriptors = list[dict[str, Any]]


def _change_referrers(
    registry: Registry, subject: Digest, change: Callable[[_Descriptors], _Descriptors], digest: str
) -> None:
    """Replace the referrers by what `change` makes of those that are not this manifest."""
    name = layout.referrers(subject)

    def attempt() -> None:
        stored = registry.store.read(registry.place, name)
        before: _Descriptors = json.loads(stored.body) if stored else []
        after = change([found for found in before if found["digest"] != digest])
        if after == before:
            return
        body = json.dumps(after, ensure_ascii=False, separators=(",", ":")).encode()
        if len(body) > MAX_REFERRERS:
            raise ManifestInvalid(f"the manifests with the subject {subject} have too many annotations")
        registry.store.replace(registry.place, name, body, stored.etag if stored else None)

    registry.repository.retry(attempt)


def _untag(registry: Registry, tag: str) -> bool:
    """Delete the tag of an artifact; return whether there was one."""
    stored = registry.store.read(registry.place, layout.tag(tag))
    if stored is None:
        return False
    registry.store.delete(registry.place, layout.tag(tag))
    registry.store.delete(registry.place, layout.tagged(Digest.parse(stored.body.decode()), tag))
    return True


def _forget(registry: Registry, found: StoredManifest) -> None:
    """Delete a manifest: what leads to it first, so that nothing leads nowhere, and what was tagged meanwhile.

    A notice keeps away the pushes that begin now; those that had begun look for the manifest when they have tagged it.
    """
    _untag_all(registry, found.digest)
    subject = Manifest.parse(found.body, found.media_type).subject
    if subject is not None:
        _change_referrers(registry, subject.digest, lambda others: others, str(found.digest))
    registry.store.delete(registry.place, layout.manifest(found.digest))
    for hint in _untag_all(registry, found.digest):
        registry.store.delete(registry.place, hint)


def _untag_all(registry: Registry, digest: Digest) -> list[str]:
    """Delete every tag that leads to an artifact, and return the names of the hints by which they were found."""
    start = layout.tagged(digest)
    hints = [listed.name for listed in registry.store.names(registry.place, start)]
    for hint in hints:
        tag = hint.removeprefix(start)
        stored = registry.store.read(registry.place, layout.tag(tag))
        if stored is not None and stored.body.decode() == str(digest):
            # Lost: it leads elsewhere by now.
            with suppress(ConditionFailed):
                registry.store.delete(registry.place, layout.tag(tag), stored.etag)
    return hints
