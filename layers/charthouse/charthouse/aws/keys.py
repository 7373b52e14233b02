"""Where objects are in the bucket: under the storage prefix, those of charthouse itself under `.charthouse/`.

Apart from `s3`, because the read function finds objects without the SDK.
"""

from charthouse.settings import Storage

OURS = ".charthouse/"
INDEXES = f"{OURS}index/"
ANSWERS = f"{OURS}answers/"
POLICY = f"{OURS}access.json"
ARTIFACTS = f"{OURS}oci/"
INDEX_FILE = "index.yaml"


def stored_key(storage: Storage, path: str) -> str:
    """Return the key of a path: with the storage prefix before it."""
    return f"{storage.prefix}/{path}" if storage.prefix else path


def plain_path(storage: Storage, key: str) -> str | None:
    """Return a key without the storage prefix; None if it has another."""
    start = stored_key(storage, "")
    return key.removeprefix(start) if key.startswith(start) else None


def file_path(repo: str, file: str) -> str:
    """Return the path of a file of a repository."""
    return f"{repo}/{file}" if repo else file


def artifact_path(place: str, name: str) -> str:
    """Return the path of an object of the OCI registry; `place` is a repository and its chart."""
    return f"{ARTIFACTS}{place}/{name}"


def index_path(repo: str) -> str:
    """Return the path of a repository's index."""
    return f"{INDEXES}{file_path(repo, INDEX_FILE)}"


def index_repo(path: str) -> str | None:
    """Return the repository whose index has this path, or None if it is no index."""
    name = path.removeprefix(INDEXES)
    if name == path or (name != INDEX_FILE and not name.endswith(f"/{INDEX_FILE}")):
        return None
    return name.removesuffix(INDEX_FILE).removesuffix("/")
