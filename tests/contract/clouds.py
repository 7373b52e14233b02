"""What the contracts run on: memory, moto, the emulator, stronger stand-ins for one service, or a real account."""

import os
import secrets
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import boto3
from charthouse.aws.artifacts import S3Artifacts
from charthouse.aws.clients import dynamodb_client, s3_client
from charthouse.aws.dynamodb import DynamoCatalog
from charthouse.aws.parts import LEAST
from charthouse.aws.presign import Signer
from charthouse.aws.registry import SignedArtifacts, SignedCatalog
from charthouse.aws.s3 import S3IndexStore, S3PackageStore
from charthouse.registry.ports import ArtifactReader, ArtifactStore, CatalogReader
from charthouse.repository.ports import Catalog, IndexStore, PackageStore
from charthouse.settings import Credentials, Storage
from moto import mock_aws

from local.emulator import REGION, Emulator
from tests.contract.servers import KEY, SECRET, dynamodb_local_server, versitygw_server
from tests.fakes import FakeArtifacts, FakeCatalog, FakeIndexStore, FakePackageStore, World

VERSIONING_SECONDS = 15 * 60
"""https://docs.aws.amazon.com/AmazonS3/latest/userguide/manage-versioning-examples.html: until then S3 may say 404."""

SMALL_PAGE = 2
"""Every listing, query and scan is made to turn pages."""


@dataclass(frozen=True, slots=True)
class ObjectStand:
    """The ports on S3, and what other means do to the bucket."""

    packages: PackageStore
    indexes: IndexStore
    other_indexes: IndexStore
    """The same, of another process."""
    large_indexes: IndexStore
    """The same; an index of 5 MiB counts as a large one."""
    artifacts: ArtifactStore
    readers: tuple[ArtifactReader, ...]
    """What reads the same objects: the store itself, and without the SDK where requests arrive over HTTP."""
    put_object: Callable[[str, bytes], None]
    delete_object: Callable[[str], None]
    versioned: bool
    races: bool
    """Whether it may be called by several threads at once."""
    misses_absence: bool = False
    """Whether a conditional DELETE of nothing succeeds, as versitygw's does and S3's does not."""
    sees_markers_as_objects: bool = False
    """Whether the conditions of a PUT see an object in a delete marker, as versitygw's do and S3's do not."""
    is_a_file_system: bool = False
    """Whether a key may not be both an object and a folder of others, as with versitygw and not with S3."""
    copies_anything: bool = False
    """Whether the condition of a copy is ignored, as by moto and not by S3."""
    joins_anything: bool = False
    """Whether the condition is ignored under which parts become an object, likewise."""


@dataclass(frozen=True, slots=True)
class RowStand:
    """The port on DynamoDB."""

    catalog: Catalog
    races: bool
    readers: tuple[CatalogReader, ...] = ()
    """What reads the same rows: the catalog itself, and without the SDK where requests arrive over HTTP."""


@dataclass(frozen=True, slots=True)
class Cloud:
    """A bucket of each kind and a table, or only what the stand-in has, somewhere that speaks AWS's protocols."""

    name: str
    s3: Any
    dynamodb: Any
    storages: dict[bool, Storage]
    """Versioned or not → where."""
    credentials: Credentials
    says_encryption: bool = True
    """Whether HEAD says how an object is encrypted; versitygw leaves that to its file system and does not."""
    serves_http: bool = True
    """Whether requests that do not go through boto3 arrive; moto patches boto3 and answers no others."""
    races: bool = True
    secretsmanager: Any = field(default=None)

    def objects(self, *, versioned: bool) -> ObjectStand:
        """Return a stand of its own in the bucket: under a storage prefix no other has."""
        storage = replace(self.storages[versioned], prefix=f"contract/{secrets.token_hex(6)}")

        def put_object(key: str, body: bytes) -> None:
            self.s3.put_object(Bucket=storage.bucket, Key=f"{storage.prefix}/{key}", Body=body)

        def delete_object(key: str) -> None:
            self.s3.delete_object(Bucket=storage.bucket, Key=f"{storage.prefix}/{key}")

        artifacts = S3Artifacts(self.s3, storage)
        signed = SignedArtifacts(storage, Signer("s3", storage.region, lambda: self.credentials))
        return ObjectStand(
            S3PackageStore(self.s3, storage),
            S3IndexStore(self.s3, storage),
            S3IndexStore(self.s3, storage),
            S3IndexStore(self.s3, storage, large=LEAST),
            artifacts,
            (artifacts, *([signed] if self.serves_http else [])),
            put_object,
            delete_object,
            versioned,
            self.races,
            misses_absence=self.name == "versitygw",
            sees_markers_as_objects=self.name == "versitygw" and versioned,
            is_a_file_system=self.name == "versitygw",
            copies_anything=self.name == "moto",
            joins_anything=self.name == "moto",
        )

    def rows(self) -> RowStand:
        """Return a stand on the table, emptied first: `unpublished` looks at all of it."""
        table = self.storages[True].table
        for page in self.dynamodb.get_paginator("scan").paginate(TableName=table, ConsistentRead=True):
            for item in page["Items"]:
                self.dynamodb.delete_item(TableName=table, Key={"repo": item["repo"], "file": item["file"]})
        catalog, storage = DynamoCatalog(self.dynamodb, table), self.storages[True]
        signed = SignedCatalog(storage, Signer("dynamodb", storage.region, lambda: self.credentials))
        return RowStand(catalog, self.races, (catalog, *([signed] if self.serves_http else [])))


