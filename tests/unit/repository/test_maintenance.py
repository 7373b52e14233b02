"""maintenance: events are only hints, the sweep publishes what is left, reconciliation finds every difference."""

import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest
from charthouse.errors import ConditionFailed, Unavailable
from charthouse.repository.changes import Push, delete_version, push
from charthouse.repository.maintenance import (
    FULL_BATCH,
    GATHER_SECONDS,
    Found,
    Progress,
    handle_object_events,
    publish_pending,
    reconcile,
)
from charthouse.repository.repository import RECONCILE
from charthouse.repository.sync import sync_all, sync_file
from charthouse.settings import Layout, Paths, Rules

from tests.builders import a_package, a_provenance
from tests.fakes import Lease, Step, World, nothing_happens
from tests.unit.repository.in_memory import (
    calls_in,
    event_names,
    failing,
    listed,
    ports_in,
    repository_in,
    stored_in,
)

ROOT = Paths()
DYNAMIC = Paths(depth_dynamic=True)


def test_a_package_copied_into_the_store_is_listed() -> None:
    world = World()
    world.put_object("mychart-0.1.0.tgz", a_package())

    assert handle_object_events(ports_in(world), ROOT, {"1": ["mychart-0.1.0.tgz"]}, deadline=world.time + 100) == []

    assert list(listed(world)) == ["mychart-0.1.0.tgz"]


def test_overwritten_and_removed_packages_are_updated() -> None:
    world = World()
    world.put_object("mychart-0.1.0.tgz", a_package())
    handle_object_events(ports_in(world), ROOT, {"1": ["mychart-0.1.0.tgz"]}, deadline=world.time + 100)
    before = listed(world)
    world.put_object("mychart-0.1.0.tgz", a_package(description="new"))

    handle_object_events(ports_in(world), ROOT, {"2": ["mychart-0.1.0.tgz"]}, deadline=world.time + 100)
    overwritten = listed(world)
    world.delete_object("mychart-0.1.0.tgz")
    handle_object_events(ports_in(world), ROOT, {"3": ["mychart-0.1.0.tgz"]}, deadline=world.time + 100)

    assert overwritten.keys() == before.keys()
    assert overwritten != before
    assert listed(world) == {}


def test_a_message_about_a_known_file_causes_no_publication() -> None:
    """As the event of an upload through the API, which comes when everything is done."""
    world = World()
    world.put_object("mychart-0.1.0.tgz", a_package())
    handle_object_events(ports_in(world), ROOT, {"1": ["mychart-0.1.0.tgz"]}, deadline=world.time + 100)
    before, calls = world.indexes[""], list[str]()

    handle_object_events(ports_in(world, calls.append), ROOT, {"1": ["mychart-0.1.0.tgz"]}, deadline=world.time + 100)

    assert world.indexes[""] == before
    assert calls_in(calls) == ["catalog.get", "packages.head", "packages.head", "catalog.put"]


def test_what_is_synced_while_a_full_batch_gathers_is_in_its_publication() -> None:
    world = World()
    files = {number: f"chart{number}-1.0.0.tgz" for number in range(2 * FULL_BATCH + 1)}
    for number, file in files.items():
        world.put_object(file, a_package(f"chart{number}", "1.0.0"))
        # The first publication takes in whatever is stored: only later ones are of single rows.
        if number == 0:
            handle_object_events(ports_in(world), ROOT, {file: [file]}, deadline=world.time + 100)
    began, published = world.time, list[str]()
    first, second = ([files[n] for n in range(start, start + FULL_BATCH)] for start in (1, 1 + FULL_BATCH))
    others = iter([second])

    def another_batch(step: str) -> None:
        published.extend([step] if step == "index.write" else [])
        if step == "clock.sleep" and (batch := next(others, None)):
            handle_object_events(ports_in(world), ROOT, {file: [file] for file in batch}, deadline=world.time + 100)

    handle_object_events(
        ports_in(world, another_batch), ROOT, {file: [file] for file in first}, deadline=world.time + 100
    )

    assert set(listed(world)) == set(files.values())
    assert published == ["index.write"]
    assert world.time - began == GATHER_SECONDS


