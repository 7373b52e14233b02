"""reconcile: bucket against rows against index; repairs by the same two steps, and counts what it found."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Self

from charthouse.errors import Unavailable
from charthouse.ports import Folders
from charthouse.repository.align import align
from charthouse.repository.compare import compare, is_damaged
from charthouse.repository.keys import is_repository
from charthouse.repository.store import Store, folder, timestamp
from charthouse.repository.turns import LONGEST_WAIT, publish_together
from charthouse.settings import Paths

LISTED = "\U0010ffff"
"""Where to go on when every file has been looked at and only the index was too late: after every file name."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a reconciliation found, in one repository or in all."""

    repositories: int = 0
    versions: int = 0
    settled: int = 0
    """Files whose row did not agree with the bucket."""
    unlisted: int = 0
    """Objects that are no package the index can show."""
    differences: int = 0
    """Lines of the index that did not agree with their row, and indexes that had to be rebuilt."""

    def facts(self) -> dict[str, int]:
        """Return the counts by name."""
        return asdict(self)

    def plus(self, other: "Found") -> "Found":
        """Add two findings."""
        mine, theirs = self.facts(), other.facts()
        return Found(**{name: mine[name] + theirs[name] for name in mine})


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a reconciliation stands, to go on from."""

    repo: str | None = None
    """The repository to go on with; None: the first."""
    after: str = ""
    """The last file looked at in it."""
    found: Found = field(default_factory=Found)
    done: bool = False

    @classmethod
    def read(cls, event: Mapping[str, Any]) -> Self:
        """Read what `event` handed on; any other event starts from the beginning."""
        return cls(event.get("repo"), event.get("after", ""), Found(**event.get("found", {})))

    def event(self) -> dict[str, Any]:
        """Return what the next invocation has to know, as JSON."""
        return {"repo": self.repo, "after": self.after, "found": self.found.facts()}


def reconcile(store: Store, folders: Folders, paths: Paths, *, until: float, start: Progress | None = None) -> Progress:
    """Reconcile all repositories, from `start` on, until it is done or `until` (seconds since the epoch) passes."""
    progress = start or Progress()
    for repo in repositories(store, folders, paths):
        if progress.repo is not None and repo < progress.repo:
            continue
        after = progress.after if repo == progress.repo else ""
        progress = replace(progress, repo=repo, after=after)
        if store.clock.now() >= until:
            return progress
        progress = _reconcile_one(store, progress, repo, until)
        if progress.after:
            return progress
    return replace(progress, done=True)


def repositories(store: Store, folders: Folders, paths: Paths) -> list[str]:
    """Return the name of every repository there is: it has packages in the bucket, or an index."""
    found = {repo for repo in store.indexes.repositories() if is_repository(repo, paths)}
    found.update(repo for repo in _with_folders(folders, paths, "") if _has_packages(store, repo))
    return sorted(found)


def _with_folders(folders: Folders, paths: Paths, repo: str) -> Iterator[str]:
    depth = len(repo.split("/")) if repo else 0
    if is_repository(repo, paths):
        yield repo
    if not paths.depth_dynamic and depth >= paths.depth:
        return
    for prefix in folders.below(folder(repo)):
        name = prefix.removesuffix("/")
        if is_repository(name, Paths(depth_dynamic=True)):
            yield from _with_folders(folders, paths, name)


def _has_packages(store: Store, repo: str) -> bool:
    return any(stored.key.endswith(".tgz") for stored in store.bucket.list(folder(repo)))


def _reconcile_one(store: Store, progress: Progress, repo: str, until: float) -> Progress:
    aligned = align(store, repo, until=until, after=progress.after)
    found = progress.found.plus(Found(settled=aligned.settled, unlisted=aligned.unlisted))
    if aligned.next is not None:
        return replace(progress, after=aligned.next, found=found)
    try:
        whole = _published(store, repo, until)
    except Unavailable:
        if store.clock.now() + LONGEST_WAIT < until:
            raise
        return replace(progress, after=LISTED, found=found)
    return replace(progress, after="", found=found.plus(whole))


def _published(store: Store, repo: str, until: float) -> Found:
    damaged = is_damaged(store, repo)
    _publish(store, repo, until)
    store.markers.reconciled(repo, timestamp(store.clock.now()))
    differences = int(damaged) + compare(store, repo, until=until)
    marker = store.markers.get(repo)
    return Found(repositories=1, versions=marker.versions if marker else 0, differences=differences)


def _publish(store: Store, repo: str, until: float) -> None:
    if not publish_together(store, repo, until=until):
        raise Unavailable(f"the index of {repo!r} could not be published in time")
