"""What breaks a process costs one message or one repository, never those of others."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field, replace

import pytest
from charthouse.repository.changes import Push, push
from charthouse.repository.maintenance import Progress, handle_object_events, publish_pending, reconcile
from charthouse.repository.ports import StoredFile, StoredIndex
from charthouse.repository.publish import publish_index
from charthouse.repository.repository import Ports
from charthouse.settings import Paths, Rules

from tests.builders import a_package
from tests.fakes import FakeCatalog, FakeEvents, FakeIndexStore, FakePackageStore, World
from tests.unit.repository.in_memory import listed, ports_in, repository_in

PATHS = Paths(depth=1)
MAX_RECEIVES = 5
"""`maxReceiveCount` of the queue: after so many deliveries a message is a dead letter."""


class Death(BaseException):
    """Lambda ends the process: out of memory, out of time."""


class Queue:
    """Messages about objects, one each, delivered in batches as SQS and Lambda do it."""

    def __init__(self, paths: Iterable[str]) -> None:
        self.received = dict.fromkeys(paths, 0)
        self.dead: list[str] = []

    def deliver(self, handle: Callable[[dict[str, list[str]], bool], list[str]]) -> None:
        """Deliver all there is in one batch; what fails, and all of it if the process dies, comes again."""
        again = any(self.received.values())
        batch = {path: [path] for path in self.received}
        self.received = {path: count + 1 for path, count in self.received.items()}
        try:
            failed = handle(batch, again)
        except Death:
            failed = list(batch)
        self.dead += [path for path in failed if self.received[path] == MAX_RECEIVES]
        self.received = {path: self.received[path] for path in failed if path not in self.dead}


@dataclass(frozen=True)
class DeadlyPackages(FakePackageStore):
    """A store some of whose files end the process that reads them."""

    deadly: Collection[str] = ()

    def read(self, stored: StoredFile) -> bytes:
        """Read, or die."""
        if f"{stored.repo}/{stored.file}" in self.deadly:
            raise Death
        return super().read(stored)


@dataclass(frozen=True)
class BadIndexes(FakeIndexStore):
    """A store of indexes some of which end the process that reads them, or make it fail."""

    bad: Collection[str] = ()
    error: type[BaseException] = Death
    tried: list[str] = field(default_factory=list)

    def read(self, repo: str, *, lazily: bool = False) -> StoredIndex | None:
        """Read, or fail."""
        self.tried.append(repo)
        if repo in self.bad:
            raise self.error
        return super().read(repo, lazily=lazily)


def with_bad_indexes(world: World, *repos: str, error: type[BaseException] = Death) -> tuple[Ports, list[str]]:
    """Return a process's view of the world, and where the repositories are noted whose indexes it reads."""
    indexes = BadIndexes(world, bad=repos, error=error)
    return replace(ports_in(world), indexes=indexes), indexes.tried


@pytest.mark.parametrize("killers", [1, 2, 3])
def test_of_a_hundred_messages_only_those_that_end_the_process_become_dead_letters(killers: int) -> None:
    world = World()
    paths = [f"team-{number % 5}/mychart-{number}.0.0.tgz" for number in range(100)]
    for path in paths:
        world.put_object(path, a_package("mychart", path[path.rindex("-") + 1 : -4]))
    deadly = set(paths[40 : 40 + killers])
    queue = Queue(paths)

    def handle(messages: dict[str, list[str]], again: bool) -> list[str]:  # noqa: FBT001
        ports = replace(ports_in(world), packages=DeadlyPackages(world, deadly=deadly))
        return handle_object_events(ports, PATHS, messages, deadline=world.time + 100, again=again)

    while queue.received:
        queue.deliver(handle)

    assert set(queue.dead) == deadly
    found = {f"{repo}/{file}" for repo in (f"team-{number}" for number in range(5)) for file in listed(world, repo)}
    assert found == set(paths) - deadly


def test_a_publication_that_ends_the_process_takes_no_other_repository_along() -> None:
    world = World()
    paths = [f"team-{name}/mychart-0.1.0.tgz" for name in "abcdef"]
    for path in paths:
        world.put_object(path, a_package())
    queue = Queue(paths)

    def handle(messages: dict[str, list[str]], again: bool) -> list[str]:  # noqa: FBT001
        ports, _ = with_bad_indexes(world, "team-c")
        return handle_object_events(ports, PATHS, messages, deadline=world.time + 100, again=again)

    while queue.received:
        queue.deliver(handle)

    assert queue.dead == ["team-c/mychart-0.1.0.tgz"]
    assert [bool(listed(world, f"team-{name}")) for name in "abcdef"] == [True, True, False, True, True, True]


def test_files_of_many_repositories_are_synced_in_turns() -> None:
    """So that a folder of a hundred hostile files delays the one file of another by one."""
    world = World()
    paths = [*(f"team-a/mychart-{number}.0.0.tgz" for number in range(9)), "team-z/mychart-0.1.0.tgz"]
    for path in paths:
        world.put_object(path, a_package())

    handle_object_events(ports_in(world), PATHS, {path: [path] for path in paths}, deadline=world.time + 100)

    assert list(world.rows)[1] == ("team-z", "mychart-0.1.0.tgz")


