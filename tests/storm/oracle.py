"""Oracle: knows the history of the store and what clients were answered, and holds index and rows to both.

Two lists say which promises are checked, and when: `AFTER_EVERY_WRITE` and `AT_REST`, at the end of this module. What
a client was answered is checked when it is answered (`acknowledge`), immutability when the store changes (`_record`).
"""

import gzip
import json
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256

from charthouse.errors import BadPackage
from charthouse.helm.chart import package_file, possible_charts
from charthouse.helm.entry import render_entry
from charthouse.helm.index import Entry, Index
from charthouse.helm.index_check import check_index
from charthouse.helm.package import Package
from charthouse.repository.ports import GZIP_COPY, Row
from charthouse.repository.publish import entries_of
from charthouse.repository.repository import envelope_of, timestamp
from charthouse.settings import Layout

from tests.fakes import Version, World
from tests.storm.pulls import Pulls

type Listed = tuple[str, str] | None
"""What the index lists of a file: digest and `created`; None: nothing."""


class PromiseBroken(AssertionError):
    """Says which promise, and how."""


@dataclass(slots=True)
class Moment:
    """What the store held of one file for a while."""

    version: Version | None
    entry: Listed
    """What the index has to list of it."""
    writers: set[str] = field(default_factory=set)
    """The processes whose own change led to it, or left it as it was."""
    last_writer: str = ""

    @property
    def exists(self) -> bool:
        """Whether a file is stored, listed or not."""
        return self.version is not None


