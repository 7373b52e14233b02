"""Calls to AWS per request, and items read by them, counted: they must not grow with the repository."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from charthouse.aws.reading import PresignedStore
from charthouse.aws.signer import Signer
from charthouse.aws.wire import Answer
from charthouse.helm.index import Envelope, Index
from charthouse.ports import Marker, Row
from charthouse.repository.delete import delete_version
from charthouse.repository.find import find_version, list_charts
from charthouse.repository.push import Push, push
from charthouse.repository.store import Store
from charthouse.settings import Credentials, Layout, Rules, Storage
from charthouse.wiring.reading import Reading

from bench.content import MOMENT, entries, entry, file_of
from bench.figures import Figure
from tests.builders import a_package
from tests.fakes import FakeBucket, FakeClock, FakeIndexStore, FakeJournal, FakeMarkers, FakeTable, World

FEW, MANY = 10, 10_000


def figures() -> Iterator[Figure]:
    """Count the calls of every kind of request in a small and in a large repository."""
    few, many = Repository(FEW), Repository(MANY)
    for name, request in REQUESTS.items():
        small, large = few.calls(request), many.calls(request)
        note = ", ".join(f"{count} {call}" if count > 1 else call for call, count in large.items())
        what = f"calls and items to {name}, {MANY:,} versions"
        yield Figure(what, large.total(), f"{FEW} versions", small.total(), "", note or "none")


@dataclass(slots=True)
class Repository:
    """A published repository in memory, whose calls are counted."""

    versions: int
    counted: Counter[str] = field(default_factory=Counter)
    store: Store = field(init=False)
    reading: Reading = field(init=False)

    def __post_init__(self) -> None:
        listed = entries(self.versions, 10)
        world = World()
        world.indexes[""] = Index.fold(Envelope(), listed).render("00", MOMENT)
        for one in listed:
            world.put_object(file_of(one), b"")
            etag = world.objects[file_of(one)][-1].etag
            world.rows["", file_of(one)] = Row(
                "", file_of(one), 1, etag, chart=one.chart, version=one.version, line=one.line
            )
        world.markers[""] = Marker("", MOMENT, 10, self.versions)
        self.store = Store(
            FakeBucket(world, self.count),
            FakeIndexStore(world, self.count),
            FakeTable(world, self.count),
            FakeMarkers(world, self.count),
            FakeClock(world, self.count),
            FakeJournal(),
        )
        signer = Signer("s3", "us-east-1", lambda: Credentials("key", "secret"))
        presigned = PresignedStore(Storage(bucket="charts", region="us-east-1"), signer, self.sent)
        self.reading = Reading(presigned, Layout())

    def count(self, call: str) -> None:
        """Be the step of the fakes, which tell of calls and, where AWS answers in pages, of each item read."""
        if not call.endswith(":done") and not call.startswith("clock."):
            self.counted[call] += 1

    def sent(self, method: str, *_: object) -> Answer:
        """Be the wire of the read function."""
        self.counted[f"{method} index"] += 1
        return Answer(200, b"")

    def calls(self, request: "Callable[[Repository], object]") -> Counter[str]:
        """Return the calls of one request, and the items they read, by name."""
        self.counted.clear()
        request(self)
        return self.counted.copy()


_NEW = entry(3, 5_000)
REQUESTS: dict[str, Callable[[Repository], object]] = {
    "upload": lambda here: push(here.store, Rules(), "", Push(a_package(_NEW.chart, _NEW.version), None)),
    "delete": lambda here: delete_version(here.store, "", _NEW.chart, _NEW.version),
    "redirect to the index, cold": lambda here: here.reading.index_url("GET", ""),
    "redirect to a package": lambda here: here.reading.file_url("GET", "", file_of(_NEW)),
    "list all charts": lambda here: list_charts(here.store, ""),
    "find one version": lambda here: find_version(here.store, "", "chart-003", "0.0.0"),
}
