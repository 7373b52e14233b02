"""What reconcile has besides the store: its successor, and the bucket's folders."""

import json

from charthouse.settings import Settings, Storage
from charthouse.wiring.reconciling import folders, go_on

from tests.unit.wiring.conftest import Service

FUNCTION = "arn:aws:lambda:eu-central-1:123456789012:function:reconcile"


def test_a_successor_is_started_with_what_is_left_and_not_waited_for(service: Service) -> None:
    service.status = 202
    settings = Settings(Storage(region="eu-central-1", endpoint=service.endpoint))

    go_on(settings, FUNCTION, {"task": "reconcile", "repo": "team", "after": "x-1.0.0.tgz"})

    (asked,) = service.asked
    assert asked.path.startswith("/2015-03-31/functions/arn")
    assert asked.headers["x-amz-invocation-type"] == "Event"
    assert "/eu-central-1/lambda/" in asked.headers["authorization"]
    assert json.loads(asked.body) == {"task": "reconcile", "repo": "team", "after": "x-1.0.0.tgz"}


def test_folders_are_asked_for_below_the_storage_prefix(service: Service) -> None:
    service.body = b"<ListBucketResult><CommonPrefixes><Prefix>helm/team/</Prefix></CommonPrefixes></ListBucketResult>"
    settings = Settings(Storage("bucket", region="eu-central-1", prefix="helm", endpoint=service.endpoint))

    assert list(folders(settings).below("")) == ["team/"]

    assert "prefix=helm%2F&delimiter=%2F" in service.asked[0].path
