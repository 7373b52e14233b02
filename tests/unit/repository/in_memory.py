"""A repository in memory, and what a test wants to know of it."""

import json
from hashlib import sha256
from typing import Any

from charthouse.helm.chart import ChartRef
from charthouse.helm.package import Package
from charthouse.helm.reading import listed_line
from charthouse.repository.ports import Row, StoredFile
from charthouse.repository.repository import Ports, Repository, timestamp
from charthouse.settings import Layout

from tests.fakes import (
    FakeCatalog,
    FakeClock,
    FakeEvents,
    FakeIndexStore,
    FakePackageStore,
    Step,
    World,
    nothing_happens,
)


def ports_in(world: World, step: Step = nothing_happens, layout: Layout | None = None) -> Ports:
    """Return one process's view of the world."""
    return Ports(
        FakePackageStore(world, step),
        FakeIndexStore(world, step),
        FakeCatalog(world, step),
        FakeClock(world, step),
        FakeEvents(),
        layout or Layout(),
    )


def repository_in(
    world: World,
    name: str = "",
    *,
    step: Step = nothing_happens,
    layout: Layout | None = None,
    deadline: float | None = None,
) -> Repository:
    """Return a repository as one process sees it, for the duration of one request."""
    return ports_in(world, step, layout).repository(name, deadline)


def listed(world: World, repo: str = "") -> dict[str, str]:
    """Return what the published index lists: file → digest."""
    if repo not in world.indexes:
        return {}
    entries: dict[str, list[dict[str, Any]]] = json.loads(world.indexes[repo])["entries"]
    found = [entry for versions in entries.values() for entry in versions]
    assert len({entry["urls"][0] for entry in found}) == len(found), "a version is listed twice"
    return {entry["urls"][0].removeprefix("charts/"): entry["digest"] for entry in found}


def stored_in(world: World, repo: str = "") -> dict[str, bytes]:
    """Return what is stored in the repository: file → bytes."""
    prefix = f"{repo}/" if repo else ""
    keys = [key for key in world.objects if key.startswith(prefix) and "/" not in key[len(prefix) :]]
    found = {key.removeprefix(prefix): world.current(key) for key in keys}
    return {file: version.body for file, version in found.items() if version and version.body is not None}


def event_names(ports: Ports) -> list[str]:
    """Return the names of the events that were recorded."""
    assert isinstance(ports.events, FakeEvents)
    return ports.events.names


def calls_in(steps: list[str]) -> list[str]:
    """Return the calls among the steps, one name each."""
    return [step for step in steps if ":" not in step]


def failing(call: str, error: BaseException, times: int = 1) -> Step:
    """Return a step that raises the error at this call, so many times."""
    left = [times]

    def step(name: str) -> None:
        if name == call and left[0]:
            left[0] -= 1
            raise error

    return step


def fill(world: World, count: int, *, charts: bool = False) -> None:
    """Fill the root repository with stored files and clean rows.

    Versions 1.0.0, 1.0.1, … of one chart; with `charts`, version 1.0.0 of as many charts.
    """
    for number in range(count):
        chart, version = (f"chart{number}", "1.0.0") if charts else ("mychart", f"1.0.{number}")
        file = f"{chart}-{version}.tgz"
        world.put_object(file, b"")
        stored = FakePackageStore(world).head("", file)
        assert stored is not None
        created, digest = timestamp(stored.modified), sha256(file.encode()).hexdigest()
        package = Package(
            ChartRef.parse(chart, version), {"apiVersion": "v2", "name": chart, "version": version}, digest, 0
        )
        line = listed_line(package, created)
        row = Row("", file, 1, stored.etag, stored.version_id, 0, created, chart, version, digest, line)
        world.rows["", file] = row
    ports_in(world).catalog.set_reconciled("", timestamp(world.time))


class SentTwice(FakePackageStore):
    """A store that loses the response to the first attempt of every create."""

    def create(self, repo: str, file: str, body: bytes, upload_id: str) -> None:
        """Create it, and again as botocore does, which then meets its own file."""
        super().create(repo, file, body, upload_id)
        super().create(repo, file, body, upload_id)


class NotVisibleYet(FakePackageStore):
    """A store whose HEAD of a package says that none is there."""

    def head(self, repo: str, file: str) -> StoredFile | None:
        """Return None for a package, the truth for provenance."""
        return super().head(repo, file) if file.endswith(".prov") else None
