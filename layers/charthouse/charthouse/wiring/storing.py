"""What the functions with the SDK are made of."""

import secrets
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from aws_lambda_powertools import Logger

from charthouse.aws.answers import S3Answers
from charthouse.aws.bucket import S3Bucket
from charthouse.aws.clients import dynamodb_client, s3_client
from charthouse.aws.indexes import S3IndexStore
from charthouse.aws.journal import PowertoolsJournal
from charthouse.aws.markers import DynamoMarkers
from charthouse.aws.table import DynamoTable
from charthouse.repository.store import Store
from charthouse.settings import Settings

THREADS = 4
"""Files settled at once: each waits for S3 and DynamoDB most of the time, and may hold a package of 100 MiB."""


def store(settings: Settings) -> Store:
    """Return the repository's ports on AWS."""
    s3, dynamodb = s3_client(settings.storage), dynamodb_client(settings.storage)
    return Store(
        bucket=S3Bucket(s3, settings.storage),
        indexes=S3IndexStore(s3, settings.storage),
        table=DynamoTable(dynamodb, settings.storage.table),
        markers=DynamoMarkers(dynamodb, settings.storage.table),
        clock=SystemClock(),
        journal=PowertoolsJournal(Logger(level=settings.site.log_level, location=None)),
        layout=settings.layout,
        each=_in_threads,
    )


def answers(settings: Settings) -> S3Answers:
    """Return where answers too large for a Lambda go."""
    return S3Answers(s3_client(settings.storage), settings.storage)


@dataclass(frozen=True, slots=True)
class SystemClock:
    """Keeps `ports.Clock` with the system's time and randomness."""

    def now(self) -> float:
        """Return seconds since the epoch."""
        return time.time()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)

    def token(self) -> str:
        """Return 32 random hex digits."""
        return secrets.token_hex(16)


def _in_threads(step: Callable[[str], object], names: Iterable[str]) -> None:
    todo = list(names)
    if len(todo) == 1:
        step(todo[0])
        return
    with ThreadPoolExecutor(THREADS) as threads:
        for _ in threads.map(step, todo):
            pass
