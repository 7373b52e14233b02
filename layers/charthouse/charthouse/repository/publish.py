"""publish: make the index say what the rows say."""

from collections.abc import Iterable

from charthouse.errors import Changed
from charthouse.helm.index import Entry, Index
from charthouse.ports import Row
from charthouse.repository.settle import TOMBSTONE_SECONDS
from charthouse.repository.store import Store, timestamp


def publish(store: Store, repo: str, *, until: float, rebuild: bool = False) -> Index:
    """Publish every row that is dirty now, and return the index as it is published.

    The order is what makes it safe: (1) read the index, (2) read the dirty rows, (3) splice, (4) replace exactly the
    index that was read, also if the bytes look the same, (5) clear each row that is still the one used. Whoever loses
    (4) starts again from (1). Without an index of ours, one that is broken inside, or with `rebuild`, all rows are
    folded. Raises `Unavailable` when `until` (seconds since the epoch) has passed.
    """
    while True:
        stored = store.indexes.read(repo)
        index = Index.read(stored.body, store.frame(repo)) if stored else None
        if index is None or rebuild:
            rows = list(store.table.rows(repo))
            index = Index.fold(store.frame(repo), entries_of(rows), index.revision if index else 0)
            rows = [row for row in rows if row.dirty]
        else:
            rows = store.table.dirty(repo)
            if not rows:
                return index
            try:
                index = index.splice({row.file: _entry(row) for row in rows})
            except ValueError:
                rebuild = True
                continue
        now = store.clock.now()
        try:
            store.indexes.write(
                repo, index.render(store.clock.token()[:8], timestamp(now)), stored.etag if stored else None
            )
        except Changed:
            store.again(until)
            continue
        _clear(store, rows, now)
        store.journal.note("index_published", repository=repo, rows=len(rows), bytes=len(index.blocks))
        return index


def _clear(store: Store, rows: list[Row], now: float) -> None:
    """Say of each row, if it is still the one used, that the index shows it."""
    used = {row.file: row for row in rows}

    def clear_one(file: str) -> None:
        row = used[file]
        # Only a tombstone has an end, and only from here on: while it is dirty the index may still show its file.
        store.table.clear(row, int(now) + TOMBSTONE_SECONDS if row.etag is None else None)

    store.each(clear_one, used)


def entries_of(rows: Iterable[Row]) -> list[Entry]:
    """Return the entries of the rows that have one."""
    return [entry for row in rows if (entry := _entry(row)) is not None]


def _entry(row: Row) -> Entry | None:
    if row.line is None or row.chart is None or row.version is None:
        return None
    return Entry(row.chart, row.version, row.line)
