"""Time limits: every request and batch is answered in time, however many versions there are, and says what is left.

The time is that of the calls on AWS (`tests.fakes.costs`), in a typical and in a bad hour.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache, partial

import pytest
from charthouse.errors import Refusal, Unavailable
from charthouse.repository.changes import Push, delete_chart, delete_version, push
from charthouse.repository.lookup import find_chart, find_version, list_charts, read_package
from charthouse.repository.maintenance import Progress, handle_object_events, publish_pending, reconcile
from charthouse.repository.publish import Outcome, publish_index
from charthouse.repository.repository import Ports
from charthouse.settings import Paths, Rules
from charthouse.wiring import THREADS

from tests.builders import a_package
from tests.fakes import World
from tests.fakes.costs import (
    DYNAMODB_SECONDS,
    S3_SECONDS,
    SLOW_DYNAMODB_SECONDS,
    SLOW_S3_SECONDS,
    Costs,
    FakeThreads,
    LargeCatalog,
    LargePackageStore,
)
from tests.template.parsed import FUNCTIONS, GLOBALS, constant
from tests.unit.repository.in_memory import event_names, fill, listed, ports_in, repository_in, stored_in

API: int = GLOBALS["Timeout"]
INDEXING: int = FUNCTIONS["IndexObjects"]["Properties"]["Timeout"]
RECONCILE: int = FUNCTIONS["ReconcileRepositories"]["Properties"]["Timeout"]
"""Seconds after which Lambda ends the function."""

EVENTS_DEADLINE = constant("index_objects", "SECONDS")
RECONCILE_DEADLINE = RECONCILE - constant("reconcile_repositories", "RESERVE")

NEW = a_package(version="9.0.0")


@dataclass(frozen=True, slots=True)
class Handled:
    """What a function does with one request or batch, and its limit in seconds."""

    name: str
    limit: float
    before: Callable[[int], World]
    run: Callable[[Ports], object]


@cache
def _published(versions: int, *, charts: bool = False) -> World:
    world = World()
    fill(world, versions, charts=charts)
    large(world).catalog.set_reconciled("", "2026-11-18T11:06:40Z")
    publish_index(large(world).repository(""), rebuild=True)
    return world


def published(versions: int, *, charts: bool = False) -> World:
    """Return a repository with so many versions of one chart; with `charts`, of as many charts."""
    world = _published(versions, charts=charts)
    return replace(
        world,
        objects={path: list(kept) for path, kept in world.objects.items()},
        rows=dict(world.rows),
        indexes=dict(world.indexes),
        states=dict(world.states),
        leases={},
    )


def unpublished(versions: int, *, charts: bool = False) -> World:
    """Return the same, with an index that lists nothing of it yet: every row is dirty."""
    world = published(versions, charts=charts)
    world.rows = {at: replace(row, dirty="2026-11-18T11:06:40Z") for at, row in world.rows.items()}
    world.indexes.clear()
    return world


def unknown(versions: int) -> World:
    """Return a store with so many files that the catalog does not know."""
    world = World()
    for number in range(versions):
        world.put_object(f"mychart-1.0.{number}.tgz", b"no chart")
    return world


def deleted(versions: int) -> World:
    """Return a repository whose files were all removed from the store by other means."""
    world = published(versions)
    for path in world.objects:
        world.delete_object(path)
    return world


def with_one_new(versions: int) -> World:
    world = published(versions)
    world.put_object("mychart-9.0.0.tgz", NEW)
    return world


def pushing(rules: Rules | None = None, *, force: bool = False) -> Callable[[Ports], object]:
    return lambda ports: push(ports.repository(""), rules or Rules(), Push(NEW, None, force=force))


def all_messages(ports: Ports, *, again: bool = False) -> object:
    """Handle messages about every file there is or was, a hundred of them with many records each."""
    files = sorted({file for _, file in world_of(ports).rows} | set(world_of(ports).objects))
    messages = {str(number): files[number::100] for number in range(min(100, len(files)))}
    return handle_object_events(ports, Paths(), messages, deadline=ports.clock.now() + EVENTS_DEADLINE, again=again)


def sweeping(ports: Ports) -> object:
    return publish_pending(ports, deadline=ports.clock.now() + RECONCILE_DEADLINE)


def reconciling(ports: Ports) -> object:
    return reconcile(ports, Paths(), deadline=ports.clock.now() + RECONCILE_DEADLINE)


HANDLED = [
    Handled("upload", API, published, pushing()),
    Handled("upload, overwriting", API, with_one_new, pushing(force=True)),
    Handled("upload of what exists", API, with_one_new, pushing()),
    Handled("upload that prunes", API, published, pushing(Rules(per_chart_limit=10))),
    Handled("upload with a limit of files", API, published, pushing(Rules(max_storage_objects=20_000))),
    Handled("upload beside unpublished rows", API, unpublished, pushing()),
    Handled("upload beside unpublished rows that prunes", API, unpublished, pushing(Rules(per_chart_limit=10))),
    Handled("upload beside unpublished charts", API, partial(unpublished, charts=True), pushing()),
    Handled("first upload", API, unknown, pushing()),
    Handled("delete version", API, published, lambda ports: delete_version(ports.repository(""), "mychart", "1.0.1")),
    Handled(
        "delete version beside unpublished rows",
        API,
        unpublished,
        lambda ports: delete_version(ports.repository(""), "mychart", "1.0.1"),
    ),
    Handled("delete chart", API, published, lambda ports: delete_chart(ports.repository(""), "mychart")),
    Handled("delete unknown chart", API, unknown, lambda ports: delete_chart(ports.repository(""), "mychart")),
    Handled("delete deleted chart", API, deleted, lambda ports: delete_chart(ports.repository(""), "mychart")),
    Handled("list charts", API, published, lambda ports: list_charts(ports.repository(""))),
    Handled("list charts without an index", API, unknown, lambda ports: list_charts(ports.repository(""))),
    Handled("find chart", API, published, lambda ports: find_chart(ports.repository(""), "mychart")),
    Handled("find version", API, published, lambda ports: find_version(ports.repository(""), "mychart", "^1")),
    Handled(
        "read package",
        API,
        published,
        lambda ports: read_package(ports.repository(""), find_version(ports.repository(""), "mychart", "1.0.1")),
    ),
    Handled("events of unknown files", INDEXING, unknown, all_messages),
    Handled("events of known files", INDEXING, published, all_messages),
    Handled("events of deleted files", INDEXING, deleted, all_messages),
    Handled("events beside unpublished rows", INDEXING, unpublished, all_messages),
    Handled("events beside unpublished charts", INDEXING, partial(unpublished, charts=True), all_messages),
    Handled("events delivered again", INDEXING, unknown, partial(all_messages, again=True)),
    Handled("sweep", RECONCILE, unpublished, sweeping),
    Handled("sweep of charts", RECONCILE, partial(unpublished, charts=True), sweeping),
    Handled("reconcile unknown files", RECONCILE, unknown, reconciling),
    Handled("reconcile known files", RECONCILE, published, reconciling),
    Handled("reconcile charts", RECONCILE, partial(published, charts=True), reconciling),
    Handled("reconcile deleted files", RECONCILE, deleted, reconciling),
    Handled("reconcile beside unpublished rows", RECONCILE, unpublished, reconciling),
]
TYPICAL, BAD = (S3_SECONDS, DYNAMODB_SECONDS), (SLOW_S3_SECONDS, SLOW_DYNAMODB_SECONDS)


@pytest.mark.parametrize("versions", [10, 1_000, pytest.param(10_000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("handled", HANDLED, ids=lambda handled: handled.name)
def test_every_request_and_batch_is_answered_within_the_time_of_its_function(handled: Handled, versions: int) -> None:
    assert seconds(handled, versions, TYPICAL) < handled.limit


@pytest.mark.slow
@pytest.mark.parametrize("handled", [one for one in HANDLED if one.limit < RECONCILE], ids=lambda one: one.name)
def test_requests_and_events_are_answered_in_time_in_a_bad_hour(handled: Handled) -> None:
    assert seconds(handled, 10_000, BAD) < handled.limit


def seconds(handled: Handled, versions: int, hour: tuple[float, float]) -> float:
    """Return how long the function takes; a refusal is an answer."""
    world = handled.before(versions)
    began = world.time
    with suppress(Refusal):
        handled.run(large(world, *hour))
    return world.time - began


def test_an_upload_stops_pruning_in_time_and_the_next_ones_go_on() -> None:
    world = published(1_000)

    outcomes = []
    for number in range(9):
        upload = Push(a_package(version=f"9.0.{number}"), None)
        outcomes.append(push(large(world).repository(""), Rules(per_chart_limit=10), upload))

    assert set(outcomes) == {Outcome.PUBLISHED}
    assert sorted(stored_in(world)) == sorted(listed(world))
    assert len(listed(world)) == 10


def test_a_chart_of_thousands_of_versions_is_deleted_by_retries_that_say_how_far_they_came() -> None:
    world = published(1_000)
    said: list[str] = []

    while stored_in(world):
        left = len(stored_in(world))
        try:
            delete_chart(large(world).repository(""), "mychart")
        except Unavailable as refusal:
            said.append(refusal.message)
        assert sorted(stored_in(world)) == sorted(listed(world)), "the index agrees with what is deleted"
        if stored_in(world):
            assert said[-1].startswith(f"{left - len(stored_in(world))} of {left} versions are deleted")

    assert 1 <= len(said) <= 4
    assert listed(world) == {}


def test_rows_that_a_publication_had_no_time_to_clear_are_published_by_the_sweep() -> None:
    world = unpublished(10_000)

    outcome = pushing()(large(world))
    left = sum(1 for row in world.rows.values() if row.dirty)
    sweeping(large(world))

    assert outcome is Outcome.PUBLISHED
    assert len(listed(world)) == 10_001
    assert 0 < left < 10_000
    assert not any(row.dirty for row in world.rows.values())


def test_messages_for_which_no_time_was_left_are_delivered_again() -> None:
    world = unknown(10_000)

    deliveries = 0
    messages = {
        f"{number}": [f"mychart-1.0.{file}.tgz" for file in range(number, 10_000, 100)] for number in range(100)
    }
    while messages:
        ports = large(world)
        failed = handle_object_events(ports, Paths(), messages, deadline=world.time + EVENTS_DEADLINE)
        assert set(failed) <= set(messages)
        messages = {name: files for name, files in messages.items() if name in failed}
        deliveries += 1

    assert 1 < deliveries <= 5
    assert len(world.rows) == 10_000


def test_a_sweep_out_of_time_says_so_and_the_next_one_goes_on() -> None:
    world = World()
    for number in range(100):
        name = f"org{number:03}"
        push(repository_in(world, name), Rules(), Push(a_package(), None, wait=False))

    ports = large(world)
    publish_pending(ports, deadline=world.time + 2)
    first = len(world.indexes)
    publish_pending(large(world), deadline=world.time + RECONCILE_DEADLINE)

    assert 0 < first < 100
    assert event_names(ports).count("sweep_failed") == 1
    assert len(world.indexes) == 100


def test_a_reconciliation_of_thousands_of_files_continues_until_it_is_done() -> None:
    world = unknown(10_000)
    progress, invocations = Progress(), 0

    while not progress.done:
        began = world.time
        ports = large(world, SLOW_S3_SECONDS, SLOW_DYNAMODB_SECONDS)
        progress = reconcile(ports, Paths(), deadline=world.time + RECONCILE_DEADLINE, start=progress)
        invocations += 1
        assert world.time - began < RECONCILE

    assert invocations > 1
    assert progress.found.unlisted == len(world.rows) == 10_000


def large(world: World, s3: float = S3_SECONDS, dynamodb: float = DYNAMODB_SECONDS) -> Ports:
    """Return the ports of a function whose calls take time, for a large repository."""
    step = Costs(world, s3, dynamodb)
    return replace(
        ports_in(world, step),
        packages=LargePackageStore(world, step),
        catalog=LargeCatalog(world, step),
        map=FakeThreads(world, THREADS),
    )


def world_of(ports: Ports) -> World:
    assert isinstance(ports.catalog, LargeCatalog)
    return ports.catalog.world
