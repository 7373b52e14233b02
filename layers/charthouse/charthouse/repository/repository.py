"""The object every step works on: one repository, its ports, and the time left for the caller."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime

from charthouse.errors import ConditionFailed, StorageLimitReached, Superseded, Unavailable
from charthouse.helm.index import Envelope, Index
from charthouse.repository.ports import (
    Catalog,
    Clock,
    Events,
    IndexStore,
    Map,
    PackageReader,
    PackageStore,
    Row,
    StoredIndex,
)
from charthouse.settings import MAX_INDEX_SIZE, Layout

SWEEP, RECONCILE = "sweep", "reconcile"
"""Tasks by whose last end the next ones are ordered."""

PATIENCE = 8.0
"""Seconds a client waits for its change to be published before it is answered 202."""


def one_by_one[Item, Result](step: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """Return the result of the step for every item, in order."""
    return [step(item) for item in items]


def _in_process() -> PackageReader:
    # The read function, which reads no package, cannot wait for a YAML parser.
    from charthouse.helm.reading import Reader, in_process  # noqa: PLC0415

    return Reader(in_process)


@dataclass(frozen=True, slots=True)
class Ports:
    """What every repository of a deployment is kept in."""

    packages: PackageStore
    indexes: IndexStore
    catalog: Catalog
    clock: Clock
    events: Events
    layout: Layout = field(default_factory=Layout)
    map: Map = one_by_one
    reader: PackageReader = field(default_factory=_in_process)
    max_index_size: int = MAX_INDEX_SIZE
    """Bytes of an index from which on nothing more is listed."""

    def on_behalf_of(self, caller: str) -> "Ports":
        """Return the same ports, which note the caller (visible ASCII) beside every file that is stored."""
        return replace(self, packages=self.packages.on_behalf_of(caller))

    def repository(self, name: str, deadline: float | None = None) -> "Repository":
        """Return a repository; `deadline` is in seconds since the epoch, `PATIENCE` from now unless given."""
        ports = {port.name: getattr(self, port.name) for port in fields(Ports)}
        return Repository(**ports, name=name, deadline=self.clock.now() + PATIENCE if deadline is None else deadline)


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository(Ports):
    """One chart repository, for the duration of one request or batch: the ports, bound to a name and a deadline."""

    name: str
    """Its path; the root repository has an empty one."""
    deadline: float
    """Seconds since the epoch at which the caller has to be answered.

    Later no step starts again, and no loop goes on: what is left is for the caller's retry, the event or the sweep.
    """

    @property
    def envelope(self) -> Envelope:
        """What the index says besides its entries."""
        return envelope_of(self.layout, self.name)

    @property
    def expired(self) -> bool:
        """Whether the deadline has passed."""
        return self.clock.now() >= self.deadline

    @contextmanager
    def on_record(self, task: str, *, keep: bool = True) -> Iterator[None]:
        """Have a task on record while it runs: a process that dies of it leaves the record. Without `keep`, just run.

        Of `SWEEP` and `RECONCILE` it is on record too whether they failed.
        """
        if not keep:
            yield
            return
        self.catalog.begin(self.name, task)
        try:
            yield
        except Exception:
            self.catalog.end(self.name, task, failed=task in {SWEEP, RECONCILE})
            raise
        self.catalog.end(self.name, task)

    def is_full(self) -> bool:
        """Return whether the published index has reached its limit; one HEAD, so best effort beside other writers."""
        return self.indexes.size(self.name) >= self.max_index_size

    def rows(self) -> list[Row]:
        """Return all rows; raises `StorageLimitReached` where their index would exceed what can be read again."""
        rows: list[Row] = []
        size = 0
        for row in self.catalog.rows(self.name):
            size += len(row.line or "")
            if size > readable_size(self.max_index_size):
                raise StorageLimitReached("the rows make an index that is larger than can be read")
            rows.append(row)
        return rows

    def check_deadline(self) -> None:
        """Raise `Unavailable` if the deadline has passed."""
        if self.expired:
            raise Unavailable("no time is left, try again")

    def index(self) -> Index | None:
        """Return the published index, or None if there is none of our format.

        What is looked up in a large one raises `Superseded` once it has been replaced.
        """
        return self.parse(self.indexes.read(self.name, lazily=True))

    def parse(self, stored: StoredIndex | None) -> Index | None:
        """Return the index in these bytes, or None if they are none of our format."""
        return Index.read(stored.body, self.envelope, stored.counts) if stored else None

    def retry[Result](self, attempt: Callable[[], Result], *, reads_index: bool = True) -> Result:
        """Return the result of the first attempt that loses no condition.

        The one compare-and-set loop: an attempt reads, decides, and writes under a condition; `ConditionFailed` means
        that another process was faster, and so does `Superseded`, unless the index was read before the attempt. Raises
        `Unavailable` when the deadline has passed.
        """
        while True:
            try:
                return attempt()
            except (ConditionFailed, Superseded) as lost:
                if isinstance(lost, Superseded) and not reads_index:
                    raise
                self.backoff()

    def backoff(self) -> None:
        """Wait 5 to 50 ms before the next attempt; raises `Unavailable` when the deadline has passed."""
        left = self.deadline - self.clock.now()
        if left <= 0:
            raise Unavailable("the repository is busy, try again")
        self.clock.sleep(min(0.005 + self.clock.jitter() * 0.045, left))

    def record(self, event: str, **fields: str | float) -> None:
        """Record an event of this repository."""
        self.events.record(event, repository=self.name, **fields)


def readable_size(limit: int) -> int:
    """Return the bytes of the largest index that is read: uploads at one moment may pass the limit by some."""
    return limit + limit // 4


def envelope_of(layout: Layout, repo: str) -> Envelope:
    """Return what a repository's index says besides its entries.

    With `ChartUrl` the URLs are `<chart-url><context-path>[/<repo>]/charts/<file>`, as ChartMuseum's.
    """
    folder = f"{repo}/" if repo else ""
    base = f"{layout.chart_url}{layout.context_path}/{folder}" if layout.chart_url else ""
    return Envelope(base, layout.context_path)


def empty_index(layout: Layout, repo: str) -> bytes:
    """Return the index of a repository that has none yet: valid, without entries, always the same bytes."""
    return Index.fold(envelope_of(layout, repo), []).data


def timestamp(at: float | datetime) -> str:
    """Return a time as RFC 3339, UTC, whole seconds."""
    moment = at if isinstance(at, datetime) else datetime.fromtimestamp(int(at), UTC)
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
