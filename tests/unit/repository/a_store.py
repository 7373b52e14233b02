"""A repository in memory, and what a test wants to know of it."""

import json
from hashlib import sha256
from typing import Any

from charthouse.helm.chart import ChartRef
from charthouse.helm.entry import render_entry
from charthouse.helm.package import Package
from charthouse.ports import Row
from charthouse.repository.reconcile import reconcile
from charthouse.repository.store import Store, folder, timestamp
from charthouse.settings import Layout, Paths

from tests.fakes import (
    FakeBucket,
    FakeClock,
    FakeFolders,
    FakeIndexStore,
    FakeJournal,
    FakeMarkers,
    FakeTable,
    Step,
    World,
)
from tests.fakes.world import nothing_happens


def a_store(world: World, step: Step = nothing_happens, layout: Layout | None = None) -> Store:
    """Return one process's view of the world."""
    return Store(
        FakeBucket(world, step),
        FakeIndexStore(world, step),
        FakeTable(world, step),
        FakeMarkers(world, step),
        FakeClock(world, step),
        FakeJournal(),
        layout or Layout(),
    )


def shown(world: World, repo: str = "") -> dict[str, str]:
    """Return what the published index shows: file → digest."""
    if repo not in world.indexes:
        return {}
    entries: dict[str, list[dict[str, Any]]] = json.loads(world.indexes[repo])["entries"]
    listed = [entry for versions in entries.values() for entry in versions]
    assert len({entry["urls"][0] for entry in listed}) == len(listed), "a version is listed twice"
    return {entry["urls"][0].removeprefix("charts/"): entry["digest"] for entry in listed}


def held(world: World, repo: str = "") -> dict[str, bytes]:
    """Return what the bucket holds directly below the repository: file → bytes."""
    prefix = folder(repo)
    keys = [key for key in world.objects if key.startswith(prefix) and "/" not in key[len(prefix) :]]
    found = {key.removeprefix(prefix): world.current(key) for key in keys}
    return {file: version.body for file, version in found.items() if version and version.body is not None}


def note_names(store: Store) -> list[str]:
    """Return the names of the events the store's journal was told."""
    assert isinstance(store.journal, FakeJournal)
    return store.journal.events


def made(calls: list[str]) -> list[str]:
    """Return the calls a step was told of, one name each."""
    return [call for call in calls if ":" not in call]


def failing(call: str, error: BaseException, times: int = 1) -> Step:
    """Return a step that raises the error at this call, so many times."""
    left = [times]

    def step(name: str) -> None:
        if name == call and left[0]:
            left[0] -= 1
            raise error

    return step


def align_all(world: World) -> None:
    """Bring rows and index in line with the bucket, as a reconciliation does."""
    assert reconcile(a_store(world), FakeFolders(world), Paths(depth_dynamic=True), until=world.time + 900).done


def fill(world: World, count: int, chart: str = "mychart") -> None:
    """Fill the repository without a name with clean rows and objects: versions 1.0.0, 1.0.1, … of one chart."""
    for number in range(count):
        version, file = f"1.0.{number}", f"{chart}-1.0.{number}.tgz"
        world.put_object(file, b"")
        stored = FakeBucket(world).head(file)
        assert stored is not None
        created, digest = timestamp(stored.modified), sha256(file.encode()).hexdigest()
        line = render_entry(
            Package(ChartRef.parse(chart, version), {"name": chart, "version": version}, digest, 0), created
        )
        row = Row("", file, 1, stored.etag, stored.version_id, 0, created, chart, version, digest, line)
        world.rows["", file] = row
    a_store(world).markers.reconciled("", timestamp(world.time))


class SentTwice(FakeBucket):
    """A bucket whose answer to the first try of every create is lost."""

    def create(self, key: str, body: bytes, upload_id: str) -> None:
        """Create it, and again as botocore does, which then finds its own object."""
        super().create(key, body, upload_id)
        super().create(key, body, upload_id)
