"""The fakes' hook: whoever owns it may interleave, crash and lose answers."""

from collections.abc import Callable

import pytest
from charthouse.errors import Unavailable
from charthouse.ports import Row

from tests.fakes import FakeBucket, FakeClock, FakeTable, World
from tests.rows import put

KEY = "team/nginx-1.0.0.tgz"


class Crash(BaseException):
    """The process is gone."""


def test_each_call_passes_the_hook_before_and_after_its_effect() -> None:
    world = World()
    seen: list[tuple[str, bool]] = []

    FakeBucket(world, lambda call: seen.append((call, KEY in world.objects))).create(KEY, b"package", "upload-1")

    assert seen == [("bucket.create", False), ("bucket.create:done", True)]


def test_a_crash_before_the_effect_leaves_none() -> None:
    world = World()

    with pytest.raises(Crash):
        FakeBucket(world, failing("bucket.create", Crash())).create(KEY, b"package", "upload-1")

    assert FakeBucket(world).head(KEY) is None


def test_a_lost_answer_leaves_the_effect() -> None:
    world = World()

    with pytest.raises(Unavailable):
        FakeBucket(world, failing("bucket.create:done", Unavailable("lost"))).create(KEY, b"package", "upload-1")

    assert FakeBucket(world).head(KEY) is not None


def test_a_query_misses_what_changes_behind_it() -> None:
    """DynamoDB reads a query's items one after the other."""
    world = World()
    table = FakeTable(world)
    put(table, Row("team", "b.tgz", 1, dirty="2"))

    def meanwhile(call: str) -> None:
        if call == "table.dirty:item" and ("team", "a.tgz") not in world.rows:
            put(table, Row("team", "a.tgz", 1, dirty="1"))
            put(table, Row("team", "b.tgz", 2, dirty="2", digest="new"))

    found = FakeTable(world, meanwhile).dirty("team")

    assert [(row.file, row.rev, row.digest) for row in found] == [("b.tgz", 2, "new")]


def test_a_row_cleaned_during_the_query_is_left_out() -> None:
    world = World()
    table = FakeTable(world)
    row = Row("team", "a.tgz", 1, dirty="1")
    put(table, row)

    def meanwhile(call: str) -> None:
        if call == "table.dirty:item":
            table.clear(row, None)

    assert FakeTable(world, meanwhile).dirty("team") == []


def test_a_tombstone_goes_when_its_time_has_come() -> None:
    world = World()
    table = FakeTable(world)
    row = Row("team", "a.tgz", 1, dirty="1")
    put(table, row)
    table.clear(row, int(world.time) + 10)

    world.expire_rows()
    kept = table.get("team", "a.tgz")
    FakeClock(world).sleep(10)
    world.expire_rows()

    assert kept is not None
    assert table.get("team", "a.tgz") is None


def test_an_old_version_is_gone_once_it_is_forgotten() -> None:
    world = World()
    world.put_object(KEY, b"first")
    world.put_object(KEY, b"second")

    world.forget_old_versions(KEY)

    assert [version.body for version in world.objects[KEY]] == [b"second"]


def test_no_token_is_given_twice() -> None:
    world = World()

    tokens = [FakeClock(world).token(), FakeClock(world, skew=3.0).token()]

    assert len(set(tokens)) == 2
    assert all(len(token) == 32 and int(token, 16) for token in tokens)


def failing(call: str, error: BaseException) -> Callable[[str], None]:
    def step(name: str) -> None:
        if name == call:
            raise error

    return step
