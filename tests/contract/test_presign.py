"""Reads without the SDK, on everything that answers over HTTP: our signatures are accepted, forged ones are not.

If it differs: aws/presign.py signs, and is held to botocore's signer by tests/unit/aws/test_presign.py: compare there.
"""

from datetime import UTC, datetime
from http import HTTPStatus
from http.client import HTTPConnection, HTTPResponse, HTTPSConnection
from typing import Any
from urllib.parse import urlsplit

from charthouse.aws.keys import index_path
from charthouse.aws.presign import PresignedFiles, Signer, object_url
from charthouse.aws.s3 import S3Answers
from charthouse.aws.secrets import Secret
from charthouse.settings import Storage

from tests.contract.clouds import Cloud
from tests.fakes import FakeClock, FakeEvents, World

FILE = "a+b 1.0.0%2B€~.tgz"


def test_an_object_is_fetched_by_its_presigned_url(served: Cloud) -> None:
    """See https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-presigned-url.html."""
    files = presigned(served)
    put(served, f"team/{FILE}", b"package")

    response, body = fetch("GET", files.file_url("GET", "team", FILE))

    assert (response.status, body) == (HTTPStatus.OK, b"package")
    assert response.headers["Content-Encoding"] is None


def test_an_object_is_looked_for_by_its_presigned_url(served: Cloud) -> None:
    """The method is part of what is signed."""
    files = presigned(served)
    put(served, f"team/{FILE}", b"package")

    assert fetch("HEAD", files.file_url("HEAD", "team", FILE))[0].status == HTTPStatus.OK
    assert fetch("HEAD", files.file_url("GET", "team", FILE))[0].status == HTTPStatus.FORBIDDEN


def test_a_presigned_url_of_nothing_ends_in_404(served: Cloud) -> None:
    files = presigned(served)

    assert fetch("GET", files.file_url("GET", "team", "none.tgz"))[0].status == HTTPStatus.NOT_FOUND


def test_a_presigned_url_for_another_key_is_refused(served: Cloud) -> None:
    files = presigned(served)
    put(served, "team/secret.tgz", b"package")

    url = files.file_url("GET", "team", "public.tgz").replace("public", "secret")

    assert fetch("GET", url)[0].status == HTTPStatus.FORBIDDEN


def test_the_headers_of_an_answer_are_overridden_by_the_url(served: Cloud) -> None:
    """See https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html#API_GetObject_RequestSyntax."""
    put(served, f"team/{FILE}", b"package")
    overrides = {
        "response-content-type": "text/plain",
        "response-content-disposition": 'attachment; filename="a+b 1.0.0.tgz"',
    }

    url = object_url(storage(served), f"team/{FILE}")
    response, _ = fetch("GET", presigned(served).signer.presigned("GET", url, 60, overrides))

    assert response.headers["Content-Type"] == "text/plain"
    assert response.headers["Content-Disposition"] == overrides["response-content-disposition"]


def test_an_index_is_seen_as_soon_as_it_is_written(served: Cloud) -> None:
    """See https://docs.aws.amazon.com/AmazonS3/latest/userguide/Welcome.html#ConsistencyModel."""
    files = presigned(served)

    before = files.index_url("GET", "probed")
    put(served, index_path("probed"), b"index")
    url = files.index_url("GET", "probed")

    assert before is None
    assert url is not None
    assert fetch("GET", url)[1] == b"index"


def test_a_large_answer_is_offered_by_url(served: Cloud) -> None:
    answers = S3Answers(served.s3, storage(served))

    url = answers.offer("0123456789abcdef.json", b'{"a":1}', "application/json")

    response, body = fetch("GET", url)
    assert (response.status, body) == (HTTPStatus.OK, b'{"a":1}')
    assert response.headers["Content-Type"] == "application/json"


def test_a_large_answer_is_stored_once_a_day_however_often_it_is_requested(served: Cloud) -> None:
    """`If-None-Match: *`, after a HEAD: what is stored is not sent again."""
    days = iter([datetime(2026, 11, 28, 23, 59, tzinfo=UTC), datetime(2026, 11, 28, tzinfo=UTC)] * 3)
    answers = S3Answers(served.s3, storage(served), lambda: next(days))
    before = versions(served)

    urls = [answers.offer("c0ffee", b"[1]", "application/json") for _ in range(5)]

    assert versions(served) == before + 1
    assert [fetch("GET", url)[1] for url in urls] == [b"[1]"] * 5

    tomorrow = S3Answers(served.s3, storage(served), lambda: datetime(2026, 11, 29, tzinfo=UTC))
    tomorrow.offer("c0ffee", b"[1]", "application/json")
    assert versions(served) == before + 2


def test_the_password_is_read_from_its_secret(keeping_secrets: Cloud) -> None:
    """See https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html."""
    name = "charthouse-contract-" + keeping_secrets.storages[True].table[-12:]
    arn = keeping_secrets.secretsmanager.create_secret(Name=name, SecretString="pässword\n")["ARN"]
    signer = Signer("secretsmanager", keeping_secrets.storages[True].region, lambda: keeping_secrets.credentials)
    try:
        secret = Secret(arn, storage(keeping_secrets), signer, FakeEvents(), FakeClock(World()).now)

        assert secret.text() == "pässword\n"
    finally:
        keeping_secrets.secretsmanager.delete_secret(SecretId=arn, ForceDeleteWithoutRecovery=True)


def presigned(served: Cloud) -> PresignedFiles:
    return PresignedFiles(storage(served), Signer("s3", served.storages[True].region, lambda: served.credentials))


def versions(served: Cloud) -> int:
    pages = served.s3.get_paginator("list_object_versions").paginate(Bucket=storage(served).bucket)
    return sum(len(page.get("Versions", [])) for page in pages)


def storage(served: Cloud) -> Storage:
    return served.storages[True]


def put(served: Cloud, key: str, body: bytes) -> None:
    served.s3.put_object(Bucket=served.storages[True].bucket, Key=key, Body=body)


def fetch(method: str, url: str) -> tuple[HTTPResponse, bytes]:
    parts = urlsplit(url)
    kind: Any = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    connection = kind(parts.netloc, timeout=10)
    try:
        connection.request(method, f"{parts.path}?{parts.query}")
        response = connection.getresponse()
        return response, response.read()
    finally:
        connection.close()
