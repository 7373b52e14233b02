"""The time that calls take on AWS: a step that moves the world's time on, and threads that share the waiting.

Only calls cost time here; what the processor does is measured by `make bench`.
"""

import heapq
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from charthouse.repository.ports import Row, StoredFile

from tests.fakes.catalog import FakeCatalog
from tests.fakes.storage import FakePackageStore
from tests.fakes.world import World, path_of

S3_SECONDS, DYNAMODB_SECONDS = 0.020, 0.006
"""Typical for small requests within a region.

S3: "tens of milliseconds" is the median AWS names for requests below 512 KB, in "Timeouts and Retries for
Latency-Sensitive Applications" (docs.aws.amazon.com/whitepapers/latest/s3-optimizing-performance-best-practices).
DynamoDB: "single-digit millisecond" (docs.aws.amazon.com/amazondynamodb/latest/developerguide/Introduction.html).
"""

SLOW_S3_SECONDS, SLOW_DYNAMODB_SECONDS = 0.200, 0.020
"""A bad hour: what S3's performance guidelines expect to the first byte (100 to 200 ms), and three times DynamoDB's."""

PAGE = 1_000
"""Items per page: keys of a ListObjectsV2, and rows of about 1 KB in the 1 MB of a DynamoDB query."""

KEYS_PER_BATCH = 100
"""Rows per BatchGetItem."""

_PAGED = {
    "packages.list:item": PAGE,
    "catalog.rows:item": PAGE,
    "catalog.chart:item": PAGE,
    "catalog.unpublished:item": PAGE,
    "catalog.dirty:key": PAGE,
    "catalog.dirty:item": KEYS_PER_BATCH,
    "catalog.states:item": KEYS_PER_BATCH,
}


@dataclass(slots=True)
class Costs:
    """The step of a process whose calls take time."""

    world: World
    s3: float = S3_SECONDS
    """Seconds per call."""
    dynamodb: float = DYNAMODB_SECONDS
    items: Counter[str] = field(default_factory=Counter)

    def __call__(self, call: str) -> None:
        """Move the time on: by a call, or by a page of items."""
        if call in _PAGED:
            self.items[call] += 1
        if (":" not in call and not call.startswith("clock.")) or self.items[call] == _PAGED.get(call):
            self.items[call] = 0
            self.world.time += self.dynamodb if call.startswith("catalog.") else self.s3


@dataclass(frozen=True, slots=True)
class FakeThreads:
    """Implements `Map` as several threads do it: an item begins when the first of them is free."""

    world: World
    count: int

    def __call__[Item, Result](self, step: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
        """Do the step for every item, one after another; the time that passes is that of the longest thread."""
        free = [self.world.time] * self.count
        results: list[Result] = []
        try:
            for item in items:
                self.world.time = heapq.heappop(free)
                try:
                    results.append(step(item))
                finally:
                    heapq.heappush(free, self.world.time)
        finally:
            self.world.time = max(free)
        return results


class LargeCatalog(FakeCatalog):
    """A catalog of thousands of rows, for a process that is alone: it reads them in one pass over a sorted copy."""

    __slots__ = ()

    def rows(self, repo: str, after: str = "") -> Iterator[Row]:
        """Yield all rows, bytewise by file name."""
        self.step("catalog.rows")
        for file in sorted(file for owner, file in self.world.rows if owner == repo and file > after):
            self.step("catalog.rows:item")
            yield self.world.rows[repo, file]
        self.step("catalog.rows:done")

    def chart(self, repo: str, name: str, limit: int | None = None) -> list[Row]:
        """Return the rows whose chart has this name, or so many of them."""
        self.step("catalog.chart")
        found = [row for (owner, _), row in sorted(self.world.rows.items()) if owner == repo and row.chart == name]
        found = found[:limit]
        for _ in found:
            self.step("catalog.chart:item")
        self.step("catalog.chart:done")
        return found

    def dirty(self, repo: str) -> list[Row]:
        """Return all dirty rows."""
        self.step("catalog.dirty")
        dirty = (row for row in self.world.rows.values() if row.repo == repo and row.dirty)
        found = sorted(dirty, key=lambda row: row.file)
        for step in ("catalog.dirty:key", "catalog.dirty:item"):
            for _ in found:
                self.step(step)
        self.step("catalog.dirty:done")
        return found


class LargePackageStore(FakePackageStore):
    """A store of thousands of files, for a process that is alone: it lists them in one pass over a sorted copy."""

    __slots__ = ()

    def list(self, repo: str, after: str = "") -> Iterator[StoredFile]:
        """Yield the files bytewise by name."""
        self.step("packages.list")
        start = path_of(repo, "")
        files = sorted(path[len(start) :] for path in self.world.objects if path.startswith(start))
        for file in files:
            if file > after and "/" not in file and (version := self.world.current(start + file)) is not None:
                self.step("packages.list:item")
                yield StoredFile(repo, file, version.etag, len(version.body or b""), version.modified)
        self.step("packages.list:done")
