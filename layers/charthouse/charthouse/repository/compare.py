"""compare: does the index say what the rows say, byte for byte? And repair, by the same two steps."""

import json
from hashlib import blake2b

from charthouse.errors import Unavailable
from charthouse.helm.index import Index
from charthouse.helm.index_check import check_index
from charthouse.ports import Row
from charthouse.repository.publish import entries_of, publish
from charthouse.repository.settle import settle
from charthouse.repository.store import Store
from charthouse.repository.turns import publish_together


def compare(store: Store, repo: str, *, until: float) -> int:
    """Compare the published index with the fold of the rows, repair it, and return how many differences there were.

    Changes made meanwhile are no differences: each is looked at again before it counts. Raises `Unavailable` when
    `until` (seconds since the epoch) has passed.
    """
    stored = store.indexes.read(repo)
    index = Index.read(stored.body, store.frame(repo)) if stored else None
    if stored is None or index is None or not _is_strict(stored.body):
        publish(store, repo, until=until, rebuild=True)
        store.journal.note("index_rebuilt", repository=repo)
        return 1
    rows = list(store.table.rows(repo))
    if index.blocks == Index.fold(store.frame(repo), entries_of(rows)).blocks:
        return 0
    files = _differing(store, repo, index, rows)
    for file in files:
        settle(store, repo, file, until=until, doubt=True)
        store.journal.note("index_differed", repository=repo, file=file)
    if files and not publish_together(store, repo, until=until):
        raise Unavailable(f"the index of {repo!r} could not be published in time")
    now = store.indexes.read(repo)
    if files or now != stored or any(row.dirty for row in rows):
        return len(files)
    # Every line is right, the bytes are not: their order, or something between them.
    publish(store, repo, until=until, rebuild=True)
    store.journal.note("index_rebuilt", repository=repo)
    return 1


def is_damaged(store: Store, repo: str) -> bool:
    """Tell whether the index is gone, or is not one of ours; one that an option has changed since is whole."""
    stored = store.indexes.read(repo)
    if stored is None:
        marker = store.markers.get(repo)
        return marker is not None and marker.reconciled is not None
    frame = store.frame(repo)
    if Index.read(stored.body, frame) is not None:
        return False
    return not (stored.body.startswith(frame.opening) and _is_strict(stored.body))


def _is_strict(body: bytes) -> bool:
    try:
        check_index(body)
    except ValueError:
        return False
    return True


def _differing(store: Store, repo: str, index: Index, rows: list[Row]) -> list[str]:
    """Return the files whose row is clean and yet not what the index shows.

    A file counts only if its row is the same before and after the index was read once more.
    """
    shown = _digests(index)
    suspects = [row.file for row in rows if shown.pop(row.file, None) != _digest_of(index, row) and not row.dirty]
    suspects += shown
    before = {file: store.table.get(repo, file) for file in suspects}
    stored = store.indexes.read(repo)
    again = Index.read(stored.body, store.frame(repo)) if stored else None
    if again is None:
        return []
    shown = _digests(again)
    return [
        file
        for file, row in before.items()
        if shown.get(file) != _digest_of(again, row) and not (row and row.dirty) and store.table.get(repo, file) == row
    ]


def _digests(index: Index) -> dict[str, bytes]:
    """Return the digest of every line by its file."""
    found = {}
    for line in index.lines():
        entry = json.loads(line)
        found[f"{entry['name']}-{entry['version']}.tgz"] = blake2b(line, digest_size=16).digest()
    return found


def _digest_of(index: Index, row: Row | None) -> bytes | None:
    if row is None or row.line is None:
        return None
    return blake2b(index.envelope.with_base_url(row.line).encode(), digest_size=16).digest()
