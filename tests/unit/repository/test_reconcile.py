"""reconcile: every difference between bucket, rows and index is found, repaired and counted."""

import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest
from charthouse.repository.align import align
from charthouse.repository.delete import delete_version
from charthouse.repository.push import Push, push
from charthouse.repository.reconcile import Found, Progress, reconcile
from charthouse.settings import Layout, Paths, Rules

from tests.builders import a_package, a_provenance
from tests.fakes import FakeFolders, Step, World
from tests.fakes.world import nothing_happens
from tests.unit.repository.a_store import a_store, held, made, note_names, shown

ROOT = Paths()
DYNAMIC = Paths(depth_dynamic=True)
FILE = "mychart-0.1.0.tgz"


def test_a_bucket_laid_out_by_chartmuseum_is_taken_in() -> None:
    world = World(versioned=False)
    world.put_object("index-cache.yaml", b"apiVersion: v1\nentries: {}\n")
    world.put_object(FILE, a_package())
    world.put_object(f"{FILE}.prov", a_provenance(a_package()))
    world.put_object("mychart-0.2.0.tgz", a_package(version="0.2.0"))
    world.put_object("renamed-1.0.0.tgz", a_package("other", "1.0.0"))
    world.put_object("broken-1.0.0.tgz", b"garbage")

    found = reconciled(world)

    assert sorted(shown(world)) == [FILE, "mychart-0.2.0.tgz"]
    assert found == Found(repositories=1, versions=2, settled=4, unlisted=2, differences=0)
    assert reconciled(world) == Found(repositories=1, versions=2, settled=0, unlisted=2, differences=0)


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
    """A folder that only holds other folders is none, nor is one whose name is a route."""
    world = World()
    for folder in ["", "org1/", "org2/", "org1/repo1/", "a/b/c/d/", "api/", "org1/-/", ".charthouse/x/"]:
        world.put_object(f"{folder}{FILE}", a_package())
    world.put_object("images/logo.png", b"no package")

    found = reconciled(world, paths)

    assert set(world.indexes) == repos
    assert found.repositories == len(repos)
    assert all(list(shown(world, repo)) == [FILE] for repo in repos)


def test_where_all_agrees_nothing_is_read_or_written_but_the_comparison() -> None:
    world = a_repository("0.1.0", "0.2.0", "0.3.0")
    before, calls = world.indexes[""], list[str]()

    found = reconciled(world, step=calls.append)

    assert found == Found(repositories=1, versions=3)
    assert world.indexes[""] == before
    assert not {"bucket.read", "bucket.head", "table.put", "index.write"} & set(calls)


def test_what_was_changed_in_the_bucket_without_an_event_is_found() -> None:
    world = a_repository("0.1.0", "0.2.0", "0.3.0")
    world.put_object("mychart-0.1.0.tgz", a_package(description="new"))
    world.delete_object("mychart-0.2.0.tgz")
    world.put_object("mychart-0.4.0.tgz", a_package(version="0.4.0"))
    before = shown(world)

    found = reconciled(world)

    assert found == Found(repositories=1, versions=3, settled=3)
    assert sorted(shown(world)) == sorted(held(world))
    assert shown(world)[FILE] != before[FILE]


def test_an_object_copied_onto_itself_shows_its_new_time() -> None:
    """The ETag is the same, `created` is not: a rebuild has to give the same bytes."""
    world = a_repository("0.1.0")
    world.time += 3600
    world.put_object(FILE, a_package())

    found = reconciled(world)

    assert found.settled == 1
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


def a_line_too_many(world: World) -> None:
    ghost = b'\n{"apiVersion":"v2","name":"mychart","urls":["charts/mychart-0.9.0.tgz"],"version":"0.9.0"},\n{'
    world.indexes[""] = world.indexes[""].replace(b"\n{", ghost, 1)


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
        a_line_too_many,
        lines_in_another_order,
        no_json_in_the_middle,
        cut_short,
    ],
)
def test_a_damaged_index_is_found_repaired_and_counted(damage: Callable[[World], None]) -> None:
    world = a_repository("0.1.0", "0.2.0", "0.3.0")
    entries = json.loads(world.indexes[""])["entries"]
    damage(world)

    found = reconciled(world)

    assert found.differences > 0
    assert json.loads(world.indexes[""])["entries"] == entries
    assert reconciled(world).differences == 0


def test_a_row_deleted_by_hand_comes_back() -> None:
    world = a_repository("0.1.0", "0.2.0")
    row = world.rows.pop(("", FILE))

    found = reconciled(world)

    assert found.settled == 1
    assert world.rows["", FILE] == replace(row, rev=world.rows["", FILE].rev)
    assert len(shown(world)) == 2


def test_a_row_deleted_together_with_its_object_leaves_no_ghost() -> None:
    world = a_repository("0.1.0", "0.2.0")
    del world.rows["", FILE]
    world.delete_object(FILE)

    found = reconciled(world)

    assert found.differences == 1
    assert list(shown(world)) == ["mychart-0.2.0.tgz"]


def test_a_row_cleaned_by_hand_does_not_hide_what_the_index_lacks() -> None:
    world = a_repository("0.1.0")
    push(a_store(world), Rules(), "", Push(a_package(version="0.2.0"), None, patient=False))
    world.rows["", "mychart-0.2.0.tgz"] = replace(world.rows["", "mychart-0.2.0.tgz"], dirty=None)

    found = reconciled(world)

    assert found.differences == 1
    assert len(shown(world)) == 2


