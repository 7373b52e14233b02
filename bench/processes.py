"""A process of a function on AWS, over the fakes: its calls take time, and it may be ended at any of them."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any
from zlib import crc32

from charthouse.aws.rows import item_of, row_of
from charthouse.repository.ports import Row, StoredIndex, StoredView
from charthouse.repository.repository import Ports
from charthouse.wiring import THREADS

from tests.fakes import FakeClock, FakeEvents, FakeIndexStore, World, storage
from tests.fakes.costs import Costs, FakeThreads, LargeCatalog, LargePackageStore

BYTES_A_SECOND = 80e6
"""Of one connection between Lambda and S3: assumed."""

A_LIFE = 900
"""Seconds that no process of a function outlives."""


class Ended(BaseException):
    """The process was ended: no further call of it has an effect."""


@dataclass(slots=True)
class Calls(Costs):
    """The step of a process whose calls take time, and whose life may end at one of them."""

    last: int = 0
    """The number of the call it ends at; 0: none."""
    dies: bool = False
    """Whether it crashes there; if not, its time is over."""
    made: int = 0
    dead: bool = False

    def __call__(self, call: str) -> None:
        """Move the time on; raise `Ended` from the call on at which the process crashes."""
        if self.dead:
            raise Ended(call)
        Costs.__call__(self, call)
        if ":" in call or call.startswith("clock."):
            return
        self.made += 1
        if self.made == self.last and self.dies:
            self.dead = True
            raise Ended(call)
        if self.made == self.last:
            self.world.time += A_LIFE


class DistantIndexes(FakeIndexStore):
    """Indexes and views whose bytes take time on their way, and memory once they are here."""

    __slots__ = ()

    def read(self, *args: Any, **options: Any) -> StoredIndex | None:
        """Return the index published last."""
        found = super().read(*args, **options)
        if found is None or not isinstance(found.body, bytes):
            return found
        self._carry(found.body)
        return replace(found, body=b"".join([memoryview(found.body)]))

    def write(self, repo: str, body: Any, *args: Any, **options: Any) -> None:
        """Replace the index."""
        super().write(repo, body, *args, **options)
        self._carry(body)

    def read_view(self, repo: str, name: str) -> StoredView | None:
        """Return a view."""
        found = super().read_view(repo, name)
        self._carry(found.body if found else b"")
        return found

    def write_view(self, repo: str, name: str, view: StoredView, etag: str | None) -> None:
        """Replace a view."""
        super().write_view(repo, name, view, etag)
        self._carry(view.body)

    def _carry(self, body: object) -> None:
        self.world.time += len(body) / BYTES_A_SECOND if isinstance(body, bytes) else 0


class ReadCatalog(LargeCatalog):
    """Rows that are read from the JSON of an answer: all of them are much work, and much memory."""

    __slots__ = ()

    def rows(self, repo: str, after: str = "") -> Iterator[Row]:
        """Yield all rows, bytewise by file name."""
        for row in super().rows(repo, after):
            yield row_of(json.loads(json.dumps(item_of(row))))


class BusyClock(FakeClock):
    """A clock that goes on while the processor is busy."""

    __slots__ = ()

    def now(self) -> float:
        """Return seconds since the epoch."""
        return self.world.time + time.process_time()


def ports_of(world: World, calls: Costs) -> Ports:
    """Return the ports of a process whose calls take time."""
    return Ports(
        LargePackageStore(world, calls),
        DistantIndexes(world, calls),
        ReadCatalog(world, calls),
        BusyClock(world, calls),
        FakeEvents(),
        map=FakeThreads(world, THREADS),
    )


def quick_etags() -> None:
    """Have the fakes make ETags of an index's first bytes, which no two have in common: MD5 of 100 MB takes long."""
    vars(storage)["etag_of"] = lambda body: f"{len(body)}-{crc32(body[:256])}"