def test_what_no_time_is_left_for_is_delivered_again() -> None:
    world = World()
    paths = [f"team-a/mychart-{number}.0.0.tgz" for number in range(9)]
    publish_index(repository_in(world, "team-a"))
    FakeCatalog(world).set_reconciled("team-a", "2026-11-20T15:49:01Z")
    deadline = world.time + 10

    def slow(call: str) -> None:
        if call == "packages.head":
            world.time += 3

    failed = handle_object_events(ports_in(world, slow), PATHS, {path: [path] for path in paths}, deadline=deadline)

    assert len(failed) == 5


def test_a_repository_whose_sweep_ends_the_process_leaves_the_others_published() -> None:
    world = World()
    for name in "abc":
        push(repository_in(world, f"team-{name}"), Rules(), Push(a_package(), None, wait=False))
        world.time += 60

    def sweep() -> FakeEvents:
        ports, _ = with_bad_indexes(world, "team-a")
        try:
            publish_pending(ports, deadline=world.time + 600)
        except Death:
            world.time += 300
        assert isinstance(ports.events, FakeEvents)
        return ports.events

    sweep()
    events = sweep()

    assert [bool(listed(world, f"team-{name}")) for name in "abc"] == [False, True, True]
    assert [one.fields["repository"] for one in events.recorded if one.event == "sweep_failed"] == ["team-a"]


def test_a_repository_that_failed_in_the_last_sweep_comes_last_in_the_next() -> None:
    world = World()
    for name in "abc":
        push(repository_in(world, f"team-{name}"), Rules(), Push(a_package(), None, wait=False))
        world.time += 60

    def sweep(*bad: str) -> list[str]:
        ports, tried = with_bad_indexes(world, *bad, error=LookupError)
        publish_pending(ports, deadline=world.time + 600)
        return list(dict.fromkeys(tried))

    first = sweep("team-a", "team-b")
    push(repository_in(world, "team-c"), Rules(), Push(a_package(version="2.0.0"), None, wait=False))
    second = sweep("team-a")

    assert first == ["team-a", "team-b", "team-c"]
    assert second == ["team-c", "team-a", "team-b"]
    assert len(listed(world, "team-c")) == 2
    assert listed(world, "team-b")


def test_a_repository_that_fails_is_named_and_comes_last_in_the_next_reconciliation() -> None:
    world = World()
    for name in "abc":
        world.put_object(f"team-{name}/mychart-0.1.0.tgz", a_package())
    ports, tried = with_bad_indexes(world, "team-a", error=LookupError)

    first = reconcile(ports, PATHS, deadline=world.time + 600)
    tried.clear()
    again = reconcile(ports, PATHS, deadline=world.time + 600)
    order = list(dict.fromkeys(tried))
    well = reconcile(ports_in(world), PATHS, deadline=world.time + 600)

    assert [(one.done, one.failed, one.found.failed) for one in (first, again)] == [(True, ("team-a",), 1)] * 2
    assert order == ["team-b", "team-c", "team-a"]
    assert (well.done, well.failed, well.found.failed) == (True, (), 0)
    assert listed(world, "team-a")


def test_a_repository_that_a_reconciliation_died_of_is_left_to_one_of_its_own() -> None:
    world = World()
    for name in "abc":
        world.put_object(f"team-{name}/mychart-0.1.0.tgz", a_package())
    deadly, _ = with_bad_indexes(world, "team-a")

    with pytest.raises(Death):
        reconcile(deadly, PATHS, deadline=world.time + 600)
    after = reconcile(deadly, PATHS, deadline=world.time + 600)
    own = reconcile(ports_in(world), PATHS, deadline=world.time + 600, start=Progress.read({"only": "team-a"}))

    assert (after.done, after.failed, after.alone) == (True, ("team-a",), ("team-a",))
    assert [bool(listed(world, f"team-{name}")) for name in "bc"] == [True, True]
    assert (own.done, own.failed, own.found.repositories) == (True, (), 1)
    assert reconcile(ports_in(world), PATHS, deadline=world.time + 600).alone == ()


def test_where_a_reconciliation_stands_is_handed_on() -> None:
    """Also which repositories failed, although the next invocation knows nothing of this one."""
    world = World()
    for name in "abc":
        world.put_object(f"team-{name}/mychart-0.1.0.tgz", a_package())

    def step(call: str) -> None:
        if call == "catalog.set_counts":
            world.time += 400

    progress = Progress()
    for _ in range(9):
        progress = reconcile(ports_in(world, step), PATHS, deadline=world.time + 300, start=progress)
        if progress.done:
            break
        progress = Progress.read(progress.event())

    assert (progress.done, progress.failed, progress.found.repositories) == (True, (), 3)
