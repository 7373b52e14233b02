"""write: put an object into the bucket, and know one's own again if the answer was lost."""

from charthouse.errors import Changed, Unavailable
from charthouse.repository.store import Store


def create(store: Store, key: str, body: bytes, upload_id: str, *, until: float) -> bool:
    """Store where nothing is; False if somebody else's object is there.

    A PUT whose answer was lost is sent again by the SDK and then meets the object it wrote itself: the upload id tells.
    Raises `Unavailable` if nothing was stored, and when `until` has passed.
    """
    while True:
        failure: Unavailable | None = None
        try:
            store.bucket.create(key, body, upload_id)
        except Changed:
            pass
        except Unavailable as unavailable:
            failure = unavailable
        else:
            return True
        stored = store.bucket.head(key)
        if stored is not None and stored.upload_id == upload_id:
            return True
        if failure:
            raise failure
        if stored is not None:
            return False
        store.again(until)


def replace(store: Store, key: str, body: bytes, upload_id: str) -> None:
    """Store over whatever is there; raises `Unavailable` if nothing was stored."""
    try:
        store.bucket.replace(key, body, upload_id)
    except Unavailable:
        stored = store.bucket.head(key)
        if stored is None or stored.upload_id != upload_id:
            raise
