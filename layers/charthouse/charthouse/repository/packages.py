"""Storing and deleting package files and their provenance, by conditional writes that survive lost responses."""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256

from charthouse.errors import ConditionFailed, Unavailable
from charthouse.repository.names import MAX_PACKAGE_SIZE, MAX_PROVENANCE_SIZE
from charthouse.repository.ports import StoredFile
from charthouse.repository.repository import Repository


def create(repository: Repository, file: str, body: bytes, upload_id: str) -> bool:
    """Store a file where none is; return False if another one is there.

    A PUT whose response is lost is sent again by the SDK and then meets the file it wrote itself: the upload id tells
    one's own file from another's. Raises `Unavailable` if nothing was stored, or the deadline has passed.
    """

    def attempt() -> bool:
        failure: Unavailable | None = None
        try:
            repository.packages.create(repository.name, file, body, upload_id)
        except ConditionFailed:
            pass
        except Unavailable as unavailable:
            failure = unavailable
        else:
            return True
        stored = repository.packages.head(repository.name, file)
        if stored is not None and stored.upload_id == upload_id:
            return True
        if failure:
            raise failure
        if stored is not None:
            return False
        # The file that was in the way has been deleted since.
        raise ConditionFailed(file)

    return repository.retry(attempt)


def replace(repository: Repository, file: str, body: bytes, upload_id: str) -> None:
    """Store a file over whatever is there; raises `Unavailable` if it was not stored."""
    try:
        repository.packages.replace(repository.name, file, body, upload_id)
    except Unavailable:
        stored = repository.packages.head(repository.name, file)
        if stored is None or stored.upload_id != upload_id:
            raise


def delete(repository: Repository, file: str, only_if: Callable[[StoredFile], bool] = lambda _: True) -> bool:
    """Delete a package, then its provenance; return False if there is no package, or not one that `only_if` accepts.

    The package is deleted only as it was seen: another one stored meanwhile is looked at again. Raises `Unavailable`
    when the deadline has passed, or if the package could not be deleted.
    """

    def attempt() -> bool:
        stored = repository.packages.head(repository.name, file)
        if stored is None or not only_if(stored):
            return False
        try:
            repository.packages.delete(stored)
        except (ConditionFailed, Unavailable):
            # Gone: only the response was lost, or the SDK's second attempt met what its first had done.
            if repository.packages.head(repository.name, file) is not None:
                raise
        return True

    deleted = repository.retry(attempt)
    # Also where there was no package: an earlier delete may have crashed before it came to the provenance.
    try:
        sync_provenance(repository, file)
    except Unavailable as failure:
        repository.record("provenance_left", file=file, reason=failure.message)
    return deleted


@dataclass(frozen=True, slots=True)
class Signature:
    """Provenance that was uploaded together with a package."""

    body: bytes
    digest: str
    """sha256 of that package, hex."""


def sync_provenance(repository: Repository, file: str, uploaded: Signature | None = None) -> None:
    """Make the provenance beside a package match the package, or delete it.

    Runs after every write and removal of a package; `uploaded` is what came with it. Safe under concurrency, because it
    never overwrites: provenance that signs other bytes is deleted as it was seen and remembered, and is stored again,
    where nothing is, if the package it signs is back. Raises `Unavailable`: when the deadline has passed, or if the
    package that `uploaded` signs is not there.
    """
    name, provenance = repository.name, f"{file}.prov"
    candidates = [uploaded.body] if uploaded else []

    def signs(body: bytes, digest: str | None) -> bool:
        if not digest:
            return False
        return digest.encode() in body or uploaded == Signature(body, digest)

    def attempt() -> bool:
        current = repository.packages.head(name, provenance)
        if current is None and not candidates:
            return True
        body = _read(repository, current) if current else None
        # The package is read last: a process that has replaced it since will look at the provenance afterwards.
        digest = _digest(repository, repository.packages.head(name, file))
        if current is None or body is None:
            match = next((body for body in candidates if signs(body, digest)), None)
            if match is None:
                if uploaded and digest is None:
                    raise Unavailable("the package is stored, and cannot be seen yet")
                return True
            repository.packages.create(name, provenance, match, repository.clock.token())
        elif signs(body, digest):
            return True
        else:
            candidates.append(body)
            repository.packages.delete(current)
        return False

    while not repository.retry(attempt):
        pass


def _read(repository: Repository, provenance: StoredFile) -> bytes:
    """Return the bytes of provenance; none of what is too large to be any, for that signs nothing."""
    return repository.packages.read(provenance) if provenance.size <= MAX_PROVENANCE_SIZE else b""


def _digest(repository: Repository, package: StoredFile | None) -> str | None:
    if package is None:
        return None
    if package.digest is None and package.size > MAX_PACKAGE_SIZE:
        return ""  # such a package is never listed, and nothing signs it
    return package.digest or sha256(repository.packages.read(package)).hexdigest()
