"""Packages that break what reads them, on the real handlers: each costs its own request, message or listing."""

import json
from collections.abc import Iterator
from dataclasses import replace
from types import ModuleType
from typing import Any

import pytest
from charthouse.helm.reading import Reader
from charthouse.sandbox import Limits, Sandbox

from tests.builders import a_package
from tests.functions.conftest import Context, Deployment

DISASTERS = ["loop", "eat", "die"]
"""Names of charts that make the reader of `tests.unit.hostile` do so."""


class Loader:
    """Loads functions whose parser can be made to do anything."""

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment
        self.sandbox = Sandbox("tests.unit.hostile", Limits(seconds=1, memory=200 * 1024 * 1024))

    def load(self, function: str, **options: str) -> ModuleType:
        app = self.deployment.load(function, **options)
        app.__dict__["ports"] = replace(app.ports, reader=Reader(self.sandbox.call))
        return app


@pytest.fixture
def loader(deployment: Deployment) -> Iterator[Loader]:
    loader = Loader(deployment)
    yield loader
    loader.sandbox.close()


@pytest.mark.parametrize("disaster", DISASTERS)
def test_an_upload_that_breaks_the_parser_is_refused_and_the_next_is_accepted(
    loader: Loader, deployment: Deployment, disaster: str
) -> None:
    app = loader.load("upload_charts")

    refused = deployment.ask(app, "POST", "/api/charts", body=a_package(disaster))
    accepted = deployment.ask(app, "POST", "/api/charts", body=a_package("good"))

    assert refused.status == 400
    assert refused.json["error"].startswith("the package cannot be read: ")
    assert accepted.status == 201
    assert deployment.keys() == ["good-0.1.0.tgz"]


@pytest.mark.parametrize("disaster", DISASTERS)
def test_objects_that_break_the_parser_cost_no_other_object_its_place_in_the_index(
    loader: Loader, deployment: Deployment, disaster: str
) -> None:
    keys = [f"team-a/{disaster}-{n}.0.0.tgz" for n in range(2)] + [f"team-{t}/good-{t}.0.0.tgz" for t in "az"]
    keys = [key.replace("good-a", "good-1").replace("good-z", "good-2") for key in keys]
    for key in keys:
        name, _, version = key.partition("/")[2].removesuffix(".tgz").rpartition("-")
        deployment.put(key, a_package(name, version))
    app = loader.load("index_objects", DEPTH="1")

    result = app.handler(messages(*keys), Context())

    assert result == {"batchItemFailures": []}
    assert deployment.index("team-a") == {"good": ["1.0.0"]}
    assert deployment.index("team-z") == {"good": ["2.0.0"]}
    assert problem(deployment, "team-a", f"{disaster}-0.0.0.tgz").startswith("the package cannot be read: ")


@pytest.mark.parametrize("disaster", DISASTERS)
def test_a_reconciliation_goes_on_after_an_object_that_breaks_the_parser(
    loader: Loader, deployment: Deployment, disaster: str
) -> None:
    deployment.put(f"team-a/{disaster}-0.1.0.tgz", a_package(disaster))
    deployment.put("team-a/good-0.1.0.tgz", a_package("good"))
    deployment.put("team-z/good-0.2.0.tgz", a_package("good", "0.2.0"))
    app = loader.load("reconcile_repositories", DEPTH="1")

    found = [app.handler({"task": "reconcile"}, Context()) for _ in range(2)]

    assert [one["done"] for one in found] == [True, True]
    assert [one["unlisted"] for one in found] == [1, 1]
    assert deployment.index("team-a") == {"good": ["0.1.0"]}
    assert deployment.index("team-z") == {"good": ["0.2.0"]}


@pytest.mark.parametrize("disaster", DISASTERS)
@pytest.mark.parametrize("contents", ["templates", "values"])
def test_contents_of_a_package_that_breaks_the_parser_are_refused(
    loader: Loader, deployment: Deployment, disaster: str, contents: str
) -> None:
    """It was listed by a parser that did not break yet."""
    deployment.upload(a_package(disaster, files={"values.yaml": b"a: 1"}))
    deployment.upload(a_package("good", files={"values.yaml": b"a: 1"}))
    app = loader.load("list_charts")

    refused = deployment.ask(app, "GET", f"/api/charts/{disaster}/0.1.0/{contents}")
    answered = deployment.ask(app, "GET", f"/api/charts/good/0.1.0/{contents}")

    assert refused.status == 400
    assert answered.status == 200


def messages(*keys: str, received: int = 1) -> dict[str, Any]:
    """Return a batch of messages, one for each key."""
    return {
        "Records": [
            {
                "messageId": key,
                "body": json.dumps({"Records": [{"s3": {"object": {"key": key}}}]}),
                "attributes": {"ApproximateReceiveCount": str(received)},
            }
            for key in keys
        ]
    }


def problem(deployment: Deployment, repo: str, file: str) -> str:
    """Return why a file is not listed."""
    key = {"repo": {"S": f"/{repo}"}, "file": {"S": file}}
    item = deployment.dynamodb.get_item(TableName=deployment.table, Key=key)["Item"]
    return str(item["problem"]["S"])