def test_a_batch_that_is_not_full_is_published_at_once() -> None:
    world = World()
    files = [f"chart{number}-1.0.0.tgz" for number in range(FULL_BATCH - 1)]
    for file in files:
        world.put_object(file, a_package(file.partition("-")[0], "1.0.0"))
    began = world.time

    handle_object_events(ports_in(world), ROOT, {file: [file] for file in files}, deadline=world.time + 100)

    assert set(listed(world)) == set(files)
    assert world.time == began


def test_a_late_message_of_a_deletion_deletes_nothing() -> None:
    world = World()
    world.put_object("mychart-0.1.0.tgz", a_package())

    for message in ["created", "removed, long ago", "created, once more"]:
        handle_object_events(ports_in(world), ROOT, {message: ["mychart-0.1.0.tgz"]}, deadline=world.time + 100)

    assert list(listed(world)) == list(stored_in(world)) == ["mychart-0.1.0.tgz"]


def test_each_file_is_synced_once_and_each_repository_published_once() -> None:
    world = World()
    keys = [f"{org}/mychart-0.{minor}.0.tgz" for org in ("org1", "org2") for minor in range(10)]
    for key in keys:
        world.put_object(key, a_package(version=key.split("-")[1].removesuffix(".tgz")))
    calls: list[str] = []

    handle_object_events(
        ports_in(world, calls.append), DYNAMIC, {"1": keys, "2": keys[::-1]}, deadline=world.time + 100
    )

    assert calls.count("index.write") == 2
    assert calls.count("packages.read") == 20
    assert len(listed(world, "org1")) == len(listed(world, "org2")) == 10


def test_paths_outside_any_repository_are_ignored() -> None:
    calls: list[str] = []
    keys = ["index-cache.yaml", "org1/mychart-0.1.0.tgz", ".charthouse/x.tgz", "mychart-0.1.0.prov"]

    assert handle_object_events(ports_in(World(), calls.append), ROOT, {"1": keys}, deadline=2e9) == []

    assert calls == []


def test_a_file_that_is_no_chart_is_reported_and_affects_no_other() -> None:
    world = World()
    world.put_object("bad-0.1.0.tgz", b"garbage")
    world.put_object("mychart-0.1.0.tgz", a_package())
    ports = ports_in(world)

    failed = handle_object_events(
        ports, ROOT, {"1": ["bad-0.1.0.tgz"], "2": ["mychart-0.1.0.tgz"]}, deadline=world.time + 100
    )

    assert failed == []
    assert list(listed(world)) == ["mychart-0.1.0.tgz"]
    assert "package_not_listed" in event_names(ports)


def test_a_file_that_cannot_be_synced_fails_only_its_own_message() -> None:
    world = World()
    for version in ["0.1.0", "0.2.0"]:
        world.put_object(f"mychart-{version}.tgz", a_package(version=version))
    messages = {"1": ["mychart-0.1.0.tgz"], "2": ["mychart-0.2.0.tgz"]}

    failed = handle_object_events(
        ports_in(world, failing("packages.read", Unavailable("slow down"))), ROOT, messages, deadline=2e9
    )

    assert failed == ["1"]
    # The first publication lists the bucket itself, so the index is whole already.
    assert "mychart-0.2.0.tgz" in listed(world)


def test_a_failed_publication_fails_the_messages_of_its_repository() -> None:
    world = World()
    for org in ("org1", "org2"):
        world.put_object(f"{org}/mychart-0.1.0.tgz", a_package())
    messages = {"1": ["org1/mychart-0.1.0.tgz"], "2": ["org2/mychart-0.1.0.tgz"]}

    failed = handle_object_events(
        ports_in(world, failing("index.write", Unavailable("slow down"))), DYNAMIC, messages, deadline=2e9
    )

    assert failed == ["1"]
    assert list(listed(world, "org2")) == ["mychart-0.1.0.tgz"]
    assert world.rows["org1", "mychart-0.1.0.tgz"].dirty is not None


