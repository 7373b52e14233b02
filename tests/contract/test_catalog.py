"""`Catalog`, on memory and on DynamoDB.

What DynamoDB promises: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.ConditionExpressions.html
and https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/LSI.html

If it differs: aws/dynamodb.py translates codes and conditions. If DynamoDB itself promises less, let the fake and the
explorer in tests/model do the same first: the protocol has to hold with it.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from charthouse.errors import ConditionFailed
from charthouse.repository.ports import RepositoryState, Row

from tests.contract.clouds import RowStand
from tests.rows import put

SINCE = "2026-11-20T15:49:01Z"
NOW = 1_795_000_000.25
LATER = NOW + 10


def test_a_file_has_no_row_at_first(rows: RowStand) -> None:
    assert rows.catalog.get("team", "nginx-1.0.0.tgz") is None


@pytest.mark.parametrize("repo", ["", "team", "team/a"])
def test_a_row_comes_back_as_it_was_written(rows: RowStand, repo: str) -> None:
    """https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_GetItem.html: ConsistentRead."""
    full = Row(
        repo,
        "nginx-1.0.0+é.tgz",
        1,
        etag="9f2c",
        version_id="v-1",
        size=4_718_592,
        modified=SINCE,
        chart="nginx",
        version="1.0.0+é",
        digest="a" * 64,
        line='{"name":"nginx","description":"\\u0085 \\n"}' + "x" * 60_000,
        problem="none",
        unreadable=True,
        dirty=SINCE,
        expires=1_795_000_000,
    )
    put(rows.catalog, full)

    assert rows.catalog.get(repo, "nginx-1.0.0+é.tgz") == full


def test_a_tombstone_comes_back_as_it_was_written(rows: RowStand) -> None:
    put(rows.catalog, Row("team", "nginx-1.0.0.tgz", 1))

    assert rows.catalog.get("team", "nginx-1.0.0.tgz") == Row("team", "nginx-1.0.0.tgz", 1)


def test_a_first_row_is_not_written_twice(rows: RowStand) -> None:
    """attribute_not_exists on the key: ConditionalCheckFailedException."""
    put(rows.catalog, a_row("a.tgz", etag="first"))

    with pytest.raises(ConditionFailed):
        put(rows.catalog, a_row("a.tgz", etag="second"))

    assert stored(rows, "a.tgz").etag == "first"


def test_a_row_replaces_the_one_before_it_whole(rows: RowStand) -> None:
    """https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_PutItem.html: the whole item."""
    put(rows.catalog, a_row("a.tgz", dirty=SINCE, problem="old", expires=17))

    put(rows.catalog, a_row("a.tgz", rev=2, etag="new"))

    assert stored(rows, "a.tgz") == a_row("a.tgz", rev=2, etag="new")


@pytest.mark.parametrize("rev", [1, 2, 4, 7])
def test_a_row_replaces_only_the_one_before_it(rows: RowStand, rev: int) -> None:
    put(rows.catalog, a_row("a.tgz"))
    put(rows.catalog, a_row("a.tgz", rev=2))

    with pytest.raises(ConditionFailed):
        put(rows.catalog, a_row("a.tgz", rev=rev, etag="late"))

    assert stored(rows, "a.tgz") == a_row("a.tgz", rev=2)


def test_a_row_that_follows_one_that_is_not_there_is_not_written(rows: RowStand) -> None:
    with pytest.raises(ConditionFailed):
        put(rows.catalog, a_row("a.tgz", rev=2))

    assert rows.catalog.get("team", "a.tgz") is None


def test_the_dirty_rows_are_found_whole_and_all_of_them(rows: RowStand) -> None:
    """A query of a sparse local index, read strongly, page by page.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/LSI.html#LSI.ReadConsistency
    """
    dirty = [a_row(f"{name}.tgz", dirty=SINCE, line="{}", chart="a") for name in "abcde"]
    for row in [*dirty, a_row("clean.tgz"), replace(dirty[0], repo="other"), replace(dirty[0], repo="team/a")]:
        put(rows.catalog, row)

    assert by_file(rows.catalog.dirty("team")) == dirty


def test_a_row_written_clean_is_dirty_no_more(rows: RowStand) -> None:
    """An item without the range key is not in the index."""
    put(rows.catalog, a_row("a.tgz", dirty=SINCE))
    put(rows.catalog, a_row("a.tgz", rev=2))

    assert rows.catalog.dirty("team") == []


def test_more_dirty_rows_than_one_batch_holds_are_found(rows: RowStand) -> None:
    """https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html: 100 keys."""
    dirty = [a_row(f"{number:03}.tgz", dirty=SINCE) for number in range(103)]
    for row in dirty:
        put(rows.catalog, row)

    assert by_file(rows.catalog.dirty("team")) == dirty


def test_a_cleared_row_is_the_same_row_without_its_flag(rows: RowStand) -> None:
    row = a_row("a.tgz", dirty=SINCE, line="{}", chart="a", expires=17)
    put(rows.catalog, row)

    rows.catalog.clear(row, None)

    assert stored(rows, "a.tgz") == replace(row, dirty=None, expires=None)
    assert rows.catalog.dirty("team") == []


def test_a_cleared_tombstone_expires(rows: RowStand) -> None:
    row = Row("team", "a.tgz", 1, dirty=SINCE)
    put(rows.catalog, row)

    rows.catalog.clear(row, 1_795_000_000)

    assert stored(rows, "a.tgz") == replace(row, dirty=None, expires=1_795_000_000)


def test_a_row_that_went_on_stays_dirty(rows: RowStand) -> None:
    row = a_row("a.tgz", dirty=SINCE)
    put(rows.catalog, row)
    put(rows.catalog, replace(row, rev=2))

    rows.catalog.clear(row, 1_795_000_000)

    assert rows.catalog.dirty("team") == [replace(row, rev=2)]


def test_clearing_a_row_that_is_gone_makes_none(rows: RowStand) -> None:
    """UpdateItem makes the item that is not there, unless its condition says otherwise.

    https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_UpdateItem.html
    """
    rows.catalog.clear(a_row("a.tgz", dirty=SINCE), None)

    assert rows.catalog.get("team", "a.tgz") is None


def test_all_rows_come_in_the_order_of_their_files_bytes(rows: RowStand) -> None:
    """Strings sort by the bytes of their UTF-8.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html
    """
    files = ["é.tgz", "b.tgz", "a.tgz", "B.tgz", "a+x.tgz", "!.tgz", "😀.tgz", "\uff5e.tgz"]
    for file in files:
        put(rows.catalog, a_row(file))
    put(rows.catalog, replace(a_row("a.tgz"), repo="team/a"))
    rows.catalog.set_counts("team", 1, 1)

    assert [row.file for row in rows.catalog.rows("team")] == sorted(files, key=str.encode)


def test_rows_go_on_after_a_file_that_need_not_exist(rows: RowStand) -> None:
    for file in ["a.tgz", "b.tgz", "d.tgz", "e.tgz"]:
        put(rows.catalog, a_row(file))

    assert [row.file for row in rows.catalog.rows("team", after="c.tgz")] == ["d.tgz", "e.tgz"]
    assert [row.file for row in rows.catalog.rows("team", after="d.tgz")] == ["e.tgz"]


def test_the_rows_of_a_chart_are_found_by_its_whole_name(rows: RowStand) -> None:
    of_a = [a_row(f"a-{number}.0.0.tgz", chart="a", line="{}") for number in range(5)]
    others = [a_row("ab-1.0.0.tgz", chart="ab"), a_row("broken.tgz"), Row("team", "a-9.0.0.tgz", 1)]
    for row in [*of_a, *others, replace(of_a[0], repo="other")]:
        put(rows.catalog, row)

    assert by_file(rows.catalog.chart("team", "a")) == of_a
    for limit in (1, 3, 5, 9):
        some = rows.catalog.chart("team", "a", limit)
        assert len(some) == min(limit, 5)
        assert all(row in of_a for row in some)


def test_of_many_writing_the_next_row_exactly_one_wins(rows: RowStand) -> None:
    put(rows.catalog, a_row("a.tgz"))

    def wins(number: int) -> bool:
        try:
            put(rows.catalog, a_row("a.tgz", rev=2, etag=str(number)))
        except ConditionFailed:
            return False
        return True

    with ThreadPoolExecutor(8 if rows.races else 1) as pool:
        won = list(pool.map(wins, range(8)))

    assert won.count(True) == 1
    assert stored(rows, "a.tgz").etag == str(won.index(True))


@pytest.mark.parametrize("repo", ["", "team", "team/a"])
def test_a_repository_has_no_state_at_first(rows: RowStand, repo: str) -> None:
    assert rows.catalog.state(repo) is None


@pytest.mark.parametrize("repo", ["", "team", "team/a"])
def test_facts_of_a_state_are_kept_side_by_side(rows: RowStand, repo: str) -> None:
    """An update touches the attributes it names and no others."""
    rows.catalog.set_reconciled(repo, SINCE)
    rows.catalog.set_counts(repo, 3, 17)
    rows.catalog.acquire_lease(repo, "me", NOW, LATER)

    assert rows.catalog.state(repo) == RepositoryState(repo, SINCE, 3, 17)


def test_the_state_comes_with_the_lease(rows: RowStand) -> None:
    """ReturnValues ALL_NEW."""
    rows.catalog.set_counts("team", 3, 17)

    assert rows.catalog.acquire_lease("team", "me", NOW, LATER) == RepositoryState("team", None, 3, 17)


def test_a_held_lease_is_not_acquired(rows: RowStand) -> None:
    rows.catalog.acquire_lease("team", "me", NOW, LATER)

    assert rows.catalog.acquire_lease("team", "you", NOW + 9.99, LATER + 9.99) is None
    assert rows.catalog.state("team") == RepositoryState("team")


def test_each_repository_has_its_own_lease(rows: RowStand) -> None:
    rows.catalog.acquire_lease("team", "me", NOW, LATER)

    assert rows.catalog.acquire_lease("", "you", NOW, LATER) == RepositoryState("")


def test_an_expired_lease_is_acquired(rows: RowStand) -> None:
    """The condition compares numbers; DynamoDB's own expiry is too late for a lease."""
    rows.catalog.acquire_lease("team", "me", NOW, LATER)

    assert rows.catalog.acquire_lease("team", "you", LATER, LATER + 10) == RepositoryState("team")


