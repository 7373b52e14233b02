"""What the README promises to writers: versions are immutable, and clients read their own writes."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.acceptance.repository import Repository
from tests.builders import a_package

pytestmark = pytest.mark.smoke


def test_of_uploads_of_one_version_at_the_same_moment_exactly_one_wins(repository: Repository, chart: str) -> None:
    packages = [a_package(chart, "1.0.0", description=f"upload {number}") for number in range(4)]

    with ThreadPoolExecutor(len(packages)) as pool:
        answers = list(pool.map(lambda package: repository.upload(package, chart), packages))

    assert sorted(answer.status for answer in answers) == [201, 409, 409, 409]
    (winner,) = (package for package, answer in zip(packages, answers, strict=True) if answer.status == 201)
    assert repository.read(f"/charts/{chart}-1.0.0.tgz").body == winner
    assert repository.versions(chart) == ["1.0.0"]


def test_uploads_side_by_side_are_all_in_the_index_once_they_are_answered(repository: Repository, chart: str) -> None:
    versions = [f"1.{minor}.0" for minor in range(4)]

    with ThreadPoolExecutor(len(versions)) as pool:
        answers = list(pool.map(lambda version: repository.upload(a_package(chart, version), chart), versions))

    assert [answer.status for answer in answers] == [201] * 4
    assert repository.versions(chart) == versions[::-1]


def test_a_client_reads_its_own_write_at_once(repository: Repository, chart: str) -> None:
    for number in range(3):
        package = a_package(chart, "1.0.0", description=f"round {number}")

        assert repository.upload(package, chart).status == 201
        (entry,) = repository.index()["entries"][chart]
        assert entry == repository.call("GET", f"/charts/{chart}/1.0.0").json()
        assert entry["description"] == f"round {number}"
        assert repository.call("GET", "/charts").json()[chart] == [entry]
        assert repository.read(f"/{entry['urls'][0]}").body == package

        assert repository.delete(chart, "1.0.0").status == 200
        assert chart not in repository.index()["entries"]
        assert chart not in repository.call("GET", "/charts").json()
        assert repository.read(f"/charts/{chart}-1.0.0.tgz").status == 404


def test_the_index_stays_the_same_while_nothing_changes(repository: Repository, chart: str) -> None:
    repository.upload(a_package(chart, "1.0.0"), chart)

    before = repository.settled_index()
    refused = [repository.upload(a_package(chart, "1.0.0")), repository.upload(b"x")]

    assert [answer.status for answer in refused] == [409, 400]
    assert repository.index_bytes() == before


def test_a_client_that_does_not_wait_gets_202_unless_the_index_shows_it_already(
    repository: Repository, chart: str
) -> None:
    answer = repository.upload(a_package(chart, "1.0.0"), chart, Prefer="respond-async")
    listed = repository.versions(chart)

    assert answer.json() == {"saved": True}
    # The event of the object can be faster than the upload that caused it.
    assert (answer.status, listed) == (201, ["1.0.0"]) or (
        answer.status == 202 and "the index follows" in answer.headers["Warning"]
    )
    assert repository.read(f"/charts/{chart}-1.0.0.tgz").status == 200
