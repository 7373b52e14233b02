"""The ports in memory: many "processes", each with its own fakes, share one `World`.

    world = World()
    packages, catalog = FakePackageStore(world), FakeCatalog(world)

Every fake has a `step`, called with the call's name before its effect (`"packages.create"`), after it
(`"packages.create:done"`) and, where AWS reads in pages, before each item (`"catalog.dirty:item"`). A `step` can let
another process run there, raise `Unavailable` (after the effect: a lost answer) or raise a BaseException (a crash).
"""

from tests.fakes.artifacts import FakeArtifacts
from tests.fakes.catalog import FakeCatalog
from tests.fakes.storage import FakeIndexStore, FakePackageStore
from tests.fakes.surroundings import FakeClock, FakeEvents, Recorded
from tests.fakes.world import Lease, Step, Version, World, nothing_happens

__all__ = [
    "FakeArtifacts",
    "FakeCatalog",
    "FakeClock",
    "FakeEvents",
    "FakeIndexStore",
    "FakePackageStore",
    "Lease",
    "Recorded",
    "Step",
    "Version",
    "World",
    "nothing_happens",
]