def test_events_never_wait_for_the_lease() -> None:
    world = World()
    world.put_object("mychart-0.1.0.tgz", a_package())
    world.leases[""] = Lease("another process", world.time + 10)
    began = world.time

    assert handle_object_events(ports_in(world), ROOT, {"1": ["mychart-0.1.0.tgz"]}, deadline=world.time + 100) == []

    assert world.time == began


def test_an_unexpected_error_fails_only_its_own_message() -> None:
    world = World()
    world.put_object("bad-0.1.0.tgz", b"")
    world.put_object("mychart-0.1.0.tgz", a_package())
    messages = {"bad": ["bad-0.1.0.tgz"], "good": ["mychart-0.1.0.tgz"]}
    ports = ports_in(world, failing("packages.head", KeyError("unexpected")))

    failed = handle_object_events(ports, ROOT, messages, deadline=world.time + 100)

    assert failed == ["bad"]
    assert list(listed(world)) == ["mychart-0.1.0.tgz"]


def test_unpublished_changes_of_every_repository_are_published() -> None:
    world = World()
    for repo in ("", "org1/repo1"):
        push(repository_in(world, repo), Rules(), Push(a_package(), None, wait=False))

    publish_pending(ports_in(world), deadline=world.time + 60)

    assert list(listed(world)) == list(listed(world, "org1/repo1")) == ["mychart-0.1.0.tgz"]


def test_the_age_of_the_oldest_unpublished_change_is_returned() -> None:
    world = World()
    push(repository_in(world, "org1"), Rules(), Push(a_package(), None, wait=False))
    world.time += 240
    push(repository_in(world, "org2"), Rules(), Push(a_package(), None, wait=False))
    world.time += 60

    assert publish_pending(ports_in(world), deadline=world.time + 60) == 300.0


def test_without_unpublished_changes_the_sweep_makes_one_call() -> None:
    world = World()
    push(repository_in(world), Rules(), Push(a_package(), None))
    calls: list[str] = []

    assert publish_pending(ports_in(world, calls.append), deadline=world.time + 60) == 0.0

    assert calls_in(calls) == ["catalog.unpublished"]


def test_a_repository_that_fails_does_not_keep_the_others_unpublished() -> None:
    world = World()
    for repo in ("org1", "org2"):
        push(repository_in(world, repo), Rules(), Push(a_package(), None, wait=False))
    ports = ports_in(world, failing("index.write", Unavailable("slow down")))

    publish_pending(ports, deadline=world.time + 60)

    assert "sweep_failed" in event_names(ports)
    assert [list(listed(world, repo)) for repo in ("org1", "org2")] == [[], ["mychart-0.1.0.tgz"]]


def test_an_unexpected_error_in_one_repository_does_not_keep_the_others_unpublished() -> None:
    world = World()
    for repo in ("org1", "org2"):
        push(repository_in(world, repo), Rules(), Push(a_package(), None, wait=False))
    ports = ports_in(world, failing("index.write", KeyError("unexpected")))

    publish_pending(ports, deadline=world.time + 60)

    assert "sweep_failed" in event_names(ports)
    assert [list(listed(world, repo)) for repo in ("org1", "org2")] == [[], ["mychart-0.1.0.tgz"]]


def test_the_sweep_publishes_what_a_crashed_publisher_left() -> None:
    world = World()
    world.put_object("mychart-0.1.0.tgz", a_package())
    sync_file(repository_in(world, deadline=world.time + 8), "mychart-0.1.0.tgz")
    world.leases[""] = Lease("crashed", world.time + 10)

    publish_pending(ports_in(world), deadline=world.time + 60)

    assert list(listed(world)) == ["mychart-0.1.0.tgz"]


