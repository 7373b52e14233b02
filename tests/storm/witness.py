"""witness: sees the bucket's past and what clients are told, and holds index and rows to both after every call."""

import json
import re
from copy import copy
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256

from charthouse.errors import BadPackage
from charthouse.helm.entry import render_entry
from charthouse.helm.index import Entry, Index
from charthouse.helm.index_check import check_index
from charthouse.helm.package import Package
from charthouse.ports import Row
from charthouse.repository.publish import entries_of
from charthouse.repository.store import folder, frame_of, timestamp
from charthouse.settings import Layout

from tests.fakes import Version, World

type Shown = tuple[str, str] | None
"""What the index shows of a file: digest and `created`; None: nothing."""


class PromiseBroken(AssertionError):
    """Says which promise, and how."""


@dataclass(slots=True)
class Moment:
    """What the bucket held of one file for a while."""

    version: Version | None
    shown: Shown
    """What the index has to show of it."""
    marks: set[str] = field(default_factory=set)
    """Whose own change led to it, or left it as it was."""
    by: str = ""
    """Whose change was the last."""

    @property
    def there(self) -> bool:
        """Whether an object is there, listed or not."""
        return self.version is not None


@dataclass(slots=True)
class Witness:
    """The past of every file of one repository, and how far the index has come in it."""

    world: World
    repo: str
    layout: Layout = field(default_factory=Layout)
    past: dict[str, list[Moment]] = field(default_factory=dict)
    reached: dict[str, int] = field(default_factory=dict)
    """The earliest moment of a file that the index can be showing."""
    damaged: bool = False
    """Somebody has been at the index by hand, and nobody has published since."""
    changed: set[str] = field(default_factory=set)
    """Packages whose object changed while the witness looked: each of them had its event."""
    clients: int = 0
    """How many have been at work one after the other; a name for each."""
    creators: set[str] = field(default_factory=set)
    """Who must not overwrite anything."""
    signed: dict[str, Version] = field(default_factory=dict)
    """Packages whose client was told that their provenance is stored, too."""
    broken: "PromiseBroken | None" = None
    """The first broken promise: said again at every later look, should somebody have caught it."""
    _index: bytes | None = None
    _seen: dict[str, Version | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._index = self.world.indexes.get(self.repo)
        self.look("")
        self.changed.clear()

    def look(self, who: str) -> None:
        """See what the last call, made by `who`, has changed; raises `PromiseBroken`."""
        self._remember()
        self._look_at_bucket(who)
        index = self.world.indexes.get(self.repo)
        if index is not self._index:
            self.damaged = False
            self._index = index
        if self.damaged or index is None:
            return
        lines = listed(index)
        for file in {*self.past, *lines}:
            self._look_at_file(file, lines.get(file))
        for (repo, file), row in self.world.rows.items():
            if repo == self.repo and row.dirty is None and lines.get(file) != shown_by(row):
                raise self._broken(f"{file}: the clean row says {shown_by(row)}, the index {lines.get(file)}")

    def fork(self, world: World) -> "Witness":
        """Return a witness that remembers as much, and sees another world from now on: a copy of this one."""
        other = copy(self)
        other.world = world
        other.past = {
            file: [Moment(moment.version, moment.shown, set(moment.marks), moment.by) for moment in moments]
            for file, moments in self.past.items()
        }
        other.creators, other.signed = set(self.creators), dict(self.signed)
        other.reached, other.changed, other._seen = dict(self.reached), set(self.changed), dict(self._seen)
        return other

    def now(self) -> dict[str, int]:
        """Return where the past of every file stands, for `told`."""
        return {file: len(moments) - 1 for file, moments in self.past.items()}

    def told(self, file: str, since: int, *, there: bool | None = None, own: str = "") -> None:
        """Hold the index to what a client was told of a file, from now on.

        `own`: it made the change itself. `there`: it saw an object, or none, at some moment from `since` on.
        """
        self._remember()
        moments = self._moments(file)
        meant = [
            at
            for at, moment in enumerate(moments)
            if (own in moment.marks if own else at >= since and moment.there is there)
        ]
        if not meant:
            raise self._broken(f"{file}: a client was told what never was")
        if self.damaged:
            return
        first = meant[-1] if own else meant[0]
        shown = self.shown().get(file)
        reached = max(first, self.reached.get(file, 0))
        if all(moment.shown != shown for moment in moments[reached:]):
            raise self._broken(f"{file}: told of {moments[first].shown}, and the index shows {shown}")
        self.reached[file] = reached

    def promise_provenance(self, file: str, who: str) -> None:
        """Expect the provenance of a package as long as it stays, as `who` was told."""
        version = next((moment.version for moment in self._moments(file) if who in moment.marks), None)
        if version is not None:
            self.signed[file] = version

    def has_changed(self, who: str, file: str) -> bool:
        """Tell whether `who` has changed the package's object."""
        return any(who in moment.marks for moment in self._moments(file))

    def stands(self, who: str, file: str) -> bool:
        """Tell whether the package's object is as `who` has left it, and nobody has been there since."""
        return bool(who) and self._moments(file)[-1].by == who

    def damage(self) -> None:
        """Be told that somebody was at the index by hand."""
        self.damaged = True
        self._index = self.world.indexes.get(self.repo)

    def shown(self) -> dict[str, Shown]:
        """Return what the index shows."""
        body = self.world.indexes.get(self.repo)
        return dict(listed(body)) if body is not None else {}

    def check_quiet(self) -> None:
        """Hold index, rows and bucket to each other, byte for byte, when nobody is at work."""
        self._remember()
        rows = [row for (repo, _), row in self.world.rows.items() if repo == self.repo]
        left = [row.file for row in rows if row.dirty]
        if left:
            raise self._broken(f"left dirty: {left}")
        frame = frame_of(self.layout, self.repo)
        body = self.world.indexes.get(self.repo)
        if body is None and not rows:
            return
        index = Index.read(body, frame) if body is not None else Index(frame)
        if index is None:
            raise self._broken("the index is none of ours")
        if index.blocks != Index.fold(frame, entries_of(rows)).blocks:
            raise self._broken(f"the index is not the fold of the rows: {index.blocks!r}")
        if index.blocks != Index.fold(frame, self._rebuilt()).blocks:
            raise self._broken(f"the index is not what the bucket holds: {index.blocks!r}")

    def check_provenance(self) -> None:
        """Hold every provenance file to its package; for when nobody is at work and nobody has died."""
        for key in self.world.objects:
            provenance = self.world.current(key)
            if not key.endswith(".tgz.prov") or provenance is None or not key.startswith(folder(self.repo)):
                continue
            package = self.world.current(key.removesuffix(".prov"))
            if package is None or sha256(package.body or b"").hexdigest().encode() not in (provenance.body or b""):
                raise self._broken(f"{key} signs another package")

        for file, version in self.signed.items():
            key = f"{folder(self.repo)}{file}"
            if self.world.current(key) is version and self.world.current(f"{key}.prov") is None:
                raise self._broken(f"{key}.prov was promised and is gone")

    def _look_at_bucket(self, who: str) -> None:
        prefix = folder(self.repo)
        for key, versions in self.world.objects.items():
            if key.startswith(prefix) and "/" not in key[len(prefix) :] and key.endswith(".tgz"):
                self._saw(key.removeprefix(prefix), versions[-1], who)
        for file in [file for file in self._seen if f"{prefix}{file}" not in self.world.objects]:
            self._saw(file, None, who)

    def _saw(self, file: str, version: Version | None, who: str) -> None:
        if file in self._seen and self._seen[file] is version:
            return
        self._seen[file] = version
        self.changed.add(file)
        moments = self._moments(file)
        there = version if version is not None and version.body is not None else None
        moment = Moment(there, _to_be_shown(file, there))
        if who in self.creators and there is not None and moments[-1].there:
            raise self._broken(f"{file}: {who} has overwritten it, and must not")
        if (moments[-1].there, moments[-1].shown) == (moment.there, moment.shown):
            moments[-1].version = there
        else:
            moments.append(moment)
        for earlier in moments:
            earlier.marks.discard(who)
        moments[-1].marks.add(who)
        moments[-1].by = who

    def _moments(self, file: str) -> list[Moment]:
        return self.past.setdefault(file, [Moment(None, None)])

    def _look_at_file(self, file: str, shown: Shown) -> None:
        moments = self._moments(file)
        for at in range(self.reached.get(file, 0), len(moments)):
            if moments[at].shown == shown:
                self.reached[file] = at
                return
        raise self._broken(f"{file}: the index shows {shown}, which is not what the bucket has had since")

    def _rebuilt(self) -> list[Entry]:
        entries = []
        for file, moments in self.past.items():
            version = moments[-1].version
            line = _line(file, version.body, timestamp(version.modified)) if version and version.body else None
            if line is not None:
                entries.append(line)
        return entries

    def _broken(self, promise: str) -> PromiseBroken:
        self.broken = self.broken or PromiseBroken(promise)
        return self.broken

    def _remember(self) -> None:
        if self.broken:
            raise self.broken


def shown_by(row: Row) -> Shown:
    """Return what the index shows of a file, if it shows this row."""
    return None if row.line is None or row.digest is None else (row.digest, row.modified)


def listed(body: bytes) -> dict[str, Shown]:
    """Return what a published index shows; raises `PromiseBroken` if it is not one that every client loads."""
    return _listed(re.sub(rb'revision":"\d+-[0-9a-f]+"', b'revision":"1-0"', body, count=1))


@lru_cache(2000)
def _listed(body: bytes) -> dict[str, Shown]:
    try:
        check_index(body)
    except ValueError as problem:
        raise PromiseBroken(f"clients cannot load the index: {problem}") from problem
    found: dict[str, Shown] = {}
    for entries in json.loads(body)["entries"].values():
        for entry in entries:
            file = f"{entry['name']}-{entry['version']}.tgz"
            if file in found:
                raise PromiseBroken(f"{file} is listed twice")
            found[file] = (entry["digest"], entry["created"])
    return found


def _to_be_shown(file: str, version: Version | None) -> Shown:
    if version is None or version.body is None:
        return None
    created = timestamp(version.modified)
    return None if _line(file, version.body, created) is None else (sha256(version.body).hexdigest(), created)


@lru_cache(2000)
def _line(file: str, body: bytes, created: str) -> Entry | None:
    try:
        package = Package.read(body)
        line = render_entry(package, created)
    except BadPackage:
        return None
    ref = package.ref
    return Entry(ref.name, ref.version, line) if ref.filename == file else None
