"""Reads without the SDK, on everything that answers over HTTP: our signatures are accepted, forged ones are not."""

from http import HTTPStatus
from http.client import HTTPConnection, HTTPResponse, HTTPSConnection
from typing import Any
from urllib.parse import urlsplit

from charthouse.aws.answers import S3Answers
from charthouse.aws.keys import index_key
from charthouse.aws.reading import PresignedStore
from charthouse.aws.secret import Secret
from charthouse.aws.signer import Signer
from charthouse.settings import Storage

from tests.contract.clouds import Cloud
from tests.fakes import FakeClock, FakeJournal, World

KEY = "team/a+b 1.0.0%2B€~.tgz"


def test_an_object_is_fetched_by_its_presigned_url(served: Cloud) -> None:
    """See https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-presigned-url.html."""
    store = a_store(served)
    put(served, KEY, b"package")

    response, body = fetch("GET", store.url("GET", KEY, 60))

    assert (response.status, body) == (HTTPStatus.OK, b"package")
    assert response.headers["Content-Encoding"] is None


def test_an_object_is_asked_after_by_its_presigned_url(served: Cloud) -> None:
    """The method is part of what is signed."""
    store = a_store(served)
    put(served, KEY, b"package")

    assert fetch("HEAD", store.url("HEAD", KEY, 60))[0].status == HTTPStatus.OK
    assert fetch("HEAD", store.url("GET", KEY, 60))[0].status == HTTPStatus.FORBIDDEN


def test_a_presigned_url_of_nothing_ends_in_404(served: Cloud) -> None:
    store = a_store(served)

    assert fetch("GET", store.url("GET", "team/none.tgz", 60))[0].status == HTTPStatus.NOT_FOUND


def test_a_presigned_url_for_another_key_is_refused(served: Cloud) -> None:
    store = a_store(served)
    put(served, "team/secret.tgz", b"package")

    url = store.url("GET", "team/public.tgz", 60).replace("public", "secret")

    assert fetch("GET", url)[0].status == HTTPStatus.FORBIDDEN


def test_the_headers_of_an_answer_are_overridden_by_the_url(served: Cloud) -> None:
    """See https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html#API_GetObject_RequestSyntax."""
    store = a_store(served)
    put(served, KEY, b"package")
    disposition = 'attachment; filename="a+b 1.0.0.tgz"'

    response, _ = fetch("GET", store.url("GET", KEY, 60, content_type="text/plain", disposition=disposition))

    assert response.headers["Content-Type"] == "text/plain"
    assert response.headers["Content-Disposition"] == disposition


def test_the_probe_sees_an_index_as_soon_as_it_is_written(served: Cloud) -> None:
    """See https://docs.aws.amazon.com/AmazonS3/latest/userguide/Welcome.html#ConsistencyModel."""
    store = a_store(served)
    key = index_key("probed")

    before = store.exists(key)
    put(served, key, b"index")

    assert (before, store.exists(key)) == (False, True)


def test_a_large_answer_is_offered_by_url(served: Cloud) -> None:
    answers = S3Answers(served.s3, storage(served))

    url = answers.offer("0123456789abcdef.json", b'{"a":1}', "application/json")

    response, body = fetch("GET", url)
    assert (response.status, body) == (HTTPStatus.OK, b'{"a":1}')
    assert response.headers["Content-Type"] == "application/json"


def test_the_password_is_read_from_its_secret(keeping_secrets: Cloud) -> None:
    """See https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html."""
    name = "charthouse-contract-" + keeping_secrets.storages[True].table[-12:]
    arn = keeping_secrets.secretsmanager.create_secret(Name=name, SecretString="pässword\n")["ARN"]
    signer = Signer("secretsmanager", keeping_secrets.storages[True].region, lambda: keeping_secrets.credentials)
    try:
        secret = Secret(arn, storage(keeping_secrets), signer, FakeJournal(), FakeClock(World()).now)

        assert secret.text() == "pässword\n"
    finally:
        keeping_secrets.secretsmanager.delete_secret(SecretId=arn, ForceDeleteWithoutRecovery=True)


def a_store(served: Cloud) -> PresignedStore:
    return PresignedStore(storage(served), Signer("s3", served.storages[True].region, lambda: served.credentials))


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
