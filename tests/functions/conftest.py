"""Each function as Lambda loads it: its app.py, fresh, with an environment, on a mocked S3 and DynamoDB."""

import base64
import importlib.util
import json
import logging
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import boto3
import pytest
from charthouse.repository.repository import one_by_one
from charthouse.telemetry import LOGGER
from moto import mock_aws

from tests.contract.clouds import make_table
from tests.events import an_event

ROOT = Path(__file__).parents[2]
REGION, SERVICE = "eu-central-1", "charthouse"


class Context:
    """What Lambda tells a function about its invocation."""

    function_name = "function"
    function_version = "$LATEST"
    memory_limit_in_mb = 512
    invoked_function_arn = f"arn:aws:lambda:{REGION}:123456789012:function:function"
    aws_request_id = "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"

    def __init__(self, seconds: float = 900) -> None:
        self._seconds = seconds

    def get_remaining_time_in_millis(self) -> int:
        return int(self._seconds * 1000)


class Answer:
    """What a function answered, as the client gets it."""

    def __init__(self, answer: Mapping[str, Any]) -> None:
        body = answer["body"]
        self.status: int = answer["statusCode"]
        self.headers: dict[str, str] = answer["headers"]
        self.body: bytes = base64.b64decode(body) if answer["isBase64Encoded"] else body.encode()

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Deployment:
    """A bucket, a table, and the functions over them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch
        self.s3: Any = boto3.client("s3", region_name=REGION)
        self.dynamodb: Any = boto3.client("dynamodb", region_name=REGION)
        self.bucket = self.table = f"charthouse-{secrets.token_hex(6)}"
        location: Any = {"LocationConstraint": REGION}
        self.s3.create_bucket(Bucket=self.bucket, CreateBucketConfiguration=location)
        self.s3.put_bucket_versioning(Bucket=self.bucket, VersioningConfiguration={"Status": "Enabled"})
        make_table(self.dynamodb, self.table)

    def load(self, function: str, **options: str) -> ModuleType:
        """Load a function's app.py as a cold Lambda does; options are named as in the environment."""
        own = {"BUCKET": self.bucket, "TABLE": self.table, "ALLOW_ANONYMOUS_PUSH": "true", "ALARMS": "true"}
        for option, value in (own | options).items():
            self._monkeypatch.setenv(f"CHARTHOUSE_{option}", value)
        # Loggers keep the standard output they were made with.
        for name in (LOGGER, SERVICE):
            logging.Logger.manager.loggerDict.pop(name, None)
        place = ROOT / "functions" / function / "app.py"
        spec = importlib.util.spec_from_file_location(f"functions.{function}", place)
        assert spec is not None
        assert spec.loader is not None
        app = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(app)
        if hasattr(app, "ports"):
            # The mocked AWS is for one thread.
            app.__dict__["ports"] = replace(app.ports, map=one_by_one)
        return app

    def ask(self, app: ModuleType, method: str, path: str, **request: Any) -> Answer:
        """Send a function a request."""
        return Answer(app.handler(an_event(method, path, **request), Context()))

    def put(self, key: str, body: bytes) -> None:
        """Put an object into the bucket, as `aws s3 cp` does."""
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=body)

    def upload(self, package: bytes, repo: str = "", **options: str) -> Answer:
        """Send a package to the function for it."""
        path = f"/api/{repo}/charts" if repo else "/api/charts"
        return self.ask(self.load("upload_charts", **options), "POST", path, body=package)

    def keys(self) -> list[str]:
        """Return the keys of what the bucket holds, ours left out."""
        found = self.s3.list_objects_v2(Bucket=self.bucket).get("Contents", [])
        return [item["Key"] for item in found if not item["Key"].startswith(".charthouse/")]

    def index(self, repo: str = "") -> dict[str, list[str]]:
        """Return what the published index lists: chart → versions."""
        key = f".charthouse/index/{repo}/index.yaml" if repo else ".charthouse/index/index.yaml"
        entries = json.loads(self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read())["entries"]
        return {name: [entry["version"] for entry in versions] for name, versions in entries.items()}


@pytest.fixture(scope="package")
def mocked_aws() -> Iterator[None]:
    """Mock AWS once: what the SDK reads from disk for its first clients takes longer than all the rest."""
    with mock_aws():
        yield


@pytest.fixture
def deployment(mocked_aws: None, monkeypatch: pytest.MonkeyPatch) -> Deployment:
    """Make a deployment of its own, with anonymous reads and writes unless a function is loaded otherwise."""
    environ = {
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "POWERTOOLS_SERVICE_NAME": SERVICE,
    }
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    del mocked_aws
    return Deployment(monkeypatch)


def sample(function: str) -> dict[str, Any]:
    """Return the function's sample event."""
    event: dict[str, Any] = json.loads((ROOT / "events" / f"{function}.json").read_text())
    return event


def lines(out: str) -> list[dict[str, Any]]:
    """Return the log lines of a function's standard output."""
    return [json.loads(line) for line in out.splitlines()]
