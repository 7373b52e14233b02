"""find and list: what the API answers about charts, from rows where one chart is asked for."""

from charthouse.errors import Changed, NotFound
from charthouse.helm.constraints import choose
from charthouse.helm.index import Index
from charthouse.helm.versions import sort_key
from charthouse.ports import Row
from charthouse.repository.publish import entries_of
from charthouse.repository.store import PATIENCE, Store, folder

LATEST = "latest"


def list_charts(store: Store, repo: str, offset: int = 0, limit: int | None = None) -> bytes:
    """Return the charts as a JSON object, name → entries, newest first: a slice of the published index."""
    stored = store.indexes.read(repo)
    index = Index.read(stored.body, store.frame(repo)) if stored else None
    if index is None:
        rows = store.table.rows(repo)
        index = Index.fold(store.frame(repo), entries_of(rows))
    return index.chart_bytes(offset, limit)


def find_chart(store: Store, repo: str, name: str) -> str:
    """Return the entries of a chart as a JSON list, newest first; raises `NotFound`."""
    rows = _versions(store, repo, name)
    if not rows:
        raise NotFound("chart not found")
    rows.sort(key=lambda row: sort_key(row.version or ""), reverse=True)
    return f"[{','.join(find_line(store, row) for row in rows)}]"


def find_version(store: Store, repo: str, name: str, wanted: str) -> Row:
    """Return the row of the version that is meant: exact, `latest`, or the newest a constraint admits.

    Reads one row for an exact version, however many the chart has. Raises `NotFound` in Helm's words.
    """
    # No version has a space: should a gateway have made one of a `+`, this is the way back.
    exact = wanted.replace(" ", "+")
    row = store.table.get(repo, f"{name}-{exact}.tgz")
    if row and row.line and (row.chart, row.version) == (name, exact):
        return row
    rows = {row.version: row for row in _versions(store, repo, name) if row.version is not None}
    if not rows:
        raise NotFound("no chart name found")
    wanted = "" if wanted == LATEST else wanted
    try:
        chosen = choose(rows, wanted)
    except ValueError as reason:
        raise NotFound(str(reason)) from None
    if chosen is None:
        raise NotFound(f"no chart version found for {name}-{wanted}")
    return rows[chosen]


def find_line(store: Store, row: Row) -> str:
    """Return the entry as the index shows it."""
    return store.frame(row.repo).with_base_url(row.line or "")


def read_package(store: Store, row: Row) -> bytes:
    """Return the bytes of the package as it is now; raises `NotFound` if it is gone."""
    until = store.clock.now() + PATIENCE
    while True:
        stored = store.bucket.head(f"{folder(row.repo)}{row.file}")
        if stored is None:
            raise NotFound("object not found")
        try:
            return store.bucket.read(stored)
        except Changed:
            store.again(until)


def _versions(store: Store, repo: str, name: str) -> list[Row]:
    return [row for row in store.table.chart(repo, name) if row.line is not None]
