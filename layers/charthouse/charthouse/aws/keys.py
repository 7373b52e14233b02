"""Where things are in the bucket: the storage prefix before every key, everything of ours under `.charthouse/`."""

from charthouse.settings import Storage

OURS = ".charthouse/"
INDEXES = f"{OURS}index/"
ANSWERS = f"{OURS}answers/"
INDEX_FILE = "index.yaml"


def stored_key(storage: Storage, key: str) -> str:
    """Put the storage prefix before a key."""
    return f"{storage.prefix}/{key}" if storage.prefix else key


def plain_key(storage: Storage, stored: str) -> str | None:
    """Take the storage prefix off a key in the bucket; None if it has another."""
    start = stored_key(storage, "")
    return stored.removeprefix(start) if stored.startswith(start) else None


def index_key(repo: str) -> str:
    """Return the key of a repository's index, without the storage prefix."""
    return f"{INDEXES}{repo}/{INDEX_FILE}" if repo else f"{INDEXES}{INDEX_FILE}"


def index_repo(key: str) -> str | None:
    """Return the repository whose index has this key (without the storage prefix), or None if it is no index."""
    name = key.removeprefix(INDEXES)
    if name == key or (name != INDEX_FILE and not name.endswith(f"/{INDEX_FILE}")):
        return None
    return name.removesuffix(INDEX_FILE).removesuffix("/")