def objects_in_memory(*, versioned: bool) -> ObjectStand:
    """Return a stand on the fakes."""
    world = World(versioned=versioned, large_indexes=True)
    artifacts = FakeArtifacts(world)
    return ObjectStand(
        FakePackageStore(world),
        FakeIndexStore(world),
        FakeIndexStore(world),
        FakeIndexStore(world),
        artifacts,
        (artifacts,),
        world.put_object,
        world.delete_object,
        versioned,
        races=False,
    )


def rows_in_memory() -> RowStand:
    """Return a stand on the fakes."""
    world = World()
    catalog = FakeCatalog(world)
    return RowStand(catalog, races=False, readers=(catalog,))


@contextmanager
def moto_cloud() -> Iterator[Cloud]:
    """Mock AWS inside this process; for one thread only."""
    with mock_aws(), furnished(Storage(region=REGION)) as cloud:
        yield replace(cloud, name="moto", credentials=Credentials("test", "test"), serves_http=False, races=False)


@contextmanager
def emulated_cloud(data: Path) -> Iterator[Cloud]:
    """Start MiniStack with its state in this folder."""
    with Emulator(data) as emulator:
        session = boto3.Session(emulator.key.id, emulator.key.secret, region_name=REGION)
        with furnished(Storage(region=REGION, endpoint=emulator.endpoint), session) as cloud:
            yield replace(cloud, name="ministack", secretsmanager=emulator.client("secretsmanager"))


@contextmanager
def versitygw_cloud(data: Path) -> Iterator[Cloud]:
    """Start versitygw, which is S3 alone, with its objects in this folder."""
    with versitygw_server(data) as endpoint:
        session = boto3.Session(KEY, SECRET, region_name=REGION)
        with furnished(Storage(region=REGION, endpoint=endpoint), session, table=False) as cloud:
            yield replace(cloud, name="versitygw", says_encryption=False)


@contextmanager
def dynamodb_local_cloud(data: Path) -> Iterator[Cloud]:
    """Start DynamoDB Local, which is DynamoDB alone, with its log in this folder."""
    with dynamodb_local_server(data) as endpoint:
        session = boto3.Session(KEY, SECRET, region_name=REGION)
        with furnished(Storage(region=REGION, endpoint=endpoint), session, buckets=False) as cloud:
            yield replace(cloud, name="dynamodb-local")


@contextmanager
def real_cloud() -> Iterator[Cloud]:
    """Use the account of the ambient credentials: two buckets and a table are made, and removed at the end.

    `AWS_ENDPOINT_URL_S3` and `AWS_ENDPOINT_URL_DYNAMODB`, which the SDK knows too, put another one in AWS's place. On
    AWS itself it waits until S3 promises that the buckets' versioning has arrived everywhere.
    """
    session = boto3.Session()
    storage = Storage(region=session.region_name or REGION, endpoint=os.environ.get("AWS_ENDPOINT_URL_S3", ""))
    with furnished(storage, session, os.environ.get("AWS_ENDPOINT_URL_DYNAMODB", "")) as cloud:
        if not storage.endpoint:
            text = (
                f"The versioning of a new bucket takes up to {VERSIONING_SECONDS // 60} minutes to arrive: waiting ..."
            )
            print(text, file=sys.__stderr__, flush=True)
            time.sleep(VERSIONING_SECONDS)
        yield replace(cloud, name="aws", secretsmanager=session.client("secretsmanager"))


