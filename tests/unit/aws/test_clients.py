"""Where the SDK's clients send requests, how long they wait, and what they log."""

import os
import subprocess
import sys
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


def test_the_sdk_logs_no_signature_and_no_session_token_where_the_root_logger_is_at_debug() -> None:
    """Lambda's runtime sets the root logger to `ApplicationLogLevel` before it imports the function.

    https://github.com/aws/aws-lambda-python-runtime-interface-client, `_setup_logging` in bootstrap.py.
    """
    program = """
import logging, sys
logging.basicConfig(level=logging.DEBUG, stream=sys.stdout)
from charthouse.aws.clients import s3_client
from charthouse.settings import Storage
logging.getLogger("charthouse").debug("the root logger is at DEBUG")
storage = Storage("charts", region="us-east-1", endpoint="http://127.0.0.1:9")
for call in (
    lambda: s3_client(storage).head_object(Bucket="charts", Key="a.tgz"),
    lambda: s3_client(storage).generate_presigned_url("get_object", {"Bucket": "charts", "Key": "a.tgz"}),
):
    try:
        call()
    except Exception:
        pass
"""
    session = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_SESSION_TOKEN": "SESSION"}

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=os.environ | session
    )

    logged = [line for line in done.stdout.splitlines() if line.startswith("DEBUG")]
    assert logged == ["DEBUG:charthouse:the root logger is at DEBUG"]
    assert not {word for word in ("SESSION", "AKIDEXAMPLE", "Signature") if word in done.stdout}
