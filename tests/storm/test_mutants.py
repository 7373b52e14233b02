"""Each rule of the code is needed: with the rule broken, a test of the simulation fails.

A mutant is named after what it does instead of the rule. What the rules of each step are about, by number of mutants:

    sync_file         18  row before store, condition on `rev`, always written, `rev` grows, `dirty` and `expires`, own
                          upload, file name, own package that cannot be seen
    sync_all           6  missing files and rows, ETag and time
    publish_index     12  index before rows, condition on the ETag, always written, cleared after it, only this `rev`;
                          what is folded, spliced and rebuilt
    publish_shared     9  look after the release, wait for one's own rows, first publication, lease
    packages          16  conditions of create, replace and delete, lost responses, provenance beside its package
    push, delete      15  immutability, refusals after the index agrees, what failures mean, pruning
    maintenance       11  failed messages, comparison of the index, sweep
    registry          22  manifest before package, one content, what tags and digests lead to, artifacts beside charts,
                          what a collection keeps, waits for, announces and looks at again
    all                1  the deadline

Rules without a mutant, because every promise holds without them, by another rule:

- `sync_provenance` looks at the package last: a process that has replaced it meanwhile looks at the provenance later.
- `publish_index` starts again after a lost condition: `publish_shared` does too, as it looks for dirty rows afterwards.
- `push` publishes what it pruned: the publication of its own row publishes all dirty rows.
- `reconcile` continues where it stopped: starting again is right as well, and never ends in a large repository.
"""

# ruff: noqa: ARG001, ARG005, PLW0108  a mutant ignores what the real thing uses

import sys
from collections.abc import Callable, Iterator
from contextlib import nullcontext, suppress
from dataclasses import replace
from datetime import UTC, datetime
from itertools import product
from typing import Any, NamedTuple

import pytest
from charthouse.errors import ConditionFailed, NotFound, Unavailable
from charthouse.helm.chart import ChartRef
from charthouse.helm.index import Index
from charthouse.oci.names import Digest
from charthouse.registry import collect, layout, lookup, manifests
from charthouse.registry.lookup import Lookup, StoredManifest
from charthouse.registry.ports import Listed, Place
from charthouse.registry.registry import Registry
from charthouse.repository import changes, maintenance, packages, publish, sync, views
from charthouse.repository.ports import Row, StoredFile, StoredIndex, StoredView
from charthouse.repository.publish import Outcome
from charthouse.repository.repository import Ports, Repository, timestamp

from tests.storm import test_answers, test_faults, test_repair
from tests.storm.faults import Fault, ProcessPorts
from tests.storm.mutants import Lies, Mutation, lie, override, substitute, substitute_method

type Detector = Callable[[], None]


def small() -> None:
    """Run all the small tests."""
    for module in (test_answers, test_repair):
        for name, test in vars(module).items():
            if name.startswith("test_"):
                for arguments in _cases(test):
                    test(**arguments)


def between(name: str, *others: str) -> Detector:
    """Return the detector that runs other commands, all or some, between any two calls of a command."""

    def detector() -> None:
        case = test_faults.CASES[name]
        chosen = [pair for pair in case.between if not others or pair[0].name in others]
        test_faults.test_any_command_may_run_between_any_two_calls_of_another(case._replace(between=chosen))

    return detector


def failing(case: str, fault: Fault) -> Detector:
    """Return the detector that injects a fault at every call of a command."""
    return lambda: test_faults.test_the_response_is_right_whichever_call_fails(test_faults.CASES[case], fault)


def twice(*pairs: int) -> Detector:
    """Return the detector that interrupts the command that interrupts another."""

    def detector() -> None:
        for pair in pairs:
            test_faults.test_a_command_that_interrupts_another_may_be_interrupted_itself(*test_faults.TWICE[pair])

    return detector


def batch() -> None:
    """Let every call of a batch of messages fail, and deliver only those again that are reported as failed."""
    test_faults.test_delivering_the_failed_messages_of_a_batch_again_is_enough(Fault.FAIL)


def _cases(test: Callable[..., None]) -> Iterator[dict[str, Any]]:
    """Yield the arguments of every case of a test, as its marks say."""
    choices = []
    for mark in getattr(test, "pytestmark", []):
        names = [mark.args[0]] if isinstance(mark.args[0], str) else list(mark.args[0])
        values = [value if len(names) > 1 else (value,) for value in mark.args[1]]
        choices.append([dict(zip(names, value, strict=True)) for value in values])
    for chosen in product(*choices):
        yield {name: value for case in chosen for name, value in case.items()}


class Mutant(NamedTuple):
    """A rule broken, and the test that fails."""

    rule: str
    mutation: Mutation
    detector: Detector


MUTANTS: list[Mutant] = []

type Wrap = Callable[[ProcessPorts], Lies]
type Change = Callable[[Any], Any]


def lying(detector: Detector = small) -> Callable[[Wrap], Wrap]:
    """Register a mutant whose ports lie."""

    def register(wrap: Wrap) -> Wrap:
        MUTANTS.append(Mutant(wrap.__name__, lie(wrap), detector))
        return wrap

    return register


def substituting(function: Any, detector: Detector = small, *, within: str = "") -> Callable[[Change], Change]:
    """Register a mutant by which a function does something else."""

    def register(change: Change) -> Change:
        MUTANTS.append(Mutant(change.__name__, substitute(function, change, within=within), detector))
        return change

    return register


