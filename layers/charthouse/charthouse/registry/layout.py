"""The names of the objects of a place.

They begin with `_`, which no component of an OCI name does, so the objects of `org` / `app` are never taken for a
repository below it.
"""

from charthouse.oci.names import Digest

BLOBS = "_blobs/"
MANIFESTS = "_manifests/"
PARKED = "_parked/"
TAGS = "_tags/"
TAGGED = "_tagged/"
UPLOADS = "_uploads/"
NOTICES = "_notices/"

SESSION = "session"


def blob(digest: Digest) -> str:
    """Name a blob by its digest."""
    return f"{BLOBS}{digest.algorithm}/{digest.hex}"


def manifest(digest: Digest) -> str:
    """Name a manifest by its digest; that of a chart is served while the chart's row has its package."""
    return f"{MANIFESTS}{digest.algorithm}/{digest.hex}"


def parked(digest: Digest) -> str:
    """Name the manifest of a chart pushed by its digest, whose tag is to follow."""
    return f"{PARKED}{digest.algorithm}/{digest.hex}"


def tag(name: str) -> str:
    """Name a tag of an artifact, whose content is the digest."""
    return f"{TAGS}{name}"


def tagged(digest: Digest, name: str = "") -> str:
    """Name a hint that the manifest may have this tag, by which deleting it finds its tags."""
    return f"{TAGGED}{digest.algorithm}/{digest.hex}/{name}"


def referrers(subject: Digest) -> str:
    """Name the descriptors of all manifests with this subject, a JSON list."""
    return f"_referrers/{subject.algorithm}/{subject.hex}"


def upload(identifier: str, part: str = "") -> str:
    """Name a part of an upload: `session`, or the offset of a chunk in twelve digits."""
    return f"{UPLOADS}{identifier}/{part}"


def notice(token: str) -> str:
    """Name what a collection is about to delete, one digest a line."""
    return f"{NOTICES}{token}"


def digest_of(name: str) -> Digest:
    """Return the digest in the name of a blob, a manifest, or a hint of its tag."""
    _, algorithm, digits, *_ = name.split("/")
    return Digest(algorithm, digits)
