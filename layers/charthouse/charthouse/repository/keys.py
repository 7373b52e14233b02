"""Which objects of the bucket are packages, and of which repository."""

from charthouse.settings import Paths

RESERVED = frozenset({"api", "v2", "health", "info", "metrics", ".charthouse"})
"""What a repository's name cannot begin with: routes of the API, and our own folder."""


def fits(repo: str, paths: Paths) -> bool:
    """Tell whether a repository of this name can exist at the configured depth."""
    segments = repo.split("/") if repo else []
    if any(segment in {"", ".", "..", "-"} for segment in segments) or (segments and segments[0] in RESERVED):
        return False
    return paths.depth_dynamic or len(segments) == paths.depth


def split_key(key: str, paths: Paths) -> tuple[str, str] | None:
    """Split the key of a package into repository and file; None if it is none, or in no repository."""
    repo, _, file = key.rpartition("/")
    if not file.endswith(".tgz") or file == ".tgz" or not fits(repo, paths):
        return None
    return repo, file
