"""What the function that answers pulls reads of S3 and DynamoDB, by signed requests without the SDK."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Any

from charthouse.aws.http import Answer, Send, UnexpectedAnswer, send
from charthouse.aws.keys import artifact_path, file_path, stored_key, view_path
from charthouse.aws.presign import FILE_SECONDS, Signer, object_url, service_url
from charthouse.aws.rows import BY_CHART, Item, digest_key, item_key, partition, row_of
from charthouse.helm.index import Index
from charthouse.registry.ports import BINARY, Artifact, Listed, Place
from charthouse.repository.ports import Row
from charthouse.repository.repository import envelope_of
from charthouse.settings import Layout, Storage

NOTE = "charthouse-"
"""Before the name of a note in an object's metadata."""

PAGE = 1000
"""Objects of one listing: S3's own bound."""

MAX_INDEX = 64 * 1024 * 1024
"""Bytes of a chart's index that are read, some 90,000 versions: two copies of it are a quarter of the memory."""

send_index: Send = partial(send, limit=MAX_INDEX)
"""As `send`, for an answer of that size."""

_CONTENTS = re.compile(rb"<Contents>(.*?)</Contents>", re.DOTALL)
_FIELD = re.compile(rb"<(Key|LastModified|Size)>(.*?)</\1>", re.DOTALL)
_ENTITIES = {"&lt;": "<", "&gt;": ">", "&quot;": '"', "&apos;": "'", "&#39;": "'", "&amp;": "&"}


@dataclass(frozen=True, slots=True)
class SignedArtifacts:
    """Implements `ArtifactReader`, and makes the URLs by which clients fetch blobs themselves."""

    storage: Storage
    signer: Signer
    """For the service `s3` in the bucket's region."""
    send: Send = send

    def read(self, place: Place, name: str) -> Artifact | None:
        """Return the object, or None."""
        answer = self._ask("GET", place, name)
        if answer is None:
            return None
        headers = answer.headers
        start = f"x-amz-meta-{NOTE}"
        return Artifact(
            answer.body,
            headers.get("content-type", BINARY),
            headers.get("etag", "").strip('"'),
            _http_time(headers.get("last-modified", "")),
            {key.removeprefix(start): value for key, value in headers.items() if key.startswith(start)},
        )

    def look(self, place: Place, name: str) -> Listed | None:
        """Return size and time of the object, or None."""
        answer = self._ask("HEAD", place, name)
        if answer is None:
            return None
        headers = answer.headers
        return Listed(name, int(headers["content-length"]), _http_time(headers.get("last-modified", "")))

    def names(self, place: Place, prefix: str, after: str = "", limit: int | None = None) -> Iterator[Listed]:
        """Yield the objects whose names begin with the prefix, bytewise, after a name, at most `limit`."""
        start = stored_key(self.storage, artifact_path(place.name, ""))
        left = limit
        while left is None or left > 0:
            count = PAGE if left is None else min(PAGE, left)
            query = {"list-type": "2", "prefix": f"{start}{prefix}", "max-keys": str(count)}
            if after:
                query["start-after"] = f"{start}{after}"
            bucket = object_url(self.storage, "").removesuffix(stored_key(self.storage, ""))
            answer = self.send("GET", self.signer.presigned("GET", bucket, 60, query), {}, b"")
            if answer.status != HTTPStatus.OK:
                raise UnexpectedAnswer(f"the listing of {place.name} was answered with {answer.status}")
            page = [_listed(found, start) for found in _CONTENTS.findall(answer.body)]
            yield from page
            if b"<IsTruncated>true</IsTruncated>" not in answer.body or not page:
                return
            after = page[-1].name
            left = None if left is None else left - len(page)

    def url(self, place: Place, name: str) -> str:
        """Return the URL of an object, valid for `FILE_SECONDS`."""
        return self.signer.presigned("GET", object_url(self.storage, artifact_path(place.name, name)), FILE_SECONDS)

    def file_url(self, repo: str, file: str, version_id: str | None) -> str:
        """Return the URL of a file of a chart repository: of exactly this version, where versions are kept."""
        query = {"versionId": version_id} if version_id else {}
        return self.signer.presigned("GET", object_url(self.storage, file_path(repo, file)), FILE_SECONDS, query)

    def _ask(self, method: str, place: Place, name: str) -> Answer | None:
        url = object_url(self.storage, artifact_path(place.name, name))
        answer = self.send(method, url, self.signer.headers(method, url, {}), b"")
        return _found(answer, f"{method} {name} of {place.name}")


