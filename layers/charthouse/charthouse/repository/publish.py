"""The second step of the protocol: make the index say what the rows say.

`publish_index` does it once; `publish_shared` lets concurrent writers share one publication under a lease.
"""

from collections.abc import Collection, Iterable, Sequence
from enum import StrEnum
from itertools import chain

from charthouse.errors import Unavailable
from charthouse.helm.chart import possible_charts
from charthouse.helm.index import Entry, Index, Stamp
from charthouse.repository.ports import GZIP_COPY, Row
from charthouse.repository.repository import Repository, timestamp
from charthouse.repository.sync import TOMBSTONE_SECONDS, import_existing
from charthouse.repository.views import with_views, write_views

LEASE_SECONDS = 10.0
"""How long a lease holder that crashed delays the others."""

FIRST_WAIT, LONGEST_WAIT = 0.05, 0.8
"""Seconds between two looks at one's own rows; the first, and what it grows to."""


class Outcome(StrEnum):
    """What a client may rely on when its change is answered."""

    PUBLISHED = "published"
    """The index, the lists and the downloads show it."""
    STORED = "stored"
    """It is stored; the index follows."""


def publish_index(repository: Repository, *, rebuild: bool = False, views: Collection[str] = ()) -> Index:
    """Publish every row that is dirty now, and return the published index.

    The order makes it safe: (1) read the index, (2) read the dirty rows, (3) splice, (4) replace exactly the index
    that was read, also if the bytes look the same, (5) write the views of the charts that changed, and those in
    `views`, (6) clear each row that still has the `rev` that was used. A lost condition at (4) starts again from (1).
    Without an index of our format, with a damaged one, or with `rebuild`, all rows are folded. Of a large index only
    the lines around the changes are read, and the views are cut from what (4) wrote: if that is replaced meanwhile, all
    starts again. Rows whose views are not written when the deadline passes stay dirty; raises `Unavailable` then.
    """
    return repository.retry(lambda: _publish(repository, rebuild=rebuild, views=views))


def _publish(repository: Repository, *, rebuild: bool, views: Collection[str]) -> Index:
    def attempt(*, rebuild: bool) -> tuple[Index, Index | None, list[Row]]:
        stored = repository.indexes.read(repository.name, lazily=not rebuild)
        former = repository.parse(stored)
        stamp = _stamp(repository, former, rebuild=rebuild)
        if former is None or rebuild:
            rows = repository.rows()
            index = Index.fold(repository.envelope, entries_of(rows), stamp)
            rows = [row for row in rows if row.dirty]
        else:
            rows = repository.catalog.dirty(repository.name)
            if not rows and not views:
                return former, former, []
            try:
                index = former.splice({row.file: _entry(row) for row in rows}, stamp)
            except ValueError:
                return attempt(rebuild=True)
        repository.indexes.write(repository.name, index.text, stored.etag if stored else None, index.count())
        return index, former, rows

    index, former, rows = repository.retry(lambda: attempt(rebuild=rebuild))
    if index is former:
        return index
    try:
        charts = _charts(repository, rows, former)
        written = write_views(repository, index, former, {*filter(None, views), *chain(*charts.values())})
    except ValueError:
        return _publish(repository, rebuild=True, views=views)
    done = [row for row in rows if written.issuperset(charts[row.file])]
    _clear(repository, done)
    repository.record("index_published", rows=len(rows), bytes=len(index.text))
    if len(done) < len(rows):
        raise Unavailable("the views of the index follow")
    return index


def publish_shared(repository: Repository, rows: Sequence[Row] = (), *, wait: bool = True, gather: float = 0.0) -> bool:
    """Publish, or wait until another process has; return whether the index shows the rows (or all that was dirty).

    The lease only keeps publishers from doing the same work; `publish_index` is safe without it. Its holder publishes
    for everyone. A caller without it waits until its own rows are clean, and keeps trying, since a holder may crash;
    with `wait=False` it returns at once: every holder looks for dirty rows again after releasing the lease, so these
    rows are not missed. With `gather` the holder waits so many seconds before each publication, which then has what
    others sync meanwhile. Returns False if the deadline passes first.
    """
    owner = repository.clock.token()
    pause = FIRST_WAIT
    done = False
    while True:
        if _publish_as_holder(repository, owner, gather):
            done = True
            if repository.expired or not repository.catalog.dirty(repository.name):
                return True
        elif done or not wait:
            # Another process acquired the lease after the rows that are still dirty were written: it publishes them.
            return done
        elif rows and all(_is_published(repository, row) for row in rows):
            return True
        if repository.clock.now() + pause >= repository.deadline:
            return done
        repository.clock.sleep(pause * (0.5 + repository.clock.jitter()))
        pause = min(pause * 1.5, LONGEST_WAIT)


