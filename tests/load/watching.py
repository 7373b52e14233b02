"""Looking at a repository from outside: what the index holds, and how often it was published."""

import hashlib
import json
from collections.abc import Iterable
from typing import Any

from tests.acceptance.deployment import Deployment
from tests.acceptance.repository import Repository


def publications(deployment: Deployment, repo: str) -> int:
    """Return how many times the index has been published: each publication is a version of the object."""
    pages = deployment.s3.get_paginator("list_object_versions").paginate(
        Bucket=deployment.bucket, Prefix=f".charthouse/index/{repo}/index.yaml"
    )
    return sum(len(page.get("Versions", [])) for page in pages)


def read_index(repository: Repository) -> Any:
    """Return the index as it is now; it is JSON, which reads a hundred times faster than YAML."""
    return json.loads(repository.index_bytes())


def listed(index: Any) -> list[tuple[str, str]]:
    """Return file and digest of every entry, as often as it is there."""
    return [
        (f"{entry['name']}-{entry['version']}.tgz", entry["digest"])
        for entries in index["entries"].values()
        for entry in entries
    ]


def in_bucket(deployment: Deployment, repo: str) -> dict[str, str]:
    """Return file → digest of every package in the repository's folder."""
    return {
        key.removeprefix(f"{repo}/"): digest(deployment.stored(key) or b"")
        for key in deployment.objects(f"{repo}/")
        if key.endswith(".tgz")
    }


def is_whole(deployment: Deployment, repo: str) -> bool:
    """Return whether the index lists exactly the packages in the bucket, each once."""
    shown = listed(read_index(deployment.repository(repo)))
    return sorted(shown) == sorted(in_bucket(deployment, repo).items())


def files(index: Any) -> set[str]:
    """Return the files the index shows."""
    return {file for file, _ in listed(index)}


def without_doubles(files: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return file → digest; fails if a file is there twice."""
    found: dict[str, str] = {}
    for file, known in files:
        assert file not in found, f"{file} is listed twice"
        found[file] = known
    return found


def digest(body: bytes) -> str:
    """Return the sha256 of a package, as the index shows it."""
    return hashlib.sha256(body).hexdigest()
