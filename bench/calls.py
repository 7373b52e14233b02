"""Calls to AWS per request, and items read by them, counted: they must not grow with the repository."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from charthouse.aws.http import Answer
from charthouse.aws.presign import PresignedFiles, Signer
from charthouse.helm.index import Envelope, Index
from charthouse.repository.changes import Push, delete_version, push
from charthouse.repository.lookup import find_version, list_charts
from charthouse.repository.ports import RepositoryState, Row
from charthouse.repository.repository import Ports, Repository
from charthouse.settings import Credentials, Rules, Storage

from bench.content import MOMENT, entries, entry, file_of
from bench.figures import Figure
from tests.builders import a_package
from tests.fakes import FakeCatalog, FakeClock, FakeEvents, FakeIndexStore, FakePackageStore, World

FEW, MANY = 10, 10_000


def figures() -> Iterator[Figure]:
    """Count the calls of every kind of request in a small and in a large repository."""
    few, many = Counted(FEW), Counted(MANY)
    for name, request in REQUESTS.items():
        small, large = few.calls(request), many.calls(request)
        note = ", ".join(f"{count} {call}" if count > 1 else call for call, count in large.items())
        what = f"calls and items to {name}, {MANY:,} versions"
        yield Figure(what, large.total(), f"{FEW} versions", small.total(), "", note or "none")


@dataclass(slots=True)
class Counted:
    """A published root repository in memory whose calls are counted."""

    versions: int
    counted: Counter[str] = field(default_factory=Counter)
    repository: Repository = field(init=False)
    files: PresignedFiles = field(init=False)

    def __post_init__(self) -> None:
        listed = entries(self.versions, 10)
        world = World()
        world.indexes[""] = Index.fold(Envelope(), listed).data
        for one in listed:
            world.put_object(file_of(one), b"")
            etag = world.objects[file_of(one)][-1].etag
            world.rows["", file_of(one)] = Row(
                "", file_of(one), 1, etag, chart=one.chart, version=one.version, line=one.line
            )
        world.states[""] = RepositoryState("", MOMENT, 10, self.versions)
        ports = Ports(
            FakePackageStore(world, self.count),
            FakeIndexStore(world, self.count),
            FakeCatalog(world, self.count),
            FakeClock(world, self.count),
            FakeEvents(),
        )
        self.repository = ports.repository("")
        signer = Signer("s3", "us-east-1", lambda: Credentials("key", "secret"))
        self.files = PresignedFiles(Storage(bucket="charts", region="us-east-1"), signer, self.sent)

    def count(self, call: str) -> None:
        """Be the step of the fakes, which report calls and, where AWS answers in pages, each item read."""
        if not call.endswith(":done") and not call.startswith("clock."):
            self.counted[call] += 1

    def sent(self, method: str, *_: object) -> Answer:
        """Be the wire of the read function."""
        self.counted[f"{method} index"] += 1
        return Answer(200, b"")

    def calls(self, request: "Callable[[Counted], object]") -> Counter[str]:
        """Return the calls of one request, and the items they read, by name."""
        self.counted.clear()
        request(self)
        return self.counted.copy()


_NEW = entry(3, 5_000)
REQUESTS: dict[str, Callable[[Counted], object]] = {
    "upload": lambda here: push(here.repository, Rules(), Push(a_package(_NEW.chart, _NEW.version), None)),
    "delete": lambda here: delete_version(here.repository, "chart-004", "0.0.0"),
    "redirect to the index, cold": lambda here: here.files.index_url("GET", ""),
    "redirect to a package": lambda here: here.files.file_url("GET", "", file_of(_NEW)),
    "list all charts": lambda here: list_charts(here.repository),
    "find one version": lambda here: find_version(here.repository, "chart-003", "0.0.0"),
}
