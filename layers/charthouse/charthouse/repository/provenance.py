"""Provenance: a `.tgz.prov` beside its package, and never another package's."""

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

from charthouse.errors import Changed, ChartVersionExists
from charthouse.ports import StoredObject
from charthouse.repository import write
from charthouse.repository.store import PATIENCE, Store


@dataclass(frozen=True, slots=True)
class Signed:
    """Provenance that was sent together with a package."""

    body: bytes
    digest: str
    """sha256 of that package, hex."""


def agree(store: Store, key: str, *, until: float, sent: Signed | None = None, taken: Iterable[bytes] = ()) -> None:
    """See to it that the provenance beside the package at `key` is the package's own, or that there is none.

    Runs after every write or removal of a package. `sent` is what came with it, `taken` what a removal took away.
    Several may be at this at once, so nothing is ever overwritten: provenance that signs another package is taken away
    as it was seen, and remembered; what was taken comes back where nothing is, if the package it signs came back.
    Raises `Unavailable`, also when `until` (seconds since the epoch) has passed.
    """
    held = [*taken, *([sent.body] if sent else [])]

    def signs(body: bytes, digest: str | None) -> bool:
        return digest is not None and (digest.encode() in body or (sent is not None and sent == Signed(body, digest)))

    while True:
        try:
            there = store.bucket.head(f"{key}.prov")
            if there is None and not held:
                return
            body = store.bucket.read(there) if there else None
            # The package is looked at last: whoever replaced it before has not looked at its provenance yet.
            digest = _digest(store, store.bucket.head(key))
            if there is None or body is None:
                fitting = next((body for body in held if signs(body, digest)), None)
                if fitting is None:
                    return
                store.bucket.create(f"{key}.prov", fitting, store.clock.token())
            elif signs(body, digest):
                return
            else:
                held.append(body)
                store.bucket.delete(there)
        except Changed:
            store.again(until)


def put_provenance(store: Store, key: str, provenance: bytes, *, exists: str, overwrite: bool) -> None:
    """Store a provenance file by itself; raises `ChartVersionExists` if one is there and may not be overwritten."""
    upload_id, until = store.clock.token(), store.clock.now() + PATIENCE
    if overwrite:
        write.replace(store, key, provenance, upload_id)
    elif not write.create(store, key, provenance, upload_id, until=until):
        raise ChartVersionExists(exists)


def _digest(store: Store, package: StoredObject | None) -> str | None:
    if package is None:
        return None
    return package.digest or sha256(store.bucket.read(package)).hexdigest()
