"""What people do to an index by hand, in ways that only a reconciliation can see; and that it repairs them."""

from collections.abc import Callable

import pytest
from charthouse.repository.reconcile import Progress

from tests.storm.acts import RECONCILE, Act, a_copy, a_file, a_repository, content, deleting, do, pushing
from tests.storm.witness import Witness

SETTLED = a_repository("1.0.0", "2.0.0", "3.0.0")


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
    witness = Witness(a_copy(SETTLED), "team")
    body = witness.world.indexes["team"]
    witness.world.indexes["team"] = DAMAGES[damage](body)
    witness.damage()
    assert witness.world.indexes["team"] != body

    progress = do(RECONCILE, witness).answer

    assert isinstance(progress, Progress)
    assert progress.found.differences >= 1
    witness.check_quiet()
    again = do(RECONCILE, witness).answer
    assert isinstance(again, Progress)
    assert (again.found.settled, again.found.differences) == (0, 0)


@pytest.mark.parametrize(
    "body", [None, b"", b"\xff", b"apiVersion: v1\nentries: {}\n", b'{"apiVersion":"v1","entries":{}}']
)
@pytest.mark.parametrize("act", [pushing("4.0.0", "a"), deleting("1.0.0")], ids=lambda act: act.name)
def test_an_index_that_is_none_of_ours_is_replaced_by_the_next_change(act: Act, body: bytes | None) -> None:
    witness = Witness(a_copy(SETTLED), "team")
    witness.world.indexes.pop("team")
    if body is not None:
        witness.world.indexes["team"] = body
    witness.damage()

    do(act, witness)

    witness.check_quiet()


def test_an_older_index_put_back_is_brought_up_to_date() -> None:
    witness = Witness(a_copy(SETTLED), "team")
    older = witness.world.indexes["team"]
    do(pushing("4.0.0", "a"), witness)
    do(deleting("1.0.0"), witness)
    do(pushing("2.0.0", "b", force=True), witness)
    witness.world.indexes["team"] = older
    witness.damage()

    progress = do(RECONCILE, witness).answer

    assert isinstance(progress, Progress)
    assert progress.found.differences == 3
    witness.check_quiet()


def test_an_index_whose_lines_nobody_knows_is_cleaned() -> None:
    witness = Witness(a_copy(SETTLED), "team")
    witness.world.objects.pop(f"team/{a_file('2.0.0')}")
    witness.world.rows.pop(("team", a_file("2.0.0")))
    witness.damage()
    witness.look("")

    do(RECONCILE, witness)

    witness.check_quiet()


def remove(witness: Witness) -> None:
    witness.world.delete_object(f"team/{a_file('2.0.0')}")


def replace_at_once(witness: Witness) -> None:
    witness.world.time -= 60
    witness.world.put_object(f"team/{a_file('2.0.0')}", content("2.0.0", "b"))


def replace_by_the_same(witness: Witness) -> None:
    witness.world.put_object(f"team/{a_file('2.0.0')}", content("2.0.0", "a"))


def add(witness: Witness) -> None:
    witness.world.put_object(f"team/{a_file('4.0.0')}", content("4.0.0", "a"))


@pytest.mark.parametrize("change", [remove, replace_at_once, replace_by_the_same, add])
def test_a_change_whose_event_was_lost_is_found(change: Callable[[Witness], None]) -> None:
    witness = Witness(a_copy(SETTLED), "team")
    change(witness)
    witness.look("")

    progress = do(RECONCILE, witness).answer

    assert isinstance(progress, Progress)
    assert (progress.found.settled, progress.found.differences) == (1, 0)
    witness.check_quiet()
