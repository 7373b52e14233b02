"""What runs without a client: events of the store, the sweep of what is unpublished, the daily reconciliation.

One file costs only itself, and one repository only itself: what fails is recorded by name, and the rest is done.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from enum import IntEnum
from itertools import zip_longest
from typing import Any, Self

from charthouse.errors import Unavailable
from charthouse.helm.chart import package_file, possible_charts
from charthouse.helm.index import Index
from charthouse.helm.index_check import check_index
from charthouse.repository.names import is_repository, split_path
from charthouse.repository.ports import GZIP_COPY, StoredIndex
from charthouse.repository.publish import LONGEST_WAIT, entries_of, publish_index, publish_shared
from charthouse.repository.repository import RECONCILE, SWEEP, Ports, Repository, one_by_one, timestamp
from charthouse.repository.sync import sync_all, sync_file
from charthouse.repository.views import differing_views
from charthouse.settings import Paths

FULL_BATCH = 10
"""Messages in a full batch: `BatchSize` in template.yaml."""
GATHER_SECONDS = 1.0
"""How long changes are gathered for one publication while a sync of many files goes on."""

LISTED = "\U0010ffff"
"""Where to continue when every file has been compared and only the index was too late: after every file name."""

VIEWS = f"{LISTED}/"
"""Where to continue when the index has been compared too, with the last chart whose view has been behind it."""


PUBLISH = "publish"
"""A task that is on record while a process is at it, as are `SWEEP`, `RECONCILE`, and files by their names."""


def handle_object_events(
    ports: Ports, paths: Paths, messages: Mapping[str, Sequence[str]], *, deadline: float, again: bool = False
) -> list[str]:
    """Sync every file the messages name, each once, and publish each repository once.

    `messages` is message id → paths of stored files. A message is a hint: what is stored now counts, so repeated, late
    and reordered ones change nothing. Paths that are no package of a repository at this depth are ignored. Returns the
    ids of the messages that failed and have to be delivered again. Never waits for the lease. After a full batch more
    messages are probably waiting, and the publisher gathers what they change.

    With `again` some of the messages were delivered before, so one of them may have ended the process. Then each file
    and each index is worked off alone and on record meanwhile, and what a process died of is not tried beside others.
    """
    targets = _in_turns(paths, messages)
    postponed = _suspects(ports, targets) if again else set()
    todo = [path for path in targets if path not in postponed]

    def sync(path: str) -> bool | None:
        """Return whether the index has to follow; None if it failed."""
        repo, file = targets[path]
        repository = ports.repository(repo, deadline)
        try:
            repository.check_deadline()
            with repository.on_record(file, keep=again):
                return sync_file(repository, file).dirty is not None
        except Exception as error:  # noqa: BLE001  one file that fails must not fail the messages of the others
            repository.record("event_failed", file=file, failed=1, **_reason(error))
            return None

    synced = dict(zip(todo, (one_by_one if again else ports.map)(sync, todo), strict=True))
    failed = postponed | {path for path, dirty in synced.items() if dirty is None}
    for repo in sorted({targets[path][0] for path, dirty in synced.items() if dirty}):
        repository = ports.repository(repo, deadline)
        try:
            repository.check_deadline()
            with repository.on_record(PUBLISH, keep=again):
                publish_shared(repository, wait=False, gather=GATHER_SECONDS if len(messages) >= FULL_BATCH else 0.0)
        except Exception as error:  # noqa: BLE001  nor one repository those of the others
            repository.record("event_failed", failed=1, **_reason(error))
            failed.update(path for path, target in targets.items() if target[0] == repo)
    return [message for message, paths_of in messages.items() if failed.intersection(paths_of)]


def publish_pending(ports: Ports, *, deadline: float) -> float:
    """Publish every repository with dirty rows; return for how many seconds the oldest change has been waiting.

    A row still dirty after minutes means that its writer crashed or was throttled. A repository that failed in the last
    sweep comes after the others, and one that a sweep died of only where no other is left. What the deadline leaves,
    the next sweep publishes.
    """
    pending = ports.catalog.unpublished()
    now = ports.clock.now()
    ranked = _ranked(ports, pending, SWEEP) if pending else []
    for rank, name in sorted(ranked, key=lambda one: (one[0], pending[one[1]])):
        repository = ports.repository(name, deadline)
        if repository.expired:
            repository.record("sweep_failed", reason="no time is left for this repository and those after it")
            break
        if rank is _Rank.DIED and len(ranked) > 1:
            repository.record("sweep_failed", reason="a sweep did not end here; it is tried when it is the only one")
            continue
        try:
            with repository.on_record(SWEEP):
                publish_shared(repository)
        except Exception as error:  # noqa: BLE001  one repository that fails must not keep the others unpublished
            repository.record("sweep_failed", failed=1, **_reason(error))
    return max((now - datetime.fromisoformat(since).timestamp() for since in pending.values()), default=0.0)


class _Rank(IntEnum):
    """In which order repositories are worked off."""

    FINE = 0
    FAILED = 1
    DIED = 2
    """A process that was at it has not ended it."""


def _ranked(ports: Ports, names: Iterable[str], task: str) -> list[tuple[_Rank, str]]:
    """Return the repositories, each with how the task ended there last."""
    todo = list(names)
    states = {state.repo: state for state in ports.catalog.states(todo)}

    def rank(name: str) -> _Rank:
        state = states.get(name)
        if state is None:
            return _Rank.FINE
        return _Rank.DIED if task in state.begun else _Rank.FAILED if task in state.failed else _Rank.FINE

    return [(rank(name), name) for name in todo]


def _in_turns(paths: Paths, messages: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, str]]:
    """Return path → repository and file, one of each repository in turn: none has to wait for all files of another."""
    files: dict[str, list[tuple[str, tuple[str, str]]]] = {}
    for path in sorted({path for paths_of in messages.values() for path in paths_of}):
        if target := split_path(path, paths):
            files.setdefault(target[0], []).append((path, target))
    turns = zip_longest(*files.values())
    return dict(one for turn in turns for one in turn if one is not None)


def _suspects(ports: Ports, targets: Mapping[str, tuple[str, str]]) -> set[str]:
    """Return the paths that are not to be tried now: a process died of them, and there are others, or another such."""
    states = ports.catalog.states({repo for repo, _ in targets.values()})
    begun = {state.repo: state.begun for state in states}
    suspects = [path for path, (repo, file) in targets.items() if {file, PUBLISH} & begun.get(repo, frozenset())]
    return set(suspects if len(suspects) < len(targets) else suspects[1:])


@dataclass(frozen=True, slots=True)
class Found:
    """What a reconciliation found, in one repository or in all."""

    repositories: int = 0
    versions: int = 0
    synced: int = 0
    """Files whose row differed from what is stored."""
    unlisted: int = 0
    """Stored files without an entry."""
    differences: int = 0
    """Entries of the index that differed from their row, and indexes that were rebuilt."""
    failed: int = 0
    """Files and repositories that could not be compared."""

    def counts(self) -> dict[str, int]:
        """Return the counts by name."""
        return asdict(self)

    def plus(self, other: "Found") -> "Found":
        """Return the sum of both."""
        mine, theirs = self.counts(), other.counts()
        return Found(**{name: mine[name] + theirs[name] for name in mine})


MAX_NAMES = 100
"""Failed repositories that a result names; an event to go on with may have 256 KB."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a reconciliation has come, to be continued."""

    repo: str | None = None
    """The repository to continue with; None: the first."""
    rank: int = 0
    """The rank of that repository."""
    after: str = ""
    """The last file compared in it."""
    found: Found = field(default_factory=Found)
    failed: tuple[str, ...] = ()
    """Repositories that could not be compared, at most `MAX_NAMES`."""
    alone: tuple[str, ...] = ()
    """Those that an earlier reconciliation died of: each for an invocation of its own."""
    only: str | None = None
    """The one repository this reconciliation is for; None: all."""
    done: bool = False

    @classmethod
    def read(cls, event: Mapping[str, Any]) -> Self:
        """Read what `event` handed on; any other event starts from the beginning."""
        return cls(
            event.get("repo"),
            event.get("rank", 0),
            event.get("after", ""),
            Found(**event.get("found", {})),
            tuple(event.get("failed", ())),
            only=event.get("only"),
        )

    def event(self) -> dict[str, Any]:
        """Return what the next invocation has to know, as JSON."""
        return {
            "repo": self.repo,
            "rank": self.rank,
            "after": self.after,
            "found": self.found.counts(),
            "failed": list(self.failed),
            "only": self.only,
        }


