"""What clients change: push a package or its provenance, delete a version or a chart."""

from dataclasses import dataclass
from itertools import batched

from charthouse.errors import BadProvenance, ChartVersionExists, NotFound, StorageLimitReached, Unavailable
from charthouse.helm.chart import ChartRef, package_file
from charthouse.helm.package import Package
from charthouse.helm.provenance import Provenance
from charthouse.helm.versions import sort_key
from charthouse.repository import packages
from charthouse.repository.names import PACKAGE, PROVENANCE, is_package
from charthouse.repository.packages import Signature, sync_provenance
from charthouse.repository.ports import Row, StoredFile
from charthouse.repository.publish import Outcome, publish_rows
from charthouse.repository.repository import Repository
from charthouse.repository.sync import INDEX_FULL, OwnUpload, import_existing, sync_file
from charthouse.settings import Rules

DELETE_BATCH = 16
"""Versions deleted between two looks at the deadline: a few seconds, also where S3 takes 200 ms for each call."""


@dataclass(frozen=True, slots=True)
class Push:
    """What a client uploads: a package, provenance, or both; and how."""

    package: bytes | None
    provenance: bytes | None
    force: bool = False
    wait: bool = True
    """False: the client asked not to wait for the index (`Prefer: respond-async`)."""
    exists: str = "file already exists"
    """The message for a version that exists already; ChartMuseum has two texts."""
    manifest: str = ""
    """The digest of the OCI manifest the package is pushed with."""
    parsed: Package | None = None
    """The package, where it has been read already."""


def push(repository: Repository, rules: Rules, upload: Push) -> Outcome:
    """Store what was uploaded and publish it.

    The conditional PUT of the package decides which upload of a version wins. A failure up to that write raises, and
    nothing is stored; after it the change is final, and a failure only makes the outcome `STORED`. Raises `BadPackage`,
    `BadProvenance`, `ChartVersionExists`, `StorageLimitReached`, `Unavailable`.
    """
    overwrite = rules.allow_overwrite or (upload.force and not rules.disable_force_overwrite)
    provenance = Provenance.read(upload.provenance) if upload.provenance is not None else None
    if upload.package is not None:
        package = upload.parsed or repository.reader.package(upload.package)
        if provenance is not None and provenance.filename != f"{package.ref.filename}.prov":
            raise BadProvenance(f"{provenance.filename} cannot be the provenance file of {package.ref.filename}")
        return _push_package(repository, rules, upload, upload.package, package, overwrite=overwrite)
    if upload.provenance is None or provenance is None:
        raise BadProvenance("invalid provenance file")
    _push_file(repository, rules, provenance.filename, upload.provenance, upload, overwrite=overwrite)
    file = provenance.ref.filename
    try:
        if repository.catalog.get(repository.name, file) is not None:
            # It is part of the version's OCI manifest.
            sync_file(repository, file)
    except Unavailable as failure:
        repository.record("left_to_the_event", file=file, reason=failure.message)
        return Outcome.STORED
    return Outcome.PUBLISHED


def delete_version(
    repository: Repository, name: str, version: str, *, digest: str | None = None, wait: bool = True
) -> Outcome:
    """Delete a version and its provenance; with a digest (sha256, hex) only that package.

    The file name decides, as in ChartMuseum: `x-1` `2` and `x` `1-2` are the same file. Raises `NotFound` if there is
    none, after making sure that the index agrees: a delete that crashed is finished by its retry.
    """
    return _delete(repository, [package_file(name, version)], "chart version not found", digest=digest, wait=wait)


def delete_chart(repository: Repository, name: str, *, wait: bool = True) -> Outcome:
    """Delete every version of the chart and their provenance; raises `NotFound` if there is none.

    Raises `Unavailable` while a version is left, which says how many are gone by then: its retry deletes the rest.
    """
    state = repository.catalog.state(repository.name)
    if state is None or state.reconciled is None:
        # The catalog does not know what was stored before it existed.
        import_existing(repository)
    files = [row.file for row in repository.catalog.chart(repository.name, name)]
    return _delete(repository, files, "chart not found", wait=wait)


def _push_package(
    repository: Repository, rules: Rules, upload: Push, body: bytes, package: Package, *, overwrite: bool
) -> Outcome:
    file = package.ref.filename
    try:
        upload_id = _push_file(repository, rules, file, body, upload, overwrite=overwrite)
    except ChartVersionExists:
        # The client must be able to see the version that exists.
        if publish_rows(repository, [sync_file(repository, file)]) is Outcome.STORED:
            raise Unavailable("the version exists, and the index does not show it yet: try again") from None
        raise
    _push_signature(repository, file, Signature(upload.provenance, package.digest) if upload.provenance else None)
    try:
        rows = [sync_file(repository, file, own=OwnUpload(upload_id, package))]
        if rules.per_chart_limit:
            rows += _prune(repository, package.ref, rules.per_chart_limit)
        return publish_rows(repository, rows, wait=upload.wait)
    except Unavailable as failure:
        repository.record("left_to_the_event", file=file, reason=failure.message)
        return Outcome.STORED


