"""What clients look up: lists, one chart, one version, the bytes of a package."""

from charthouse.errors import NotFound
from charthouse.helm.chart import package_file
from charthouse.helm.constraints import choose
from charthouse.helm.index import Index
from charthouse.helm.versions import sort_key
from charthouse.repository.ports import Row
from charthouse.repository.publish import entries_of
from charthouse.repository.repository import Repository

LATEST = "latest"


def list_charts(repository: Repository, offset: int = 0, limit: int | None = None) -> bytes:
    """Return the charts as a JSON object, name → entries, newest first: a slice of the published index."""
    index = repository.index()
    if index is None:
        index = Index.fold(repository.envelope, entries_of(repository.rows()))
    return index.chart_bytes(offset, limit)


def find_chart(repository: Repository, name: str) -> str:
    """Return the entries of a chart as a JSON list, newest first; raises `NotFound`."""
    rows = _versions(repository, name)
    if not rows:
        raise NotFound("chart not found")
    rows.sort(key=lambda row: sort_key(row.version or ""), reverse=True)
    return f"[{','.join(entry_of(repository, row) for row in rows)}]"


def find_version(repository: Repository, name: str, wanted: str) -> Row:
    """Return the row of a version: exact, `latest`, or the newest that a constraint admits.

    Reads one row for an exact version, however many the chart has. Raises `NotFound` in Helm's words.
    """
    row = repository.catalog.get(repository.name, package_file(name, wanted))
    if row and row.line and (row.chart, row.version) == (name, wanted):
        return row
    rows = {row.version: row for row in _versions(repository, name) if row.version is not None}
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


def entry_of(repository: Repository, row: Row) -> str:
    """Return the entry of a row as the index shows it."""
    return repository.envelope.with_base_url(row.line or "")


def read_package(repository: Repository, row: Row) -> bytes:
    """Return the bytes of the package as it is now; raises `NotFound` if it is gone."""

    def attempt() -> bytes:
        stored = repository.packages.head(repository.name, row.file)
        if stored is None:
            raise NotFound("object not found")
        return repository.packages.read(stored)

    return repository.retry(attempt)


def _versions(repository: Repository, name: str) -> list[Row]:
    return [row for row in repository.catalog.chart(repository.name, name) if row.line is not None]