def reconcile(ports: Ports, paths: Paths, *, deadline: float, start: Progress | None = None) -> Progress:
    """Compare store, rows and index of all repositories, from `start` on, and repair what differs by the two steps.

    Returns when it is done or the deadline (seconds since the epoch) has passed. Repositories that failed last time
    come after the others; those that a reconciliation died of are returned in `alone`.
    """
    progress = start or Progress()
    names = find_repositories(ports, paths) if progress.only is None else [progress.only]
    for rank, name in sorted(_in_place(progress, *ranked) for ranked in _ranked(ports, names, RECONCILE)):
        if progress.repo is not None and (rank, name) < (progress.rank, progress.repo):
            continue
        if rank is _Rank.DIED and progress.only is None:
            reason = "a reconciliation did not end here; this repository gets one of its own"
            ports.repository(name, deadline).record("reconcile_failed", reason=reason)
            progress = _failed(replace(progress, alone=(*progress.alone, name)[:MAX_NAMES]), name)
            continue
        after = progress.after if name == progress.repo else ""
        progress = replace(progress, repo=name, rank=int(rank), after=after)
        repository = ports.repository(name, deadline)
        if repository.expired:
            return progress
        progress = replace(progress, failed=tuple(other for other in progress.failed if other != name))
        try:
            with repository.on_record(RECONCILE):
                progress = _reconcile_one(repository, progress)
        except Exception as error:  # noqa: BLE001  one repository that fails must not keep the others from comparison
            if isinstance(error, Unavailable) and ports.clock.now() >= deadline:
                return progress
            repository.record("reconcile_failed", **_reason(error))
            progress = replace(_failed(progress, name), after="")
        if progress.after:
            return progress
    return replace(progress, done=True)


