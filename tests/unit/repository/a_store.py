"""A repository in memory, and what a test wants to know of it."""

import json
from typing import Any

from charthouse.repository.store import Store, folder
from charthouse.settings import Layout

from tests.fakes import FakeBucket, FakeClock, FakeIndexStore, FakeJournal, FakeMarkers, FakeTable, Step, World
from tests.fakes.world import nothing_happens


def a_store(world: World, step: Step = nothing_happens, layout: Layout | None = None) -> Store:
    """Return one process's view of the world."""
    return Store(
        FakeBucket(world, step),
        FakeIndexStore(world, step),
        FakeTable(world, step),
        FakeMarkers(world, step),
        FakeClock(world),
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
