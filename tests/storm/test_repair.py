"""Manual changes of an index that only a reconciliation can see, and that it repairs them."""

from collections.abc import Callable

import pytest
from charthouse.repository.maintenance import Progress

from tests.storm.commands import (
    RECONCILE,
    Command,
    a_copy,
    a_file,
    a_repository,
    content,
    deleting,
    events,
    execute,
    pushing,
)
from tests.storm.oracle import Oracle

PUBLISHED = a_repository("1.0.0", "2.0.0", "3.0.0")


def line(body: bytes, version: str) -> bytes:
    """Return the line of a version of `web`, with its newline."""
    return next(
        b"\n" + found for found in body.split(b"\n") if f'"web","urls":["charts/{a_file(version)}'.encode() in found
    )


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "a line is gone": lambda body: body.replace(line(body, "2.0.0"), b""),
    "a line is there twice": lambda body: body.replace(line(body, "2.0.0"), line(body, "2.0.0") * 2),
    "lines stand in another order": lambda body: body.replace(
        line(body, "3.0.0") + line(body, "2.0.0"), line(body, "2.0.0") + line(body, "3.0.0")
    ),
    "a text is another": lambda body: body.replace(b'"description":"a"', b'"description":"b"', 1),
    "a key is unknown": lambda body: body.replace(b'"description":', b'"descriptiom":', 1),
    "a name is spelled in another way": lambda body: body.replace(b'"web":[', b'"\\u0077eb":[', 1),
    "no YAML in the middle": lambda body: body.replace(b'"description":"a"', b'"description":"a', 1),
}

FOREIGN = [None, b"", b"\xff", b"apiVersion: v1\nentries: {}\n", b'{"apiVersion":"v1","entries":{}}']


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_index_is_repaired_and_counted(damage: str) -> None:
    oracle = Oracle(a_copy(PUBLISHED), "team")
    body = oracle.world.indexes["team"]
    oracle.world.indexes["team"] = DAMAGES[damage](body)
    oracle.damage_index()
    assert oracle.world.indexes["team"] != body

    progress = execute(RECONCILE, oracle).response

    assert isinstance(progress, Progress)
    assert progress.found.differences >= 1
    oracle.check_at_rest()
    again = execute(RECONCILE, oracle).response
    assert isinstance(again, Progress)
    assert (again.found.synced, again.found.differences) == (0, 0)


@pytest.mark.parametrize("body", FOREIGN)
@pytest.mark.parametrize("command", [pushing("4.0.0", "a"), deleting("1.0.0")], ids=lambda command: command.name)
def test_an_index_of_another_format_is_replaced_by_the_next_change(command: Command, body: bytes | None) -> None:
    oracle = Oracle(a_copy(PUBLISHED), "team")
    oracle.world.indexes.pop("team")
    if body is not None:
        oracle.world.indexes["team"] = body
    oracle.damage_index()

    execute(command, oracle)

    oracle.check_at_rest()


def test_an_older_index_put_back_is_brought_up_to_date() -> None:
    oracle = Oracle(a_copy(PUBLISHED), "team")
    older = oracle.world.indexes["team"]
    execute(pushing("4.0.0", "a"), oracle)
    execute(deleting("1.0.0"), oracle)
    execute(pushing("2.0.0", "b", force=True), oracle)
    oracle.world.indexes["team"] = older
    oracle.damage_index()

    progress = execute(RECONCILE, oracle).response

    assert isinstance(progress, Progress)
    assert progress.found.differences == 3
    oracle.check_at_rest()


def test_entries_without_row_and_package_are_removed() -> None:
    oracle = Oracle(a_copy(PUBLISHED), "team")
    oracle.world.objects.pop(f"team/{a_file('2.0.0')}")
    oracle.world.rows.pop(("team", a_file("2.0.0")))
    oracle.damage_index()
    oracle.observe("")

    execute(RECONCILE, oracle)

    oracle.check_at_rest()


@pytest.mark.parametrize("name", ["", "web"])
def test_a_view_older_than_the_index_is_written_anew_although_the_table_was_lost(name: str) -> None:
    """A publisher crashed between the index and that view, and the rows that would say so are gone."""
    oracle = Oracle(a_copy(PUBLISHED), "team")
    older = oracle.world.views["team", name]
    execute(deleting("2.0.0"), oracle)
    oracle.world.rows.clear()
    oracle.world.states.clear()
    oracle.world.views["team", name] = older

    execute(events(a_file("2.0.0")), oracle)

    oracle.check_at_rest()


def remove(oracle: Oracle) -> None:
    oracle.world.delete_object(f"team/{a_file('2.0.0')}")


def replace_at_once(oracle: Oracle) -> None:
    oracle.world.time -= 60
    oracle.world.put_object(f"team/{a_file('2.0.0')}", content("2.0.0", "b"))


def replace_by_the_same(oracle: Oracle) -> None:
    oracle.world.put_object(f"team/{a_file('2.0.0')}", content("2.0.0", "a"))


def add(oracle: Oracle) -> None:
    oracle.world.put_object(f"team/{a_file('4.0.0')}", content("4.0.0", "a"))


@pytest.mark.parametrize("change", [remove, replace_at_once, replace_by_the_same, add])
def test_a_change_without_an_event_is_found(change: Callable[[Oracle], None]) -> None:
    oracle = Oracle(a_copy(PUBLISHED), "team")
    change(oracle)
    oracle.observe("")

    progress = execute(RECONCILE, oracle).response

    assert isinstance(progress, Progress)
    assert (progress.found.synced, progress.found.differences) == (1, 0)
    oracle.check_at_rest()


def test_a_change_that_is_not_published_yet_is_no_difference() -> None:
    for number in range(len(execute(RECONCILE, Oracle(a_copy(PUBLISHED), "team")).calls)):
        oracle = Oracle(a_copy(PUBLISHED), "team")

        def meanwhile(call: int, _name: str) -> None:
            if call == number:  # noqa: B023  called within this iteration
                execute(pushing("4.0.0", "a", wait=False), oracle, "other")  # noqa: B023

        progress = execute(RECONCILE, oracle, meanwhile=meanwhile).response

        assert isinstance(progress, Progress)
        assert progress.found.differences == 0