def _push_file(repository: Repository, rules: Rules, file: str, body: bytes, upload: Push, *, overwrite: bool) -> str:
    """Store a file and return the upload id; raises `ChartVersionExists` if one is there and stays."""
    upload_id = f"{repository.clock.token()}.{upload.manifest}" if upload.manifest else repository.clock.token()
    _check_room(repository, rules, file, upload.exists, overwrite=overwrite)
    if overwrite:
        packages.replace(repository, file, body, upload_id)
    elif not packages.create(repository, file, body, upload_id):
        raise ChartVersionExists(upload.exists)
    repository.record("file_stored", file=file)
    return upload_id


def _push_signature(repository: Repository, file: str, uploaded: Signature | None) -> None:
    """Store the provenance beside its package, and delete what signs another."""
    try:
        sync_provenance(repository, file, uploaded)
    except Unavailable as failure:
        if uploaded:
            raise Unavailable("the package is stored, its provenance is not: send that to the prov route") from failure
        repository.record("provenance_left", file=file, reason=failure.message)


def _check_room(repository: Repository, rules: Rules, file: str, exists: str, *, overwrite: bool) -> None:
    """Raise if a new file exceeds `MaxIndexSize` or `MaxStorageObjects`; best effort beside concurrent uploads.

    Raises `StorageLimitReached`, or `ChartVersionExists` in a full repository that has this very file: that says more.
    """
    if is_package(file) and repository.is_full():
        if not overwrite and repository.packages.head(repository.name, file) is not None:
            raise ChartVersionExists(exists)
        raise StorageLimitReached(INDEX_FULL)
    limit = rules.max_storage_objects
    if not limit:
        return
    count = 0
    for stored in repository.packages.list(repository.name):
        count += stored.file.endswith((PACKAGE, PROVENANCE))
        if count >= limit:
            break
    if count < limit:
        return
    if repository.packages.head(repository.name, file) is None:
        raise StorageLimitReached("repo has reached storage limit")
    if not overwrite:
        raise ChartVersionExists(exists)


def _prune(repository: Repository, pushed: ChartRef, limit: int) -> list[Row]:
    """Delete all but the newest `limit` versions of the chart by SemVer (`PerChartLimit`), never the one just pushed.

    Returns the rows of the deleted ones, to be published. A version overwritten meanwhile stays. What the deadline or
    a crash leaves, the next push deletes.
    """
    rows = [row for row in repository.catalog.chart(repository.name, pushed.name) if row.line is not None]
    rows.sort(key=lambda row: sort_key(row.version or ""), reverse=True)

    def prune(row: Row) -> Row | None:
        if repository.expired or not _delete_row(repository, row):
            return None
        repository.record("version_pruned", file=row.file)
        return sync_file(repository, row.file)

    surplus = [row for row in rows[limit:] if row.file != pushed.filename]
    return [row for row in repository.map(prune, surplus) if row is not None]


def _delete_row(repository: Repository, row: Row) -> bool:
    return packages.delete(repository, row.file, only_if=lambda stored: stored.etag == row.etag)


def _is_package(stored: StoredFile, digest: str | None) -> bool:
    return digest is None or stored.digest in (None, digest)


def _delete(
    repository: Repository, files: list[str], missing: str, *, wait: bool, digest: str | None = None
) -> Outcome:
    def delete(file: str) -> bool:
        deleted = packages.delete(repository, file, only_if=lambda stored: _is_package(stored, digest))
        if deleted:
            repository.record("file_deleted", file=file)
        return deleted

    rows: list[Row] = []
    deleted = tried = 0
    try:
        for batch in batched(files, DELETE_BATCH, strict=False):
            if tried and repository.expired:
                break
            deleted += sum(repository.map(delete, batch))
            tried += len(batch)
            rows += repository.map(lambda file: sync_file(repository, file), batch)
        # No rows left: an earlier delete may have crashed before it published. Wait for every dirty row.
        outcome = publish_rows(repository, rows or repository.catalog.dirty(repository.name), wait=wait or not deleted)
    except Unavailable as failure:
        if not deleted or tried < len(files):
            raise
        repository.record("left_to_the_event", file=files[0], reason=failure.message)
        return Outcome.STORED
    if tried < len(files):
        raise Unavailable(f"{tried} of {len(files)} versions are deleted, no time was left for the others: try again")
    if deleted:
        return outcome
    if outcome is Outcome.STORED:
        raise Unavailable(f"{missing}, and the index does not say so yet: try again")
    raise NotFound(missing)
