"""remove: take a package and its provenance out of the bucket, exactly the ones that were seen."""

from collections.abc import Callable

from charthouse.errors import Changed, Unavailable
from charthouse.ports import StoredObject
from charthouse.repository.provenance import agree
from charthouse.repository.store import Store


def remove(store: Store, key: str, *, until: float, meant: Callable[[StoredObject], bool] = lambda _: True) -> bool:
    """Remove the package and its provenance; False if there is none, or not the one that is `meant`.

    Each is deleted only as it was seen. Whoever stores another package meanwhile keeps it: the removal starts again,
    and provenance it took away from under a package comes back. Raises `Unavailable` when `until` has passed.
    """
    taken: list[bytes] = []
    removed = False
    try:
        removed = _remove(store, key, until, meant, taken)
    finally:
        if removed or taken:
            _give_back(store, key, until, taken)
    return removed


def _remove(store: Store, key: str, until: float, meant: Callable[[StoredObject], bool], taken: list[bytes]) -> bool:
    tried = False
    while True:
        try:
            provenance = store.bucket.head(f"{key}.prov")
            package = store.bucket.head(key)
            if package is None:
                # Gone after an attempt of ours: it did it, and only its answer was lost.
                return tried
            if not meant(package):
                return False
            if provenance is not None:
                taken.append(store.bucket.read(provenance))
                store.bucket.delete(provenance)
            tried = True
            store.bucket.delete(package)
        except (Changed, Unavailable) as failure:
            if tried and store.bucket.head(key) is None:
                # It is done, only the answer was lost; or the SDK's second try met what the first had done.
                return True
            if isinstance(failure, Unavailable):
                raise
            store.again(until)
        else:
            return True


def _give_back(store: Store, key: str, until: float, taken: list[bytes]) -> None:
    try:
        agree(store, key, until=until, taken=taken)
    except Unavailable as failure:
        store.journal.note("provenance_left", file=key, reason=failure.message)