def publish_rows(repository: Repository, rows: Iterable[Row], *, wait: bool = True) -> Outcome:
    """Publish these rows of the repository, or wait until another process has; without `wait` only look."""
    dirty = [row for row in rows if row.dirty]
    if not dirty or (wait and publish_shared(repository, dirty)):
        return Outcome.PUBLISHED
    return Outcome.STORED


def entries_of(rows: Iterable[Row]) -> list[Entry]:
    """Return the entries of the rows that have one."""
    return [entry for row in rows if (entry := _entry(row)) is not None]


def _publish_as_holder(repository: Repository, owner: str, gather: float) -> bool:
    """Publish under the lease; return False if another process holds it."""
    now = repository.clock.now()
    state = repository.catalog.acquire_lease(repository.name, owner, now, now + LEASE_SECONDS)
    if state is None:
        return False
    try:
        if gather:
            repository.clock.sleep(gather)
        unknown = state.reconciled is None
        if unknown:
            import_existing(repository)
        # An index left over from earlier may list what neither store nor rows know, so it is replaced, not spliced.
        counts = publish_index(repository, rebuild=unknown).count()
        if unknown:
            repository.catalog.set_reconciled(repository.name, timestamp(repository.clock.now()))
        if counts != (state.charts, state.versions):
            repository.catalog.set_counts(repository.name, *counts)
    finally:
        repository.catalog.release_lease(repository.name, owner)
    return True


def _stamp(repository: Repository, former: Index | None, *, rebuild: bool) -> Stamp:
    """Return a stamp later than that of the former index, and than those of views which a lost or later one left."""
    now = repository.clock.now()
    previous = former.revision if former else 0
    if former is None or rebuild:
        copy = repository.indexes.view(repository.name, GZIP_COPY)
        previous = max(previous, copy.revision if copy else 0)
    return Stamp.after(previous, now, repository.clock.token()[:8], timestamp(now))


def _charts(repository: Repository, rows: Sequence[Row], former: Index | None) -> dict[str, list[str]]:
    """Return by file the charts whose views have to follow the row: of its entry, and of the one it had.

    Where the former index does not list the file, another process may have removed it, and crashed: then the file's
    name says whose version it was, perhaps in two ways.
    """
    charts: dict[str, list[str]] = {}
    for row in rows:
        listed = former.charts_of(row.file) if former and row.line is None else []
        charts[row.file] = listed or possible_charts(row.file)
    others = {name for row in rows if row.line is not None for name in charts[row.file] if name != row.chart}
    without = others - with_views(repository, others)
    for row in rows:
        if row.chart is not None and row.line is not None:
            found = [name for name in charts[row.file] if name != row.chart and name not in without]
            charts[row.file] = [row.chart, *found]
    return charts


def _clear(repository: Repository, rows: list[Row]) -> None:
    """Clear `dirty` on each published row whose `rev` has not changed, until the deadline.

    A row left dirty is published once more, by the next publisher: thousands take longer than a client waits.
    """
    now = repository.clock.now()

    def clear(row: Row) -> None:
        if repository.expired:
            return
        # A tombstone expires only from here on: while it is dirty, the index may still list its file.
        repository.catalog.clear(row, int(now) + TOMBSTONE_SECONDS if row.etag is None else None)

    repository.map(clear, rows)


def _is_published(repository: Repository, row: Row) -> bool:
    """Return whether the index shows this row or a later one."""
    now = repository.catalog.get(row.repo, row.file)
    return now is None or (now.rev >= row.rev and now.dirty is None)


def _entry(row: Row) -> Entry | None:
    if row.line is None or row.chart is None or row.version is None:
        return None
    return Entry(row.chart, row.version, row.line)
