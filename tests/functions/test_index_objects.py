"""index_objects: batches of messages about objects."""

import json
from typing import Any
from urllib.parse import quote_plus

import pytest

from tests.builders import a_package
from tests.functions.conftest import Context, Deployment, lines, sample


def test_the_sample_indexes_what_is_there_and_forgets_what_is_not(deployment: Deployment) -> None:
    deployment.put("mychart-0.1.0+build.5.tgz", a_package(version="0.1.0+build.5"))
    app = deployment.load("index_objects")

    answer = app.handler(sample("index_objects"), Context())

    assert answer == {"batchItemFailures": []}
    assert deployment.index() == {"mychart": ["0.1.0+build.5"]}


def test_both_shapes_of_messages_are_read(deployment: Deployment) -> None:
    keys = ["org 1/x.tgz", "team/mychart-0.1.0+a.tgz", "team/mychart-0.2.0+b.tgz"]
    for version in ("0.1.0+a", "0.2.0+b"):
        deployment.put(f"team/mychart-{version}.tgz", a_package(version=version))
    app = deployment.load("index_objects", DEPTH="1")

    answer = app.handler(a_batch(notification(keys[0]), notification(keys[1]), bridged(keys[2])), Context())

    assert answer == {"batchItemFailures": []}
    assert deployment.index("team") == {"mychart": ["0.2.0+b", "0.1.0+a"]}


def test_keys_come_with_the_storage_prefix(deployment: Deployment) -> None:
    deployment.put("helm/charts/mychart-0.1.0.tgz", a_package())
    deployment.put("elsewhere-1.0.0.tgz", a_package("elsewhere", "1.0.0"))
    app = deployment.load("index_objects", STORAGE_AMAZON_PREFIX="helm/charts")

    app.handler(a_batch(notification("helm/charts/mychart-0.1.0.tgz"), notification("elsewhere-1.0.0.tgz")), Context())

    body = deployment.s3.get_object(Bucket=deployment.bucket, Key="helm/charts/.charthouse/index/index.yaml")["Body"]
    assert list(json.loads(body.read())["entries"]) == ["mychart"]


@pytest.mark.parametrize("bad", ["no JSON", "[]", '{"Records": [{}]}', "{}", '{"source": "aws.s3"}'])
def test_a_message_that_cannot_be_read_fails_alone(deployment: Deployment, bad: str) -> None:
    deployment.put("mychart-0.1.0.tgz", a_package())
    app = deployment.load("index_objects")

    answer = app.handler(a_batch(bad, notification("mychart-0.1.0.tgz")), Context())

    assert answer == {"batchItemFailures": [{"itemIdentifier": "message-0"}]}
    assert deployment.index() == {"mychart": ["0.1.0"]}


def test_a_package_that_is_none_is_reported_and_does_not_come_again(
    deployment: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    deployment.put("mychart-0.1.0.tgz", b"garbage")
    app = deployment.load("index_objects")

    answer = app.handler(a_batch(notification("mychart-0.1.0.tgz")), Context())

    assert answer == {"batchItemFailures": []}
    (line,) = [line for line in lines(capsys.readouterr().out) if line["message"] == "package_not_listed"]
    assert line["file"] == "mychart-0.1.0.tgz"
    assert line["request_id"] == Context.aws_request_id


def test_what_fails_for_a_reason_nobody_foresaw_comes_again(
    deployment: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    app = deployment.load("index_objects", TABLE="no-such-table")

    answer = app.handler(a_batch(notification("mychart-0.1.0.tgz")), Context())

    assert answer == {"batchItemFailures": [{"itemIdentifier": "message-0"}]}
    assert "ResourceNotFoundException" in capsys.readouterr().out


def a_batch(*bodies: str) -> dict[str, Any]:
    source = {"eventSource": "aws:sqs", "attributes": {}, "messageAttributes": {}}
    return {"Records": [{"messageId": f"message-{at}", "body": body, **source} for at, body in enumerate(bodies)]}


def notification(key: str) -> str:
    """Return S3's own message, in which keys are form-urlencoded."""
    return json.dumps({"Records": [{"eventSource": "aws:s3", "s3": {"object": {"key": quote_plus(key, safe="/")}}}]})


def bridged(key: str) -> str:
    """Return EventBridge's message, in which keys are as they are."""
    return json.dumps({"source": "aws.s3", "detail-type": "Object Created", "detail": {"object": {"key": key}}})
