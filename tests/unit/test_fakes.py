"""The fakes' step: it may interleave processes, crash them and lose answers."""

from collections.abc import Callable

import pytest
from charthouse.errors import Unavailable
from charthouse.repository.ports import Row

from tests.fakes import FakeCatalog, FakeClock, FakePackageStore, World
from tests.rows import put

REPO, FILE = "team", "nginx-1.0.0.tgz"
PATH = f"{REPO}/{FILE}"


class Crash(BaseException):
    """The process is gone."""


def test_each_call_calls_the_step_before_and_after_its_effect() -> None:
    world = World()
    seen: list[tuple[str, bool]] = []

    FakePackageStore(world, lambda call: seen.append((call, PATH in world.objects))).create(
        REPO, FILE, b"package", "upload-1"
    )

    assert seen == [("packages.create", False), ("packages.create:done", True)]


def test_a_crash_before_the_effect_leaves_none() -> None:
    world = World()

    with pytest.raises(Crash):
        FakePackageStore(world, failing("packages.create", Crash())).create(REPO, FILE, b"package", "upload-1")

    assert FakePackageStore(world).head(REPO, FILE) is None


def test_a_lost_answer_leaves_the_effect() -> None:
    world = World()

    with pytest.raises(Unavailable):
        FakePackageStore(world, failing("packages.create:done", Unavailable("lost"))).create(
            REPO, FILE, b"package", "upload-1"
        )

    assert FakePackageStore(world).head(REPO, FILE) is not None


def test_a_query_misses_what_changes_behind_it() -> None:
    """DynamoDB reads a query's items one after the other."""
    world = World()
    catalog = FakeCatalog(world)
    put(catalog, Row("team", "b.tgz", 1, dirty="2"))

    def meanwhile(call: str) -> None:
        if call == "catalog.dirty:item" and ("team", "a.tgz") not in world.rows:
            put(catalog, Row("team", "a.tgz", 1, dirty="1"))
            put(catalog, Row("team", "b.tgz", 2, dirty="2", digest="new"))

    found = FakeCatalog(world, meanwhile).dirty("team")

    assert [(row.file, row.rev, row.digest) for row in found] == [("b.tgz", 2, "new")]


def test_a_row_cleaned_during_the_query_is_left_out() -> None:
    world = World()
    catalog = FakeCatalog(world)
    row = Row("team", "a.tgz", 1, dirty="1")
    put(catalog, row)

    def meanwhile(call: str) -> None:
        if call == "catalog.dirty:item":
            catalog.clear(row, None)

    assert FakeCatalog(world, meanwhile).dirty("team") == []


def test_a_tombstone_goes_when_its_time_has_come() -> None:
    world = World()
    catalog = FakeCatalog(world)
    row = Row("team", "a.tgz", 1, dirty="1")
    put(catalog, row)
    catalog.clear(row, int(world.time) + 10)

    world.expire_rows()
    kept = catalog.get("team", "a.tgz")
    FakeClock(world).sleep(10)
    world.expire_rows()

    assert kept is not None
    assert catalog.get("team", "a.tgz") is None


def test_an_old_version_is_gone_after_its_removal() -> None:
    world = World()
    world.put_object(PATH, b"first")
    world.put_object(PATH, b"second")

    world.forget_old_versions(PATH)

    assert [version.body for version in world.objects[PATH]] == [b"second"]


def test_no_token_is_returned_twice() -> None:
    world = World()

    tokens = [FakeClock(world).token(), FakeClock(world, skew=3.0).token()]

    assert len(set(tokens)) == 2
    assert all(len(token) == 32 and int(token, 16) for token in tokens)


def failing(call: str, error: BaseException) -> Callable[[str], None]:
    def step(name: str) -> None:
        if name == call:
            raise error

    return step
