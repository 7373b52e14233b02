"""The views of an index: its gzip copy, and an index for each chart.

A view is written after the index and before `dirty` is cleared, so that an acknowledged change is in all of them; a
crash leaves the rows dirty, and the next publication writes the views. It carries the revision of the index it was cut
from and only ever replaces an older one, so a slow process never takes it back. A missing view is read from the index.
"""

import gzip
import zlib
from collections.abc import Collection
from functools import partial
from itertools import batched

from charthouse.helm.chart import possible_charts
from charthouse.helm.gzip_copy import gzip_copy
from charthouse.helm.index import Index
from charthouse.repository.ports import GZIP_COPY, StoredView
from charthouse.repository.repository import Repository

BATCH = 64
"""Views written between two looks at the time."""


def write_views(repository: Repository, index: Index, former: Index | None, charts: Collection[str]) -> set[str]:
    """Write the gzip copy and the views of these charts, each unless one as new is there; return the charts done.

    Charts are left out once the deadline has passed. `former` is the index that this one was spliced from. Raises
    `Unavailable` if the gzip copy could not be written.
    """
    repository.retry(lambda: _write_copy(repository, index, former), reads_index=False)
    done: set[str] = set()
    for names in batched(sorted(charts), BATCH, strict=False):
        repository.map(partial(_write_chart, repository, index), names)
        done.update(names)
        if repository.expired:
            break
    return done


def _write_copy(repository: Repository, index: Index, former: Index | None) -> None:
    stored = repository.indexes.read_view(repository.name, GZIP_COPY)
    if stored and stored.revision >= index.revision:
        return
    copy = gzip_copy(index, former, bytes(stored.body) if stored else b"")
    view = StoredView(index.revision, "", copy)
    repository.indexes.write_view(repository.name, GZIP_COPY, view, stored.etag if stored else None)


def _write_chart(repository: Repository, index: Index, name: str) -> None:
    def attempt() -> None:
        stored = repository.indexes.view(repository.name, name)
        if stored and stored.revision >= index.revision:
            return
        # Written also without entries, and where none is: a slower process may be about to write one with entries.
        view = StoredView(index.revision, "", index.chart(name).text)
        repository.indexes.write_view(repository.name, name, view, stored.etag if stored else None)

    repository.retry(attempt, reads_index=False)


def with_views(repository: Repository, names: Collection[str]) -> set[str]:
    """Return those of the charts that have a view; raises `Unavailable` if the deadline has passed before all."""
    found: set[str] = set()
    for some in batched(sorted(names), BATCH, strict=False):
        repository.check_deadline()
        views = repository.map(lambda name: repository.indexes.view(repository.name, name), some)
        found.update(name for name, view in zip(some, views, strict=True) if view)
    return found


def views_may_list(repository: Repository, index: Index, file: str) -> bool:
    """Return whether a view may list a file that the index does not: a process crashed before it wrote the view."""
    copy = repository.indexes.view(repository.name, GZIP_COPY)
    if copy and copy.revision != index.revision:
        return True
    stored = (repository.indexes.read_view(repository.name, name) for name in possible_charts(file))
    views = (Index.read(view.body, repository.envelope) for view in stored if view)
    return any(view is None or view.has(file) for view in views)


def differing_views(repository: Repository, index: Index, after: str = "") -> tuple[list[str], list[str], str | None]:
    """Compare the views with the index; return those that differ, those to be made, and where to continue.

    To be made are missing ones, and those cut before an option changed all URLs. Goes through the charts by name,
    after the name `after`, until the deadline; the third result is the last chart compared, or None when all have been.
    """
    known = repository.indexes.read_view(repository.name, GZIP_COPY)
    differing = [GZIP_COPY] if known and not after and not _is_copy(known, index) else []
    outdated: list[str] = []
    names = {*index.charts(), *repository.indexes.views(repository.name, after)}

    def compare(name: str) -> bool | None:
        """Return whether the view is right; None if it is to be made."""
        stored = repository.indexes.read_view(repository.name, name)
        view = Index.read(stored.body, index.envelope) if stored else None
        if stored is None or (view is None and stored.body.startswith(index.envelope.opening)):
            return None
        right = view is not None and view.revision == stored.revision <= index.revision
        return right and view is not None and view.blocks == index.chart(name).blocks

    for some in batched(sorted(name for name in names if name > after), BATCH, strict=False):
        for name, same in zip(some, repository.map(compare, some), strict=True):
            if same is None:
                outdated.append(name)
            elif not same:
                differing.append(name)
        if repository.expired:
            return differing, outdated, some[-1]
    return differing, outdated, None


def _is_copy(stored: StoredView, index: Index) -> bool:
    try:
        return stored.revision == index.revision and gzip.decompress(bytes(stored.body)) == index.data
    except (OSError, EOFError, zlib.error):
        return False
