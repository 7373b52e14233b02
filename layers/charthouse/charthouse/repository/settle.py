"""settle: make the row of a file say what the bucket says."""

from dataclasses import dataclass, replace

from charthouse.errors import BadPackage, Changed, Unreadable
from charthouse.helm.entry import render_entry
from charthouse.helm.index import Index
from charthouse.helm.index_check import check_line
from charthouse.helm.package import Package
from charthouse.ports import Row, StoredObject
from charthouse.repository.store import Store, folder, timestamp

TOMBSTONE_SECONDS = 26 * 3600
"""How long a published tombstone stays: longer than any process that still saw the object can live (15 minutes)."""

UNREADABLE = "cannot be read"
"""How the problem of an `Unreadable` object begins."""

MAX_PACKAGE_SIZE = 100 * 1024 * 1024
"""Bytes. Helm unpacks at most 100 MiB; a larger package is reported unread."""


@dataclass(frozen=True, slots=True)
class Written:
    """A package its writer still has in hand: of use if the bucket holds exactly that write."""

    upload_id: str
    package: Package


def settle(
    store: Store, repo: str, file: str, *, until: float, written: Written | None = None, doubt: bool = False
) -> Row:
    """Make the row say what the bucket says, and return it.

    Idempotent, and safe beside any number of others: the object is looked at after the row's `rev` was read, and the
    row is written, always, only if `rev` is still that. So the row ends at least as new as the bucket was when the
    caller called. `dirty` is raised if the index should show something else than before, or with `doubt`; without a
    row it is asked what it shows. Raises `Unavailable` when `until` (seconds since the epoch) has passed.
    """
    while True:
        known = store.table.get(repo, file)
        stored = store.bucket.head(f"{folder(repo)}{file}")
        try:
            row = _told(store, Row(repo, file, 0), known, stored, written)
            lost = known is None and row.line is None and _may_show(store, repo, file)
            row = _with_fence(row, known, store.clock.now(), doubt=doubt or lost)
            store.table.put(row, known.rev if known else None)
        except Changed:
            store.again(until)
            continue
        if row.problem and row.problem != (known.problem if known else None):
            store.journal.note("package_not_listed", repository=repo, file=file, problem=row.problem)
        return row


def is_known(row: Row) -> bool:
    """Tell whether the row says all there is to say of its object; one that could not be read may be by now."""
    return row.line is not None or (row.problem is not None and not row.problem.startswith(UNREADABLE))


def _told(store: Store, blank: Row, known: Row | None, stored: StoredObject | None, written: Written | None) -> Row:
    """Return the row of what is stored: read from the bytes, unless they are known or in hand."""
    if stored is None:
        return blank
    modified = timestamp(stored.modified)
    same = known and (known.etag, known.version_id, known.modified) == (stored.etag, stored.version_id, modified)
    if known and same and is_known(known):
        return known
    row = replace(blank, etag=stored.etag, version_id=stored.version_id, size=stored.size, modified=modified)
    try:
        ours = written is not None and written.upload_id == stored.upload_id
        return _listed(row, written.package if written and ours else _read(store, stored))
    except (BadPackage, Unreadable) as refusal:
        return replace(row, problem=refusal.message)


def _read(store: Store, stored: StoredObject) -> Package:
    if stored.size > MAX_PACKAGE_SIZE:
        raise BadPackage(f"larger than {MAX_PACKAGE_SIZE} bytes")
    return Package.read(store.bucket.read(stored))


def _listed(row: Row, package: Package) -> Row:
    if package.ref.filename != row.file:
        raise BadPackage(f"its Chart.yaml makes it {package.ref.filename}")
    line = render_entry(package, row.modified)
    check_line(line)
    return replace(row, chart=package.ref.name, version=package.ref.version, digest=package.digest, line=line)


def _may_show(store: Store, repo: str, file: str) -> bool:
    """Tell whether the index may show a file without a row, because that was lost; or has yet to be made.

    Nobody can add the file's line meanwhile without writing its row first, and that the caller's condition notices.
    """
    stored = store.indexes.read(repo)
    index = Index.read(stored.body, store.frame(repo)) if stored else None
    return index is None or index.has(file)


def _with_fence(row: Row, known: Row | None, now: float, *, doubt: bool) -> Row:
    """Return the row with the next `rev`, and with `dirty` and `expires` as they have to be."""
    changed = doubt or row.line != (known.line if known else None)
    since = known.dirty if known else None
    dirty = since or (timestamp(now) if changed else None)
    # A tombstone the index does not wait for may go, counted from its last write: that is what fences off the others.
    expires = int(now) + TOMBSTONE_SECONDS if row.etag is None and dirty is None else None
    # A file's first row may follow a tombstone that went away: whoever has just read that one must not meet its `rev`.
    rev = known.rev + 1 if known else int(now * 1000)
    return replace(row, rev=rev, dirty=dirty, expires=expires)
