"""remove: take a package and its provenance out of the bucket, exactly the ones that were seen."""

from collections.abc import Callable

from charthouse.errors import Changed, Unavailable
from charthouse.ports import StoredObject
from charthouse.repository.store import Store


def remove(store: Store, key: str, *, until: float, meant: Callable[[StoredObject], bool] = lambda _: True) -> bool:
    """Remove the package and its provenance; False if there is none, or not the one that is `meant`.

    Each is deleted only as it was seen, and the provenance was seen before the package: whoever stores another package
    meanwhile keeps it with its provenance, and the removal starts again. Raises `Unavailable` when `until` has passed.
    """
    tried = False
    while True:
        provenance = store.bucket.head(f"{key}.prov")
        package = store.bucket.head(key)
        if package is None:
            # Gone after an attempt of ours: it did it, and only its answer was lost.
            return tried
        if not meant(package):
            return False
        try:
            if provenance is not None:
                store.bucket.delete(provenance)
            tried = True
            store.bucket.delete(package)
        except Changed:
            store.again(until)
        except Unavailable:
            if not tried or store.bucket.head(key) is not None:
                raise
            return True
        else:
            return True