def test_acquiring_a_lease_again_extends_it(rows: RowStand) -> None:
    """So that a request whose answer was lost may be sent again."""
    rows.catalog.acquire_lease("team", "me", NOW, LATER)

    assert rows.catalog.acquire_lease("team", "me", NOW + 1, LATER + 1) == RepositoryState("team")


def test_a_released_lease_is_free(rows: RowStand) -> None:
    rows.catalog.acquire_lease("team", "me", NOW, LATER)

    rows.catalog.release_lease("team", "me")

    assert rows.catalog.state("team") == RepositoryState("team")
    assert rows.catalog.acquire_lease("team", "you", NOW, LATER) is not None


def test_a_lease_is_released_by_its_owner_only(rows: RowStand) -> None:
    rows.catalog.acquire_lease("team", "me", NOW, LATER)
    rows.catalog.acquire_lease("team", "you", LATER, LATER + 10)

    rows.catalog.release_lease("team", "me")

    assert rows.catalog.acquire_lease("team", "they", LATER + 1, LATER + 11) is None


def test_releasing_a_lease_that_is_not_held_creates_no_state(rows: RowStand) -> None:
    rows.catalog.release_lease("team", "me")

    assert rows.catalog.state("team") is None


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
        put(rows.catalog, row)
    rows.catalog.set_counts("clean", 1, 1)

    assert rows.catalog.unpublished() == {"team": "2026-11-20T15:49:01Z", "": "2026-11-20T15:49:05Z"}


