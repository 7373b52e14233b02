"""`ports.Markers`, on memory and on DynamoDB.

What DynamoDB promises: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_UpdateItem.html
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from charthouse.ports import Marker, Row

from tests.contract.clouds import RowStand
from tests.rows import put

NOW = 1_795_000_000.25
LATER = NOW + 10


@pytest.mark.parametrize("repo", ["", "team", "team/a"])
def test_a_repository_has_no_marker_at_first(rows: RowStand, repo: str) -> None:
    assert rows.markers.get(repo) is None


@pytest.mark.parametrize("repo", ["", "team", "team/a"])
def test_what_is_noted_is_kept_side_by_side(rows: RowStand, repo: str) -> None:
    """An update touches the attributes it names and no others."""
    rows.markers.reconciled(repo, "2026-11-20T15:49:01Z")
    rows.markers.count(repo, 3, 17)
    rows.markers.take_lease(repo, "me", NOW, LATER)

    assert rows.markers.get(repo) == Marker(repo, "2026-11-20T15:49:01Z", 3, 17, LATER)


def test_whoever_takes_the_lease_is_told_the_marker(rows: RowStand) -> None:
    """ReturnValues ALL_NEW."""
    rows.markers.count("team", 3, 17)

    assert rows.markers.take_lease("team", "me", NOW, LATER) == Marker("team", None, 3, 17, LATER)


def test_a_lease_that_somebody_has_is_not_taken(rows: RowStand) -> None:
    rows.markers.take_lease("team", "me", NOW, LATER)

    assert rows.markers.take_lease("team", "you", NOW + 9.99, LATER + 9.99) is None
    assert rows.markers.get("team") == Marker("team", lease_until=LATER)


def test_a_lease_of_one_repository_is_none_of_another(rows: RowStand) -> None:
    rows.markers.take_lease("team", "me", NOW, LATER)

    assert rows.markers.take_lease("", "you", NOW, LATER) == Marker("", lease_until=LATER)


def test_an_expired_lease_is_taken(rows: RowStand) -> None:
    """The condition compares numbers; DynamoDB's own expiry is too late for a lease."""
    rows.markers.take_lease("team", "me", NOW, LATER)

    assert rows.markers.take_lease("team", "you", LATER, LATER + 10) == Marker("team", lease_until=LATER + 10)


def test_taking_a_lease_again_prolongs_it(rows: RowStand) -> None:
    """So that a request whose answer was lost may be sent again."""
    rows.markers.take_lease("team", "me", NOW, LATER)

    assert rows.markers.take_lease("team", "me", NOW + 1, LATER + 1) == Marker("team", lease_until=LATER + 1)


def test_a_dropped_lease_is_free(rows: RowStand) -> None:
    rows.markers.take_lease("team", "me", NOW, LATER)

    rows.markers.drop_lease("team", "me")

    assert rows.markers.get("team") == Marker("team")
    assert rows.markers.take_lease("team", "you", NOW, LATER) is not None


def test_a_lease_is_dropped_by_its_owner_only(rows: RowStand) -> None:
    rows.markers.take_lease("team", "me", NOW, LATER)
    rows.markers.take_lease("team", "you", LATER, LATER + 10)

    rows.markers.drop_lease("team", "me")

    assert rows.markers.take_lease("team", "they", LATER + 1, LATER + 11) is None


def test_dropping_a_lease_nobody_has_makes_no_marker(rows: RowStand) -> None:
    rows.markers.drop_lease("team", "me")

    assert rows.markers.get("team") is None


def test_unpublished_are_the_repositories_with_dirty_rows_since_the_oldest(rows: RowStand) -> None:
    """A strong scan of the sparse index.

    https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_Scan.html
    """
    dirty = Row("team", "a.tgz", 1, dirty="2026-11-20T15:49:03Z")
    for row in [
        dirty,
        replace(dirty, file="b.tgz", dirty="2026-11-20T15:49:01Z"),
        replace(dirty, file="c.tgz", dirty="2026-11-20T15:49:02Z"),
        replace(dirty, repo="", dirty="2026-11-20T15:49:05Z"),
        replace(dirty, repo="clean", dirty=None),
    ]:
        put(rows.table, row)
    rows.markers.count("clean", 1, 1)

    assert rows.markers.unpublished() == {"team": "2026-11-20T15:49:01Z", "": "2026-11-20T15:49:05Z"}


def test_nothing_is_unpublished_once_it_is_cleared(rows: RowStand) -> None:
    dirty = Row("team", "a.tgz", 1, dirty="2026-11-20T15:49:03Z")
    put(rows.table, dirty)

    rows.table.clear(dirty, None)

    assert rows.markers.unpublished() == {}


def test_of_many_who_want_the_lease_exactly_one_has_it(rows: RowStand) -> None:
    def take(number: int) -> bool:
        return rows.markers.take_lease("team", f"owner-{number}", NOW, LATER) is not None

    with ThreadPoolExecutor(8 if rows.races else 1) as pool:
        taken = list(pool.map(take, range(8)))

    assert taken.count(True) == 1
