"""prune: keep the newest versions of a chart (`PerChartLimit`)."""

from charthouse.helm.chart import ChartRef
from charthouse.helm.versions import sort_key
from charthouse.ports import Row, StoredObject
from charthouse.repository.remove import remove
from charthouse.repository.settle import settle
from charthouse.repository.store import Store, folder


def prune(store: Store, repo: str, pushed: ChartRef, limit: int, *, until: float) -> list[Row]:
    """Remove all but the newest `limit` versions of the chart by SemVer, never the one just pushed.

    Returns the rows of the removed ones, to be published. A version overwritten meanwhile stays, and what a crash
    leaves over the next push removes.
    """
    rows = [row for row in store.table.chart(repo, pushed.name) if row.line is not None and row.version is not None]
    rows.sort(key=lambda row: sort_key(row.version or ""), reverse=True)
    return [
        settle(store, repo, row.file, until=until)
        for row in rows[limit:]
        if row.file != pushed.filename and _remove(store, row, until)
    ]


def _remove(store: Store, row: Row, until: float) -> bool:
    def is_the_one(seen: StoredObject) -> bool:
        return seen.etag == row.etag

    removed = remove(store, f"{folder(row.repo)}{row.file}", until=until, meant=is_the_one)
    if removed:
        store.journal.note("version_pruned", repository=row.repo, file=row.file)
    return removed
