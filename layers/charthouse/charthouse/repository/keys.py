"""Which names repositories may have, and which objects of the bucket are packages of one."""

import re

from charthouse.settings import Paths

RESERVED = frozenset({"api", "v2", "health", "info", "metrics", ".charthouse"})
"""First segments no repository may have: routes of ours, now or later, and the folder of our own objects."""

MAX_REPOSITORY = 512
"""Characters of a repository's name."""

# Letters, digits and the marks that need no care in an S3 key, a URL, a log line or a claim.
_SEGMENT = re.compile(r"[A-Za-z0-9._~@+=-]+")


def is_repository(repo: str, paths: Paths) -> bool:
    """Tell whether a repository of this name can exist at the configured depth (empty: the one without a name)."""
    segments = repo.split("/") if repo else []
    return (
        (paths.depth_dynamic or len(segments) == paths.depth)
        and len(repo) <= MAX_REPOSITORY
        and all(_SEGMENT.fullmatch(segment) and segment not in {".", "..", "-"} for segment in segments)
        and not (segments and segments[0] in RESERVED)
    )


def split_key(key: str, paths: Paths) -> tuple[str, str] | None:
    """Split the key of a package into repository and file; None if it is none, or in no repository."""
    repo, slash, file = key.rpartition("/")
    # A key that begins with a slash is none of the repository without a name, whose keys have no slash at all.
    nowhere = bool(slash) and not repo
    if nowhere or not file.endswith(".tgz") or file == ".tgz" or not is_repository(repo, paths):
        return None
    return repo, file