ROOT = Paths()
DYNAMIC = Paths(depth_dynamic=True)
FILE = "mychart-0.1.0.tgz"


def test_a_bucket_of_chartmuseum_is_imported() -> None:
    world = World(versioned=False)
    world.put_object("index-cache.yaml", b"apiVersion: v1\nentries: {}\n")
    world.put_object(FILE, a_package())
    world.put_object(f"{FILE}.prov", a_provenance(a_package()))
    world.put_object("mychart-0.2.0.tgz", a_package(version="0.2.0"))
    world.put_object("renamed-1.0.0.tgz", a_package("other", "1.0.0"))
    world.put_object("broken-1.0.0.tgz", b"garbage")

    found = reconciled(world)

    assert sorted(listed(world)) == [FILE, "mychart-0.2.0.tgz"]
    assert found == Found(repositories=1, versions=2, synced=4, unlisted=2, differences=0)
    assert reconciled(world) == Found(repositories=1, versions=2, synced=0, unlisted=2, differences=0)


@pytest.mark.parametrize(
    ("paths", "repos"),
    [
        (Paths(), {""}),
        (Paths(depth=1), {"org1", "org2"}),
        (Paths(depth=2), {"org1/repo1"}),
        (Paths(depth=3), set()),
        (DYNAMIC, {"", "org1", "org2", "org1/repo1", "a/b/c/d"}),
    ],
)
def test_repositories_are_those_of_the_configured_depth(paths: Paths, repos: set[str]) -> None:
    """A folder that only holds other folders is no repository, nor is one named like a route."""
    world = World()
    for folder in ["", "org1/", "org2/", "org1/repo1/", "a/b/c/d/", "api/", "org1/-/", ".charthouse/x/"]:
        world.put_object(f"{folder}{FILE}", a_package())
    world.put_object("images/logo.png", b"no package")

    found = reconciled(world, paths)

    assert set(world.indexes) == repos
    assert found.repositories == len(repos)
    assert all(list(listed(world, repo)) == [FILE] for repo in repos)


def test_without_differences_nothing_is_read_or_written_besides_the_comparison() -> None:
    world = a_repository("0.1.0", "0.2.0", "0.3.0")
    before, calls = world.indexes[""], list[str]()

    found = reconciled(world, step=calls.append)

    assert found == Found(repositories=1, versions=3)
    assert world.indexes[""] == before
    assert not {"packages.read", "packages.head", "catalog.put", "index.write"} & set(calls)


def test_changes_of_the_store_without_an_event_are_found() -> None:
    world = a_repository("0.1.0", "0.2.0", "0.3.0")
    world.put_object("mychart-0.1.0.tgz", a_package(description="new"))
    world.delete_object("mychart-0.2.0.tgz")
    world.put_object("mychart-0.4.0.tgz", a_package(version="0.4.0"))
    before = listed(world)

    found = reconciled(world)

    assert found == Found(repositories=1, versions=3, synced=3)
    assert sorted(listed(world)) == sorted(stored_in(world))
    assert listed(world)[FILE] != before[FILE]


def test_a_file_copied_onto_itself_is_listed_with_its_new_time() -> None:
    """The ETag is the same, `created` is not: a rebuild has to give the same bytes."""
    world = a_repository("0.1.0")
    world.time += 3600
    world.put_object(FILE, a_package())

    found = reconciled(world)

    assert found.synced == 1
    assert f'"created":"{world.rows["", FILE].modified}"'.encode() in world.indexes[""]


def garbage(world: World) -> None:
    world.indexes[""] = b"\x00garbage"


def chartmuseums(world: World) -> None:
    world.indexes[""] = b"apiVersion: v1\nentries: {}\ngenerated: '2026-11-20T15:49:02Z'\n"


