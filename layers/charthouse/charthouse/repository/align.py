"""align: settle every file of a repository whose row does not agree with the bucket."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import batched

from charthouse.ports import Row, StoredObject
from charthouse.repository.settle import is_known, settle
from charthouse.repository.store import Store, folder, timestamp

BATCH = 64
"""Files settled between two looks at the time."""


@dataclass(frozen=True, slots=True)
class Aligned:
    """What an alignment found."""

    settled: int
    """Files whose row did not agree."""
    unlisted: int
    """Objects seen that are no package the index can show."""
    next: str | None
    """The file to go on after, if time ran out; None: the bucket was listed to its end."""


def align(store: Store, repo: str, *, until: float, after: str = "") -> Aligned:
    """Walk bucket and rows side by side and settle what differs, from the file name `after` on.

    Stops when `until` (seconds since the epoch) has passed. Holds one page of each in memory. Deletes nothing: a
    row whose object is gone becomes a tombstone, by `settle`, which looks itself.
    """
    settled = unlisted = 0
    for batch in batched(_side_by_side(store, repo, after), BATCH, strict=False):
        rows = _settled(store, repo, [file for file, stored, row in batch if not _agree(stored, row)], until)
        settled += len(rows)
        rows += [row for _, stored, row in batch if row and _agree(stored, row)]
        unlisted += sum(1 for row in rows if row.problem)
        if store.clock.now() >= until:
            return Aligned(settled, unlisted, batch[-1][0])
    return Aligned(settled, unlisted, None)


def _settled(store: Store, repo: str, files: list[str], until: float) -> list[Row]:
    rows: list[Row] = []
    store.each(lambda file: rows.append(settle(store, repo, file, until=until)), files)
    return rows


def _side_by_side(store: Store, repo: str, after: str) -> Iterator[tuple[str, StoredObject | None, Row | None]]:
    """Yield every package file that is in the bucket or has a row, in the order both know: bytewise."""
    prefix = folder(repo)
    listed = store.bucket.list(prefix, f"{prefix}{after}" if after else "")
    objects = ((stored.key.removeprefix(prefix), stored) for stored in listed if stored.key.endswith(".tgz"))
    rows = ((row.file, row) for row in store.table.rows(repo, after))
    stored, row = next(objects, None), next(rows, None)
    while stored or row:
        if row is None or (stored and stored[0] < row[0]):
            assert stored is not None  # noqa: S101  the loop's condition
            yield *stored, None
            stored = next(objects, None)
        elif stored is None or row[0] < stored[0]:
            yield row[0], None, row[1]
            row = next(rows, None)
        else:
            yield *stored, row[1]
            stored, row = next(objects, None), next(rows, None)


def _agree(stored: StoredObject | None, row: Row | None) -> bool:
    if row is None:
        return False
    if stored is None:
        return row.etag is None
    return is_known(row) and (row.etag, row.modified) == (stored.etag, timestamp(stored.modified))