def test_nothing_is_unpublished_once_it_is_cleared(rows: RowStand) -> None:
    dirty = Row("team", "a.tgz", 1, dirty="2026-11-20T15:49:03Z")
    put(rows.catalog, dirty)

    rows.catalog.clear(dirty, None)

    assert rows.catalog.unpublished() == {}


def test_of_many_acquiring_the_lease_exactly_one_holds_it(rows: RowStand) -> None:
    def acquire(number: int) -> bool:
        return rows.catalog.acquire_lease("team", f"owner-{number}", NOW, LATER) is not None

    with ThreadPoolExecutor(8 if rows.races else 1) as pool:
        acquired = list(pool.map(acquire, range(8)))

    assert acquired.count(True) == 1


@pytest.mark.parametrize("count", [0, 1, 103])
def test_the_states_of_many_repositories_are_read_in_their_order(rows: RowStand, count: int) -> None:
    """https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html: 100 keys, in any order."""
    repos = [f"team-{number}" for number in range(count)]
    for number, repo in enumerate(repos):
        rows.catalog.set_counts(repo, number, 2 * number)

    states = rows.catalog.states([*reversed(repos), "missing"])

    assert states == [RepositoryState(repo, None, n, 2 * n) for n, repo in reversed(list(enumerate(repos)))]


def test_a_task_is_on_record_from_its_beginning_to_its_end(rows: RowStand) -> None:
    """Elements of a string set are added and deleted one by one, whatever other processes do to it.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.UpdateExpressions.html
    """
    rows.catalog.set_counts("team", 1, 2)
    rows.catalog.begin("team", "sweep")
    rows.catalog.begin("team", "a.tgz")
    rows.catalog.begin("team", "a.tgz")
    rows.catalog.end("team", "sweep")

    assert rows.catalog.state("team") == RepositoryState("team", None, 1, 2, frozenset({"a.tgz"}))

    rows.catalog.end("team", "a.tgz")
    assert rows.catalog.state("team") == RepositoryState("team", None, 1, 2)


def test_a_task_that_failed_is_on_record_until_it_succeeds(rows: RowStand) -> None:
    rows.catalog.begin("team", "sweep")
    rows.catalog.end("team", "sweep", failed=True)

    assert rows.catalog.state("team") == RepositoryState("team", failed=frozenset({"sweep"}))

    rows.catalog.begin("team", "sweep")
    rows.catalog.end("team", "sweep")
    assert rows.catalog.state("team") == RepositoryState("team")


def a_row(
    file: str,
    rev: int = 1,
    *,
    etag: str = "etag",
    dirty: str | None = None,
    line: str | None = None,
    chart: str | None = None,
    problem: str | None = None,
    expires: int | None = None,
) -> Row:
    return Row("team", file, rev, etag=etag, chart=chart, line=line, problem=problem, dirty=dirty, expires=expires)


def by_file(found: list[Row]) -> list[Row]:
    return sorted(found, key=lambda row: row.file)


def stored(rows: RowStand, file: str) -> Row:
    row = rows.catalog.get("team", file)
    assert row is not None
    return row