def _in_place(progress: Progress, rank: _Rank, name: str) -> tuple[_Rank, str]:
    """Return the rank of a repository, that of the one to go on with as it was: its last end has been cleared."""
    return (_Rank(progress.rank) if name == progress.repo and rank is not _Rank.DIED else rank), name


def _failed(progress: Progress, name: str) -> Progress:
    failed = (*progress.failed, name)[:MAX_NAMES]
    return replace(progress, failed=failed, found=progress.found.plus(Found(failed=1)))


def find_repositories(ports: Ports, paths: Paths) -> list[str]:
    """Return the name of every repository there is: it has stored packages, or an index."""
    found = {*ports.indexes.repositories(), *ports.packages.repositories()}
    return sorted(repo for repo in found if is_repository(repo, paths))


def verify_index(repository: Repository) -> int:
    """Compare the published index with the rows, rebuild it if it differs, and return the number of differences.

    Changes made meanwhile are no differences: rows that are dirty, or an index replaced during the comparison, are for
    the next one. Raises `Unavailable` when the deadline has passed.
    """
    stored = repository.indexes.read(repository.name)
    index = repository.parse(stored)
    if stored is None or index is None or not _is_strict(bytes(stored.body)):
        publish_index(repository, rebuild=True)
        repository.record("index_rebuilt")
        return 1
    rows = repository.rows()
    expected = Index.fold(repository.envelope, entries_of(rows))
    if index.blocks == expected.blocks:
        return 0
    if any(row.dirty for row in rows) or repository.indexes.read(repository.name) != stored:
        return 0
    files = _differing(index, expected)
    for file in files:
        repository.record("index_differed", file=file)
    publish_index(repository, rebuild=True, views={chart for file in files for chart in possible_charts(file)})
    repository.record("index_rebuilt")
    return max(1, len(files))


