"""push: store a package, its provenance, or both, so that the index shows it when the answer says so."""

from dataclasses import dataclass

from charthouse.errors import BadProvenance, ChartVersionExists, StorageLimitReached, Unavailable
from charthouse.helm.entry import render_entry
from charthouse.helm.package import Package
from charthouse.helm.provenance import Provenance
from charthouse.repository import write
from charthouse.repository.outcome import Outcome, published
from charthouse.repository.provenance import Signed, agree, put_provenance
from charthouse.repository.prune import prune
from charthouse.repository.settle import Written, settle
from charthouse.repository.store import PATIENCE, Store, folder, timestamp
from charthouse.settings import Rules


@dataclass(frozen=True, slots=True)
class Push:
    """What a client sends: a package, provenance, or both; and how."""

    package: bytes | None
    provenance: bytes | None
    force: bool = False
    patient: bool = True
    """False: the client asked not to wait for the index (`Prefer: respond-async`)."""
    exists: str = "file already exists"
    """What to say of a version that is there already; ChartMuseum has two texts."""


def push(store: Store, rules: Rules, repo: str, sent: Push) -> Outcome:
    """Store what was sent and publish it.

    The conditional PUT of the package decides who wins a version. A failure up to that write raises, and nothing is
    stored; after it the change is a fact, and a failure only makes the outcome `STORED`. Raises `BadPackage`,
    `BadProvenance`, `ChartVersionExists`, `StorageLimitReached`, `Unavailable`.
    """
    overwrite = rules.allow_overwrite or (sent.force and not rules.disable_force_overwrite)
    provenance = Provenance.read(sent.provenance) if sent.provenance is not None else None
    if sent.package is not None:
        package = Package.read(sent.package)
        # Refused now if its entry would be too large: nothing may be stored that the index cannot show.
        render_entry(package, timestamp(store.clock.now()))
        if provenance is not None and provenance.filename != f"{package.ref.filename}.prov":
            raise BadProvenance(f"{provenance.filename} cannot be the provenance file of {package.ref.filename}")
        return _push_package(store, rules, repo, sent, sent.package, package, overwrite=overwrite)
    if sent.provenance is None or provenance is None:
        raise BadProvenance("invalid provenance file")
    _check_room(store, rules, repo, provenance.filename, overwrite=overwrite)
    put_provenance(
        store, f"{folder(repo)}{provenance.filename}", sent.provenance, exists=sent.exists, overwrite=overwrite
    )
    return Outcome.PUBLISHED


def _push_package(
    store: Store, rules: Rules, repo: str, sent: Push, body: bytes, package: Package, *, overwrite: bool
) -> Outcome:
    file, until = package.ref.filename, store.clock.now() + PATIENCE
    key, written = f"{folder(repo)}{file}", Written(store.clock.token(), package)
    _check_room(store, rules, repo, file, overwrite=overwrite)
    if overwrite:
        write.replace(store, key, body, written.upload_id)
    elif not write.create(store, key, body, written.upload_id, until=until):
        # Whoever is told "exists" must be able to see what does.
        if published(store, [settle(store, repo, file, until=until)], until=until) is Outcome.STORED:
            raise Unavailable("the version is there, and the index does not show it yet: try again")
        raise ChartVersionExists(sent.exists)
    _sign(store, key, package, sent.provenance, until)
    try:
        rows = [settle(store, repo, file, written=written, until=until)]
        if rules.per_chart_limit:
            rows += prune(store, repo, package.ref, rules.per_chart_limit, until=until)
        return published(store, rows, until=until, patient=sent.patient)
    except Unavailable as failure:
        store.journal.note("left_to_the_event", repository=repo, file=file, reason=failure.message)
        return Outcome.STORED


def _sign(store: Store, key: str, package: Package, provenance: bytes | None, until: float) -> None:
    """Put the provenance beside its package, and take away what signs another."""
    sent = Signed(provenance, package.digest) if provenance is not None else None
    try:
        agree(store, key, until=until, sent=sent)
    except Unavailable as failure:
        if sent:
            raise Unavailable("the package is stored, its provenance is not: send that to the prov route") from failure
        store.journal.note("provenance_left", file=key, reason=failure.message)


def _check_room(store: Store, rules: Rules, repo: str, file: str, *, overwrite: bool) -> None:
    """Raise `StorageLimitReached` if the repository holds as many files as it may; best effort beside others."""
    if not rules.max_storage_objects:
        return
    held = 0
    for stored in store.bucket.list(folder(repo)):
        if overwrite and stored.key == f"{folder(repo)}{file}":
            return
        held += stored.key.endswith((".tgz", ".tgz.prov"))
        if held >= rules.max_storage_objects and not overwrite:
            break
    if held >= rules.max_storage_objects:
        raise StorageLimitReached("repo has reached storage limit")