@dataclass(slots=True)
class Oracle:
    """The history of every file of one repository, and how far the index has come in it."""

    world: World
    repo: str
    layout: Layout = field(default_factory=Layout)
    history: dict[str, list[Moment]] = field(default_factory=dict)
    reached: dict[str, int] = field(default_factory=dict)
    """The earliest moment of a file that the index can be listing."""
    index_damaged: bool = False
    """The index was changed by hand, and has not been published since."""
    changed: set[str] = field(default_factory=set)
    """Packages that changed in the store since the oracle began: each of them had its event."""
    executions: int = 0
    """How many commands have been executed one after the other; a process name for each."""
    creators: set[str] = field(default_factory=set)
    """Processes that must not overwrite anything."""
    signed: dict[str, Version] = field(default_factory=dict)
    """Packages whose client was answered that their provenance is stored as well."""
    pulls: Pulls = field(init=False)
    """What OCI clients rely on."""
    broken: "PromiseBroken | None" = None
    """The first broken promise: raised again by every later check, in case the code under test caught it."""
    _index: bytes | None = None
    _current: dict[str, Version | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._index = self.world.indexes.get(self.repo)
        self.pulls = Pulls.of(self.world)
        self.observe("")
        self.changed.clear()

    def observe(self, process: str) -> None:
        """Check what the last write, made by `process`, has changed; raises `PromiseBroken`."""
        self._raise_again()
        self._observe_store(process)
        if self.world.artifacts:
            self.pulls.observe(self)
        index = self.world.indexes.get(self.repo)
        if index is not self._index:
            self.index_damaged = False
            self._index = index
        if self.index_damaged or index is None:
            return
        for promise in AFTER_EVERY_WRITE:
            promise(self)

    def fork(self, world: World) -> "Oracle":
        """Return an oracle that knows as much, and observes another world from now on: a copy of this one."""
        other = copy(self)
        other.world = world
        other.pulls = self.pulls.fork()
        other.history = {
            file: [Moment(one.version, one.entry, set(one.writers), one.last_writer) for one in moments]
            for file, moments in self.history.items()
        }
        other.creators, other.signed = set(self.creators), dict(self.signed)
        other.reached, other.changed, other._current = dict(self.reached), set(self.changed), dict(self._current)
        return other

    def now(self) -> dict[str, int]:
        """Return where the history of every file stands, for `acknowledge`."""
        return {file: len(moments) - 1 for file, moments in self.history.items()}

    def acknowledge(
        self, file: str, since: int, *, exists: bool | None = None, own: str = "", digest: str = ""
    ) -> None:
        """Hold the index to what a client was answered about a file, from now on.

        `own`: the process made the change itself. `exists`: a file, or none, was stored at some moment from `since` on;
        `digest`: the package with this digest was.
        """
        self._raise_again()
        moments = self.moments(file)
        candidates = [
            at
            for at, moment in enumerate(moments)
            if (own in moment.writers if own else at >= since and _is_so(moment, digest, exists=exists))
        ]
        if not candidates:
            raise self.breaks(f"{file}: a client was answered what never was the case")
        if self.index_damaged:
            return
        first = candidates[-1] if own else candidates[0]
        entry = self.listed().get(file)
        reached = max(first, self.reached.get(file, 0))
        if all(moment.entry != entry for moment in moments[reached:]):
            raise self.breaks(f"{file}: the answer implies {moments[first].entry}, and the index lists {entry}")
        self.reached[file] = reached
        for name, entries in self.views().items():
            # A file name may read as two charts: only one of their views lists it.
            shows = name == GZIP_COPY or possible_charts(file) == [name]
            if shows and all(moment.entry != entries.get(file) for moment in moments[first:]):
                seen = entries.get(file)
                raise self.breaks(
                    f"{file}: the answer implies {moments[first].entry}, and the view {name!r} lists {seen}"
                )

    def acknowledge_provenance(self, file: str, process: str) -> None:
        """Expect the provenance of a package as long as the package stays, as `process` was answered."""
        version = next((moment.version for moment in self.moments(file) if process in moment.writers), None)
        if version is not None:
            self.signed[file] = version

    def has_written(self, process: str, file: str) -> bool:
        """Return whether the process has changed the stored package."""
        return any(process in moment.writers for moment in self.moments(file))

    def is_as_written_by(self, process: str, file: str) -> bool:
        """Return whether the stored package is as the process left it, unchanged since."""
        return bool(process) and self.moments(file)[-1].last_writer == process

    def damage_index(self) -> None:
        """Expect an index that was changed by hand."""
        self.index_damaged = True
        self._index = self.world.indexes.get(self.repo)

    def listed(self) -> dict[str, Listed]:
        """Return what the index lists."""
        body = self.world.indexes.get(self.repo)
        return dict(entries_in(body)) if body is not None else {}

    def views(self) -> dict[str, dict[str, Listed]]:
        """Return what each view lists that there is; raises `PromiseBroken` for one that not every client loads."""
        found = {name: bytes(view.body) for (repo, name), view in self.world.views.items() if repo == self.repo}
        return {name: entries_in(body) if name else _entries_of_copy(body) for name, body in found.items()}

    def check_at_rest(self) -> None:
        """Hold index, rows and store to each other, byte for byte, when no process is running."""
        self._raise_again()
        if self.world.indexes.get(self.repo) is None and not self.rows():
            return
        for promise in AT_REST:
            promise(self)

    def check_provenance(self) -> None:
        """Hold every provenance file to its package; for when no process is running and none has crashed."""
        for path in self.world.objects:
            provenance = self.world.current(path)
            if not path.endswith(".tgz.prov") or provenance is None or not path.startswith(self._prefix):
                continue
            package = self.world.current(path.removesuffix(".prov"))
            if package is None or sha256(package.body or b"").hexdigest().encode() not in (provenance.body or b""):
                raise self.breaks(f"{path} signs another package")
        for file, version in self.signed.items():
            path = f"{self._prefix}{file}"
            if self.world.current(path) is version and self.world.current(f"{path}.prov") is None:
                raise self.breaks(f"{path}.prov was acknowledged and is missing")

    def rows(self) -> list[Row]:
        """Return the rows of the repository."""
        return [row for (repo, _), row in self.world.rows.items() if repo == self.repo]

    def moments(self, file: str) -> list[Moment]:
        """Return the history of a file."""
        if file not in self.history:
            self.history[file] = [Moment(None, None)]
        return self.history[file]

    def breaks(self, promise: str) -> PromiseBroken:
        """Return the error to raise, and remember the first."""
        self.broken = self.broken or PromiseBroken(promise)
        return self.broken

    @property
    def _prefix(self) -> str:
        return f"{self.repo}/" if self.repo else ""

    def _observe_store(self, process: str) -> None:
        prefix = self._prefix
        for path, versions in self.world.objects.items():
            if path.startswith(prefix) and "/" not in path[len(prefix) :] and path.endswith(".tgz"):
                self._record(path.removeprefix(prefix), versions[-1], process)
        for file in [file for file in self._current if f"{prefix}{file}" not in self.world.objects]:
            self._record(file, None, process)

    def _record(self, file: str, version: Version | None, process: str) -> None:
        if file in self._current and self._current[file] is version:
            return
        self._current[file] = version
        self.changed.add(file)
        moments = self.moments(file)
        stored = version if version is not None and version.body is not None else None
        moment = Moment(stored, _to_be_listed(file, stored))
        if process in self.creators and stored is not None and moments[-1].exists:
            raise self.breaks(f"{file}: {process} has overwritten it, and must not")
        if (moments[-1].exists, moments[-1].entry) == (moment.exists, moment.entry):
            moments[-1].version = stored
        else:
            moments.append(moment)
        for earlier in moments:
            earlier.writers.discard(process)
        moments[-1].writers.add(process)
        moments[-1].last_writer = process

    def _raise_again(self) -> None:
        if self.broken:
            raise self.broken


def entry_of(row: Row) -> Listed:
    """Return what the index lists of a file if it agrees with this row."""
    return None if row.line is None or row.digest is None else (row.digest, row.modified)


@lru_cache(2000)
def entries_in(body: bytes) -> dict[str, Listed]:
    """Return what a published index lists; raises `PromiseBroken` if it is not one that every client loads."""
    try:
        check_index(body)
    except ValueError as problem:
        raise PromiseBroken(f"clients cannot load the index: {problem}") from problem
    found: dict[str, Listed] = {}
    for entries in json.loads(body)["entries"].values():
        for entry in entries:
            file = package_file(entry["name"], entry["version"])
            if file in found:
                raise PromiseBroken(f"{file} is listed twice")
            found[file] = (entry["digest"], entry["created"])
    return found


@lru_cache(2000)
def _entries_of_copy(body: bytes) -> dict[str, Listed]:
    return entries_in(gzip.decompress(body))


def _is_so(moment: Moment, digest: str, *, exists: bool | None) -> bool:
    if digest:
        return moment.entry is not None and moment.entry[0] == digest
    return moment.exists is exists


def _to_be_listed(file: str, version: Version | None) -> Listed:
    if version is None or version.body is None:
        return None
    created = timestamp(version.modified)
    return None if _entry(file, version.body, created) is None else (sha256(version.body).hexdigest(), created)


@lru_cache(2000)
def _entry(file: str, body: bytes, created: str) -> Entry | None:
    try:
        package = Package.read(body)
        line = render_entry(package, created)
    except BadPackage:
        return None
    ref = package.ref
    return Entry(ref.name, ref.version, line) if ref.filename == file else None


# The promises.


def index_follows_the_store(oracle: Oracle) -> None:
    """Check that the index loads, and lists of each file what was stored at some moment, never an earlier one again."""
    entries = oracle.listed()
    for file in {*oracle.history, *entries}:
        moments, entry = oracle.moments(file), entries.get(file)
        for at in range(oracle.reached.get(file, 0), len(moments)):
            if moments[at].entry == entry:
                oracle.reached[file] = at
                break
        else:
            raise oracle.breaks(f"{file}: the index lists {entry}, which was not stored since")


def clean_rows_are_published(oracle: Oracle) -> None:
    """Check that every row that is not dirty says what the index lists."""
    entries = oracle.listed()
    for row in oracle.rows():
        if row.dirty is None and entries.get(row.file) != entry_of(row):
            entry = entries.get(row.file)
            raise oracle.breaks(f"{row.file}: the clean row says {entry_of(row)}, the index {entry}")


def clean_rows_are_in_the_views(oracle: Oracle) -> None:
    """Check that every view there is lists what the rows say that are not dirty."""
    clean = [(row, entry_of(row)) for row in oracle.rows() if row.dirty is None]
    for name, entries in oracle.views().items():
        for row, entry in clean:
            expected = entry if name in {GZIP_COPY, row.chart} else None
            listed = entries.get(row.file)
            if listed != expected and _shows(name, row.file):
                raise oracle.breaks(f"{row.file}: the clean row says {expected}, the view {name!r} {listed}")


def no_row_is_dirty(oracle: Oracle) -> None:
    """Check that every change is published."""
    left = [row.file for row in oracle.rows() if row.dirty]
    if left:
        raise oracle.breaks(f"left dirty: {left}")


def index_is_the_fold_of_the_rows(oracle: Oracle) -> None:
    """Check that the index grown step by step is the fold of all rows, byte for byte."""
    if _published(oracle).blocks != Index.fold(_published(oracle).envelope, entries_of(oracle.rows())).blocks:
        raise oracle.breaks(f"the index is not the fold of the rows: {_published(oracle).blocks!r}")


def index_is_what_a_rebuild_gives(oracle: Oracle) -> None:
    """Check that the index lists exactly what is stored, byte for byte."""
    entries = []
    for file, moments in oracle.history.items():
        version = moments[-1].version
        entry = _entry(file, version.body, timestamp(version.modified)) if version and version.body else None
        if entry is not None:
            entries.append(entry)
    if _published(oracle).blocks != Index.fold(_published(oracle).envelope, entries).blocks:
        raise oracle.breaks(f"the index is not what is stored: {_published(oracle).blocks!r}")


def views_are_cut_from_the_index(oracle: Oracle) -> None:
    """Check that the gzip copy and the view of every chart list what the index does."""
    listed = oracle.listed()
    for name, entries in oracle.views().items():
        index = _published(oracle)
        expected = listed if name == GZIP_COPY else entries_in(index.chart(name).data)
        if entries != expected:
            raise oracle.breaks(f"the view {name!r} lists {entries}, the index {expected}")


@lru_cache(2000)
def _shows(name: str, file: str) -> bool:
    return name == GZIP_COPY or name in possible_charts(file)


def _published(oracle: Oracle) -> Index:
    envelope, body = envelope_of(oracle.layout, oracle.repo), oracle.world.indexes.get(oracle.repo)
    index = Index.read(body, envelope) if body is not None else Index.fold(envelope, [])
    if index is None:
        raise oracle.breaks("the index is not of our format")
    return index


AFTER_EVERY_WRITE: tuple[Callable[[Oracle], None], ...] = (
    index_follows_the_store,
    clean_rows_are_published,
    clean_rows_are_in_the_views,
)
AT_REST: tuple[Callable[[Oracle], None], ...] = (
    no_row_is_dirty,
    index_is_the_fold_of_the_rows,
    index_is_what_a_rebuild_gives,
    views_are_cut_from_the_index,
)
