"""Provenance: a `.tgz.prov` beside its package, and never another package's."""

from charthouse.errors import Changed, ChartVersionExists, Unavailable
from charthouse.ports import StoredObject
from charthouse.repository.store import PATIENCE, Store


def keep_provenance(store: Store, key: str, provenance: bytes | None, upload_id: str, until: float) -> None:
    """Write the provenance of the package at `key` just stored by `upload_id`; None: take away what verified another.

    Several forced uploads may be at this at once. Each writes only over what it has seen, only while the package is
    its own, and looks again afterwards: whoever finds the package replaced takes back what it wrote. Raises
    `Unavailable` saying what to do: the package is stored.
    """
    prov = f"{key}.prov"
    try:
        while True:
            there = store.bucket.head(prov)
            # The package is looked at after the provenance: whoever stored it since has not written his yet.
            ours = store.bucket.head(key)
            if ours is None or ours.upload_id != upload_id:
                return
            if there is not None and there.upload_id == upload_id:
                break
            try:
                _swap(store, prov, there, provenance, upload_id)
            except Changed:
                store.again(until)
            else:
                break
        now = store.bucket.head(key)
        if provenance is not None and (now is None or now.etag != ours.etag):
            _take_back(store, prov, upload_id)
    except Unavailable as failure:
        if provenance is None:
            return
        raise Unavailable(
            "the package is stored, its provenance file is not: send it again to the prov route", failure.retry_after
        ) from failure


def put_provenance(store: Store, key: str, provenance: bytes, *, exists: str, overwrite: bool) -> None:
    """Store a provenance file by itself; raises `ChartVersionExists` if one is there and may not be overwritten."""
    upload_id, until = store.clock.token(), store.clock.now() + PATIENCE
    if overwrite:
        store.bucket.replace(key, provenance, upload_id)
        return
    try:
        store.bucket.create(key, provenance, upload_id)
    except Changed:
        there = store.bucket.head(key)
        if there is None:
            store.again(until)
            put_provenance(store, key, provenance, exists=exists, overwrite=overwrite)
        elif there.upload_id != upload_id:
            raise ChartVersionExists(exists) from None


def _swap(store: Store, prov: str, there: StoredObject | None, provenance: bytes | None, upload_id: str) -> None:
    if provenance is not None and there is None:
        store.bucket.create(prov, provenance, upload_id)
    elif provenance is not None:
        store.bucket.replace(prov, provenance, upload_id, match=there)
    elif there is not None:
        store.bucket.delete(there)


def _take_back(store: Store, prov: str, upload_id: str) -> None:
    there = store.bucket.head(prov)
    if there is not None and there.upload_id == upload_id:
        try:
            store.bucket.delete(there)
        except Changed:
            return
