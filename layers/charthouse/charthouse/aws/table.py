"""The rows in DynamoDB: partition key `repo` (`/` and the repository), sort key `file`, attributes named as `Row`'s.

Two local secondary indexes, both read strongly (which only a local one allows): `by-chart` (range key `chart`, all
attributes) and the sparse `by-dirty` (range key `dirty`, keys only), in which a clean row is not.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/LSI.html
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import batched
from typing import TYPE_CHECKING, Any

from charthouse.aws.faults import translated
from charthouse.errors import Changed, Unavailable
from charthouse.ports import Row

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

BY_CHART = "by-chart"
BY_DIRTY = "by-dirty"
MARKER = "#repository"
"""Sort key of a repository's marker; no file's name, since those end in `.tgz`."""

BATCH = 100
"""Keys per BatchGetItem.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html
"""
BATCH_TRIES = 8
BATCH_PAUSE = 0.05
"""Seconds before asking again for what a BatchGetItem left out; doubled each time."""

_NUMBERS = frozenset({"rev", "size", "expires"})
_NAMES = tuple(field.name for field in fields(Row))


@dataclass(frozen=True, slots=True)
class DynamoTable:
    """Keeps `ports.Table`."""

    dynamodb: "DynamoDBClient"
    table: str
    sleep: Callable[[float], None] = time.sleep

    def get(self, repo: str, file: str) -> Row | None:
        """Return the row, or None."""
        with translated(file):
            answer = self.dynamodb.get_item(TableName=self.table, Key=row_key(repo, file), ConsistentRead=True)
        item = answer.get("Item")
        return None if item is None else _row(item)

    def put(self, row: Row, over: int | None) -> None:
        """Write the row if the stored one has the `rev` that is given (None: there is none), else raise `Changed`.

        After a lost answer the SDK's own retry meets its own first write and says `Changed` too: whoever settles
        starts again and writes once more. Not told apart on purpose: an equal row may be somebody else's, written from
        an older look at the bucket.
        """
        condition: dict[str, Any] = {
            "ConditionExpression": "#rev = :was",
            "ExpressionAttributeNames": {"#rev": "rev"},
            "ExpressionAttributeValues": {":was": {"N": str(over)}},
        }
        if over is None:
            condition = {
                "ConditionExpression": "attribute_not_exists(#file)",
                "ExpressionAttributeNames": {"#file": "file"},
            }
        with translated(row.file, lost=frozenset({"ConditionalCheckFailedException"})):
            self.dynamodb.put_item(TableName=self.table, Item=_item(row), **condition)

    def dirty(self, repo: str) -> list[Row]:
        """Return all dirty rows: their keys from `by-dirty`, then each row; one that is clean by then is left out.

        A row cleaned and dirtied again between two pages is met twice, and asked for once: BatchGetItem refuses
        doubles.
        """
        files = {item["file"]["S"]: None for item in self._query(repo, IndexName=BY_DIRTY)}
        rows = [row for some in batched(files, BATCH, strict=False) for row in self._batch(repo, some)]
        return [row for row in rows if row.dirty is not None]

    def clear(self, row: Row, expires: int | None) -> None:
        """Take `dirty` off if the stored `rev` is still `row.rev`, and set `expires`; otherwise do nothing."""
        names = {"#rev": "rev", "#dirty": "dirty", "#expires": "expires"}
        values: dict[str, Any] = {":rev": {"N": str(row.rev)}}
        update = "REMOVE #dirty, #expires"
        if expires is not None:
            values[":expires"] = {"N": str(expires)}
            update = "SET #expires = :expires REMOVE #dirty"
        try:
            with translated(row.file, lost=frozenset({"ConditionalCheckFailedException"})):
                self.dynamodb.update_item(
                    TableName=self.table,
                    Key=row_key(row.repo, row.file),
                    UpdateExpression=update,
                    ConditionExpression="#rev = :rev",
                    ExpressionAttributeNames=names,
                    ExpressionAttributeValues=values,
                )
        except Changed:
            return

    def rows(self, repo: str, after: str = "") -> Iterator[Row]:
        """Yield all rows bytewise by file name, page by page; the marker is none of them."""
        query: dict[str, Any] = {}
        if after:
            query = {"after": after}
        for item in self._query(repo, **query):
            if item["file"]["S"] != MARKER:
                yield _row(item)

    def chart(self, repo: str, name: str) -> list[Row]:
        """Return all rows whose chart has this name."""
        return [_row(item) for item in self._query(repo, IndexName=BY_CHART, chart=name)]

    def _query(self, repo: str, after: str = "", chart: str = "", **request: Any) -> Iterator[Mapping[str, Any]]:
        names = {"#repo": "repo"}
        values: dict[str, Any] = {":repo": {"S": partition(repo)}}
        condition = "#repo = :repo"
        if after:
            names["#file"], values[":after"] = "file", {"S": after}
            condition += " AND #file > :after"
        if chart:
            names["#chart"], values[":chart"] = "chart", {"S": chart}
            condition += " AND #chart = :chart"
        request |= {
            "KeyConditionExpression": condition,
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": values,
        }
        while True:
            with translated(repo):
                page: Mapping[str, Any] = self.dynamodb.query(TableName=self.table, ConsistentRead=True, **request)
            yield from page["Items"]
            if not page.get("LastEvaluatedKey"):
                return
            request["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def _batch(self, repo: str, files: Sequence[str]) -> Iterator[Row]:
        """Read rows strongly; what AWS leaves out of an answer is asked for again, `Unavailable` if it stays out."""
        wanted: dict[str, Any] = {self.table: {"Keys": [row_key(repo, file) for file in files], "ConsistentRead": True}}
        for tried in range(BATCH_TRIES):
            if tried:
                self.sleep(BATCH_PAUSE * 2 ** (tried - 1))
            with translated(repo):
                answer: Mapping[str, Any] = self.dynamodb.batch_get_item(RequestItems=wanted)
            for items in answer["Responses"].values():
                yield from map(_row, items)
            wanted = answer.get("UnprocessedKeys", {})
            if not wanted:
                return
        raise Unavailable("The table is busy, try again later")


def partition(repo: str) -> str:
    """Return the partition key: never empty, as DynamoDB demands, also for the repository whose name is."""
    return f"/{repo}"


def row_key(repo: str, file: str) -> dict[str, Any]:
    """Return the primary key of a row."""
    return {"repo": {"S": partition(repo)}, "file": {"S": file}}


def _item(row: Row) -> dict[str, Any]:
    values = ((name, getattr(row, name)) for name in _NAMES if name not in {"repo", "file"})
    attributes = {
        name: {"N": str(value)} if name in _NUMBERS else {"S": value} for name, value in values if value is not None
    }
    return {**row_key(row.repo, row.file), **attributes}


def _row(item: Mapping[str, Any]) -> Row:
    known: dict[str, Any] = {
        name: int(item[name]["N"]) if name in _NUMBERS else item[name]["S"] for name in _NAMES if name in item
    }
    known["repo"] = known["repo"].removeprefix("/")
    return Row(**known)
