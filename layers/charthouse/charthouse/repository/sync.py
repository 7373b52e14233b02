"""The first step of the protocol: make the row of a file say what is stored.

`sync_file` does it for one file, `sync_all` for every file whose row differs.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import batched

from charthouse.errors import BadPackage, StorageLimitReached, Unavailable, Unreadable
from charthouse.helm.package import Package
from charthouse.helm.reading import listed_line
from charthouse.repository.names import MAX_PACKAGE_SIZE, is_package
from charthouse.repository.ports import Row, StoredFile
from charthouse.repository.repository import Repository, timestamp
from charthouse.repository.views import views_may_list

TOMBSTONE_SECONDS = 26 * 3600
"""How long a published tombstone stays: longer than a process that still saw the file can live (15 minutes)."""

MAX_SIGNATURE_SIZE = 1024 * 1024
"""Bytes. A provenance file is Chart.yaml and a signature; a larger one is no part of an OCI manifest."""

MAX_PROBLEM = 1000
"""Characters of a problem in a row: messages quote names, and an item of DynamoDB ends at 400 KB."""

INDEX_FULL = "the index of the repository has reached MaxIndexSize; delete versions, or raise the limit"

BATCH = 64
"""Files synced between two looks at the deadline."""


@dataclass(frozen=True, slots=True)
class OwnUpload:
    """The package its uploader still has in memory: of use if exactly that upload is stored."""

    upload_id: str
    package: Package


def sync_file(repository: Repository, file: str, *, own: OwnUpload | None = None) -> Row:
    """Make the row say what is stored under the file's name, and return it.

    Idempotent, and safe beside any number of others: the store is looked at after the row's `rev` was read, and the row
    is written, always, only if `rev` is still the same. So the row ends at least as new as the store was when the
    caller called. Sets `dirty` if the entry changed; without a row, the published index is read to see whether it lists
    the file. Raises `Unavailable` when the deadline has passed, or if nothing is stored although the caller has just
    stored its own package (`own`).
    """

    def attempt() -> Row:
        known = repository.catalog.get(repository.name, file)
        stored = repository.packages.head(repository.name, file)
        if own and stored is None:
            # Deleted by another process, or not visible yet, which S3 allows for 15 minutes after versioning was
            # switched on: the event decides. No 201 may stand on a tombstone.
            # https://docs.aws.amazon.com/AmazonS3/latest/userguide/manage-versioning-examples.html
            raise Unavailable("the package is stored, and cannot be seen yet")
        row = _with_signature(repository, _observe(repository, file, known, stored, own), known, stored)
        unsure = known is None and row.line is None and _may_be_listed(repository, file)
        row = _next_revision(row, known, repository.clock.now(), force_dirty=unsure)
        # Before the row: a client that is led by the row finds all of it.
        _record_digests(repository, row, known)
        repository.catalog.put(row, known.rev if known else None)
        if row.problem and row.problem != (known.problem if known else None):
            repository.record("package_not_listed", file=file, problem=row.problem)
        return row

    return repository.retry(attempt)


def _observe(
    repository: Repository, file: str, known: Row | None, stored: StoredFile | None, own: OwnUpload | None
) -> Row:
    """Return the row of what is stored: read from its bytes, unless they are known or in memory."""
    if stored is None:
        return Row(repository.name, file, 0)
    modified = timestamp(stored.modified)
    same = known and (known.etag, known.version_id, known.modified) == (stored.etag, stored.version_id, modified)
    if known and same and known.is_final:
        return known
    row = Row(repository.name, file, 0, stored.etag, stored.version_id, stored.size, modified)
    is_own = own is not None and own.upload_id == stored.upload_id
    try:
        if not is_own and not (known and known.line) and repository.is_full():
            raise StorageLimitReached(INDEX_FULL)  # noqa: TRY301  a reason for no entry like the others
        package = own.package if own and is_own else _read(repository, stored)
        return _with_entry(row, package)
    except (BadPackage, Unreadable, StorageLimitReached) as refusal:
        return replace(row, problem=refusal.message[:MAX_PROBLEM], unreadable=not isinstance(refusal, BadPackage))


def _read(repository: Repository, stored: StoredFile) -> Package:
    if stored.size > MAX_PACKAGE_SIZE:
        raise BadPackage(f"larger than {MAX_PACKAGE_SIZE} bytes")
    return repository.reader.package(repository.packages.read(stored))


def _with_entry(row: Row, package: Package) -> Row:
    ref = package.ref
    if ref.filename != row.file:
        raise BadPackage(f"its Chart.yaml makes it {ref.filename}")
    line = listed_line(package, row.modified)
    return replace(row, chart=ref.name, version=ref.version, digest=package.digest, line=line)


def _with_signature(repository: Repository, row: Row, known: Row | None, stored: StoredFile | None) -> Row:
    """Return the row with what OCI shows besides: the provenance beside the package, the manifest it came with."""
    if row.line is None or stored is None:
        return replace(row, manifest=None, signature=None, signature_size=0, signature_etag=None)
    manifest = (stored.upload_id or "").partition(".")[2] or None
    found = repository.packages.head(repository.name, f"{row.file}.prov")
    unsigned = replace(row, manifest=manifest, signature=None, signature_size=0, signature_etag=None)
    if found is None:
        return unsigned
    unsigned = replace(unsigned, signature_etag=found.etag)
    if found.size > MAX_SIGNATURE_SIZE:
        return unsigned
    digest = known.signature if known and known.signature_etag == found.etag else found.digest
    try:
        digest = digest or sha256(repository.packages.read(found)).hexdigest()
    except Unreadable:
        return unsigned
    return replace(unsigned, signature=digest, signature_size=found.size)


def _record_digests(repository: Repository, row: Row, known: Row | None) -> None:
    """Record by which digests OCI clients may ask for the row: those of its files, its config and its manifest.

    A digest belongs to one file for ever, since name and version are part of what it is made of. So nothing recorded
    is ever wrong, whichever process is faster, and nothing has to be taken back.
    """
    derived = row.derived
    if derived is None or (known and (known.line, known.signature) == (row.line, row.signature)):
        return
    digests = [row.digest, row.signature, derived.config_digest.hex, derived.digest.hex]
    repository.catalog.add_digests(row, [digest for digest in digests if digest])


def _may_be_listed(repository: Repository, file: str) -> bool:
    """Return whether the published index or a view may list a file without a row: the row was lost, or never was.

    A process that crashed between index and views leaves views that are older than the index, and rows that say so;
    here these are gone. No process can add the file's line meanwhile without writing its row first, and then the
    caller's condition fails.
    """
    index = repository.index()
    return index is None or index.has(file) or views_may_list(repository, index, file)


def _next_revision(row: Row, known: Row | None, now: float, *, force_dirty: bool) -> Row:
    """Return the row with its next `rev`, and with `dirty` and `expires` to match."""
    changed = force_dirty or row.line != (known.line if known else None)
    since = known.dirty if known else None
    dirty = since or (timestamp(now) if changed else None)
    # A tombstone that the index agrees with expires, counted from its last write: that is what fences off the others.
    expires = int(now) + TOMBSTONE_SECONDS if row.etag is None and dirty is None else None
    # The first row may follow a tombstone that expired: a process that has just read that one must not meet its `rev`.
    rev = known.rev + 1 if known else int(now * 1000)
    return replace(row, rev=rev, dirty=dirty, expires=expires)


@dataclass(frozen=True, slots=True)
class Synced:
    """What `sync_all` found."""

    synced: int = 0
    """Files whose row differed from what is stored."""
    unlisted: int = 0
    """Stored files without an entry."""
    failed: int = 0
    """Files that could not be looked at; each is recorded as `file_failed`."""
    skipped: bool = False
    """Whether some of these were not tried, because a process died of them."""
    next: str | None = None
    """The file to continue after, if time ran out; None: every file has been compared."""


def sync_all(repository: Repository, after: str = "", *, skip: bool = True) -> Synced:
    """Compare stored files and rows side by side, and sync the files that differ, from the name `after` on.

    Stops when the deadline has passed, by `Unavailable` where not even one batch was done. Holds one page of each in
    memory. Deletes nothing: the row of a missing file becomes a tombstone by `sync_file`, which looks itself. A file
    that fails for a reason of its own does not stop the others; `Unavailable` does. One that a process died of is only
    tried without `skip`.
    """
    state = repository.catalog.state(repository.name)
    deadly = state.begun if state else frozenset[str]()
    skipped = False
    synced = unlisted = failed = 0

    def sync(file: str) -> Row | None:
        nonlocal skipped
        if skip and file in deadly:
            skipped = True
            repository.record("file_failed", file=file, reason="a process did not end at this file: it is tried alone")
            return None
        try:
            with repository.on_record(file, keep=file in deadly):
                return sync_file(repository, file)
        except Unavailable:
            raise
        except Exception as error:  # noqa: BLE001  one file that fails must not keep the others from comparison
            repository.record("file_failed", file=file, reason=str(error)[:1000], kind=type(error).__name__)
            return None

    reached = after
    for batch in batched(_side_by_side(repository, after), BATCH, strict=False):
        differing = [file for file, seen, row in batch if not _agrees(seen, row)]
        try:
            rows = repository.map(sync, differing)
        except Unavailable:
            if not repository.expired or reached == after:
                raise
            return Synced(synced, unlisted, failed, skipped, reached)
        reached = batch[-1][0]
        synced += len(differing)
        failed += rows.count(None)
        current = [row for _, seen, row in batch if row and _agrees(seen, row)]
        unlisted += sum(1 for row in (*rows, *current) if row and row.problem)
        if repository.expired:
            return Synced(synced, unlisted, failed, skipped, reached)
    return Synced(synced, unlisted, failed, skipped)


def import_existing(repository: Repository) -> None:
    """Sync every file of a repository that was never reconciled; raises `Unavailable` when the deadline has passed."""
    if sync_all(repository).next is not None:
        raise Unavailable("the repository is being imported, its index follows")


type _Seen = tuple[StoredFile, str | None]
"""A stored package, and the ETag of the provenance listed right after it."""


def _side_by_side(repository: Repository, after: str) -> Iterator[tuple[str, _Seen | None, Row | None]]:
    """Yield every package file that is stored or has a row, bytewise by name, the order of both."""
    files = _packages(repository, after)
    rows = repository.catalog.rows(repository.name, after)
    seen, row = next(files, None), next(rows, None)
    while seen or row:
        if row is None or (seen and seen[0].file < row.file):
            assert seen is not None  # noqa: S101  the loop's condition
            yield seen[0].file, seen, None
            seen = next(files, None)
        elif seen is None or row.file < seen[0].file:
            yield row.file, None, row
            row = next(rows, None)
        else:
            yield row.file, seen, row
            seen, row = next(files, None), next(rows, None)


def _packages(repository: Repository, after: str) -> Iterator[_Seen]:
    package: StoredFile | None = None
    for stored in repository.packages.list(repository.name, after):
        if package is not None:
            yield package, stored.etag if stored.file == f"{package.file}.prov" else None
        package = stored if is_package(stored.file) else None
    if package is not None:
        yield package, None


def _agrees(seen: _Seen | None, row: Row | None) -> bool:
    """Return whether the row says what is stored; a provenance file listed elsewhere only costs a look."""
    if row is None:
        return False
    if seen is None:
        return row.etag is None
    stored, signature = seen
    listed = row.line is None or row.signature_etag == signature
    return row.is_final and listed and (row.etag, row.modified) == (stored.etag, timestamp(stored.modified))
