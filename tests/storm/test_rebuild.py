"""The index grown step by step is the index rebuilt from nothing; and a rebuild can stop and continue anywhere."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from charthouse.helm.index import Index
from charthouse.repository.maintenance import Found, Progress, reconcile
from charthouse.repository.ports import Row, StoredFile
from charthouse.repository.sync import BATCH, sync_all
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes import FakeCatalog, FakePackageStore, World
from tests.storm.commands import (
    PATHS,
    RECONCILE,
    Command,
    a_copy,
    a_file,
    a_repository,
    content,
    copying,
    deleting,
    deleting_chart,
    events,
    execute,
    pushing,
    removing,
)
from tests.storm.faults import Crash, Fault, FaultPlan, process
from tests.storm.oracle import Oracle

VERSIONS = ("1.0.0", "1.0.0-rc.1", "1.0.0+build", "v1.0.0", "10.0.0", "2.0.0")
CHARTS = ("web", "web-1", "Web", "ü")
PUBLISHED = a_repository("1.0.0")

places = st.tuples(st.sampled_from(CHARTS), st.sampled_from(VERSIONS), st.sampled_from("ab"))
steps = st.one_of(
    places.map(lambda place: pushing(place[1], place[2], chart=place[0], force=True)),
    places.map(lambda place: pushing(place[1], place[2], chart=place[0], force=True, limit=3)),
    places.map(lambda place: deleting(place[1], place[0])),
    places.map(lambda place: copying(place[1], place[2], place[0])),
    places.map(lambda place: removing(place[1], place[0])),
    places.map(lambda place: events(a_file(place[1], place[0]))),
    st.sampled_from(CHARTS).map(lambda chart: deleting_chart(chart=chart)),
)


@settings(max_examples=80, deadline=None, derandomize=True)
@given(st.lists(steps, max_size=14))
def test_the_index_grown_by_any_history_is_the_one_rebuilt_from_nothing(history: list[Command]) -> None:
    oracle = Oracle(a_copy(PUBLISHED), "team")

    for command in history:
        execute(command, oracle)
        oracle.world.time += 1
    execute(events(*sorted(oracle.changed), "other-1.0.0.tgz"), oracle)

    assert grown(oracle.world) == rebuilt(oracle.world)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(st.lists(steps, max_size=8), st.integers(3, 120))
def test_a_reconciliation_in_parts_finds_the_same_as_in_one_run(history: list[Command], calls: int) -> None:
    oracle = Oracle(a_copy(PUBLISHED), "team")
    for command in history:
        execute(command, oracle)
    another = a_copy(oracle.world)
    another.put_object("above-1.0.0.tgz", content("1.0.0", "a", "above"))
    another.put_object("team/deeper/below-1.0.0.tgz", content("1.0.0", "a", "below"))
    at_once, in_parts = a_copy(another), another

    found = reconciled(at_once)
    parts = 0
    progress = Progress()
    while not progress.done:
        deadline = in_parts.time + calls / 100
        ports = process(in_parts, FaultPlan(meanwhile=lambda _number, _call: slow(in_parts)))
        progress = reconcile(ports, PATHS, deadline=deadline, start=progress)
        progress = replace(Progress.read(json.loads(json.dumps(progress.event()))), done=progress.done)
        calls, parts = calls + 40, parts + 1

    assert progress.found == found
    assert {repo: grown(in_parts, repo) for repo in in_parts.indexes} == {
        repo: grown(at_once, repo) for repo in at_once.indexes
    }


@settings(max_examples=15, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.integers(0, 500), st.booleans()), max_size=5))
def test_an_import_that_is_ended_again_and_again_is_finished_by_the_next_runs(endings: list[tuple[int, bool]]) -> None:
    """A run crashes at a call or its time is over there; then the function is invoked again, or the next day comes."""
    world = World()
    for number in range(BATCH + 6):
        version = f"{number}.0.0"
        world.put_object(f"team/{a_file(version)}", content(version, "a"))
    start = Progress()

    for last, crashes in endings:
        start = goes_on(run_until(world, start, last, crashes=crashes))
    for _ in range(FEW_RUNS):
        start = goes_on(run_until(world, start))

    assert grown(world) == rebuilt(world)
    assert grown(world).count(b"\n{") == BATCH + 6


FEW_RUNS = 4
"""What is left, a day later all, what a process died of, and once more."""


def run_until(world: World, start: Progress, last: int | None = None, *, crashes: bool = False) -> Progress:
    """Reconcile until the call of this number; return with what the function would be invoked again."""

    def over(number: int, _call: str) -> None:
        if number == last and not crashes:
            world.time += 900

    plan = FaultPlan(lambda number, _call: Fault.CRASH if crashes and number == last else None, over)
    try:
        return reconcile(process(world, plan), PATHS, deadline=world.time + 600, start=start)
    except Crash:
        world.time += 900
        return start


def goes_on(progress: Progress) -> Progress:
    """Return what the next run begins with."""
    if progress.done:
        return Progress(only=progress.alone[0] if progress.alone else None)
    return Progress.read(json.loads(json.dumps(progress.event())))


def test_five_thousand_files_are_imported_in_parts_with_one_page_in_memory() -> None:
    world = World()
    for number in range(5000):
        world.put_object(f"team/web-{number:05}.0.0.tgz", b"no chart")
    lead = Lead()
    ports = replace(process(world), packages=PagedStore(world, lead), catalog=PagedCatalog(world, lead))

    after, synced, parts = "", 0, 0
    while True:
        part = sync_all(ports.repository("team", world.time), after)
        synced, parts = synced + part.synced, parts + 1
        if part.next is None:
            break
        after = part.next

    assert synced == len(world.rows) == 5000
    assert parts == 5000 // BATCH + 1 + 1
    assert lead.most <= 3 * BATCH


def slow(world: World) -> None:
    """Let every call take ten milliseconds."""
    world.time += 0.01


def grown(world: World, repo: str = "team") -> bytes:
    """Return the entries of the published index, as bytes."""
    index = Index.read(world.indexes[repo], process(world).repository(repo).envelope)
    assert index is not None
    return index.blocks


def rebuilt(world: World) -> bytes:
    """Return the entries of the index that is rebuilt when only the store is left."""
    left = replace(a_copy(world), rows={}, indexes={}, states={}, leases={})
    reconciled(left)
    return grown(left)


def reconciled(world: World) -> Found:
    progress = RECONCILE.run(process(world))
    assert isinstance(progress, Progress)
    return progress.found


@dataclass
class Lead:
    """How many listed files and rows were in memory at once."""

    alive: int = 0
    most: int = 0

    def more(self) -> None:
        self.alive += 1
        self.most = max(self.most, self.alive)


class CountedFile(StoredFile):
    """A listed file, counted while it is referenced."""

    __slots__ = ("lead",)
    lead: Lead

    def __del__(self) -> None:
        self.lead.alive -= 1


class CountedRow(Row):
    """A row of a query, counted while it is referenced."""

    __slots__ = ("lead",)
    lead: Lead

    def __del__(self) -> None:
        self.lead.alive -= 1


class PagedStore(FakePackageStore):
    """A store listed without looking for the next file every time."""

    __slots__ = ("lead",)
    lead: Lead

    def __init__(self, world: World, lead: Lead) -> None:
        super().__init__(world)
        object.__setattr__(self, "lead", lead)

    def list(self, repo: str, after: str = "") -> Iterator[StoredFile]:
        for path in sorted(self.world.objects):
            file = path.removeprefix(f"{repo}/")
            if file > after:
                version = self.world.current(path)
                assert version is not None
                counted = CountedFile(repo, file, version.etag, 8, datetime.fromtimestamp(int(self.world.time), UTC))
                object.__setattr__(counted, "lead", self.lead)
                self.lead.more()
                yield counted


class PagedCatalog(FakeCatalog):
    """A catalog queried likewise."""

    __slots__ = ("lead",)
    lead: Lead

    def __init__(self, world: World, lead: Lead) -> None:
        super().__init__(world)
        object.__setattr__(self, "lead", lead)

    def rows(self, repo: str, after: str = "") -> Iterator[Row]:
        for owner, file in sorted(self.world.rows):
            if owner == repo and file > after:
                row = self.world.rows[owner, file]
                counted = CountedRow(repo, file, row.rev, row.etag, row.version_id, row.size, row.modified)
                object.__setattr__(counted, "problem", row.problem)
                object.__setattr__(counted, "lead", self.lead)
                self.lead.more()
                yield counted
