"""Where the SDK's clients send requests, and how long they wait."""

from typing import Any
from urllib.parse import urlsplit

import pytest
from charthouse.aws.clients import dynamodb_client, s3_client
from charthouse.settings import Storage


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")


@pytest.mark.parametrize("region", ["us-east-1", "eu-central-1"])
def test_a_presigned_url_names_the_buckets_regional_host_and_the_new_signature(region: str) -> None:
    url = s3_client(Storage(region=region)).generate_presigned_url("get_object", {"Bucket": "charts", "Key": "a.tgz"})

    assert urlsplit(url).netloc == f"charts.s3.{region}.amazonaws.com"
    assert "X-Amz-Algorithm=AWS4-HMAC-SHA256" in url


def test_an_emulator_has_the_bucket_in_its_paths() -> None:
    client = s3_client(Storage(region="us-east-1", endpoint="http://localhost:4566"))

    url = client.generate_presigned_url("get_object", {"Bucket": "charts", "Key": "a.tgz"})

    assert url.startswith("http://localhost:4566/charts/a.tgz?")


def test_all_tries_fit_into_a_functions_25_seconds() -> None:
    storage = Storage(region="us-east-1")
    for client in [s3_client(storage), dynamodb_client(storage)]:
        config: Any = client.meta.config

        assert config.retries == {"mode": "standard", "total_max_attempts": 3}
        assert config.retries["total_max_attempts"] * (config.connect_timeout + config.read_timeout) < 25


def test_the_sdk_knows_the_conditions_that_versions_rest_on() -> None:
    operations: Any = s3_client(Storage(region="us-east-1")).meta.service_model

    for operation in ["PutObject", "DeleteObject"]:
        assert "IfMatch" in operations.operation_model(operation).input_shape.members
    assert "IfNoneMatch" in operations.operation_model("PutObject").input_shape.members