def missing(world: World) -> None:
    del world.indexes[""]


def a_line_changed(world: World) -> None:
    world.indexes[""] = world.indexes[""].replace(b'"version":"0.2.0"', b'"version":"0.2.9"')


def a_digest_changed(world: World) -> None:
    at = world.indexes[""].index(b'"digest":"') + 10
    world.indexes[""] = world.indexes[""][:at] + b"0" * 64 + world.indexes[""][at + 64 :]


def a_line_gone(world: World) -> None:
    lines = world.indexes[""].split(b"\n")
    world.indexes[""] = b"\n".join(line for line in lines if b'"version":"0.2.0"' not in line)


def a_surplus_line(world: World) -> None:
    surplus = b'\n{"apiVersion":"v2","name":"mychart","urls":["charts/mychart-0.9.0.tgz"],"version":"0.9.0"},\n{'
    world.indexes[""] = world.indexes[""].replace(b"\n{", surplus, 1)


def lines_in_another_order(world: World) -> None:
    lines = world.indexes[""].split(b"\n")
    at = next(number for number, line in enumerate(lines) if line.startswith(b"{") and number > 0)
    lines[at], lines[at + 1] = lines[at + 1], lines[at]
    world.indexes[""] = b"\n".join(lines)


def no_json_in_the_middle(world: World) -> None:
    world.indexes[""] = world.indexes[""].replace(b'"version":"0.2.0"', b'"version":"0.2.0')


def cut_short(world: World) -> None:
    world.indexes[""] = world.indexes[""][:-40]


@pytest.mark.parametrize(
    "damage",
    [
        garbage,
        chartmuseums,
        missing,
        a_line_changed,
        a_digest_changed,
        a_line_gone,
        a_surplus_line,
        lines_in_another_order,
        no_json_in_the_middle,
        cut_short,
    ],
)
def test_a_damaged_index_is_rebuilt_and_counted(damage: Callable[[World], None]) -> None:
    world = a_repository("0.1.0", "0.2.0", "0.3.0")
    entries = json.loads(world.indexes[""])["entries"]
    damage(world)

    found = reconciled(world)

    assert found.differences > 0
    assert json.loads(world.indexes[""])["entries"] == entries
    assert reconciled(world).differences == 0


def test_a_row_deleted_by_hand_is_restored() -> None:
    world = a_repository("0.1.0", "0.2.0")
    row = world.rows.pop(("", FILE))

    found = reconciled(world)

    assert found.synced == 1
    assert world.rows["", FILE] == replace(row, rev=world.rows["", FILE].rev)
    assert len(listed(world)) == 2


def test_a_row_deleted_together_with_its_file_leaves_no_entry() -> None:
    world = a_repository("0.1.0", "0.2.0")
    del world.rows["", FILE]
    world.delete_object(FILE)

    found = reconciled(world)

    assert found.differences == 1
    assert list(listed(world)) == ["mychart-0.2.0.tgz"]


def test_an_entry_missing_from_the_index_is_found_though_its_row_is_clean() -> None:
    world = a_repository("0.1.0")
    push(repository_in(world), Rules(), Push(a_package(version="0.2.0"), None, wait=False))
    world.rows["", "mychart-0.2.0.tgz"] = replace(world.rows["", "mychart-0.2.0.tgz"], dirty=None)

    found = reconciled(world)

    assert found.differences == 1
    assert len(listed(world)) == 2


def test_an_emptied_catalog_is_filled_again() -> None:
    world = a_repository("0.1.0", "0.2.0")
    world.rows.clear()
    world.states.clear()
    world.leases.clear()
    world.delete_object(FILE)

    found = reconciled(world)

    assert found.synced == 1
    assert list(listed(world)) == ["mychart-0.2.0.tgz"]
    assert reconciled(world) == Found(repositories=1, versions=1)


