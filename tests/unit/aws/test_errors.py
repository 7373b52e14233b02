"""The errors of AWS as our own."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    IncompleteReadError,
    ReadTimeoutError,
    ResponseStreamingError,
)
from charthouse.aws.dynamodb import BATCH_TRIES, DynamoCatalog
from charthouse.aws.errors import CONFLICT, FAILED, mapped
from charthouse.aws.s3 import S3IndexStore, S3PackageStore
from charthouse.errors import ConditionFailed, Unavailable, Unreadable
from charthouse.repository.ports import StoredFile
from charthouse.settings import Storage

STORAGE = Storage(bucket="charts", region="us-east-1")


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("SlowDown", 503),
        ("InternalError", 500),
        ("503", 503),
        ("RequestTimeout", 400),
        ("ThrottlingException", 400),
        ("ProvisionedThroughputExceededException", 400),
        ("KMS.ThrottlingException", 400),
        ("OperationAborted", 409),
        ("TooManyRequests", 429),
    ],
)
def test_a_busy_service_is_unavailable(code: str, status: int) -> None:
    with pytest.raises(Unavailable), mapped("a.tgz", FAILED):
        raise said(code, status)


@pytest.mark.parametrize(
    "failure",
    [
        ConnectTimeoutError(endpoint_url="https://s3"),
        ReadTimeoutError(endpoint_url="https://s3"),
        EndpointConnectionError(endpoint_url="https://s3"),
        ResponseStreamingError(error="cut"),
        IncompleteReadError(actual_bytes=1, expected_bytes=2),
    ],
    ids=lambda failure: type(failure).__name__,
)
def test_a_service_that_does_not_answer_is_unavailable(failure: Exception) -> None:
    with pytest.raises(Unavailable), mapped("a.tgz"):
        raise failure


@pytest.mark.parametrize("code", sorted(FAILED))
def test_a_failed_condition_is_an_error_of_ours_where_one_was_set(code: str) -> None:
    with pytest.raises(ConditionFailed), mapped("a.tgz", FAILED):
        raise said(code, 412)
    with pytest.raises(ClientError), mapped("a.tgz"):
        raise said(code, 412)


@pytest.mark.parametrize(
    ("code", "status"), [("AccessDenied", 403), ("403", 403), ("NoSuchBucket", 404), ("ValidationException", 400)]
)
def test_a_missing_right_or_a_wrong_request_propagates(code: str, status: int) -> None:
    with pytest.raises(ClientError), mapped("a.tgz", FAILED):
        raise said(code, status)


def test_a_missing_right_to_look_is_not_an_absence() -> None:
    packages = S3PackageStore(Scripted([said("403", 403)]).client, STORAGE)

    with pytest.raises(ClientError):
        packages.head("", "a.tgz")


@pytest.mark.parametrize("code", ["AccessDenied", "InvalidObjectState", "KMS.DisabledException"])
def test_an_object_that_head_shows_and_get_refuses_is_unreadable(code: str) -> None:
    """Encrypted with a key of others, or archived: a problem of that object, not of the function."""
    seen = StoredFile("", "a.tgz", "etag", 7, datetime(2026, 11, 20, tzinfo=UTC))

    with pytest.raises(Unreadable, match=code):
        S3PackageStore(Scripted([said(code, 403)]).client, STORAGE).read(seen)


def test_a_conflict_is_tried_again_until_it_is_decided() -> None:
    """Only a DELETE at the same moment makes S3 answer 409, so no stand-in shows it."""
    s3 = Scripted([said(CONFLICT, 409), said(CONFLICT, 409), {}])
    pauses: list[float] = []

    S3PackageStore(s3.client, STORAGE, pauses.append).create("", "a.tgz", b"package", "upload-1")

    assert s3.calls == ["put_object"] * 3
    assert pauses == [0.1, 0.2]


def test_a_conflict_that_stays_never_means_that_an_object_exists() -> None:
    s3 = Scripted([said(CONFLICT, 409)] * 4)

    with pytest.raises(Unavailable):
        S3PackageStore(s3.client, STORAGE, unhurried).create("", "a.tgz", b"package", "upload-1")


def test_a_conflict_that_stays_fails_the_condition_of_a_delete() -> None:
    seen = StoredFile("", "a.tgz", "etag", 7, datetime(2026, 11, 20, tzinfo=UTC))

    with pytest.raises(ConditionFailed):
        S3PackageStore(Scripted([said(CONFLICT, 409)] * 4).client, STORAGE, unhurried).delete(seen)


def test_a_conflict_on_the_index_fails_the_condition_at_once() -> None:
    s3 = Scripted([said(CONFLICT, 409)])

    with pytest.raises(ConditionFailed):
        S3IndexStore(s3.client, STORAGE).write("team", b"index", "etag")


def test_rows_left_out_of_a_batch_are_requested_again() -> None:
    left_out = {"charts": {"Keys": [{"repo": {"S": "/team"}, "file": {"S": "b.tgz"}}], "ConsistentRead": True}}
    dynamodb = Scripted(
        [
            {"Items": [{"file": {"S": "a.tgz"}}, {"file": {"S": "b.tgz"}}]},
            {"Responses": {"charts": [an_item("a.tgz")]}, "UnprocessedKeys": left_out},
            {"Responses": {"charts": [an_item("b.tgz")]}, "UnprocessedKeys": {}},
        ]
    )
    pauses: list[float] = []

    dirty = DynamoCatalog(dynamodb.client, "charts", pauses.append).dirty("team")

    assert [row.file for row in dirty] == ["a.tgz", "b.tgz"]
    assert dynamodb.requests[-1]["RequestItems"] == left_out
    assert pauses == [0.05]


def test_rows_left_out_for_good_are_unavailable_rather_than_missing() -> None:
    left_out: Any = {"charts": {"Keys": []}}
    dynamodb = Scripted(
        [
            {"Items": [{"file": {"S": "a.tgz"}}]},
            *[{"Responses": {"charts": []}, "UnprocessedKeys": left_out}] * BATCH_TRIES,
        ]
    )

    with pytest.raises(Unavailable):
        DynamoCatalog(dynamodb.client, "charts", unhurried).dirty("team")


def test_a_row_on_two_pages_is_read_once() -> None:
    """Cleaned and dirtied again between the pages, it has a new place in the index; AWS refuses duplicates."""
    dynamodb = Scripted(
        [
            {"Items": [{"file": {"S": "a.tgz"}}], "LastEvaluatedKey": {"file": {"S": "a.tgz"}}},
            {"Items": [{"file": {"S": "a.tgz"}}]},
            {"Responses": {"charts": [an_item("a.tgz")]}},
        ]
    )

    dirty = DynamoCatalog(dynamodb.client, "charts", unhurried).dirty("team")

    assert [row.file for row in dirty] == ["a.tgz"]
    assert len(dynamodb.requests[-1]["RequestItems"]["charts"]["Keys"]) == 1


def test_a_row_cleaned_between_key_and_item_is_left_out() -> None:
    clean = {name: value for name, value in an_item("a.tgz").items() if name != "dirty"}
    dynamodb = Scripted([{"Items": [{"file": {"S": "a.tgz"}}]}, {"Responses": {"charts": [clean]}}])

    assert DynamoCatalog(dynamodb.client, "charts", unhurried).dirty("team") == []


@dataclass(slots=True)
class Scripted:
    """A client that answers every call with the next of its answers, or raises it."""

    answers: list[Any]
    calls: list[str] = field(default_factory=list)
    requests: list[dict[str, Any]] = field(default_factory=list)

    @property
    def client(self) -> Any:
        """Pass for a client of any service."""
        return self

    def get_paginator(self, name: str) -> Any:
        """Return a paginator that reads answers until one names no next page."""

        class Pages:
            @staticmethod
            def paginate(**request: Any) -> Any:
                more = True
                while more:
                    page = getattr(self, name)(**request)
                    yield page
                    more = "LastEvaluatedKey" in page

        return Pages

    def __getattr__(self, name: str) -> Any:
        """Answer to the name of any operation."""

        def call(**request: Any) -> Any:
            self.calls.append(name)
            self.requests.append(request)
            answer = self.answers.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer

        return call


def said(code: str, status: int) -> ClientError:
    metadata: Any = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(metadata, "Operation")


def an_item(file: str) -> dict[str, dict[str, str]]:
    return {
        "repo": {"S": "/team"},
        "file": {"S": file},
        "rev": {"N": "1"},
        "dirty": {"S": "2026-11-20T15:49:01Z"},
    }


def unhurried(_seconds: float) -> None:
    """Not wait."""
