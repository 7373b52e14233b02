"""A bucket whose versioning has just been enabled, as the template makes one.

For up to 15 minutes S3 may answer 404 for an object that was just written; how often is published nowhere.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/manage-versioning-examples.html

If it differs: README, docs/deploying.md and docs/moving-from-chartmuseum.md ask for a wait of a quarter of an hour
before the first write; with a number to it they can say how much depends on that.
"""

import secrets
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from charthouse.aws.s3 import S3PackageStore

from tests.contract.clouds import Cloud, make_bucket, remove_bucket

WRITES = 25


@pytest.fixture
def store(cloud: Cloud) -> Iterator[S3PackageStore]:
    """Return the packages of a bucket whose versioning was enabled a moment ago."""
    storage = replace(cloud.storages[True], bucket=f"charthouse-contract-{secrets.token_hex(6)}-new")
    make_bucket(cloud.s3, storage, versioned=True)
    yield S3PackageStore(cloud.s3, storage)
    remove_bucket(cloud.s3, storage.bucket)


def test_a_read_right_after_versioning_was_enabled(
    store: S3PackageStore, record_property: Callable[[str, object], None]
) -> None:
    """Each object is seen by the HEAD that follows its PUT."""
    seen = 0
    for number in range(WRITES):
        store.create("team", f"one-1.0.{number}.tgz", b"package", "upload")
        seen += store.head("team", f"one-1.0.{number}.tgz") is not None

    record_property("observed", f"{WRITES - seen} of {WRITES} were answered with 404")
    assert seen == WRITES