@dataclass(frozen=True, slots=True)
class SignedIndexes:
    """Reads the published index of a chart."""

    storage: Storage
    layout: Layout
    signer: Signer
    """For the service `s3` in the bucket's region."""
    send: Send = send_index

    def of_chart(self, place: Place) -> Index | None:
        """Return the index of a place's chart; None if there is none of our format, or not within `MAX_INDEX`."""
        url = object_url(self.storage, view_path(place.repo, place.chart))
        answer = self.send("GET", url, self.signer.headers("GET", url, {}), b"")
        found = _found(answer, f"the index of {place.name}")
        # One that was cut off is of no format.
        return None if found is None else Index.read(found.body, envelope_of(self.layout, place.repo))


@dataclass(frozen=True, slots=True)
class SignedCatalog:
    """Implements `CatalogReader`."""

    storage: Storage
    signer: Signer
    """For the service `dynamodb`."""
    send: Send = send

    def get(self, repo: str, file: str) -> Row | None:
        """Return the row, or None."""
        item = self._get(item_key(repo, file))
        return None if item is None else row_of(item)

    def chart(self, repo: str, name: str, limit: int | None = None) -> list[Row]:
        """Return the rows of this chart, all or so many of them, with their versions only."""
        request: dict[str, Any] = {
            "IndexName": BY_CHART,
            "KeyConditionExpression": "#repo = :repo AND #chart = :chart",
            "ProjectionExpression": "#repo, #file, rev, #chart, version",
            "ExpressionAttributeNames": {"#repo": "repo", "#file": "file", "#chart": "chart"},
            "ExpressionAttributeValues": {":repo": {"S": partition(repo)}, ":chart": {"S": name}},
            **({} if limit is None else {"Limit": limit}),
        }
        rows: list[Row] = []
        while True:
            page = self._call("Query", request)
            rows += map(row_of, page["Items"])
            if not page.get("LastEvaluatedKey") or (limit is not None and len(rows) >= limit):
                return rows[:limit]
            request["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def find_digest(self, repo: str, chart: str, digest: str) -> str | None:
        """Return the file that was recorded for this digest, or None."""
        item = self._get(digest_key(repo, chart, digest))
        return None if item is None else item["target"]["S"]

    def _get(self, key: Mapping[str, Any]) -> Item | None:
        return self._call("GetItem", {"Key": key}).get("Item")

    def _call(self, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        url = service_url(self.storage, "dynamodb")
        body = json.dumps({"TableName": self.storage.table, "ConsistentRead": True, **request}).encode()
        target = {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": f"DynamoDB_20120810.{operation}"}
        answer = self.send("POST", url, self.signer.headers("POST", url, target, body), body)
        if answer.status != HTTPStatus.OK:
            raise UnexpectedAnswer(f"{operation} was answered with {answer.status}: {answer.body[:200]!r}")
        result: dict[str, Any] = json.loads(answer.body)
        return result


def _found(answer: Answer, what: str) -> Answer | None:
    """Return the answer of S3, or None for 404."""
    if answer.status == HTTPStatus.NOT_FOUND:
        return None
    if answer.status != HTTPStatus.OK:
        # 403: without `s3:ListBucket` S3 answers so for a missing key, and guessing would hide the missing right.
        raise UnexpectedAnswer(f"{what} was answered with {answer.status}")
    return answer


def _listed(contents: bytes, start: str) -> Listed:
    fields = {name.decode(): value.decode() for name, value in _FIELD.findall(contents)}
    key = fields["Key"]
    for entity, character in _ENTITIES.items():
        key = key.replace(entity, character)
    return Listed(key.removeprefix(start), int(fields["Size"]), _iso_time(fields["LastModified"]))


def _iso_time(text: str) -> float:
    from datetime import datetime  # noqa: PLC0415  only listings need it

    return float(int(datetime.fromisoformat(text).timestamp()))


def _http_time(text: str) -> float:
    from email.utils import parsedate_to_datetime  # noqa: PLC0415  loaded by the request already

    return parsedate_to_datetime(text).timestamp() if text else 0.0