def substituting_method(cls: type, name: str, detector: Detector = small) -> Callable[[Change], Change]:
    """Register a mutant by which a method does something else."""

    def register(change: Change) -> Change:
        MUTANTS.append(Mutant(change.__name__, substitute_method(cls, name, change), detector))
        return change

    return register


class AnyText(str):
    """Equal to every text."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 0


# Ports that lie.


@lying(twice(0))
def the_row_is_written_unconditionally(ports: Ports) -> Lies:
    def put(row: Row, over: int | None) -> None:
        stored = ports.catalog.get(row.repo, row.file)
        ports.catalog.put(row, stored.rev if stored else None)

    return {"catalog": override(ports.catalog, put=put)}


@lying(between("push 3.0.0 b, new"))
def a_newer_view_is_replaced(ports: Ports) -> Lies:
    def view(repo: str, name: str) -> StoredView | None:
        stored = ports.indexes.view(repo, name)
        return replace(stored, revision=0) if stored else None

    return {"indexes": override(ports.indexes, view=view)}


@lying(between("push 3.0.0 b, new"))
def a_view_is_written_unconditionally(ports: Ports) -> Lies:
    def write_view(repo: str, name: str, new: StoredView, etag: str | None) -> None:
        stored = ports.indexes.view(repo, name)
        ports.indexes.write_view(repo, name, new, stored.etag if stored else None)

    return {"indexes": override(ports.indexes, write_view=write_view)}


@lying(between("push 3.0.0 b, new"))
def an_empty_view_is_not_written_where_none_is(ports: Ports) -> Lies:
    def write_view(repo: str, name: str, new: StoredView, etag: str | None) -> None:
        if etag is not None or b"\n{" in bytes(new.body) or not name:
            ports.indexes.write_view(repo, name, new, etag)

    return {"indexes": override(ports.indexes, write_view=write_view)}


@lying()
def the_view_of_a_chart_is_not_written(ports: Ports) -> Lies:
    def write_view(repo: str, name: str, new: StoredView, etag: str | None) -> None:
        if not name or etag is None:
            ports.indexes.write_view(repo, name, new, etag)

    return {"indexes": override(ports.indexes, write_view=write_view)}


@lying()
def the_gzip_copy_is_not_written(ports: Ports) -> Lies:
    def write_view(repo: str, name: str, new: StoredView, etag: str | None) -> None:
        if name or etag is None:
            ports.indexes.write_view(repo, name, new, etag)

    return {"indexes": override(ports.indexes, write_view=write_view)}


@lying(twice(1))
def the_store_is_read_before_the_row(ports: Ports) -> Lies:
    seen: dict[str, StoredFile | None] = {}

    def get(repo: str, file: str) -> Row | None:
        seen[file] = ports.packages.head(repo, file)
        return ports.catalog.get(repo, file)

    def head(repo: str, file: str) -> StoredFile | None:
        return seen.pop(file) if file in seen else ports.packages.head(repo, file)

    return {"catalog": override(ports.catalog, get=get), "packages": override(ports.packages, head=head)}


@lying()
def a_row_with_an_equal_line_is_not_written(ports: Ports) -> Lies:
    def put(row: Row, over: int | None) -> None:
        stored = ports.catalog.get(row.repo, row.file)
        if stored is None or stored.line != row.line:
            ports.catalog.put(row, over)

    return {"catalog": override(ports.catalog, put=put)}


@lying(twice(0))
def a_row_that_lost_its_condition_counts_as_written(ports: Ports) -> Lies:
    def put(row: Row, over: int | None) -> None:
        with suppress(ConditionFailed):
            ports.catalog.put(row, over)

    return {"catalog": override(ports.catalog, put=put)}


@lying(twice(1))
def the_rows_are_read_before_the_index(ports: Ports) -> Lies:
    rows: list[list[Row]] = []

    def read(repo: str, **options: bool) -> StoredIndex | None:
        rows[:] = [ports.catalog.dirty(repo)]
        return ports.indexes.read(repo, **options)

    def dirty(repo: str) -> list[Row]:
        return rows.pop() if rows else ports.catalog.dirty(repo)

    return {"indexes": override(ports.indexes, read=read), "catalog": override(ports.catalog, dirty=dirty)}


@lying(twice(1))
def the_index_is_written_unconditionally(ports: Ports) -> Lies:
    def write(repo: str, body: bytes, etag: str | None, *more: Any) -> None:
        stored = ports.indexes.read(repo)
        ports.indexes.write(repo, body, stored.etag if stored else None, *more)

    return {"indexes": override(ports.indexes, write=write)}


@lying(twice(1))
def dirty_is_cleared_whatever_the_revision(ports: Ports) -> Lies:
    def clear(row: Row, expires: int | None) -> None:
        ports.catalog.clear(ports.catalog.get(row.repo, row.file) or row, expires)

    return {"catalog": override(ports.catalog, clear=clear)}


@lying()
def dirty_is_never_cleared(ports: Ports) -> Lies:
    return {"catalog": override(ports.catalog, clear=lambda row, expires: None)}


@lying()
def a_published_row_with_a_file_expires(ports: Ports) -> Lies:
    def clear(row: Row, expires: int | None) -> None:
        ports.catalog.clear(row, expires or int(ports.clock.now()) + sync.TOMBSTONE_SECONDS)

    return {"catalog": override(ports.catalog, clear=clear)}


@lying(between("push 3.0.0 b, published"))
def an_index_with_equal_entries_is_not_written(ports: Ports) -> Lies:
    def write(repo: str, body: bytes, etag: str | None, *more: Any) -> None:
        stored = ports.indexes.read(repo)
        if stored is None or bytes(stored.body).split(b"\n")[1:-2] != body.split(b"\n")[1:-2]:
            ports.indexes.write(repo, body, etag, *more)

    return {"indexes": override(ports.indexes, write=write)}


@lying()
def dirty_is_cleared_before_the_index_is_written(ports: Ports) -> Lies:
    rows: list[Row] = []

    def dirty(repo: str) -> list[Row]:
        rows[:] = ports.catalog.dirty(repo)
        return list(rows)

    def write(repo: str, body: bytes, etag: str | None, *more: Any) -> None:
        for row in rows:
            ports.catalog.clear(row, None)
        ports.indexes.write(repo, body, etag, *more)

    return {"indexes": override(ports.indexes, write=write), "catalog": override(ports.catalog, dirty=dirty)}


@lying()
def dirty_rows_are_not_looked_for_after_the_release(ports: Ports) -> Lies:
    released: list[str] = []

    def release(repo: str, owner: str) -> None:
        ports.catalog.release_lease(repo, owner)
        released.append(repo)

    def dirty(repo: str) -> list[Row]:
        return [] if released else ports.catalog.dirty(repo)

    return {"catalog": override(ports.catalog, release_lease=release, dirty=dirty)}


@lying()
def a_repository_is_reconciled_before_it_is_published(ports: Ports) -> Lies:
    def acquire(repo: str, owner: str, now: float, until: float) -> Any:
        state = ports.catalog.acquire_lease(repo, owner, now, until)
        if state is not None and state.reconciled is None:
            ports.catalog.set_reconciled(repo, timestamp(now))
        return state

    return {"catalog": override(ports.catalog, acquire_lease=acquire)}


@lying()
def a_holder_that_fails_keeps_the_lease(ports: Ports) -> Lies:
    def release(repo: str, owner: str) -> None:
        if sys.exc_info()[0] is None:
            ports.catalog.release_lease(repo, owner)

    return {"catalog": override(ports.catalog, release_lease=release)}


@lying()
def the_lease_is_never_released(ports: Ports) -> Lies:
    return {"catalog": override(ports.catalog, release_lease=lambda repo, owner: None)}


@lying(between("push 3.0.0 b, published"))
def a_package_is_stored_unconditionally(ports: Ports) -> Lies:
    return {"packages": override(ports.packages, create=ports.packages.replace)}


@lying(twice(5))
def provenance_is_stored_unconditionally(ports: Ports) -> Lies:
    def create(repo: str, file: str, body: bytes, upload_id: str) -> None:
        store = ports.packages.replace if file.endswith(".prov") else ports.packages.create
        store(repo, file, body, upload_id)

    return {"packages": override(ports.packages, create=create)}


@lying()
def ones_own_upload_is_not_recognised(ports: Ports) -> Lies:
    def head(repo: str, file: str) -> StoredFile | None:
        stored = ports.packages.head(repo, file)
        return replace(stored, upload_id=None) if stored else None

    return {"packages": override(ports.packages, head=head)}


@lying()
def any_upload_counts_as_ones_own(ports: Ports) -> Lies:
    def head(repo: str, file: str) -> StoredFile | None:
        stored = ports.packages.head(repo, file)
        return replace(stored, upload_id=AnyText()) if stored else None

    return {"packages": override(ports.packages, head=head)}


@lying()
def a_delete_whose_response_was_lost_is_not_verified(ports: Ports) -> Lies:
    failed: list[StoredFile] = []

    def delete(stored: StoredFile) -> None:
        try:
            ports.packages.delete(stored)
        except (Unavailable, ConditionFailed):
            failed.append(stored)
            raise

    def head(repo: str, file: str) -> StoredFile | None:
        found = ports.packages.head(repo, file)
        return failed.pop() if failed and failed[0].file == file else found

    return {"packages": override(ports.packages, delete=delete, head=head)}


@lying(twice(5))
def a_package_is_deleted_unconditionally(ports: Ports) -> Lies:
    def delete(stored: StoredFile) -> None:
        now = ports.packages.head(stored.repo, stored.file)
        if now is not None:
            ports.packages.delete(now)

    return {"packages": override(ports.packages, delete=delete)}


@lying(failing("delete 1.0.0, published", Fault.CONFLICT))
def a_delete_that_lost_its_condition_counts_as_done(ports: Ports) -> Lies:
    def delete(stored: StoredFile) -> None:
        with suppress(ConditionFailed):
            ports.packages.delete(stored)

    return {"packages": override(ports.packages, delete=delete)}


@lying(twice(3))
def deleted_provenance_is_not_restored(ports: Ports) -> Lies:
    deleted: list[bytes] = []
    dropped: dict[str, bytes] = {}

    def read(stored: StoredFile) -> bytes:
        body = dropped[stored.file] if stored.etag == "dropped" else ports.packages.read(stored)
        deleted.append(body)
        return body

    def create(repo: str, file: str, body: bytes, upload_id: str) -> None:
        if body in deleted:
            dropped[file] = body
        else:
            ports.packages.create(repo, file, body, upload_id)

    def head(repo: str, file: str) -> StoredFile | None:
        if file in dropped:
            return StoredFile(repo, file, "dropped", 0, datetime.now(UTC))
        return ports.packages.head(repo, file)

    return {"packages": override(ports.packages, read=read, create=create, head=head)}


@lying(twice(3))
def provenance_is_not_checked_again_after_it_was_stored(ports: Ports) -> Lies:
    seen: dict[str, StoredFile | None] = {}
    signed: set[str] = set()

    def create(repo: str, file: str, body: bytes, upload_id: str) -> None:
        ports.packages.create(repo, file, body, upload_id)
        signed.add(file.removesuffix(".prov"))

    def head(repo: str, file: str) -> StoredFile | None:
        if file not in signed or file not in seen:
            seen[file] = ports.packages.head(repo, file)
        return seen[file]

    return {"packages": override(ports.packages, create=create, head=head)}


@lying(failing("force 1.0.0 b, published", Fault.LOSE))
def any_provenance_counts_as_the_right_one(ports: Ports) -> Lies:
    def read(stored: StoredFile) -> bytes:
        body = ports.packages.read(stored)
        package = ports.packages.head(stored.repo, stored.file.removesuffix(".prov"))
        return body + (package.digest or "").encode() if stored.file.endswith(".prov") and package else body

    return {"packages": override(ports.packages, read=read)}


@lying(between("reconcile, crashed"))
def an_index_replaced_during_the_comparison_counts_as_different(ports: Ports) -> Lies:
    seen: list[StoredIndex | None] = []

    def rows(repo: str, after: str = "") -> Iterator[Row]:
        seen[:] = [last[0]] if last else []
        return ports.catalog.rows(repo, after)

    last: list[StoredIndex | None] = []

    def read(repo: str, **options: bool) -> StoredIndex | None:
        last[:] = [seen.pop() if seen else ports.indexes.read(repo, **options)]
        return last[0]

    return {"indexes": override(ports.indexes, read=read), "catalog": override(ports.catalog, rows=rows)}


@lying()
def a_row_not_yet_published_counts_as_different(ports: Ports) -> Lies:
    def rows(repo: str, after: str = "") -> Iterator[Row]:
        return (replace(row, dirty=None) for row in ports.catalog.rows(repo, after))

    return {"catalog": override(ports.catalog, rows=rows)}


# Functions that do something else.


@substituting(sync.OwnUpload, twice(3))
def own_package_is_used_for_whatever_is_stored(original: Any) -> Any:
    return lambda upload_id, package: original(AnyText(upload_id), package)


def _known_if(original: Any, is_same: Callable[[Row, StoredFile], bool]) -> Any:
    def observe(repository: Any, file: str, known: Any, stored: Any, own: Any) -> Any:
        if known and stored and known.is_final and is_same(known, stored):
            return known
        return original(repository, file, known, stored, own)

    return observe


@substituting(sync._observe)
def another_etag_is_the_same_file(original: Any) -> Any:
    return _known_if(original, lambda known, stored: known.modified == timestamp(stored.modified))


@substituting(sync._observe)
def another_time_is_the_same_file(original: Any) -> Any:
    return _known_if(original, lambda known, stored: known.etag == stored.etag)


@substituting(sync._observe)
def a_missing_file_keeps_its_row(original: Any) -> Any:
    def observe(repository: Any, file: str, known: Any, stored: Any, own: Any) -> Any:
        return known if known and stored is None else original(repository, file, known, stored, own)

    return observe


@substituting(sync._may_be_listed)
def a_file_without_row_counts_as_unlisted(original: Any) -> Any:
    return lambda repository, file: False


@substituting(views.views_may_list)
def a_file_without_row_is_not_looked_for_in_the_views(original: Any) -> Any:
    return lambda repository, index, file: False


@substituting(sync._next_revision)
def another_line_does_not_make_the_row_dirty(original: Any) -> Any:
    def revision(row: Row, known: Any, now: float, *, force_dirty: bool) -> Row:
        following: Row = original(row, known, now, force_dirty=force_dirty)
        return following if force_dirty or known is None else replace(following, dirty=known.dirty)

    return revision


@substituting(sync._next_revision)
def a_sync_clears_dirty(original: Any) -> Any:
    def revision(row: Row, known: Any, now: float, *, force_dirty: bool) -> Any:
        return original(row, replace(known, dirty=None) if known else None, now, force_dirty=force_dirty)

    return revision


@substituting(sync._next_revision)
def a_dirty_tombstone_expires(original: Any) -> Any:
    def revision(row: Row, known: Any, now: float, *, force_dirty: bool) -> Row:
        following: Row = original(row, known, now, force_dirty=force_dirty)
        expires = int(now) + sync.TOMBSTONE_SECONDS if row.etag is None else None
        return replace(following, expires=expires)

    return revision


@substituting(sync._next_revision)
def a_row_with_a_file_expires(original: Any) -> Any:
    def revision(row: Row, known: Any, now: float, *, force_dirty: bool) -> Row:
        following: Row = original(row, known, now, force_dirty=force_dirty)
        return replace(following, expires=None if following.dirty else int(now) + sync.TOMBSTONE_SECONDS)

    return revision


@substituting(sync._next_revision, twice(0))
def the_revision_stays(original: Any) -> Any:
    def revision(row: Row, known: Any, now: float, *, force_dirty: bool) -> Row:
        following: Row = original(row, known, now, force_dirty=force_dirty)
        return replace(following, rev=known.rev) if known else following

    return revision


@substituting(sync._next_revision)
def the_first_revision_is_always_one(original: Any) -> Any:
    def revision(row: Row, known: Any, now: float, *, force_dirty: bool) -> Row:
        following: Row = original(row, known, now, force_dirty=force_dirty)
        return following if known else replace(following, rev=1)

    return revision


@substituting(sync._with_entry)
def any_file_name_is_listed(original: Any) -> Any:
    return lambda row, package: replace(original(replace(row, file=package.ref.filename), package), file=row.file)


@substituting(sync._agrees)
def a_missing_file_agrees_with_its_row(original: Any) -> Any:
    return lambda stored, row: (stored is None and row is not None) or original(stored, row)


@substituting(sync._agrees)
def a_missing_row_agrees(original: Any) -> Any:
    return lambda stored, row: row is None or original(stored, row)


def _agrees_if(original: Any, is_same: Callable[[Row, StoredFile], bool]) -> Any:
    def agrees(seen: Any, row: Any) -> Any:
        return (seen and row and row.is_final and is_same(row, seen[0])) or original(seen, row)

    return agrees


@substituting(sync._agrees)
def etags_are_not_compared(original: Any) -> Any:
    return _agrees_if(original, lambda row, stored: row.modified == timestamp(stored.modified))


@substituting(sync._agrees)
def times_are_not_compared(original: Any) -> Any:
    return _agrees_if(original, lambda row, stored: row.etag == stored.etag)


@substituting(sync._side_by_side)
def rows_without_a_file_are_skipped(original: Any) -> Any:
    return lambda repository, after: (one for one in original(repository, after) if one[1] is not None)


@substituting(sync._side_by_side)
def files_without_a_row_are_skipped(original: Any) -> Any:
    return lambda repository, after: (one for one in original(repository, after) if one[2] is not None)


@substituting(publish.entries_of, within="publish")
def only_dirty_rows_are_folded(original: Any) -> Any:
    return lambda rows: original([row for row in rows if row.dirty])


@substituting_method(Repository, "parse")
def an_index_of_another_format_is_spliced(original: Any) -> Any:
    def parse(self: Repository, stored: StoredIndex | None) -> Index | None:
        found: Index | None = original(self, stored)
        return Index.fold(self.envelope, []) if found is None and stored is not None else found

    return parse


@substituting(publish.publish_index, within="maintenance")
def an_index_that_differs_is_only_spliced(original: Any) -> Any:
    return lambda repository, *, rebuild=False, **more: original(repository, **more)


@substituting(publish.publish_index, within="publish")
def the_first_publication_only_splices(original: Any) -> Any:
    return lambda repository, *, rebuild=False, **more: original(repository, **more)


@substituting_method(Index, "splice")
def a_tombstone_keeps_its_line(original: Any) -> Any:
    return lambda self, changes, *more: original(self, {file: entry for file, entry in changes.items() if entry}, *more)


@substituting(publish._is_published)
def waiting_counts_as_published(original: Any) -> Any:
    return lambda repository, row: True


@substituting(publish._is_published)
def a_dirty_row_counts_as_published(original: Any) -> Any:
    def is_published(repository: Repository, row: Row) -> bool:
        now = repository.catalog.get(row.repo, row.file)
        return now is None or now.rev >= row.rev

    return is_published


@substituting(publish.publish_shared)
def a_publication_out_of_time_counts_as_done(original: Any) -> Any:
    return lambda repository, rows=(), *, wait=True: original(repository, rows, wait=wait) or wait


@substituting(sync.import_existing, within="publish")
def the_first_publication_does_not_import(original: Any) -> Any:
    return lambda repository: None


@substituting(sync.import_existing)
def a_partial_import_is_enough(original: Any) -> Any:
    return lambda repository: sync.sync_all(repository) and None


@substituting(packages.delete)
def every_package_may_be_deleted(original: Any) -> Any:
    return lambda repository, file, only_if=None: original(repository, file)


@substituting(packages.sync_provenance, within="packages")
def a_delete_leaves_the_provenance(original: Any) -> Any:
    return lambda repository, file, uploaded=None: None


@substituting(packages.sync_provenance)
def provenance_is_checked_only_if_uploaded(original: Any) -> Any:
    return lambda repository, file, uploaded=None: original(repository, file, uploaded) if uploaded else None


@substituting(packages.create)
def provenance_alone_overwrites(original: Any) -> Any:
    def create(repository: Repository, file: str, body: bytes, upload_id: str) -> bool:
        if file.endswith(".prov"):
            packages.replace(repository, file, body, upload_id)
            return True
        return bool(original(repository, file, body, upload_id))

    return create


@substituting(packages.replace, failing("force 1.0.0 b, published", Fault.FAIL))
def a_failed_overwrite_counts_as_done(original: Any) -> Any:
    def replace_file(repository: Repository, file: str, body: bytes, upload_id: str) -> None:
        with suppress(Unavailable):
            original(repository, file, body, upload_id)

    return replace_file


@substituting(packages.replace)
def an_overwrite_whose_response_was_lost_counts_as_failed(original: Any) -> Any:
    return lambda repository, file, body, upload_id: repository.packages.replace(repository.name, file, body, upload_id)


@substituting(packages.delete)
def a_delete_without_a_package_leaves_the_provenance(original: Any) -> Any:
    def delete(repository: Repository, file: str, **only: Any) -> bool:
        return repository.packages.head(repository.name, file) is not None and original(repository, file, **only)

    return delete


@substituting(publish.publish_rows, within="changes")
def a_version_is_refused_before_it_is_published(original: Any) -> Any:
    # Only the refusal of a push leaves out `wait`.
    return lambda repository, rows, **waits: original(repository, rows, **waits) if waits else Outcome.PUBLISHED


@substituting(publish.publish_rows, within="changes")
def a_version_is_refused_although_the_index_is_late(original: Any) -> Any:
    def publish_rows(repository: Repository, rows: Any, **waits: bool) -> Any:
        outcome = original(repository, rows, **waits)
        return outcome if waits else Outcome.PUBLISHED

    return publish_rows


@substituting(changes._push_signature, failing("push 3.0.0 b signed, published", Fault.LOSE))
def a_push_ignores_provenance(original: Any) -> Any:
    return lambda repository, file, uploaded: None


@substituting(changes._push_package, failing("push 3.0.0 b signed, published", Fault.LOSE))
def provenance_is_synced_before_the_package_is_stored(original: Any) -> Any:
    def push_package(repository: Repository, rules: Any, upload: Any, body: bytes, package: Any, **how: Any) -> Any:
        signature = packages.Signature(upload.provenance, package.digest) if upload.provenance else None
        with suppress(Unavailable):
            changes._push_signature(repository, package.ref.filename, signature)
        with substitute(changes._push_signature, lambda _: lambda repository, file, uploaded: None)():
            return original(repository, rules, upload, body, package, **how)

    return push_package


@substituting(changes._push_signature, failing("push 3.0.0 b signed, published", Fault.CONFLICT))
def provenance_that_was_not_stored_is_no_failure(original: Any) -> Any:
    def push_signature(repository: Repository, file: str, uploaded: Any) -> None:
        with suppress(Unavailable):
            original(repository, file, uploaded)

    return push_signature


@substituting(changes.push)
def a_failure_after_the_write_is_reported_as_one(original: Any) -> Any:
    return _stored_is_unavailable(original)


def _stored_is_unavailable(original: Any) -> Any:
    def change(*arguments: Any, **named: Any) -> Any:
        outcome = original(*arguments, **named)
        if outcome is Outcome.STORED:
            raise Unavailable("stored")
        return outcome

    return change


@substituting(changes._delete)
def a_failure_after_the_deletion_is_reported_as_one(original: Any) -> Any:
    return _stored_is_unavailable(original)


@substituting(changes._delete)
def a_chart_without_rows_is_missing_at_once(original: Any) -> Any:
    def delete(repository: Repository, files: list[str], missing: str, *, wait: bool, **more: Any) -> Any:
        if not files:
            raise NotFound(missing)
        return original(repository, files, missing, wait=wait, **more)

    return delete


@substituting(changes._delete)
def a_missing_version_is_not_waited_for(original: Any) -> Any:
    def delete(repository: Repository, files: list[str], missing: str, *, wait: bool, **more: Any) -> Any:
        as_asked = substitute(
            publish.publish_rows, lambda rows: lambda *arguments, **_: rows(*arguments, wait=wait), within="changes"
        )
        with as_asked():
            return original(repository, files, missing, wait=wait, **more)

    return delete


@substituting(publish.publish_rows, within="changes")
def a_version_is_missing_although_the_index_is_late(original: Any) -> Any:
    def publish_rows(repository: Repository, rows: Any, **waits: bool) -> Any:
        original(repository, rows, **waits)
        return Outcome.PUBLISHED

    return publish_rows


@substituting(sync.import_existing, within="changes")
def an_unpublished_repository_is_not_imported(original: Any) -> Any:
    return lambda repository: None


@substituting(changes._delete)
def a_failure_before_the_deletion_is_a_success(original: Any) -> Any:
    def delete(repository: Repository, files: list[str], missing: str, *, wait: bool, **more: Any) -> Any:
        try:
            return original(repository, files, missing, wait=wait, **more)
        except Unavailable:
            return Outcome.STORED

    return delete


@substituting(packages.delete)
def a_missing_version_is_reported_before_the_index_agrees(original: Any) -> Any:
    def delete(repository: Repository, file: str, **only: Any) -> bool:
        if not original(repository, file, **only):
            raise NotFound("chart version not found")
        return True

    return delete


@substituting_method(Repository, "expired")
def the_deadline_is_ignored(original: Any) -> Any:
    return property(lambda self: False)


@substituting(changes._prune)
def the_pushed_version_may_be_pruned(original: Any) -> Any:
    return lambda repository, pushed, limit: original(repository, ChartRef(pushed.name, "0"), limit)


@substituting(maintenance._is_strict)
def the_strict_parser_is_not_asked(original: Any) -> Any:
    return lambda body: True


@substituting(maintenance.verify_index)
def the_index_is_not_compared(original: Any) -> Any:
    return lambda repository: 0


@substituting(maintenance.verify_index)
def the_same_lines_are_the_same_index(original: Any) -> Any:
    def verify_index(repository: Repository) -> int:
        index = repository.index()
        expected = Index.fold(repository.envelope, publish.entries_of(repository.catalog.rows(repository.name)))
        if index is not None and sorted(index.lines()) == sorted(expected.lines()):
            return 0
        return int(original(repository))

    return verify_index


@substituting(sync.sync_file, batch, within="maintenance")
def failed_messages_are_not_reported(original: Any) -> Any:
    def sync_file(repository: Repository, file: str) -> Any:
        try:
            return original(repository, file)
        except Unavailable:
            return Row(repository.name, file, 0)

    return sync_file


@substituting(maintenance.handle_object_events, batch)
def one_failed_message_fails_the_batch(original: Any) -> Any:
    def handle(*arguments: Any, **named: Any) -> Any:
        if failed := original(*arguments, **named):
            raise Unavailable(f"{failed} failed")
        return failed

    return handle


@substituting(publish.publish_shared, within="maintenance")
def failed_publications_are_not_reported(original: Any) -> Any:
    def publish_shared(repository: Repository, rows: Any = (), *, wait: bool = True) -> Any:
        try:
            return original(repository, rows, wait=wait)
        except Unavailable:
            return True

    return publish_shared


@substituting(publish.publish_shared, within="maintenance")
def events_sync_without_publishing(original: Any) -> Any:
    return lambda repository, rows=(), *, wait=True: original(repository, rows, wait=wait) if wait else True


@substituting(publish.publish_shared, within="maintenance")
def sweep_and_reconciliation_do_not_publish(original: Any) -> Any:
    return lambda repository, rows=(), *, wait=True: wait or original(repository, rows, wait=wait)


@substituting(maintenance.publish_pending)
def nothing_is_swept(original: Any) -> Any:
    return lambda ports, *, deadline: 0.0


@substituting(sync.sync_file, within="changes")
def an_own_package_that_cannot_be_seen_becomes_a_tombstone(original: Any) -> Any:
    return lambda repository, file, *, own=None: original(repository, file)


# The registry.


@lying(between("oci push 3.0.0 c signed by digest, registry"))
def the_manifest_is_stored_after_its_package(ports: ProcessPorts) -> Lies:
    late: dict[str, Callable[[], None]] = {}

    def write(place: Place, name: str, body: bytes, *more: Any) -> None:
        if name.startswith(layout.MANIFESTS):
            late[name] = lambda: ports.artifacts.write(place, name, body, *more)
        else:
            ports.artifacts.write(place, name, body, *more)

    def look(place: Place, name: str) -> Listed | None:
        return Listed(name, 0, 0.0) if name in late else ports.artifacts.look(place, name)

    def delete(place: Place, name: str, etag: str | None = None) -> None:
        for store in late.values():
            store()
        late.clear()
        ports.artifacts.delete(place, name, etag)

    return {"artifacts": override(ports.artifacts, write=write, look=look, delete=delete)}


@lying(between("delete artifact y, registry"))
def a_tag_is_deleted_although_it_leads_elsewhere_by_now(ports: ProcessPorts) -> Lies:
    def delete(place: Place, name: str, etag: str | None = None) -> None:
        ports.artifacts.delete(place, name)

    return {"artifacts": override(ports.artifacts, delete=delete)}


@lying(between("collect, registry"))
def the_notice_is_taken_back_before_the_deletion(ports: ProcessPorts) -> Lies:
    notices: list[str] = []

    def write(place: Place, name: str, *more: Any) -> None:
        notices.extend([name] if name.startswith(layout.NOTICES) else [])
        ports.artifacts.write(place, name, *more)

    def delete(place: Place, name: str, etag: str | None = None) -> None:
        while notices:
            ports.artifacts.delete(place, notices.pop())
        ports.artifacts.delete(place, name, etag)

    return {"artifacts": override(ports.artifacts, write=write, delete=delete)}


@substituting(changes.push, between("oci push 1.0.0 b, registry"), within="registry.manifests")
def a_pushed_chart_overwrites(original: Any) -> Any:
    return lambda repository, rules, upload: original(repository, rules, replace(upload, force=True))


@substituting(changes.push, failing("oci push 3.0.0 b, registry", Fault.FAIL), within="registry.manifests")
def a_pushed_chart_is_accepted_before_the_index_shows_it(original: Any) -> Any:
    return lambda repository, rules, upload: original(repository, rules, upload) and Outcome.PUBLISHED


@substituting(manifests._has, between("oci push 1.0.0 a at 2, registry"))
def a_chart_is_refused_although_its_content_is_listed(original: Any) -> Any:
    return lambda registry, chart: False


@substituting(manifests._has, between("oci push 1.0.0 b, registry"))
def any_content_counts_as_the_one_that_is_listed(original: Any) -> Any:
    return lambda registry, chart: True


@substituting(lookup._is_of, between("oci push 1.0.0 a at 2, registry"))
def a_manifest_is_served_whichever_package_the_row_has(original: Any) -> Any:
    return lambda stored, row: True


@substituting_method(Lookup, "_of_version", between("oci delete 1.0.0, registry"))
def a_manifest_is_served_without_a_row(original: Any) -> Any:
    def of_version(self: Lookup, digest: Digest) -> StoredManifest | None:
        stored = self.artifacts.read(self.place, layout.manifest(digest))
        if stored is not None:
            return StoredManifest(digest, stored.media_type, stored.body)
        found: StoredManifest | None = original(self, digest)
        return found

    return of_version


@substituting(manifests._push_artifact, between("tag 1.0.0 x, registry"))
def an_artifact_takes_the_tag_of_a_listed_chart(original: Any) -> Any:
    def push_artifact(pushed: Any, tags: Any) -> None:
        original(pushed, ())
        for tag in tags:
            pushed.registry.store.write(pushed.registry.place, layout.tag(tag), str(pushed.digest).encode())

    return push_artifact


@substituting_method(Lookup, "_of_tag", between("tag 3.0.0 x, registry"))
def the_tag_of_an_artifact_hides_a_chart(original: Any) -> Any:
    def of_tag(self: Lookup, tag: str) -> StoredManifest | None:
        pointer = self.artifacts.read(self.place, layout.tag(tag))
        found: StoredManifest | None = (
            self._of_digest(Digest.parse(pointer.body.decode())) if pointer else original(self, tag)
        )
        return found

    return of_tag


@substituting(manifests.delete_manifest, between("oci delete 1.0.0 by digest, registry"))
def a_delete_by_digest_deletes_the_manifest_of_the_next_push(original: Any) -> Any:
    def delete_manifest(registry: Registry, reference: Any) -> None:
        original(registry, reference)
        if isinstance(reference, Digest):
            registry.store.delete(registry.place, layout.manifest(reference))

    return delete_manifest


@lying(between("tag latest y, registry"))
def a_push_does_not_look_for_the_manifest_it_has_tagged(ports: ProcessPorts) -> Lies:
    tagged: list[str] = []

    def write(place: Place, name: str, *more: Any) -> None:
        tagged.extend([name] if name.startswith(layout.TAGS) else [])
        ports.artifacts.write(place, name, *more)

    def look(place: Place, name: str) -> Listed | None:
        return Listed(name, 0, 0.0) if tagged else ports.artifacts.look(place, name)

    return {"artifacts": override(ports.artifacts, write=write, look=look)}


@substituting(manifests._untag_all, twice(8))
def a_delete_does_not_look_for_tags_again(original: Any) -> Any:
    looked: list[Registry] = []

    def untag_all(registry: Registry, digest: Digest) -> list[str]:
        if any(registry is one for one in looked):
            return []
        looked.append(registry)
        hints: list[str] = original(registry, digest)
        return hints

    return untag_all


@substituting_method(Registry, "notice", between("delete artifact y, registry"))
def a_delete_gives_no_notice(original: Any) -> Any:
    return lambda self, digest: nullcontext()


@substituting_method(Registry, "is_condemned", between("collect, registry"))
def notices_are_not_looked_for(original: Any) -> Any:
    return lambda self, digests: False


@substituting_method(manifests._Push, "_check_again", between("oci push 3.0.0 b, registry", "collect"))
def content_is_not_looked_at_again(original: Any) -> Any:
    def check_again(self: Any, name: str) -> None:
        if self.registry.is_condemned([self.digest, *(found.digest for found in self.manifest.blobs)]):
            raise Unavailable("condemned")

    return check_again


@substituting(collect._unreferenced, between("collect, registry"))
def references_are_not_looked_at_again(original: Any) -> Any:
    last: list[Any] = []

    def unreferenced(registry: Registry, folder: str) -> list[str]:
        # The second of two calls for one folder.
        again = last[1:] if last and last[0] == (id(registry), folder) else []
        last[:] = [] if again else [(id(registry), folder), original(registry, folder)]
        found: list[str] = again[0] if again else last[1]
        return found

    return unreferenced


@substituting(collect._is_old, between("collect, registry", "park 3.0.0 b"))
def a_collection_does_not_wait_a_day(original: Any) -> Any:
    return lambda registry, modified: True


@substituting(collect._collect, between("collect, registry", "park 3.0.0 b"))
def what_is_parked_is_deleted_without_notice(original: Any) -> Any:
    def collect_folder(registry: Registry, folder: str) -> int:
        if folder == layout.PARKED:
            for name in collect._unreferenced(registry, folder):
                registry.store.delete(registry.place, name)
            return 0
        return int(original(registry, folder))

    return collect_folder


@substituting(collect._references, between("collect, registry"))
def what_only_a_tag_refers_to_is_collected(original: Any) -> Any:
    def references(registry: Registry) -> Any:
        found = original(registry)
        tags = [
            registry.store.read(registry.place, tag.name) for tag in registry.store.names(registry.place, layout.TAGS)
        ]
        found.live -= {tag.body.decode() for tag in tags if tag}
        return found

    return references


@substituting(collect._is_of_a_row, between("collect, registry"))
def the_manifest_of_a_listed_chart_is_collected(original: Any) -> Any:
    return lambda stored, rows: False


@pytest.mark.slow
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.rule)
def test_a_promise_breaks_without_the_rule(mutant: Mutant) -> None:
    with mutant.mutation(), pytest.raises((AssertionError, LookupError, ValueError)):
        mutant.detector()