def test_a_repository_without_packages_keeps_an_empty_index() -> None:
    world = a_repository("0.1.0")
    world.delete_object(FILE)

    found = reconciled(world)

    assert found == Found(repositories=1, versions=0, synced=1)
    assert listed(world) == {}


def test_a_changed_chart_url_rebuilds_the_index_without_counting_as_difference() -> None:
    world = a_repository("0.1.0", "0.2.0")

    found = reconciled(world, layout=Layout("https://charts.example.com"))

    assert found.differences == 0
    assert world.indexes[""].count(b'"urls":["https://charts.example.com/charts/') == 2


def test_the_counts_of_the_state_are_updated() -> None:
    world = a_repository("0.1.0", "0.2.0")
    world.states[""] = replace(world.states[""], charts=77, versions=88)
    world.put_object("other-1.0.0.tgz", a_package("other", "1.0.0"))

    reconciled(world)

    assert (world.states[""].charts, world.states[""].versions) == (2, 3)


def test_a_reconciliation_out_of_time_continues_where_it_stopped() -> None:
    world = World()
    for repo in ("org1", "org2"):
        for minor in range(150):
            world.put_object(f"{repo}/mychart-0.{minor}.0.tgz", a_package(version=f"0.{minor}.0"))
    progress, invocations = Progress(), 0

    while not progress.done:
        invocations += 1
        handed_on = Progress.read(json.loads(json.dumps({"task": "reconcile", **progress.event()})))
        step = slowly(world)
        progress = reconcile(ports_in(world, step), Paths(depth=1), start=handed_on, deadline=world.time + 50)

    assert invocations > 3
    assert progress.found == Found(repositories=2, versions=300, synced=300)
    assert len(listed(world, "org1")) == len(listed(world, "org2")) == 150


@pytest.mark.parametrize("died", [False, True])
def test_a_repository_that_failed_or_was_died_of_is_gone_on_with_as_any_other(*, died: bool) -> None:
    """Its record is cleared by the first invocation, which must not change where the next one goes on."""
    world = World()
    for minor in range(150):
        world.put_object(f"mychart-0.{minor}.0.tgz", a_package(version=f"0.{minor}.0"))
    catalog = ports_in(world).catalog
    catalog.begin("", RECONCILE)
    if not died:
        catalog.end("", RECONCILE, failed=True)

    progress = all_of_it(world, slowly, Progress(only="" if died else None))

    assert progress.found == Found(repositories=1, versions=150, synced=150)
    assert len(listed(world)) == 150


def test_a_condition_lost_when_no_time_is_left_is_for_the_next_invocation() -> None:
    world = World()
    for minor in range(150):
        world.put_object(f"mychart-0.{minor}.0.tgz", a_package(version=f"0.{minor}.0"))

    def beside_another(world: World) -> Step:
        slow, deadline, lost = slowly(world), world.time + 50, [False]

        def step(call: str) -> None:
            slow(call)
            if call == "catalog.put" and world.time >= deadline and not lost[0]:
                lost[0] = True
                raise ConditionFailed("another process was faster")

        return step

    progress = all_of_it(world, beside_another)

    assert progress.failed == ()
    assert len(listed(world)) == 150


def all_of_it(world: World, step: Callable[[World], Step], progress: Progress | None = None) -> Progress:
    """Reconcile in invocations of fifty seconds until it is done, and return what was found."""
    progress = progress or Progress()
    for _ in range(50):
        handed_on = Progress.read(json.loads(json.dumps({"task": "reconcile", **progress.event()})))
        progress = reconcile(ports_in(world, step(world)), Paths(), start=handed_on, deadline=world.time + 50)
        if progress.done:
            break
    return progress


