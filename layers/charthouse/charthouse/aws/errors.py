"""botocore's errors as ours: `ConditionFailed`, `Unavailable`, or unchanged (403, and everything that is a bug)."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus

from botocore.exceptions import ClientError, HTTPClientError, IncompleteReadError
from botocore.exceptions import ConnectionError as NotConnected

from charthouse.errors import ConditionFailed, Superseded, Unavailable

CONFLICT = "ConditionalRequestConflict"
"""S3's 409 when a DELETE finishes during a conditional write: nothing was decided, try again."""

FAILED = frozenset({"PreconditionFailed", "NoSuchKey", CONFLICT, "ConditionalCheckFailedException"})
"""Codes of a conditional write whose condition does not hold, or may not hold any more.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
"""

GONE = frozenset({"PreconditionFailed", "NoSuchKey", "NoSuchVersion"})
"""Codes of a read of one version that is no longer stored."""

CONFLICT_TRIES = 4
CONFLICT_PAUSE = 0.1
"""Seconds before the second try; doubled for each further one."""

_BUSY = frozenset(
    {
        # S3 (https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html)
        "SlowDown",
        "InternalError",
        "ServiceUnavailable",
        "RequestTimeout",
        "OperationAborted",
        # DynamoDB (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html)
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "ThrottlingException",
        "Throttling",
        "InternalServerError",
        "TransactionConflictException",
        "TransactionInProgressException",
        "ReplicatedWriteConflictException",
        # KMS, through S3 (https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html)
        "KMS.ThrottlingException",
    }
)


@contextmanager
def mapped(what: str, failed: frozenset[str] = frozenset()) -> Iterator[None]:
    """Raise `ConditionFailed` for the codes in `failed`, `Unavailable` for throttling, 5xx and failed connections.

    All of these come after botocore's own retries. A write that ends in `Unavailable` may have happened.
    """
    try:
        yield
    except ClientError as error:
        if code(error) in failed:
            raise ConditionFailed(what) from error
        if _busy(error):
            raise Unavailable(f"The storage is busy ({code(error)}), try again later") from error
        raise
    except (NotConnected, HTTPClientError, IncompleteReadError) as error:
        raise Unavailable("The storage does not answer, try again later") from error


@contextmanager
def superseded(what: str) -> Iterator[None]:
    """Raise `Superseded` where an object read or copied in part is no longer the same, else as `mapped`."""
    try:
        # Of an object that is smaller now, S3 may look at the range before the condition.
        with mapped(what, failed=GONE | {"InvalidRange", "InvalidArgument"}):
            yield
    except ConditionFailed as error:
        raise Superseded(what) from error


def code(error: ClientError) -> str:
    """Return AWS's error code; the bare status (`"404"`) where the answer had no body, as for HEAD."""
    return error.response.get("Error", {}).get("Code", "")


def retry_conflict(call: Callable[[], None], sleep: Callable[[float], None]) -> None:
    """Send a conditional write again while S3 answers 409; the last 409 propagates.

    A 409 decides nothing, so the same request is sent again: it is idempotent under its condition.
    """
    for tried in range(1, CONFLICT_TRIES + 1):
        try:
            return call()
        except ClientError as error:
            if code(error) != CONFLICT or tried == CONFLICT_TRIES:
                raise
        sleep(CONFLICT_PAUSE * 2 ** (tried - 1))
    return None


def _busy(error: ClientError) -> bool:
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return code(error) in _BUSY or status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.TOO_MANY_REQUESTS
