"""Blobs pushed: at once, in chunks, or mounted from another place.

A blob lies under its digest, so to store it twice is to store it once. The chunks of an upload lie under their offsets,
each stored only where none is: two clients that append at once cannot both win.
"""

from charthouse.errors import ConditionFailed, TooLarge
from charthouse.oci.errors import BlobUnknown, RangeInvalid, Unsupported, UploadInvalid
from charthouse.oci.names import Digest
from charthouse.registry import layout
from charthouse.registry.lookup import Blob
from charthouse.registry.ports import Listed, Place
from charthouse.registry.registry import Registry, lookup_of


def put_blob(registry: Registry, digest: Digest, body: bytes) -> None:
    """Store a blob; raises `DigestInvalid` and `TooLarge`."""
    _check_size(registry, len(body))
    digest.check(body)
    registry.store.write(registry.place, layout.blob(digest), body)


def begin_upload(registry: Registry) -> str:
    """Return the identifier of a new upload."""
    identifier = registry.repository.clock.token()
    registry.store.write(registry.place, layout.upload(identifier, layout.SESSION), b"")
    return identifier


def append(registry: Registry, identifier: str, body: bytes, span: tuple[int, int] | None = None) -> int:
    """Append a chunk and return how many bytes the upload has; `span` are its first and last byte, if it says so.

    Raises `UploadUnknown`, `RangeInvalid` for a chunk that does not begin where the upload ends, `UploadInvalid` and
    `TooLarge`.
    """
    size = _offset(registry, identifier, body, span)
    if body:
        try:
            registry.store.replace(registry.place, layout.upload(identifier, f"{size:012d}"), body, None)
        except ConditionFailed:
            raise RangeInvalid("another chunk was stored at this offset", size) from None
    return size + len(body)


def finish_upload(
    registry: Registry, identifier: str, digest: Digest, body: bytes, span: tuple[int, int] | None = None
) -> None:
    """Make a blob of what was uploaded and the last chunk, if there is one; the upload ends.

    Raises what `append` does, and `DigestInvalid`.
    """
    _offset(registry, identifier, body, span)
    content = b""
    for part in _chunks(registry, identifier):
        stored = registry.store.read(registry.place, part.name)
        if stored is None or int(part.name.rpartition("/")[2]) != len(content):
            raise UploadInvalid("a part of the upload is missing: begin again")
        content += stored.body
    put_blob(registry, digest, content + body)
    _remove(registry, identifier)


def cancel_upload(registry: Registry, identifier: str) -> None:
    """End an upload without a blob; raises `UploadUnknown`."""
    registry.lookup.upload_size(identifier)
    _remove(registry, identifier)


def mount_blob(registry: Registry, digest: Digest, source: Place) -> bool:
    """Take a blob over from another place; return False if that has none."""
    name = layout.blob(digest)
    try:
        blob = lookup_of(source, registry.store, registry.repository).blob(digest)
    except BlobUnknown:
        return False
    if blob.body is not None:
        registry.store.write(registry.place, name, blob.body)
        return True
    if blob.file:
        return registry.store.copy_file(source.repo, blob.file, blob.etag or "", registry.place, name)
    return registry.store.copy(source, blob.name, registry.place, name)


def delete_blob(registry: Registry, digest: Digest) -> None:
    """Delete a blob; raises `BlobUnknown`, and `Unsupported` for what belongs to a chart version."""
    blob = registry.lookup.blob(digest)
    if blob.row is not None:
        raise Unsupported(f"the blob belongs to {blob.row.chart} {blob.row.version}: delete that version instead")
    registry.store.delete(registry.place, blob.name)


def read_blob(registry: Registry, blob: Blob) -> bytes:
    """Return the bytes of a blob; raises `BlobUnknown` if they are gone."""
    if blob.body is not None:
        return blob.body
    if blob.file:
        packages = registry.repository.packages
        stored = packages.head(registry.place.repo, blob.file)
        try:
            body = None if stored is None else packages.read(stored)
        except ConditionFailed:
            body = None
    else:
        artifact = registry.store.read(registry.place, blob.name)
        body = None if artifact is None else artifact.body
    if body is None or Digest.of(body, blob.digest.algorithm) != blob.digest:
        raise BlobUnknown(f"{registry.place.name} has no blob {blob.digest} any more")
    return body


def _offset(registry: Registry, identifier: str, body: bytes, span: tuple[int, int] | None) -> int:
    """Return how many bytes the upload has, if the chunk may follow them."""
    size = registry.lookup.upload_size(identifier)
    if span is not None:
        first, last = span
        if last - first + 1 != len(body):
            raise UploadInvalid(f"Content-Range {first}-{last} is {last - first + 1} bytes, the body has {len(body)}")
        if first != size:
            raise RangeInvalid(f"the upload has {size} bytes, the chunk begins at {first}", size)
    _check_size(registry, size + len(body))
    return size


def _check_size(registry: Registry, size: int) -> None:
    limit = registry.rules.max_upload_size
    if size > limit:
        raise TooLarge(
            f"{size} bytes: a blob may have {limit} here, since it passes through a Lambda function. "
            "Copy a larger chart into the bucket, and it can be pulled"
        )


def _chunks(registry: Registry, identifier: str) -> list[Listed]:
    parts = registry.store.names(registry.place, layout.upload(identifier))
    return [part for part in parts if not part.name.endswith(layout.SESSION)]


def _remove(registry: Registry, identifier: str) -> None:
    """Delete the upload; its session first, so that a crash leaves no upload that lacks a part."""
    session = layout.upload(identifier, layout.SESSION)
    registry.store.delete(registry.place, session)
    for part in _chunks(registry, identifier):
        registry.store.delete(registry.place, part.name)