def test_no_file_is_synced_twice_when_it_continues() -> None:
    world = World()
    for minor in range(150):
        world.put_object(f"mychart-0.{minor}.0.tgz", a_package(version=f"0.{minor}.0"))
    first = sync_all(repository_in(world, step=slowly(world), deadline=world.time + 50))
    assert first.next is not None
    calls: list[str] = []

    second = sync_all(repository_in(world, step=calls.append, deadline=world.time + 900), after=first.next)

    assert first.synced + second.synced == 150
    assert calls.count("packages.list:item") == calls.count("catalog.put") == second.synced


@pytest.mark.parametrize("error", [Unavailable("slow down"), KeyError("unexpected")])
def test_a_repository_that_fails_does_not_keep_the_others_from_reconciliation(error: Exception) -> None:
    world = World()
    for repo in ("org1", "org2", "org3"):
        world.put_object(f"{repo}/{FILE}", a_package())
    ports = ports_in(world, failing("index.write", error))

    progress = reconcile(ports, Paths(depth=1), deadline=world.time + 900)

    assert progress.done
    assert progress.found == Found(repositories=2, versions=2, synced=2, failed=1)
    assert event_names(ports).count("reconcile_failed") == 1
    assert [list(listed(world, repo)) for repo in ("org1", "org2", "org3")] == [[], [FILE], [FILE]]


@pytest.mark.parametrize("change", ["upload", "overwrite", "delete", "copy", "remove"])
def test_changes_during_a_reconciliation_are_no_differences(change: str) -> None:
    """A change before any call of a reconciliation: nothing is reported, and everything agrees."""
    total = calls_of_a_reconciliation()
    assert total > 10

    for moment in range(total):
        world = a_repository("0.1.0", "0.2.0", "0.3.0")
        found = reconciled(world, step=at_call(moment, partial(CHANGES[change], world)))
        again = reconciled(world)

        assert found.differences == 0, f"at call {moment}"
        assert again.differences == 0
        assert sorted(listed(world)) == sorted(stored_in(world))


def upload(world: World) -> None:
    push(repository_in(world), Rules(), Push(a_package(version="0.2.5"), None))


def overwrite(world: World) -> None:
    push(repository_in(world), Rules(), Push(a_package(version="0.2.0", description="new"), None, force=True))


def delete(world: World) -> None:
    delete_version(repository_in(world), "mychart", "0.2.0")


def copy(world: World) -> None:
    world.put_object("mychart-0.2.5.tgz", a_package(version="0.2.5"))


def remove(world: World) -> None:
    world.delete_object("mychart-0.2.0.tgz")


CHANGES = {"upload": upload, "overwrite": overwrite, "delete": delete, "copy": copy, "remove": remove}


def test_a_difference_is_recorded_with_its_file() -> None:
    world = a_repository("0.1.0", "0.2.0")
    a_line_gone(world)
    ports = ports_in(world)

    reconcile(ports, ROOT, deadline=world.time + 900)

    assert "index_differed" in event_names(ports)


def a_repository(*versions: str) -> World:
    world = World()
    for version in versions:
        push(repository_in(world), Rules(), Push(a_package(version=version), None))
    return world


def reconciled(world: World, paths: Paths = ROOT, step: Step = nothing_happens, layout: Layout | None = None) -> Found:
    progress = reconcile(ports_in(world, step, layout), paths, deadline=world.time + 900)
    assert progress.done
    return progress.found


def slowly(world: World) -> Step:
    """Return a step by which every package takes a second to read."""

    def step(call: str) -> None:
        if call == "packages.read":
            world.time += 1

    return step


def at_call(moment: int, act: Callable[[], None]) -> Step:
    """Return a step that acts before the call of this number."""
    seen = [0]

    def step(call: str) -> None:
        if ":" in call and ":item" not in call:
            return
        seen[0] += 1
        if seen[0] == moment + 1:
            act()

    return step


def calls_of_a_reconciliation() -> int:
    calls: list[str] = []
    reconciled(a_repository("0.1.0", "0.2.0", "0.3.0"), step=calls.append)
    return len(calls_in(calls)) + sum(call.endswith(":item") for call in calls)
