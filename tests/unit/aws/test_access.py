"""The access policy and the issued tokens, by signed requests."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from charthouse.access.policies import Document
from charthouse.aws.access import DynamoTokens, S3Policy
from charthouse.aws.http import Answer, UnexpectedAnswer
from charthouse.aws.presign import Signer
from charthouse.errors import InvalidPolicy, Unavailable
from charthouse.settings import Credentials, Storage

STORAGE = Storage("charts", "table", "eu-central-1", prefix="helm")
DIGEST = "0" * 64


class Service:
    """Answers every request in the same way and keeps what was asked."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.asked: list[tuple[str, str, Mapping[str, str], bytes]] = []

    def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        self.asked.append((method, url, headers, body))
        return self.answer

    def policy(self) -> S3Policy:
        return S3Policy(STORAGE, a_signer("s3"), self.send)

    def tokens(self) -> DynamoTokens:
        return DynamoTokens(STORAGE, a_signer("dynamodb"), self.send)


def a_signer(service: str) -> Signer:
    return Signer(service, "eu-central-1", lambda: Credentials("AKID", "secret", "session"), lambda: 1_800_000_000.0)


def test_the_document_is_read_below_the_prefix_by_a_signed_get() -> None:
    service = Service(Answer(200, b"{}", {"etag": '"one"'}))

    assert service.policy().read("") == Document('"one"', b"{}")

    ((method, url, headers, _),) = service.asked
    assert (method, url) == ("GET", "https://charts.s3.eu-central-1.amazonaws.com/helm/.charthouse/access.json")
    assert "If-None-Match" not in headers
    assert headers["Authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKID/")


def test_an_unchanged_document_is_not_sent_again() -> None:
    service = Service(Answer(304, b""))

    assert service.policy().read('"one"') is None

    headers = service.asked[0][2]
    assert headers["If-None-Match"] == '"one"'
    assert "if-none-match" in headers["Authorization"]


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (Answer(404, b"<Error><Code>NoSuchKey</Code></Error>"), "there is no .charthouse/access.json"),
        (
            Answer(403, b"<Error><Code>AccessDenied</Code><Message>x</Message></Error>"),
            r"^S3 answered 403 AccessDenied$",
        ),
        (Answer(301, b""), "^S3 answered 301$"),
        (Answer(304, b""), "^S3 answered 304$"),
    ],
)
def test_a_document_that_cannot_be_read_is_said_without_what_s3_wrote(answer: Answer, says: str) -> None:
    with pytest.raises(InvalidPolicy, match=says):
        Service(answer).policy().read("")


def test_a_token_is_stored_under_its_digest_with_its_expiry() -> None:
    service = Service(Answer(200, b"{}"))

    service.tokens().put(DIGEST, "record", 1_800_000_300)

    ((method, url, headers, body),) = service.asked
    assert (method, url) == ("POST", "https://dynamodb.eu-central-1.amazonaws.com/")
    assert headers["X-Amz-Target"] == "DynamoDB_20120810.PutItem"
    assert json.loads(body) == {
        "TableName": "table",
        "Item": {
            "repo": {"S": f"#token/{DIGEST}"},
            "file": {"S": "token"},
            "record": {"S": "record"},
            "expires": {"N": "1800000300"},
        },
    }


def test_a_token_is_read_so_that_every_process_sees_it_at_once() -> None:
    service = Service(Answer(200, b'{"Item": {"record": {"S": "record"}}}'))

    assert service.tokens().get(DIGEST) == "record"
    assert Service(Answer(200, b"{}")).tokens().get(DIGEST) is None

    asked: dict[str, Any] = json.loads(service.asked[0][3])
    assert asked["ConsistentRead"] is True
    assert asked["Key"] == {"repo": {"S": f"#token/{DIGEST}"}, "file": {"S": "token"}}


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Answer(400, b'{"__type":"com.amazonaws.dynamodb.v20120810#ThrottlingException"}'), Unavailable),
        (Answer(400, b'{"__type":"ProvisionedThroughputExceededException"}'), Unavailable),
        (Answer(400, b'{"__type":"AccessDeniedException"}'), UnexpectedAnswer),
    ],
    ids=str,
)
def test_a_table_that_is_busy_is_asked_again_later_and_a_missing_right_is_a_bug(
    answer: Answer, error: type[Exception]
) -> None:
    with pytest.raises(error):
        Service(answer).tokens().get(DIGEST)
