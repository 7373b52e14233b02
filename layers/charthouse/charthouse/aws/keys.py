"""Where objects are in the bucket: under the storage prefix, those of charthouse itself under `.charthouse/`.

Apart from `s3`, because the read function finds objects without the SDK.
"""

from hashlib import sha256

from charthouse.settings import Storage

OURS = ".charthouse/"
INDEXES = f"{OURS}index/"
ANSWERS = f"{OURS}answers/"
POLICY = f"{OURS}access.json"
ARTIFACTS = f"{OURS}oci/"
VIEWS = f"{OURS}views/"
INDEX_FILE = "index.yaml"
GZIP_FILE = f"{INDEX_FILE}.gz"

_LONG_NAME = 200
"""Bytes of a chart's name from which on it is hashed."""
_HASHED = "sha256:"


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


def copy_path(repo: str) -> str:
    """Return the path of the gzip copy of a repository's index."""
    return f"{VIEWS}{file_path(repo, GZIP_FILE)}"


def view_path(repo: str, name: str) -> str:
    """Return the path of a view: of the gzip copy for an empty name, else of a chart's index.

    Apart from the indexes, so that listing those does not list every chart. No repository's name has a segment `-`. A
    long name would not leave room for the repository's in a key of 1,024 bytes, so it is hashed.
    """
    if not name:
        return copy_path(repo)
    if len(name.encode()) > _LONG_NAME:
        name = f"{_HASHED}{sha256(name.encode()).hexdigest()}"
    return f"{views_path(repo)}{name}"


def views_path(repo: str) -> str:
    """Return where the views of a repository's charts are."""
    return f"{VIEWS}{file_path(repo, '-/')}"


def view_name(repo: str, path: str) -> str | None:
    """Return the chart whose view has this path; None if the path does not say."""
    name = path.removeprefix(views_path(repo))
    return None if not name or name.startswith(_HASHED) or "/" in name else name


def index_repo(path: str) -> str | None:
    """Return the repository whose index has this path, or None if it is no index."""
    name = path.removeprefix(INDEXES)
    if name == path or (name != INDEX_FILE and not name.endswith(f"/{INDEX_FILE}")):
        return None
    return name.removesuffix(INDEX_FILE).removesuffix("/")
