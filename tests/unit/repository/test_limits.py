"""How much a repository may hold: `MaxStorageObjects` refuses, `PerChartLimit` makes room."""

import pytest
from charthouse.errors import StorageLimitReached, Unavailable
from charthouse.repository.delete import delete_version
from charthouse.repository.outcome import Outcome
from charthouse.repository.push import Push, push
from charthouse.settings import Rules

from tests.builders import a_package, a_provenance
from tests.fakes import World
from tests.unit.repository.a_store import a_store, failing, held, note_names, shown

OPEN = Rules()


def test_a_full_repository_takes_no_more() -> None:
    world = a_repository("0.1.0", "0.2.0")

    with pytest.raises(StorageLimitReached, match=r"^repo has reached storage limit$"):
        pushed(world, "0.3.0", Rules(max_storage_objects=2))

    assert len(held(world)) == 2


def test_the_last_place_can_be_taken() -> None:
    world = a_repository("0.1.0", "0.2.0")

    pushed(world, "0.3.0", Rules(max_storage_objects=3))

    assert len(held(world)) == 3


def test_provenance_files_count() -> None:
    world = World()
    push(a_store(world), OPEN, "", Push(a_package(), a_provenance(a_package())))

    with pytest.raises(StorageLimitReached):
        pushed(world, "0.2.0", Rules(max_storage_objects=2))
    with pytest.raises(StorageLimitReached):
        push(a_store(world), Rules(max_storage_objects=2), "", Push(None, a_provenance(a_package(), version="7.0.0")))


def test_other_objects_and_other_repositories_do_not_count() -> None:
    world = a_repository("0.1.0")
    world.put_object("index-cache.yaml", b"ChartMuseum's")
    world.put_object("org1/other-1.0.0.tgz", b"elsewhere")

    pushed(world, "0.2.0", Rules(max_storage_objects=2))

    assert sorted(shown(world)) == ["mychart-0.1.0.tgz", "mychart-0.2.0.tgz"]


def test_an_overwrite_needs_no_room() -> None:
    world = a_repository("0.1.0", "0.2.0")
    package = a_package(version="0.1.0", description="new")

    push(a_store(world), Rules(max_storage_objects=2), "", Push(package, None, force=True))

    assert held(world)["mychart-0.1.0.tgz"] == package


def test_force_for_a_new_version_needs_room() -> None:
    world = a_repository("0.1.0", "0.2.0")

    with pytest.raises(StorageLimitReached):
        push(a_store(world), Rules(max_storage_objects=2), "", Push(a_package(version="0.3.0"), None, force=True))


def test_a_delete_makes_room() -> None:
    world = a_repository("0.1.0", "0.2.0")
    delete_version(a_store(world), "", "mychart", "0.1.0")

    pushed(world, "0.3.0", Rules(max_storage_objects=2))

    assert sorted(shown(world)) == ["mychart-0.2.0.tgz", "mychart-0.3.0.tgz"]


def test_without_a_limit_nothing_is_listed() -> None:
    calls: list[str] = []

    push(a_store(World(), calls.append), OPEN, "", Push(None, a_provenance(a_package())))

    assert "bucket.list" not in calls


def test_the_newest_versions_stay_by_precedence_not_by_time() -> None:
    world = a_repository("1.10.0", "1.9.0", "1.2.0", "1.10.0-rc.1")

    pushed(world, "1.11.0", Rules(per_chart_limit=3))

    assert versions(world) == ["1.10.0", "1.10.0-rc.1", "1.11.0"]
    assert sorted(shown(world)) == sorted(held(world))


def test_the_version_just_uploaded_stays_also_if_it_is_the_oldest() -> None:
    world = a_repository("2.0.0", "3.0.0")

    pushed(world, "1.0.0", Rules(per_chart_limit=2))

    assert versions(world) == ["1.0.0", "2.0.0", "3.0.0"]


def test_the_oldest_uploaded_last_goes_at_the_next_upload() -> None:
    world = a_repository("2.0.0", "3.0.0")
    pushed(world, "1.0.0", Rules(per_chart_limit=2))

    pushed(world, "4.0.0", Rules(per_chart_limit=2))

    assert versions(world) == ["3.0.0", "4.0.0"]


def test_only_the_chart_that_was_uploaded_is_pruned() -> None:
    world = a_repository("1.0.0", "2.0.0")
    push(a_store(world), OPEN, "", Push(a_package("mychart-2", "0.1.0"), None))

    push(a_store(world), Rules(per_chart_limit=1), "", Push(a_package("mychart-2", "0.2.0"), None))

    assert sorted(held(world)) == ["mychart-1.0.0.tgz", "mychart-2-0.2.0.tgz", "mychart-2.0.0.tgz"]


def test_provenance_goes_with_its_package() -> None:
    world = World()
    push(a_store(world), OPEN, "", Push(a_package(), a_provenance(a_package())))

    pushed(world, "0.2.0", Rules(per_chart_limit=1))

    assert sorted(held(world)) == ["mychart-0.2.0.tgz"]


def test_a_version_overwritten_while_others_are_pruned_stays() -> None:
    world = a_repository("1.0.0")
    theirs = a_package(version="1.0.0", description="theirs")

    def overwritten(call: str) -> None:
        if call == "table.chart:done":
            world.put_object("mychart-1.0.0.tgz", theirs)

    store = a_store(world, overwritten)
    push(store, Rules(per_chart_limit=1), "", Push(a_package(version="2.0.0"), None))

    assert held(world)["mychart-1.0.0.tgz"] == theirs
    assert "version_pruned" not in note_names(store)


def test_what_a_crash_left_over_the_next_upload_removes() -> None:
    world = a_repository("1.0.0", "2.0.0")
    rules = Rules(per_chart_limit=1)
    store = a_store(world, failing("bucket.delete", Unavailable("slow down"), times=99))
    assert push(store, rules, "", Push(a_package(version="3.0.0"), None)) is Outcome.STORED

    pushed(world, "4.0.0", rules)

    assert versions(world) == ["4.0.0"]
    assert list(shown(world)) == ["mychart-4.0.0.tgz"]


def a_repository(*versions: str) -> World:
    world = World()
    for version in versions:
        pushed(world, version)
    return world


def pushed(world: World, version: str, rules: Rules = OPEN) -> None:
    assert push(a_store(world), rules, "", Push(a_package(version=version), None)) is Outcome.PUBLISHED


def versions(world: World) -> list[str]:
    return sorted(file.removeprefix("mychart-").removesuffix(".tgz") for file in held(world))
