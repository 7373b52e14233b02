"""reconcile_repositories: the schedules, their reports, and the successor of one that ran out of time."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from charthouse.repository.ports import Row
from charthouse.settings import Settings

from tests.builders import a_package
from tests.functions.conftest import Context, Deployment, lines, sample

NOTHING = {"repositories": 0, "versions": 0, "synced": 0, "unlisted": 0, "differences": 0, "failed": 0}
NOTHING_COLLECTED = {f"collected_{name}": 0 for name in ("blobs", "manifests", "uploads", "failed")}


def test_the_sample_takes_in_a_bucket_and_reports(deployment: Deployment, capsys: pytest.CaptureFixture[str]) -> None:
    deployment.put("mychart-0.1.0.tgz", a_package())
    deployment.put("wrong-9.9.9.tgz", a_package())
    app = deployment.load("reconcile_repositories")

    answer = app.handler(sample("reconcile_repositories"), Context())

    counts = NOTHING | NOTHING_COLLECTED | {"repositories": 1, "versions": 1, "synced": 2, "unlisted": 1}
    assert answer == {"done": True, "failed_repositories": []} | counts
    assert deployment.index() == {"mychart": ["0.1.0"]}
    assert metrics(capsys) == {"Synced": 2, "Unlisted": 1, "Differences": 0, "Failed": 0}


def test_a_difference_is_repaired_and_measured(deployment: Deployment, capsys: pytest.CaptureFixture[str]) -> None:
    deployment.upload(a_package())
    deployment.put(".charthouse/index/index.yaml", b"garbage")
    app = deployment.load("reconcile_repositories")
    capsys.readouterr()

    answer = app.handler({"task": "reconcile"}, Context())

    assert answer["differences"] == 1
    assert deployment.index() == {"mychart": ["0.1.0"]}
    assert metrics(capsys)["Differences"] == 1


def test_repositories_of_the_configured_depth_are_reconciled(deployment: Deployment) -> None:
    for key in ["a/b/mychart-0.1.0.tgz", "a/c/mychart-0.2.0.tgz", "mychart-0.3.0.tgz"]:
        deployment.put(key, a_package(version=key[-9:-4]))
    app = deployment.load("reconcile_repositories", DEPTH="2")

    answer = app.handler({"task": "reconcile"}, Context())

    assert (answer["repositories"], answer["versions"]) == (2, 2)
    assert [deployment.index(repo) for repo in ("a/b", "a/c")] == [{"mychart": ["0.1.0"]}, {"mychart": ["0.2.0"]}]


def test_out_of_time_it_hands_on_to_itself_and_reports_at_the_end(
    deployment: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    deployment.put("mychart-0.1.0.tgz", a_package())
    app = deployment.load("reconcile_repositories")
    handed_on = successors(app)

    first = app.handler({"task": "reconcile", "run": "by-hand"}, Context(seconds=90))
    early = metrics(capsys)
    second = app.handler(handed_on[0], Context())

    assert (first["done"], early) == (False, {})
    rest = {"repo": "", "rank": 0, "after": "", "found": NOTHING, "failed": [], "only": None}
    assert handed_on == [{"task": "reconcile", "run": "by-hand"} | rest]
    assert (second["done"], second["versions"]) == (True, 1)
    assert metrics(capsys)["Synced"] == 1


def test_the_sweep_publishes_what_is_waiting_and_measures_for_how_long(
    deployment: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    upload = deployment.load("upload_charts")
    deployment.ask(upload, "POST", "/api/charts", headers={"Prefer": "respond-async"}, body=a_package())
    app = deployment.load("reconcile_repositories")
    capsys.readouterr()

    answer = app.handler({"task": "sweep"}, Context())

    assert deployment.index() == {"mychart": ["0.1.0"]}
    assert 0 <= answer["oldest_seconds"] < 30
    assert metrics(capsys) == {"OldestUnpublishedSeconds": answer["oldest_seconds"]}


def test_a_repository_that_fails_is_named_and_the_others_are_reconciled(
    deployment: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    for repo in ("a", "b"):
        deployment.put(f"{repo}/mychart-0.1.0.tgz", a_package())
    app = deployment.load("reconcile_repositories", DEPTH="1")
    catalog = app.ports.catalog

    class Broken(type(catalog)):  # type: ignore[misc]  # the class the function made
        def rows(self, repo: str, after: str = "") -> Iterator[Row]:
            if repo == "a":
                raise KeyError("file")
            rows: Iterator[Row] = catalog.rows(repo, after)
            return rows

    app.__dict__["ports"] = replace(app.ports, catalog=Broken(catalog.dynamodb, catalog.table))
    capsys.readouterr()

    answer = app.handler({"task": "reconcile"}, Context())

    (line,) = [line for line in lines(capsys.readouterr().out) if line.get("message") == "reconcile_failed"]
    assert (line["repository"], line["kind"]) == ("a", "KeyError")
    assert (answer["repositories"], answer["failed"]) == (1, 1)
    assert deployment.index("b") == {"mychart": ["0.1.0"]}


def successors(app: ModuleType) -> list[dict[str, Any]]:
    """Catch what the function would start itself with."""
    events: list[dict[str, Any]] = []

    def invoke_again(_settings: Settings, function: str, event: Mapping[str, Any]) -> None:
        assert function == Context.invoked_function_arn
        events.append(dict(event))

    app.__dict__["wiring"] = SimpleNamespace(invoke_again=invoke_again)
    return events


def metrics(capsys: pytest.CaptureFixture[str]) -> dict[str, float]:
    """Return the metrics put out, in embedded format, since the last look."""
    found: dict[str, float] = {}
    for line in lines(capsys.readouterr().out):
        for names in line.get("_aws", {}).get("CloudWatchMetrics", []):
            for metric in names["Metrics"]:
                value = line[metric["Name"]]
                found[metric["Name"]] = value[0] if isinstance(value, list) else value
    return found