@contextmanager
def furnished(
    storage: Storage,
    session: boto3.Session | None = None,
    dynamodb_endpoint: str | None = None,
    *,
    buckets: bool = True,
    table: bool = True,
) -> Iterator[Cloud]:
    """Make the buckets and the table there, or only one of these, and remove them with all they hold.

    DynamoDB is where S3 is, unless it has an endpoint of its own.
    """
    session = session or boto3.Session("test", "test", region_name=storage.region)
    boto3.DEFAULT_SESSION = session
    suffix = secrets.token_hex(6)
    name = f"charthouse-contract-{suffix}"
    storages = {
        versioned: replace(storage, bucket=f"{name}-{kind}", table=name)
        for versioned, kind in [(True, "versioned"), (False, "plain")]
    }
    s3: Any = s3_client(storage)
    endpoint = storage.endpoint if dynamodb_endpoint is None else dynamodb_endpoint
    dynamodb: Any = dynamodb_client(replace(storage, endpoint=endpoint))
    try:
        for versioned, place in storages.items():
            if buckets:
                make_bucket(s3, place, versioned=versioned)
        if table:
            make_table(dynamodb, name)
        _turn_small_pages(s3, dynamodb)
        keys = session.get_credentials()
        assert keys is not None
        yield Cloud("", s3, dynamodb, storages, Credentials(keys.access_key, keys.secret_key, keys.token or ""))
    finally:
        boto3.DEFAULT_SESSION = None
        for place in storages.values():
            if buckets:
                remove_bucket(s3, place.bucket)
        if table:
            dynamodb.delete_table(TableName=name)


def make_table(dynamodb: Any, name: str) -> None:
    """Make a table as the template does."""
    dynamodb.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[
            {"AttributeName": attribute, "AttributeType": "S"} for attribute in ["repo", "file", "chart", "dirty"]
        ],
        KeySchema=_keys("file"),
        LocalSecondaryIndexes=[
            {"IndexName": "by-chart", "KeySchema": _keys("chart"), "Projection": {"ProjectionType": "ALL"}},
            {"IndexName": "by-dirty", "KeySchema": _keys("dirty"), "Projection": {"ProjectionType": "KEYS_ONLY"}},
        ],
    )
    dynamodb.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 60})


def _keys(sort: str) -> list[dict[str, str]]:
    return [{"AttributeName": "repo", "KeyType": "HASH"}, {"AttributeName": sort, "KeyType": "RANGE"}]


def make_bucket(s3: Any, storage: Storage, *, versioned: bool) -> None:
    """Make a bucket as the template does, or one without versions."""
    elsewhere = {"CreateBucketConfiguration": {"LocationConstraint": storage.region}}
    s3.create_bucket(Bucket=storage.bucket, **({} if storage.region == "us-east-1" else elsewhere))
    if versioned:
        s3.put_bucket_versioning(Bucket=storage.bucket, VersioningConfiguration={"Status": "Enabled"})


def remove_bucket(s3: Any, bucket: str) -> None:
    """Remove a bucket with every version that it holds."""
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        for version in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
            s3.delete_object(Bucket=bucket, Key=version["Key"], VersionId=version["VersionId"])
    s3.delete_bucket(Bucket=bucket)


def _turn_small_pages(s3: Any, dynamodb: Any) -> None:
    def at_most_two_keys(params: dict[str, Any], **_: Any) -> None:
        params["MaxKeys"] = SMALL_PAGE

    def at_most_two_items(params: dict[str, Any], **_: Any) -> None:
        params["Limit"] = SMALL_PAGE

    s3.meta.events.register("provide-client-params.s3.ListObjectsV2", at_most_two_keys)
    dynamodb.meta.events.register("provide-client-params.dynamodb.Query", at_most_two_items)
    dynamodb.meta.events.register("provide-client-params.dynamodb.Scan", at_most_two_items)
