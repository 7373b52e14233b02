"""Whether an index is there, as one signed HEAD tells."""

from collections.abc import Mapping

import pytest
from charthouse.aws.reading import PresignedStore
from charthouse.aws.signer import Signer
from charthouse.aws.wire import Answer, UnexpectedAnswer
from charthouse.settings import Credentials, Storage

SIGNER = Signer("s3", "eu-central-1", lambda: Credentials("AKIDEXAMPLE", "secret", "token"), lambda: 1_795_000_000)
STORAGE = Storage(bucket="charts-0a1b", region="eu-central-1", prefix="helm")


@pytest.mark.parametrize(("status", "there"), [(200, True), (404, False)])
def test_the_status_tells_whether_a_key_is_there(status: int, *, there: bool) -> None:
    asked: list[tuple[str, str]] = []

    def answer(method: str, url: str, headers: Mapping[str, str], _body: bytes) -> Answer:
        assert headers["Authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/")
        asked.append((method, url))
        return Answer(status, b"")

    assert PresignedStore(STORAGE, SIGNER, answer).exists(".charthouse/index/index.yaml") is there
    assert asked == [("HEAD", "https://charts-0a1b.s3.eu-central-1.amazonaws.com/helm/.charthouse/index/index.yaml")]


@pytest.mark.parametrize("status", [301, 307, 400, 403])
def test_a_refusal_is_neither_there_nor_absent(status: int) -> None:
    store = PresignedStore(STORAGE, SIGNER, lambda *_: Answer(status, b""))

    with pytest.raises(UnexpectedAnswer, match=str(status)):
        store.exists(".charthouse/index/index.yaml")
