"""Rows of the catalog as items of DynamoDB, without the SDK: the functions that start quickly read them too."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from charthouse.repository.ports import Row

BY_CHART = "by-chart"
"""The local index of the rows by their chart."""

NUMBERS = frozenset({"rev", "size", "signature_size", "expires"})
FLAGS = frozenset({"unreadable"})
"""Attributes that exist only where they are true."""
NAMES = tuple(field.name for field in fields(Row))

type Item = Mapping[str, Any]


def partition(repo: str) -> str:
    """Return the partition key of a repository, which DynamoDB demands not to be empty."""
    return f"/{repo}"


def item_key(repo: str, file: str) -> dict[str, Any]:
    """Return the key of a row."""
    return {"repo": {"S": partition(repo)}, "file": {"S": file}}


def digest_key(repo: str, chart: str, digest: str) -> dict[str, Any]:
    """Return the key under which the file of a digest is recorded, in a partition that is no repository's."""
    return {"repo": {"S": f"oci:{repo}/{chart}"}, "file": {"S": digest}}


def item_repo(item: Item) -> str:
    """Return the repository of an item."""
    repo: str = item["repo"]["S"]
    return repo.removeprefix("/")


def item_of(row: Row) -> dict[str, Any]:
    """Return a row as an item."""
    values = {name: getattr(row, name) for name in NAMES if name not in {"repo", "file"}}
    return {
        **item_key(row.repo, row.file),
        **{name: _attribute(name, value) for name, value in values.items() if value is not None and value is not False},
    }


def row_of(item: Item) -> Row:
    """Return the row that an item holds; what it lacks is as by default."""
    known: dict[str, Any] = {name: item[name]["S"] for name in NAMES if name in item and "S" in item[name]}
    known |= {name: int(item[name]["N"]) for name in NUMBERS if name in item}
    known |= {name: item[name]["BOOL"] for name in FLAGS if name in item}
    return Row(**known | {"repo": item_repo(item)})


def _attribute(name: str, value: Any) -> dict[str, Any]:
    if name in FLAGS:
        return {"BOOL": True}
    return {"N": repr(value)} if name in NUMBERS else {"S": value}
