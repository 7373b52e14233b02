"""Packages put into, overwritten in or removed from the bucket by other means than the API."""

import json
from collections.abc import Iterable
from urllib.parse import quote_plus

import pytest

from tests.acceptance.deployment import Deployment, Deployments, eventually
from tests.acceptance.repository import Repository
from tests.builders import a_package


@pytest.fixture(scope="module")
def deployment(deployed: Deployments) -> Deployment:
    return deployed()


@pytest.fixture(scope="module")
def repository(deployment: Deployment) -> Repository:
    return deployment.repository()


def test_a_package_copied_overwritten_and_removed_is_in_the_index_within_seconds(
    deployment: Deployment, repository: Repository, chart: str
) -> None:
    key, first, second = f"{chart}-1.0.0+b.1.tgz", *(a_package(chart, "1.0.0+b.1", description=d) for d in "12")

    deployment.put(key, first)
    assert eventually(lambda: descriptions(repository, chart), lambda seen: seen == ["1"]) == ["1"]
    assert repository.read(f"/charts/{key}").body == first

    deployment.put(key, second)
    assert eventually(lambda: descriptions(repository, chart), lambda seen: seen == ["2"]) == ["2"]
    assert repository.call("GET", f"/charts/{chart}/1.0.0+b.1").json()["description"] == "2"

    deployment.remove(key)
    assert eventually(lambda: descriptions(repository, chart), lambda seen: not seen) == []
    assert repository.call("GET", f"/charts/{chart}").status == 404


def test_an_object_that_is_no_chart_has_no_entry_and_is_reported(
    deployment: Deployment, repository: Repository, chart: str
) -> None:
    objects = {
        f"{chart}-0.0.1.tgz": b"no chart at all",
        f"{chart}-0.0.2.tgz": a_package(chart, "9.9.9"),
        f"{chart}-0.0.3.tgz": a_package(chart, "0.0.3"),
    }

    for key, body in objects.items():
        deployment.put(key, body)

    seen = eventually(lambda: repository.versions(chart), lambda versions: versions == ["0.0.3"])
    assert seen == ["0.0.3"]
    rows = eventually(deployment.rows, lambda rows: set(objects) <= set(rows))
    assert "gzip: invalid header" in rows[f"{chart}-0.0.1.tgz"]["problem"]["S"]
    assert rows[f"{chart}-0.0.2.tgz"]["problem"]["S"] == f"its Chart.yaml makes it {chart}-9.9.9.tgz"
    bad = [f"{chart}-0.0.1.tgz", f"{chart}-0.0.2.tgz"]
    assert eventually(lambda: reported(deployment, objects), lambda files: files == bad) == bad
    # What is no chart any more takes its entry with it.
    deployment.put(f"{chart}-0.0.3.tgz", b"garbage")
    assert eventually(lambda: repository.versions(chart), lambda versions: not versions) == []


def test_doubled_late_and_reordered_messages_change_nothing(
    deployment: Deployment, repository: Repository, chart: str
) -> None:
    files = [f"{chart}-{version}.tgz" for version in ("1.0.0", "1.0.0+b", "2.0.0")]
    for version in ("1.0.0", "1.0.0+b", "2.0.0"):
        repository.upload(a_package(chart, version))
    repository.delete(chart, "2.0.0")
    deployment.wait_until_quiet("")
    before, rows = repository.index_bytes(), deployment.rows()

    for name in ["ObjectRemoved:Delete", "ObjectCreated:Put", "ObjectCreated:Put", "ObjectRemoved:DeleteMarkerCreated"]:
        for file in [*reversed(files), "not/at/this/depth-1.0.0.tgz"]:
            deployment.send(s3_event(deployment.bucket, name, file))

    def all_looked_at() -> bool:
        now = deployment.rows()
        return all(int(now[file]["rev"]["N"]) > int(rows[file]["rev"]["N"]) for file in files)

    assert eventually(all_looked_at, bool)
    deployment.wait_until_quiet("")
    assert repository.index_bytes() == before
    assert repository.versions(chart) == ["1.0.0+b", "1.0.0"]


def test_a_message_that_makes_no_sense_ends_among_the_dead_letters_alone(deployment: Deployment, chart: str) -> None:
    failed = deployment.invoke(
        "IndexObjects",
        {
            "Records": [
                {"messageId": "nonsense", "eventSource": "aws:sqs", "body": "nonsense"},
                {"messageId": "test", "eventSource": "aws:sqs", "body": '{"Event":"s3:TestEvent"}'},
                {
                    "messageId": "sense",
                    "eventSource": "aws:sqs",
                    "body": json.dumps(s3_event(deployment.bucket, "ObjectCreated:Put", f"{chart}-1.0.0.tgz")),
                },
            ]
        },
    )

    assert failed == {"batchItemFailures": [{"itemIdentifier": "nonsense"}]}
    assert f"{chart}-1.0.0.tgz" in deployment.rows()


def reported(deployment: Deployment, files: Iterable[str]) -> list[str]:
    log = deployment.stack.emulator.log.read_text()
    lines = [line for line in log.splitlines() if '"package_not_listed"' in line]
    return [file for file in files if any(file in line for line in lines)]


def descriptions(repository: Repository, chart: str) -> list[str]:
    return [entry["description"] for entry in repository.index()["entries"].get(chart, [])]


def s3_event(bucket: str, name: str, key: str) -> dict[str, object]:
    s3 = {"bucket": {"name": bucket}, "object": {"key": quote_plus(key), "sequencer": "0055AED6DCD90281E5"}}
    return {"Records": [{"eventVersion": "2.1", "eventSource": "aws:s3", "eventName": name, "s3": s3}]}
