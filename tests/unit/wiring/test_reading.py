"""What reads are answered with: URLs, and the index of a repository that has none."""

import json
from urllib.parse import parse_qs, urlsplit

import pytest
from charthouse.errors import Unavailable
from charthouse.helm.index_check import check_index
from charthouse.settings import Layout, Settings, Storage
from charthouse.wiring.reading import Reading, reading

from tests.unit.wiring.conftest import Service


def test_a_url_is_good_for_minutes_and_under_the_storage_prefix() -> None:
    files = reading(Settings(Storage("bucket", region="eu-central-1", prefix="helm")))

    url = urlsplit(files.file_url("GET", "org1/repo1", "mychart-0.1.0.tgz"))

    assert (url.hostname, url.path) == ("bucket.s3.eu-central-1.amazonaws.com", "/helm/org1/repo1/mychart-0.1.0.tgz")
    assert parse_qs(url.query)["X-Amz-Expires"] == ["900"]


@pytest.mark.parametrize("repo", ["", "org1/repo1"])
@pytest.mark.parametrize("layout", [Layout(), Layout("https://charts.example.com", "/base")])
def test_the_empty_index_is_one_the_strictest_client_reads(repo: str, layout: Layout) -> None:
    body = reading(Settings(Storage("bucket", region="eu-central-1"), layout=layout)).empty_index(repo)

    check_index(body)
    assert json.loads(body)["entries"] == {}


def test_the_empty_index_is_always_the_same_bytes() -> None:
    first, second = (reading(Settings(Storage("bucket", region="eu-central-1"))) for _ in range(2))

    assert first.empty_index("") == second.empty_index("")


def test_an_index_that_is_absent_is_looked_for_each_time_and_once_seen_never_again() -> None:
    storage = Looked([False, False, True])
    files = Reading(storage, Layout())  # type: ignore[arg-type]

    urls = [files.index_url("GET", "team") for _ in range(5)]

    assert [url is None for url in urls] == [True, True, False, False, False]
    assert storage.answers == []


def test_an_index_of_one_repository_says_nothing_of_another() -> None:
    files = Reading(Looked([True, False]), Layout())  # type: ignore[arg-type]

    assert files.index_url("GET", "team") is not None
    assert files.index_url("GET", "other") is None


def test_storage_that_fails_is_neither_there_nor_absent(service: Service) -> None:
    service.status = 503
    files = reading(Settings(Storage("bucket", region="eu-central-1", endpoint=service.endpoint)))

    with pytest.raises(Unavailable):
        files.index_url("GET", "")


class Looked:
    """Storage that says whether an index is there, one answer after the other."""

    def __init__(self, answers: list[bool]) -> None:
        self.answers = answers

    def exists(self, _key: str) -> bool:
        return self.answers.pop(0)

    def url(self, method: str, key: str, expires: int) -> str:
        return f"{method} {key} {expires}"
