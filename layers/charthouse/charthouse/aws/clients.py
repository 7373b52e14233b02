"""boto3 clients with the timeouts, retries and addressing that the functions need."""

from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from charthouse.settings import Storage

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client

CONNECT_SECONDS = 2
READ_SECONDS = 5
TRIES = 3
"""Three tries of 5 s and their pauses stay below the 25 s of an API function, so that its 503 is ours to word."""


def s3_client(storage: Storage) -> "S3Client":
    """Return a client that signs with SigV4 and, on AWS, speaks to `<bucket>.s3.<region>.amazonaws.com`.

    The global host name would answer a new bucket outside us-east-1 with a redirect that breaks presigned URLs; an
    emulator has no name per bucket, so it gets the path style.
    """
    style = "path" if storage.endpoint else "virtual"
    addressing: Any = {"addressing_style": style, "us_east_1_regional_endpoint": "regional"}
    return boto3.client(
        "s3",
        region_name=storage.region or None,
        endpoint_url=storage.endpoint or None,
        config=_config().merge(Config(signature_version="s3v4", s3=addressing)),
    )


def dynamodb_client(storage: Storage) -> "DynamoDBClient":
    """Return a client for the table's region."""
    return boto3.client(
        "dynamodb",
        region_name=storage.region or None,
        endpoint_url=storage.endpoint or None,
        config=_config(),
    )


def _config() -> Config:
    return Config(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        retries={"mode": "standard", "total_max_attempts": TRIES},
        tcp_keepalive=True,
    )