def test_the_whole_table_emptied_is_filled_again() -> None:
    world = a_repository("0.1.0", "0.2.0")
    world.rows.clear()
    world.markers.clear()
    world.leases.clear()
    world.delete_object(FILE)

    found = reconciled(world)

    assert found.settled == 1
    assert list(shown(world)) == ["mychart-0.2.0.tgz"]
    assert reconciled(world) == Found(repositories=1, versions=1)


def test_a_repository_whose_packages_are_all_gone_keeps_an_empty_index() -> None:
    world = a_repository("0.1.0")
    world.delete_object(FILE)

    found = reconciled(world)

    assert found == Found(repositories=1, versions=0, settled=1)
    assert shown(world) == {}


def test_a_changed_chart_url_rebuilds_the_index_and_is_no_difference() -> None:
    world = a_repository("0.1.0", "0.2.0")

    found = reconciled(world, layout=Layout("https://charts.example.com"))

    assert found.differences == 0
    assert world.indexes[""].count(b'"urls":["https://charts.example.com/charts/') == 2


def test_the_counts_of_the_marker_follow() -> None:
    world = a_repository("0.1.0", "0.2.0")
    world.markers[""] = replace(world.markers[""], charts=77, versions=88)
    world.put_object("other-1.0.0.tgz", a_package("other", "1.0.0"))

    reconciled(world)

    assert (world.markers[""].charts, world.markers[""].versions) == (2, 3)


def test_out_of_time_it_goes_on_where_it_stopped() -> None:
    world = World()
    for repo in ("org1", "org2"):
        for minor in range(150):
            world.put_object(f"{repo}/mychart-0.{minor}.0.tgz", a_package(version=f"0.{minor}.0"))
    progress, invocations = Progress(), 0

    while not progress.done:
        invocations += 1
        handed_on = Progress.read(json.loads(json.dumps({"task": "reconcile", **progress.event()})))
        step = slowly(world)
        progress = reconcile(
            a_store(world, step), FakeFolders(world), Paths(depth=1), until=world.time + 50, start=handed_on
        )

    assert invocations > 3
    assert progress.found == Found(repositories=2, versions=300, settled=300)
    assert len(shown(world, "org1")) == len(shown(world, "org2")) == 150


def test_nothing_is_settled_twice_when_it_goes_on() -> None:
    world = World()
    for minor in range(150):
        world.put_object(f"mychart-0.{minor}.0.tgz", a_package(version=f"0.{minor}.0"))
    first = align(a_store(world, slowly(world)), "", until=world.time + 50)
    assert first.next is not None
    calls: list[str] = []

    second = align(a_store(world, calls.append), "", until=world.time + 900, after=first.next)

    assert first.settled + second.settled == 150
    assert calls.count("bucket.list:item") == calls.count("table.put") == second.settled


@pytest.mark.parametrize("change", ["upload", "overwrite", "delete", "copy", "remove"])
def test_what_happens_meanwhile_is_no_difference(change: str) -> None:
    """At every call of a reconciliation somebody changes something; nothing is reported, and all agrees."""
    total = calls_of_a_reconciliation()
    assert total > 10

    for moment in range(total):
        world = a_repository("0.1.0", "0.2.0", "0.3.0")
        found = reconciled(world, step=at_call(moment, partial(CHANGES[change], world)))
        again = reconciled(world)

        assert found.differences == 0, f"at call {moment}"
        assert again.differences == 0
        assert sorted(shown(world)) == sorted(held(world))


def upload(world: World) -> None:
    push(a_store(world), Rules(), "", Push(a_package(version="0.2.5"), None))


def overwrite(world: World) -> None:
    push(a_store(world), Rules(), "", Push(a_package(version="0.2.0", description="new"), None, force=True))


def delete(world: World) -> None:
    delete_version(a_store(world), "", "mychart", "0.2.0")


def copy(world: World) -> None:
    world.put_object("mychart-0.2.5.tgz", a_package(version="0.2.5"))


def remove(world: World) -> None:
    world.delete_object("mychart-0.2.0.tgz")


CHANGES = {"upload": upload, "overwrite": overwrite, "delete": delete, "copy": copy, "remove": remove}


def test_a_repaired_index_is_noted_with_the_file() -> None:
    world = a_repository("0.1.0", "0.2.0")
    a_line_gone(world)
    store = a_store(world)

    reconcile(store, FakeFolders(world), ROOT, until=world.time + 900)

    assert "index_differed" in note_names(store)


def a_repository(*versions: str) -> World:
    world = World()
    for version in versions:
        push(a_store(world), Rules(), "", Push(a_package(version=version), None))
    return world


def reconciled(world: World, paths: Paths = ROOT, step: Step = nothing_happens, layout: Layout | None = None) -> Found:
    store = a_store(world, step, layout)
    progress = reconcile(store, FakeFolders(world, step), paths, until=world.time + 900)
    assert progress.done
    return progress.found


def slowly(world: World) -> Step:
    """Return a step by which every package takes a second to read."""

    def step(call: str) -> None:
        if call == "bucket.read":
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
    return len(made(calls)) + sum(call.endswith(":item") for call in calls)
