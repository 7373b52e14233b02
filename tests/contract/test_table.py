"""`ports.Table`, on memory and on DynamoDB.

What DynamoDB promises: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.ConditionExpressions.html
and https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/LSI.html
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from charthouse.errors import Changed
from charthouse.ports import Row

from tests.contract.clouds import RowStand
from tests.rows import put

SINCE = "2026-11-20T15:49:01Z"


def test_a_file_has_no_row_at_first(rows: RowStand) -> None:
    assert rows.table.get("team", "nginx-1.0.0.tgz") is None


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
        dirty=SINCE,
        expires=1_795_000_000,
    )
    put(rows.table, full)

    assert rows.table.get(repo, "nginx-1.0.0+é.tgz") == full


def test_a_tombstone_comes_back_as_it_was_written(rows: RowStand) -> None:
    put(rows.table, Row("team", "nginx-1.0.0.tgz", 1))

    assert rows.table.get("team", "nginx-1.0.0.tgz") == Row("team", "nginx-1.0.0.tgz", 1)


def test_a_first_row_is_not_written_twice(rows: RowStand) -> None:
    """attribute_not_exists on the key: ConditionalCheckFailedException."""
    put(rows.table, a_row("a.tgz", etag="first"))

    with pytest.raises(Changed):
        put(rows.table, a_row("a.tgz", etag="second"))

    assert stored(rows, "a.tgz").etag == "first"


def test_a_row_replaces_the_one_before_it_whole(rows: RowStand) -> None:
    """https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_PutItem.html: the whole item."""
    put(rows.table, a_row("a.tgz", dirty=SINCE, problem="old", expires=17))

    put(rows.table, a_row("a.tgz", rev=2, etag="new"))

    assert stored(rows, "a.tgz") == a_row("a.tgz", rev=2, etag="new")


@pytest.mark.parametrize("rev", [1, 2, 4, 7])
def test_a_row_replaces_only_the_one_before_it(rows: RowStand, rev: int) -> None:
    put(rows.table, a_row("a.tgz"))
    put(rows.table, a_row("a.tgz", rev=2))

    with pytest.raises(Changed):
        put(rows.table, a_row("a.tgz", rev=rev, etag="late"))

    assert stored(rows, "a.tgz") == a_row("a.tgz", rev=2)


def test_a_row_that_follows_one_that_is_not_there_is_not_written(rows: RowStand) -> None:
    with pytest.raises(Changed):
        put(rows.table, a_row("a.tgz", rev=2))

    assert rows.table.get("team", "a.tgz") is None


def test_the_dirty_rows_are_found_whole_and_all_of_them(rows: RowStand) -> None:
    """A query of a sparse local index, read strongly, page by page.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/LSI.html#LSI.ReadConsistency
    """
    dirty = [a_row(f"{name}.tgz", dirty=SINCE, line="{}", chart="a") for name in "abcde"]
    for row in [*dirty, a_row("clean.tgz"), replace(dirty[0], repo="other"), replace(dirty[0], repo="team/a")]:
        put(rows.table, row)

    assert by_file(rows.table.dirty("team")) == dirty


def test_a_row_written_clean_is_dirty_no_more(rows: RowStand) -> None:
    """An item without the range key is not in the index."""
    put(rows.table, a_row("a.tgz", dirty=SINCE))
    put(rows.table, a_row("a.tgz", rev=2))

    assert rows.table.dirty("team") == []


def test_more_dirty_rows_than_one_batch_holds_are_found(rows: RowStand) -> None:
    """https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html: 100 keys."""
    dirty = [a_row(f"{number:03}.tgz", dirty=SINCE) for number in range(103)]
    for row in dirty:
        put(rows.table, row)

    assert by_file(rows.table.dirty("team")) == dirty


def test_a_cleared_row_is_the_same_row_without_its_flag(rows: RowStand) -> None:
    row = a_row("a.tgz", dirty=SINCE, line="{}", chart="a", expires=17)
    put(rows.table, row)

    rows.table.clear(row, None)

    assert stored(rows, "a.tgz") == replace(row, dirty=None, expires=None)
    assert rows.table.dirty("team") == []


def test_a_cleared_tombstone_expires(rows: RowStand) -> None:
    row = Row("team", "a.tgz", 1, dirty=SINCE)
    put(rows.table, row)

    rows.table.clear(row, 1_795_000_000)

    assert stored(rows, "a.tgz") == replace(row, dirty=None, expires=1_795_000_000)


def test_a_row_that_went_on_stays_dirty(rows: RowStand) -> None:
    row = a_row("a.tgz", dirty=SINCE)
    put(rows.table, row)
    put(rows.table, replace(row, rev=2))

    rows.table.clear(row, 1_795_000_000)

    assert rows.table.dirty("team") == [replace(row, rev=2)]


def test_clearing_a_row_that_is_gone_makes_none(rows: RowStand) -> None:
    """UpdateItem makes the item that is not there, unless its condition says otherwise.

    https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_UpdateItem.html
    """
    rows.table.clear(a_row("a.tgz", dirty=SINCE), None)

    assert rows.table.get("team", "a.tgz") is None


def test_all_rows_come_in_the_order_of_their_files_bytes(rows: RowStand) -> None:
    """Strings sort by the bytes of their UTF-8.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html
    """
    files = ["é.tgz", "b.tgz", "a.tgz", "B.tgz", "a+x.tgz", "!.tgz", "😀.tgz", "\uff5e.tgz"]
    for file in files:
        put(rows.table, a_row(file))
    put(rows.table, replace(a_row("a.tgz"), repo="team/a"))
    rows.markers.count("team", 1, 1)

    assert [row.file for row in rows.table.rows("team")] == sorted(files, key=str.encode)


def test_rows_go_on_after_a_file_that_need_not_exist(rows: RowStand) -> None:
    for file in ["a.tgz", "b.tgz", "d.tgz", "e.tgz"]:
        put(rows.table, a_row(file))

    assert [row.file for row in rows.table.rows("team", after="c.tgz")] == ["d.tgz", "e.tgz"]
    assert [row.file for row in rows.table.rows("team", after="d.tgz")] == ["e.tgz"]


def test_the_rows_of_a_chart_are_found_by_its_whole_name(rows: RowStand) -> None:
    of_a = [a_row(f"a-{number}.0.0.tgz", chart="a", line="{}") for number in range(5)]
    others = [a_row("ab-1.0.0.tgz", chart="ab"), a_row("broken.tgz"), Row("team", "a-9.0.0.tgz", 1)]
    for row in [*of_a, *others, replace(of_a[0], repo="other")]:
        put(rows.table, row)

    assert by_file(rows.table.chart("team", "a")) == of_a


def test_of_many_who_write_the_next_row_exactly_one_wins(rows: RowStand) -> None:
    put(rows.table, a_row("a.tgz"))

    def wins(number: int) -> bool:
        try:
            put(rows.table, a_row("a.tgz", rev=2, etag=str(number)))
        except Changed:
            return False
        return True

    with ThreadPoolExecutor(8 if rows.races else 1) as pool:
        won = list(pool.map(wins, range(8)))

    assert won.count(True) == 1
    assert stored(rows, "a.tgz").etag == str(won.index(True))


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
    row = rows.table.get("team", file)
    assert row is not None
    return row
