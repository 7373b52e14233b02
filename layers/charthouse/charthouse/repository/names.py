"""Names of repositories and of the files in them."""

import re

from charthouse.settings import Paths

RESERVED = frozenset({"api", "v2", "health", "info", "metrics", ".charthouse"})
"""First segments that no repository may have: routes of the API, and the folder of charthouse's own objects."""

MAX_REPOSITORY = 512
"""Characters of a repository's name."""

MAX_PACKAGE_SIZE = 100 * 1024 * 1024
"""Bytes. Helm unpacks at most 100 MiB; a larger package is reported unread."""

MAX_PROVENANCE_SIZE = 5 * 1024 * 1024
"""Bytes; no upload is larger, and a provenance file is a Chart.yaml and a signature."""

PACKAGE = ".tgz"
PROVENANCE = ".tgz.prov"

# Letters, digits and the marks that need no escaping in an S3 key, a URL, a log line or a claim.
# Not a hyphen first: what the home page shows would be an option of the command it stands in.
_SEGMENT = re.compile(r"[A-Za-z0-9._~@+=][A-Za-z0-9._~@+=-]*")

MAX_SEGMENTS = 16
"""Of a repository's name. Each costs a listing of its folder in every reconciliation."""


def is_repository(repo: str, paths: Paths) -> bool:
    """Return whether a repository of this name can exist at the configured depth (empty: the root repository)."""
    segments = repo.split("/") if repo else []
    return (
        (paths.depth_dynamic or len(segments) == paths.depth)
        and len(repo) <= MAX_REPOSITORY
        and len(segments) <= MAX_SEGMENTS
        and all(_SEGMENT.fullmatch(segment) and segment not in {".", ".."} for segment in segments)
        and not (segments and segments[0] in RESERVED)
    )


def is_package(file: str) -> bool:
    """Return whether a file is stored as a package: anything that ends in `.tgz`."""
    return file.endswith(PACKAGE) and file != PACKAGE


def split_path(path: str, paths: Paths) -> tuple[str, str] | None:
    """Split the path of a package, or of its provenance, into repository and package file.

    None if it is neither, or in no repository.
    """
    repo, slash, file = path.removesuffix(PROVENANCE.removeprefix(PACKAGE)).rpartition("/")
    # A path that begins with a slash is not in the root repository, whose paths have no slash at all.
    nowhere = bool(slash) and not repo
    return None if nowhere or not is_package(file) or not is_repository(repo, paths) else (repo, file)
