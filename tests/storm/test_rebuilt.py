"""The index grown step by step is the index made from nothing; and making it can stop and go on anywhere."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from charthouse.helm.index import Index
from charthouse.ports import Row, StoredObject
from charthouse.repository.align import BATCH, align
from charthouse.repository.reconcile import Found, Progress, reconcile
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes import FakeBucket, FakeTable, World
from tests.storm.acts import (
    PATHS,
    RECONCILE,
    Act,
    a_copy,
    a_file,
    a_repository,
    content,
    copying,
    deleting,
    deleting_chart,
    do,
    events,
    pushing,
    taking,
)
from tests.storm.weather import Forecast, a_process
from tests.storm.witness import Witness

VERSIONS = ("1.0.0", "1.0.0-rc.1", "1.0.0+build", "v1.0.0", "10.0.0", "2.0.0")
CHARTS = ("web", "web-1", "Web", "ü")
BEFORE = a_repository("1.0.0")

places = st.tuples(st.sampled_from(CHARTS), st.sampled_from(VERSIONS), st.sampled_from("ab"))
steps = st.one_of(
    places.map(lambda place: pushing(place[1], place[2], chart=place[0], force=True)),
    places.map(lambda place: pushing(place[1], place[2], chart=place[0], force=True, limit=3)),
    places.map(lambda place: deleting(place[1], place[0])),
    places.map(lambda place: copying(place[1], place[2], place[0])),
    places.map(lambda place: taking(place[1], place[0])),
    places.map(lambda place: events(a_file(place[1], place[0]))),
    st.sampled_from(CHARTS).map(lambda chart: deleting_chart(chart=chart)),
)


@settings(max_examples=80, deadline=None, derandomize=True)
@given(st.lists(steps, max_size=14))
def test_the_index_grown_by_any_history_is_the_one_made_from_nothing(history: list[Act]) -> None:
    witness = Witness(a_copy(BEFORE), "team")

    for act in history:
        do(act, witness)
        witness.world.time += 1
    do(events(*sorted(witness.changed), "other-1.0.0.tgz"), witness)

    assert grown(witness.world) == made_from_nothing(witness.world)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(st.lists(steps, max_size=8), st.integers(3, 120))
def test_a_reconciliation_in_parts_is_one_in_one_run(history: list[Act], calls: int) -> None:
    witness = Witness(a_copy(BEFORE), "team")
    for act in history:
        do(act, witness)
    another = a_copy(witness.world)
    another.put_object("above-1.0.0.tgz", content("1.0.0", "a", "above"))
    another.put_object("team/deeper/below-1.0.0.tgz", content("1.0.0", "a", "below"))
    at_once, in_parts = a_copy(another), another

    found = reconciled(at_once)
    parts = 0
    progress = Progress()
    while not progress.done:
        until = in_parts.time + calls / 100
        store, folders = a_process(in_parts, Forecast(meanwhile=lambda _number, _call: slow(in_parts)))
        progress = reconcile(store, folders, PATHS, until=until, start=progress)
        progress = replace(Progress.read(json.loads(json.dumps(progress.event()))), done=progress.done)
        calls, parts = calls + 40, parts + 1

    assert progress.found == found
    assert {repo: grown(in_parts, repo) for repo in in_parts.indexes} == {
        repo: grown(at_once, repo) for repo in at_once.indexes
    }


def test_five_thousand_objects_are_taken_in_by_parts_and_a_page_at_a_time() -> None:
    world = World()
    for number in range(5000):
        world.put_object(f"team/web-{number:05}.0.0.tgz", b"no chart")
    lead = Lead()
    store, _ = a_process(world)
    store = replace(store, bucket=PagedBucket(world, lead), table=PagedTable(world, lead))

    after, settled, parts = "", 0, 0
    while True:
        aligned = align(store, "team", until=store.clock.now(), after=after)
        settled, parts = settled + aligned.settled, parts + 1
        if aligned.next is None:
            break
        after = aligned.next

    assert settled == len(world.rows) == 5000
    assert parts == 5000 // BATCH + 1 + 1
    assert lead.most <= 3 * BATCH


def slow(world: World) -> None:
    """Let every call take ten milliseconds."""
    world.time += 0.01


def grown(world: World, repo: str = "team") -> bytes:
    """Return what the published index says, but for its revision and the time it was made."""
    store, _ = a_process(world)
    index = Index.read(world.indexes[repo], store.frame(repo))
    assert index is not None
    return index.blocks


def made_from_nothing(world: World) -> bytes:
    """Return the same of the index that is made where only the bucket is left."""
    left = replace(a_copy(world), rows={}, indexes={}, markers={}, leases={})
    reconciled(left)
    return grown(left)


def reconciled(world: World) -> Found:
    progress = RECONCILE.run(*a_process(world))
    assert isinstance(progress, Progress)
    return progress.found


@dataclass
class Lead:
    """How many listed objects and rows were alive at once."""

    alive: int = 0
    most: int = 0

    def more(self) -> None:
        self.alive += 1
        self.most = max(self.most, self.alive)


class CountedObject(StoredObject):
    """An object of a listing, counted as long as somebody holds it."""

    __slots__ = ("lead",)
    lead: Lead

    def __del__(self) -> None:
        self.lead.alive -= 1


class CountedRow(Row):
    """A row of a query, counted as long as somebody holds it."""

    __slots__ = ("lead",)
    lead: Lead

    def __del__(self) -> None:
        self.lead.alive -= 1


class PagedBucket(FakeBucket):
    """A bucket listed without looking for the next key every time."""

    __slots__ = ("lead",)
    lead: Lead

    def __init__(self, world: World, lead: Lead) -> None:
        super().__init__(world)
        object.__setattr__(self, "lead", lead)

    def list(self, prefix: str, after: str = "") -> Iterator[StoredObject]:
        for key in sorted(self.world.objects):
            if key.startswith(prefix) and key > after:
                version = self.world.current(key)
                assert version is not None
                counted = CountedObject(key, version.etag, 8, datetime.fromtimestamp(int(self.world.time), UTC))
                object.__setattr__(counted, "lead", self.lead)
                self.lead.more()
                yield counted


class PagedTable(FakeTable):
    """A table queried likewise."""

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
