"""boto3 clients with the timeouts, retries and addressing that the functions need."""

import logging
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from charthouse.settings import Storage

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_s3 import S3Client

CONNECT_SECONDS = 2
READ_SECONDS = 5
TRIES = 3
"""Three tries of 5 s and their pauses stay below the 25 s of an API function, so that the 503 is our own."""

# With ApplicationLogLevel DEBUG Lambda's runtime sets the root logger to it, and at that level these write the session
# token and the signature of every request, also those of the URLs that clients get. At INFO they only say where the
# credentials came from.
for _sdk in ("boto3", "botocore", "s3transfer", "urllib3"):
    logging.getLogger(_sdk).setLevel(logging.WARNING)


def s3_client(storage: Storage) -> "S3Client":
    """Return a client that signs with SigV4 and, on AWS, connects to `<bucket>.s3.<region>.amazonaws.com`.

    The global host name would answer a new bucket outside us-east-1 with a redirect that breaks presigned URLs; an
    emulator has no host per bucket, so it gets the path style.
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


def lambda_client(storage: Storage) -> "LambdaClient":
    """Return a client for the functions in the storage's region."""
    return boto3.client(
        "lambda",
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
