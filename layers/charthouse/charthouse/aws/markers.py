"""The marker of each repository, an item beside its rows."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from charthouse.aws.faults import translated
from charthouse.aws.table import BY_DIRTY, MARKER, row_key
from charthouse.errors import Changed
from charthouse.ports import Marker

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_LOST = frozenset({"ConditionalCheckFailedException"})


@dataclass(frozen=True, slots=True)
class DynamoMarkers:
    """Keeps `ports.Markers`. A marker comes to be with the first thing noted in it."""

    dynamodb: "DynamoDBClient"
    table: str

    def get(self, repo: str) -> Marker | None:
        """Return the marker, or None."""
        with translated(repo):
            answer = self.dynamodb.get_item(TableName=self.table, Key=row_key(repo, MARKER), ConsistentRead=True)
        item = answer.get("Item")
        return None if item is None else _marker(repo, item)

    def take_lease(self, repo: str, owner: str, now: float, until: float) -> Marker | None:
        """Take the lease if it is free, expired at `now`, or this owner's already: so a lost answer may be retried."""
        try:
            item = self._update(
                repo,
                "SET lease_owner = :owner, lease_until = :until",
                {":owner": {"S": owner}, ":until": {"N": repr(until)}, ":now": {"N": repr(now)}},
                "attribute_not_exists(lease_until) OR lease_until <= :now OR lease_owner = :owner",
            )
        except Changed:
            return None
        return _marker(repo, item)

    def drop_lease(self, repo: str, owner: str) -> None:
        """Let go of the lease if it is still this owner's; otherwise do nothing."""
        try:
            self._update(repo, "REMOVE lease_owner, lease_until", {":owner": {"S": owner}}, "lease_owner = :owner")
        except Changed:
            return

    def reconciled(self, repo: str, at: str) -> None:
        """Note that the bucket has been listed to its end into rows."""
        self._update(repo, "SET reconciled = :at", {":at": {"S": at}})

    def count(self, repo: str, charts: int, versions: int) -> None:
        """Note the counts of the index just published."""
        self._update(
            repo,
            "SET charts = :charts, versions = :versions",
            {":charts": _number(charts), ":versions": _number(versions)},
        )

    def unpublished(self) -> dict[str, str]:
        """Scan `by-dirty`, which holds nothing but dirty rows: repositories, each with its oldest `dirty`."""
        oldest: dict[str, str] = {}
        request: dict[str, Any] = {}
        while True:
            with translated(BY_DIRTY):
                page: Mapping[str, Any] = self.dynamodb.scan(
                    TableName=self.table, IndexName=BY_DIRTY, ConsistentRead=True, **request
                )
            for item in page["Items"]:
                repo, dirty = item["repo"]["S"].removeprefix("/"), item["dirty"]["S"]
                oldest[repo] = min(dirty, oldest.get(repo, dirty))
            if not page.get("LastEvaluatedKey"):
                return oldest
            request["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def _update(
        self, repo: str, update: str, values: dict[str, Any], condition: str | None = None
    ) -> Mapping[str, Any]:
        """Change the marker and return all of it; raise `Changed` if the condition does not hold."""
        conditional: dict[str, Any] = {} if condition is None else {"ConditionExpression": condition}
        with translated(repo, lost=_LOST):
            answer = self.dynamodb.update_item(
                TableName=self.table,
                Key=row_key(repo, MARKER),
                UpdateExpression=update,
                ExpressionAttributeValues=values,
                ReturnValues="ALL_NEW",
                **conditional,
            )
        return answer["Attributes"]


def _number(value: int) -> dict[str, str]:
    return {"N": str(value)}


def _marker(repo: str, item: Mapping[str, Any]) -> Marker:
    reconciled = item.get("reconciled")
    return Marker(
        repo,
        None if reconciled is None else reconciled["S"],
        int(item.get("charts", {"N": "0"})["N"]),
        int(item.get("versions", {"N": "0"})["N"]),
        float(item.get("lease_until", {"N": "0"})["N"]),
    )
