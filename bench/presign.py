"""One presigned URL, ours against the SDK's."""

from collections.abc import Callable, Iterator

import boto3
from botocore.config import Config
from charthouse.aws.presign import PresignedFiles, Signer
from charthouse.settings import Credentials, Storage

from bench.figures import Figure, milliseconds

TIMES = 500
REPO, FILE = "org", "mychart-0.1.0.tgz"


def figures() -> Iterator[Figure]:
    """Measure warm clients."""
    ours = PresignedFiles(
        Storage(bucket="charts", region="us-east-1"), Signer("s3", "us-east-1", lambda: Credentials("key", "secret"))
    )
    sdk = boto3.client(
        "s3",
        region_name="us-east-1",
        aws_access_key_id="key",
        aws_secret_access_key="secret",  # noqa: S106  an example
        config=Config(signature_version="s3v4"),
    )
    wanted = {"Bucket": "charts", "Key": f"{REPO}/{FILE}"}
    yield Figure(
        "one presigned URL",
        _microseconds(lambda: ours.file_url("GET", REPO, FILE)),
        "botocore",
        _microseconds(lambda: sdk.generate_presigned_url("get_object", Params=wanted, ExpiresIn=900)),
        "µs",
    )


def _microseconds(action: Callable[[], object]) -> float:
    def many() -> None:
        for _ in range(TIMES):
            action()

    return milliseconds(many) * 1000 / TIMES
