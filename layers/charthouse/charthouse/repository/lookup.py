"""What clients look up: lists, one chart, one version, the bytes of a package."""

from charthouse.errors import NotFound, TooLarge
from charthouse.helm.chart import package_file
from charthouse.helm.constraints import choose
from charthouse.helm.index import Index
from charthouse.helm.versions import sort_key
from charthouse.repository.names import MAX_PACKAGE_SIZE
from charthouse.repository.ports import FEW, Row
from charthouse.repository.publish import entries_of
from charthouse.repository.repository import Repository

LATEST = "latest"


def list_charts(repository: Repository, offset: int = 0, limit: int | None = None) -> bytes:
    """Return the charts as a JSON object, name → entries, newest first: a slice of the published index."""
    return repository.retry(lambda: _index(repository).chart_bytes(offset, limit))


def find_chart(repository: Repository, name: str) -> str:
    """Return the entries of a chart as a JSON list, newest first; raises `NotFound`.

    Of a chart with few versions from their rows, else from the published index, whose bytes cost less than many rows.
    """
    rows = _few_rows(repository, name)
    if rows is None:
        return f"[{','.join(entry.decode() for entry in _entries(repository, name).values())}]"
    if not rows:
        raise NotFound("chart not found")
    rows.sort(key=lambda row: sort_key(row.version or ""), reverse=True)
    return f"[{','.join(entry_of(repository, row) for row in rows)}]"


def find_version(repository: Repository, name: str, wanted: str) -> Row:
    """Return the row of a version: exact, `latest`, or the newest that a constraint admits.

    Reads one row for an exact version, however many the chart has; for others a hundred at most, or the published
    index. Raises `NotFound` in Helm's words.
    """
    row = repository.catalog.get(repository.name, package_file(name, wanted))
    if row and row.line and (row.chart, row.version) == (name, wanted):
        return row
    rows = _few_rows(repository, name)
    versions = [row.version for row in rows] if rows is not None else list(_entries(repository, name))
    if not versions:
        raise NotFound("no chart name found")
    wanted = "" if wanted == LATEST else wanted
    try:
        chosen = choose([version for version in versions if version is not None], wanted)
    except ValueError as reason:
        raise NotFound(str(reason)) from None
    if chosen is None:
        raise NotFound(f"no chart version found for {name}-{wanted}")
    if rows is not None:
        return next(row for row in rows if row.version == chosen)
    row = repository.catalog.get(repository.name, package_file(name, chosen))
    if row is None or row.line is None:
        raise NotFound("object not found")
    return row


def entry_of(repository: Repository, row: Row) -> str:
    """Return the entry of a row as the index shows it."""
    return repository.envelope.with_base_url(row.line or "")


def read_package(repository: Repository, row: Row) -> bytes:
    """Return the bytes of the package as it is now; raises `NotFound` if it is gone, `TooLarge` before it is read."""

    def attempt() -> bytes:
        stored = repository.packages.head(repository.name, row.file)
        if stored is None:
            raise NotFound("object not found")
        if stored.size > MAX_PACKAGE_SIZE:
            raise TooLarge(f"{stored.size} bytes are more than a package may have")
        return repository.packages.read(stored)

    return repository.retry(attempt)


def _few_rows(repository: Repository, name: str) -> list[Row] | None:
    """Return the listed rows of a chart, or None if there are more than `FEW`."""
    rows = repository.catalog.chart(repository.name, name, FEW + 1)
    return None if len(rows) > FEW else [row for row in rows if row.line is not None]


def _entries(repository: Repository, name: str) -> dict[str, bytes]:
    """Return the entries of a chart by version, newest first, as the published index has them."""
    return repository.retry(lambda: _index(repository).versions(name))


def _index(repository: Repository) -> Index:
    """Return the published index, or what it will say where there is none of our format yet."""
    return repository.index() or Index.fold(repository.envelope, entries_of(repository.rows()))
