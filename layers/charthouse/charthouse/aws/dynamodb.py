"""The catalog in DynamoDB: an item per package file, and one per repository for its state.

Partition key `repo` (`/` and the repository), sort key `file`, attributes named as the fields of `Row`. Two local
secondary indexes, both read strongly (only local ones can be): `by-chart` (range key `chart`, all attributes) and the
sparse `by-dirty` (range key `dirty`, keys only), which holds only dirty rows.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/LSI.html
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import batched, islice
from typing import TYPE_CHECKING, Any

from charthouse.aws.errors import mapped
from charthouse.aws.rows import BY_CHART, Item, digest_key, item_key, item_of, item_repo, partition, row_of
from charthouse.errors import ConditionFailed, Unavailable
from charthouse.repository.ports import RepositoryState, Row

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

BY_DIRTY = "by-dirty"
STATE = "#repository"
"""Sort key of a repository's state; no file has this name, since those end in `.tgz`."""

BATCH = 100
"""Keys per BatchGetItem.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html
"""
BATCH_TRIES = 8
BATCH_PAUSE = 0.05
"""Seconds before the keys that a BatchGetItem left out are requested again; doubled each time."""

_FAILED = frozenset({"ConditionalCheckFailedException"})


@dataclass(frozen=True, slots=True)
class DynamoCatalog:
    """Implements `Catalog` on a table."""

    dynamodb: "DynamoDBClient"
    table: str
    sleep: Callable[[float], None] = time.sleep

    def get(self, repo: str, file: str) -> Row | None:
        """Return the row, or None."""
        item = self._get(repo, file)
        return None if item is None else row_of(item)

    def put(self, row: Row, over: int | None) -> None:
        """Write the row if the stored one has this `rev` (None: there is none), else raise `ConditionFailed`.

        After a lost answer the SDK's own retry fails on its own first write: the caller starts again and writes once
        more. An equal stored row is not accepted as our own, because another process may have written it after an
        older look at the bucket.
        """
        condition: dict[str, Any] = {
            "ConditionExpression": "#rev = :over",
            "ExpressionAttributeNames": {"#rev": "rev"},
            "ExpressionAttributeValues": {":over": _number(over or 0)},
        }
        if over is None:
            condition = {
                "ConditionExpression": "attribute_not_exists(#file)",
                "ExpressionAttributeNames": {"#file": "file"},
            }
        with mapped(row.file, failed=_FAILED):
            self.dynamodb.put_item(TableName=self.table, Item=item_of(row), **condition)

    def dirty(self, repo: str) -> list[Row]:
        """Return all dirty rows: their keys from `by-dirty`, then each row; those clean by then are left out.

        A row cleared and dirtied again between two pages is found twice and read once, since BatchGetItem refuses
        duplicate keys.
        """
        files = dict.fromkeys(item["file"]["S"] for item in self._query(repo, IndexName=BY_DIRTY))
        rows = map(row_of, self._batch(item_key(repo, file) for file in files))
        return [row for row in rows if row.dirty is not None]

    def clear(self, row: Row, expires: int | None) -> None:
        """Remove `dirty` if the stored `rev` is still `row.rev`, and set `expires`; otherwise do nothing."""
        values: dict[str, Any] = {":rev": _number(row.rev)}
        update = "REMOVE #dirty, #expires"
        if expires is not None:
            values[":expires"] = _number(expires)
            update = "SET #expires = :expires REMOVE #dirty"
        try:
            with mapped(row.file, failed=_FAILED):
                self.dynamodb.update_item(
                    TableName=self.table,
                    Key=item_key(row.repo, row.file),
                    UpdateExpression=update,
                    ConditionExpression="#rev = :rev",
                    ExpressionAttributeNames={"#rev": "rev", "#dirty": "dirty", "#expires": "expires"},
                    ExpressionAttributeValues=values,
                )
        except ConditionFailed:
            return

    def rows(self, repo: str, after: str = "") -> Iterator[Row]:
        """Yield all rows bytewise by file name, page by page."""
        for item in self._query(repo, after=after):
            if item["file"]["S"] != STATE:
                yield row_of(item)

    def chart(self, repo: str, name: str, limit: int | None = None) -> list[Row]:
        """Return the rows of this chart, all or so many of them."""
        page: dict[str, Any] = {} if limit is None else {"Limit": limit}
        return [row_of(item) for item in islice(self._query(repo, IndexName=BY_CHART, chart=name, **page), limit)]

    def add_digests(self, row: Row, digests: Iterable[str]) -> None:
        """Record the file under each digest, in a partition of its chart: at most 25, a BatchWriteItem's bound.

        What AWS leaves out is sent again, `Unavailable` if it stays out.
        """
        puts = [
            {"PutRequest": {"Item": {**digest_key(row.repo, row.chart or "", digest), "target": {"S": row.file}}}}
            for digest in dict.fromkeys(digests)
        ]
        wanted: dict[str, Any] = {self.table: puts}
        for tried in range(BATCH_TRIES):
            if tried:
                self.sleep(BATCH_PAUSE * 2 ** (tried - 1))
            with mapped(row.file):
                answer: Mapping[str, Any] = self.dynamodb.batch_write_item(RequestItems=wanted)
            wanted = answer.get("UnprocessedItems", {})
            if not wanted:
                return
        raise Unavailable("The table is busy, try again later")

    def find_digest(self, repo: str, chart: str, digest: str) -> str | None:
        """Return the file that was recorded for this digest, or None."""
        with mapped(digest):
            answer = self.dynamodb.get_item(
                TableName=self.table, Key=digest_key(repo, chart, digest), ConsistentRead=True
            )
        item = answer.get("Item")
        return None if item is None else item["target"]["S"]

    def state(self, repo: str) -> RepositoryState | None:
        """Return the repository's state, or None."""
        item = self._get(repo, STATE)
        return None if item is None else _state(item)

    def states(self, repos: Iterable[str]) -> list[RepositoryState]:
        """Return the states of these repositories, read in batches."""
        wanted = list(repos)
        found = {(state := _state(item)).repo: state for item in self._batch(item_key(repo, STATE) for repo in wanted)}
        return [found[repo] for repo in wanted if repo in found]

    def acquire_lease(self, repo: str, owner: str, now: float, until: float) -> RepositoryState | None:
        """Acquire the lease if it is free, expired at `now`, or already this owner's after a lost answer."""
        try:
            item = self._update(
                repo,
                "SET lease_owner = :owner, lease_until = :until",
                {":owner": {"S": owner}, ":until": _number(until), ":now": _number(now)},
                "attribute_not_exists(lease_until) OR lease_until <= :now OR lease_owner = :owner",
            )
        except ConditionFailed:
            return None
        return _state(item)

    def release_lease(self, repo: str, owner: str) -> None:
        """Release the lease if this owner still holds it; otherwise do nothing."""
        try:
            self._update(repo, "REMOVE lease_owner, lease_until", {":owner": {"S": owner}}, "lease_owner = :owner")
        except ConditionFailed:
            return

    def set_reconciled(self, repo: str, at: str) -> None:
        """Record that all stored files have been compared with the rows."""
        self._update(repo, "SET reconciled = :at", {":at": {"S": at}})

    def set_counts(self, repo: str, charts: int, versions: int) -> None:
        """Record the counts of the index just published."""
        counts = {":charts": _number(charts), ":versions": _number(versions)}
        self._update(repo, "SET charts = :charts, versions = :versions", counts)

    def begin(self, repo: str, task: str) -> None:
        """Record that a process begins a task."""
        self._update(repo, "ADD begun :task", {":task": {"SS": [task]}})

    def end(self, repo: str, task: str, *, failed: bool = False) -> None:
        """Remove that record, and record whether the task failed."""
        update = "DELETE begun :task ADD failed :task" if failed else "DELETE begun :task, failed :task"
        self._update(repo, update, {":task": {"SS": [task]}})

    def unpublished(self) -> dict[str, str]:
        """Scan `by-dirty`: the repositories with dirty rows, each with its oldest `dirty`."""
        oldest: dict[str, str] = {}
        scan = self.dynamodb.get_paginator("scan")
        with mapped(BY_DIRTY):
            for page in scan.paginate(TableName=self.table, IndexName=BY_DIRTY, ConsistentRead=True):
                for item in page["Items"]:
                    repo, dirty = item_repo(item), item["dirty"]["S"]
                    oldest[repo] = min(dirty, oldest.get(repo, dirty))
        return oldest

    def _get(self, repo: str, file: str) -> Item | None:
        with mapped(file):
            answer = self.dynamodb.get_item(TableName=self.table, Key=item_key(repo, file), ConsistentRead=True)
        return answer.get("Item")

    def _update(self, repo: str, update: str, values: dict[str, Any], condition: str | None = None) -> Item:
        """Change the state, which the first update creates, and return it; raise `ConditionFailed`."""
        conditional: dict[str, Any] = {} if condition is None else {"ConditionExpression": condition}
        with mapped(repo, failed=_FAILED):
            answer = self.dynamodb.update_item(
                TableName=self.table,
                Key=item_key(repo, STATE),
                UpdateExpression=update,
                ExpressionAttributeValues=values,
                ReturnValues="ALL_NEW",
                **conditional,
            )
        return answer["Attributes"]

    def _query(self, repo: str, *, after: str = "", chart: str = "", **request: Any) -> Iterator[Item]:
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
        query = self.dynamodb.get_paginator("query")
        with mapped(repo):
            for page in query.paginate(TableName=self.table, ConsistentRead=True, **request):
                yield from page["Items"]

    def _batch(self, keys: Iterable[Item]) -> Iterator[Item]:
        """Read items strongly; keys that AWS leaves out are requested again, `Unavailable` if they stay out."""
        for some in batched(keys, BATCH, strict=False):
            wanted: dict[str, Any] = {self.table: {"Keys": list(some), "ConsistentRead": True}}
            for tried in range(BATCH_TRIES):
                if tried:
                    self.sleep(BATCH_PAUSE * 2 ** (tried - 1))
                with mapped(self.table):
                    answer: Mapping[str, Any] = self.dynamodb.batch_get_item(RequestItems=wanted)
                for items in answer["Responses"].values():
                    yield from items
                wanted = answer.get("UnprocessedKeys", {})
                if not wanted:
                    break
            else:
                raise Unavailable("The table is busy, try again later")


def _number(value: float) -> dict[str, str]:
    return {"N": repr(value)}


def _state(item: Item) -> RepositoryState:
    reconciled = item.get("reconciled")
    return RepositoryState(
        item_repo(item),
        None if reconciled is None else reconciled["S"],
        int(item.get("charts", {"N": "0"})["N"]),
        int(item.get("versions", {"N": "0"})["N"]),
        frozenset(item.get("begun", {"SS": ()})["SS"]),
        frozenset(item.get("failed", {"SS": ()})["SS"]),
    )
