"""The ports kept in memory: many "processes", each with fakes of its own, share one `World`.

    world = World()
    bucket, table = FakeBucket(world), FakeTable(world)

Every fake takes a `step`, called with the call's name before its effect (`"bucket.create"`), after it
(`"bucket.create:done"`) and, where AWS reads in pages, before each item (`"table.dirty:item"`). Whoever owns `step` can
let another process run there, raise `Unavailable` (after the effect: a lost answer) or raise a BaseException (a crash).
"""

from tests.fakes.bucket import FakeBucket, FakeFolders, FakeIndexStore
from tests.fakes.surroundings import FakeClock, FakeJournal, Note
from tests.fakes.table import FakeMarkers, FakeTable
from tests.fakes.world import Lease, Step, Version, World, nothing_happens

__all__ = [
    "FakeBucket",
    "FakeClock",
    "FakeFolders",
    "FakeIndexStore",
    "FakeJournal",
    "FakeMarkers",
    "FakeTable",
    "Lease",
    "Note",
    "Step",
    "Version",
    "World",
    "nothing_happens",
]
