"""The access policy in the bucket, and the tokens issued for the OCI routes in the table: both without the SDK."""

import json
import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from charthouse.access.policies import Document
from charthouse.aws.http import Send, UnexpectedAnswer, send
from charthouse.aws.keys import POLICY
from charthouse.aws.presign import Signer, object_url, service_url
from charthouse.errors import InvalidPolicy, Unavailable
from charthouse.settings import Storage

_BUSY = (b"ThrottlingException", b"ProvisionedThroughputExceededException", b"RequestLimitExceeded")


@dataclass(frozen=True, slots=True)
class S3Policy:
    """The document `.charthouse/access.json`. Functions read it, and none may write it."""

    storage: Storage
    signer: Signer
    """For the service `s3` in the bucket's region."""
    send: Send = send

    def read(self, etag: str) -> Document | None:
        """Return the document, or None if it still has this ETag, by one conditional GET.

        Raises `Unavailable`, and `InvalidPolicy` if there is none or it may not be read.
        """
        url = object_url(self.storage, POLICY)
        headers = {"If-None-Match": etag} if etag else {}
        answer = self.send("GET", url, self.signer.headers("GET", url, headers), b"")
        if answer.status == HTTPStatus.NOT_MODIFIED and etag:
            return None
        if answer.status == HTTPStatus.OK:
            return Document(answer.headers.get("etag", ""), answer.body)
        if answer.status == HTTPStatus.NOT_FOUND:
            raise InvalidPolicy(f"there is no {POLICY} in the bucket")
        code = re.search(rb"<Code>([A-Za-z0-9.]+)</Code>", answer.body)
        raise InvalidPolicy(f"S3 answered {answer.status} {code[1].decode() if code else ''}".rstrip())


@dataclass(frozen=True, slots=True)
class DynamoTokens:
    """Implements `TokenStore`: an item per token, under its digest, removed by the table's time to live."""

    storage: Storage
    signer: Signer
    """For the service `dynamodb` in the table's region."""
    send: Send = send

    def put(self, digest: str, record: str, expires: int) -> None:
        """Store the record of a token."""
        self._call("PutItem", {"Item": {**_key(digest), "record": {"S": record}, "expires": {"N": str(expires)}}})

    def get(self, digest: str) -> str | None:
        """Return the record by a strongly consistent read, or None."""
        item = self._call("GetItem", {"Key": _key(digest), "ConsistentRead": True}).get("Item")
        return None if item is None else str(item["record"]["S"])

    def _call(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        url = service_url(self.storage, "dynamodb")
        body = json.dumps({"TableName": self.storage.table, **request}).encode()
        headers = {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": f"DynamoDB_20120810.{operation}"}
        answer = self.send("POST", url, self.signer.headers("POST", url, headers, body), body)
        if answer.status == HTTPStatus.OK:
            found: dict[str, Any] = json.loads(answer.body)
            return found
        if any(code in answer.body for code in _BUSY):
            raise Unavailable("The table is busy, try again later")
        raise UnexpectedAnswer(f"DynamoDB answered {operation} with {answer.status}: {answer.body[:500]!r}")


def _key(digest: str) -> dict[str, dict[str, str]]:
    # No repository's partition: those begin with a slash. Each token has one of its own.
    return {"repo": {"S": f"#token/{digest}"}, "file": {"S": "token"}}