def verify_views(repository: Repository, after: str = "") -> tuple[int, str | None]:
    """Compare the views with the published index, and write those that differ or are missing.

    Returns the number of differences and the last chart compared, if the deadline passed; None: all were. A missing
    view is no difference, for it is read from the index; nor are views that are being written meanwhile.
    """
    stored = repository.indexes.read(repository.name)
    index = repository.parse(stored)
    if index is None:
        return 0, None
    copied = repository.indexes.view(repository.name, GZIP_COPY) is not None
    differing, outdated, last = differing_views(repository, index, after)
    if copied and not differing and not outdated:
        return 0, last
    quiet = not repository.catalog.dirty(repository.name) and repository.indexes.read(repository.name) == stored
    publish_index(repository, views=[*differing, *outdated] or [GZIP_COPY])
    differing = differing if quiet else []
    for name in differing:
        repository.record("view_differed", chart=name)
    return len(differing), last


def _reconcile_one(repository: Repository, progress: Progress) -> Progress:
    found, chart = progress.found, progress.after.removeprefix(VIEWS)
    if not progress.after.startswith(VIEWS):
        chart = ""
        compared = sync_all(repository, progress.after, skip=progress.only is None)
        if compared.skipped:
            progress = replace(progress, alone=(*progress.alone, repository.name)[:MAX_NAMES])
        found = found.plus(Found(synced=compared.synced, unlisted=compared.unlisted, failed=compared.failed))
        if compared.next is not None:
            return replace(progress, after=compared.next, found=found)
    try:
        if not progress.after.startswith(VIEWS):
            progress = replace(progress, after=LISTED, found=found)
            found = found.plus(_publish_and_verify(repository))
            progress = replace(progress, after=VIEWS, found=found)
        differences, last = verify_views(repository, chart)
    except Unavailable:
        if repository.clock.now() + LONGEST_WAIT < repository.deadline:
            raise
        return progress
    found = found.plus(Found(differences=differences))
    return replace(progress, after="" if last is None else f"{VIEWS}{last}", found=found)


def _publish_and_verify(repository: Repository) -> Found:
    damaged = _is_missing_or_foreign(repository)
    if not publish_shared(repository):
        raise Unavailable(f"the index of {repository.name!r} could not be published in time")
    repository.catalog.set_reconciled(repository.name, timestamp(repository.clock.now()))
    differences = int(damaged) + verify_index(repository)
    state = repository.catalog.state(repository.name)
    return Found(repositories=1, versions=state.versions if state else 0, differences=differences)


def _is_missing_or_foreign(repository: Repository) -> bool:
    """Return whether the index is gone, or is not one of ours; one that an option has changed since is whole."""
    stored = repository.indexes.read(repository.name)
    if stored is None:
        state = repository.catalog.state(repository.name)
        return state is not None and state.reconciled is not None
    return repository.parse(stored) is None and not _is_ours(repository, stored)


def _is_ours(repository: Repository, stored: StoredIndex) -> bool:
    return stored.body.startswith(repository.envelope.opening) and _is_strict(bytes(stored.body))


def _is_strict(body: bytes) -> bool:
    try:
        check_index(body)
    except ValueError:
        return False
    return True


def _differing(index: Index, expected: Index) -> list[str]:
    """Return the files whose entries differ."""
    entries: Iterable[Any] = map(json.loads, set(index.lines()) ^ set(expected.lines()))
    return sorted({package_file(entry["name"], entry["version"]) for entry in entries})


def _reason(error: Exception) -> dict[str, str]:
    return {"reason": str(error)[:1000], "kind": type(error).__name__}
