"""The index of a chart, read without the SDK."""

import pytest
from charthouse.aws.http import Answer, UnexpectedAnswer
from charthouse.aws.presign import Signer
from charthouse.aws.registry import SignedIndexes
from charthouse.helm.index import Entry, Envelope, Index
from charthouse.registry.ports import Place
from charthouse.settings import Credentials, Layout, Storage

STORAGE = Storage("bucket", "table", "eu-central-1")
SIGNER = Signer("s3", "eu-central-1", lambda: Credentials("AKIDEXAMPLE", "secret"))
PLACE = Place("org1", "web")
INDEX = Index.fold(Envelope(), [Entry("web", "1.0.0", '{"name":"web","version":"1.0.0"}')])


def indexes(answer: Answer, asked: list[str] | None = None, layout: Layout | None = None) -> SignedIndexes:
    def send(method: str, url: str, *_: object) -> Answer:
        if asked is not None:
            asked.append(f"{method} {url}")
        return answer

    return SignedIndexes(STORAGE, layout or Layout(), SIGNER, send)


def test_the_index_of_a_chart_is_read_where_it_is_published() -> None:
    asked: list[str] = []

    found = indexes(Answer(200, INDEX.data), asked).of_chart(PLACE)

    assert found is not None
    assert list(found.versions("web")) == ["1.0.0"]
    assert asked == ["GET https://bucket.s3.eu-central-1.amazonaws.com/.charthouse/views/org1/-/web"]


@pytest.mark.parametrize(
    ("status", "body"), [(404, b""), (200, INDEX.data[:-1]), (200, b"of others")], ids=["missing", "cut off", "foreign"]
)
def test_what_is_no_index_of_ours_is_none(status: int, body: bytes) -> None:
    assert indexes(Answer(status, body)).of_chart(PLACE) is None


def test_an_index_with_other_urls_is_none() -> None:
    layout = Layout(chart_url="https://charts.example.com")

    assert indexes(Answer(200, INDEX.data), layout=layout).of_chart(PLACE) is None


def test_a_missing_right_is_an_error() -> None:
    with pytest.raises(UnexpectedAnswer, match="the index of org1/web was answered with 403"):
        indexes(Answer(403, b"")).of_chart(PLACE)
