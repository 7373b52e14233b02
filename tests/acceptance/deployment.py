"""Stacks deployed side by side into one emulator, each with a gateway of its own."""

import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from local.emulator import Emulator
from local.gateway import EmulatedFunctions, Gateway, deployed_routes
from local.keys import make_key, make_token
from local.laptop import authentication
from local.stack import Stack, create
from tests.acceptance.repository import Repository, basic

type Row = dict[str, Any]

EVENTUALLY = 20.0
"""Seconds within which an object put into the bucket by other means must be in the index."""
TOKEN_SECONDS = 3600


@dataclass
class Deployment:
    """One deployed stack, as its clients and as its AWS account see it."""

    stack: Stack
    url: str
    """The API with the context path, without a slash at its end."""
    parameters: Mapping[str, str]
    key: Path
    """The private key whose tokens it admits, where bearer tokens are on."""

    @cached_property
    def bucket(self) -> str:
        """Name of the bucket, made by the stack or adopted."""
        return self.stack.outputs["BucketName"]

    @property
    def s3(self) -> Any:
        """A client with the root key."""
        return self.stack.client("s3")

    @property
    def api(self) -> str:
        """The URL that the API's routes are below."""
        return f"{self.url}/api"

    def token(self, repo: str = "", *actions: str) -> str:
        """Return a bearer token for the repository; for both actions if none is named."""
        return make_token(self.key, repo, actions or ("pull", "push"), TOKEN_SECONDS)

    def repository(self, repo: str = "", *actions: str) -> Repository:
        """Return a repository and credentials for it: a token for the actions, or else user and password, or none."""
        url = f"{self.url}/{repo}".rstrip("/")
        return Repository(url, f"{self.api}/{repo}".rstrip("/"), self._authorization(repo, *actions))

    def put(self, key: str, body: bytes) -> None:
        """Put an object by other means than the API, as `aws s3 cp` does."""
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=body)

    def remove(self, key: str) -> None:
        """Remove an object by other means than the API, as `aws s3 rm` does."""
        self.s3.delete_object(Bucket=self.bucket, Key=key)

    def stored(self, key: str) -> bytes | None:
        """Return the bytes of an object, or None if there is none."""
        try:
            body: bytes = self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()
        except self.s3.exceptions.NoSuchKey:
            return None
        return body

    def objects(self, prefix: str = "") -> list[str]:
        """Return the keys of all objects, bytewise."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        return [item["Key"] for page in pages for item in page.get("Contents", [])]

    def rows(self, repo: str = "") -> dict[str, Row]:
        """Return the repository's rows by file name as DynamoDB has them (`{"S": ...}`), its marker too."""
        pages = (
            self.stack.client("dynamodb")
            .get_paginator("query")
            .paginate(
                TableName=self.stack.table,
                ConsistentRead=True,
                KeyConditionExpression="repo = :repo",
                ExpressionAttributeValues={":repo": {"S": f"/{repo}"}},
            )
        )
        return {item["file"]["S"]: item for page in pages for item in page["Items"]}

    def wait_until_quiet(self, *repos: str) -> None:
        """Wait until no event of the bucket is under way and no row of these repositories is unpublished."""
        sqs, queue = self.stack.client("sqs"), self.stack.outputs["QueueUrl"]
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]

        def busy() -> int:
            counts = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=names)["Attributes"].values()
            return sum(map(int, counts)) + sum("dirty" in row for repo in repos for row in self.rows(repo).values())

        for _ in range(2):
            # A notification may be on its way into the queue.
            time.sleep(0.5)
            assert eventually(busy, lambda count: count == 0) == 0

    def send(self, message: Mapping[str, Any]) -> None:
        """Send a message into the queue of the bucket's events."""
        self.stack.client("sqs").send_message(QueueUrl=self.stack.outputs["QueueUrl"], MessageBody=json.dumps(message))

    def invoke(self, function: str, event: Mapping[str, Any]) -> Any:
        """Invoke a function, named by its logical id, and return its answer; it must not fail."""
        answer = self.stack.client("lambda").invoke(
            FunctionName=self.stack.functions[function], Payload=json.dumps(event).encode()
        )
        result = json.loads(answer["Payload"].read())
        assert "FunctionError" not in answer, result
        return result

    def reconcile(self) -> Any:
        """Compare bucket, rows and index now, as `make reconcile` does; return the report."""
        return self.invoke("ReconcileRepositories", {"task": "reconcile"})

    def sweep(self) -> Any:
        """Publish what is unpublished, as the schedule does every five minutes."""
        return self.invoke("ReconcileRepositories", {"task": "sweep"})

    def _authorization(self, repo: str, *actions: str) -> str | None:
        if self.parameters.get("BearerAuth") == "true":
            return f"Bearer {self.token(repo, *actions)}"
        if self.parameters.get("BasicAuthUser"):
            return basic(self.parameters["BasicAuthUser"], self.parameters["BasicAuthPass"])
        return None


class Deployments:
    """Deploys a stack once for every set of parameters that tests ask for."""

    def __init__(self, emulator: Emulator, folder: Path) -> None:
        """Take the emulator, and a folder for the key pair."""
        self._emulator = emulator
        self._key = folder / "private.pem"
        self._made: dict[tuple[tuple[str, str], ...], Deployment] = {}
        self._gateways: list[Gateway] = []
        make_key(self._key)

    def __call__(self, **parameters: str | int | bool) -> Deployment:
        """Return the stack with these template parameters, deployed if it is not yet.

        Where they say nothing about authentication it is that of `make run`: bearer tokens and open reads. Tests share
        a stack: they name their charts and repositories so that they do not meet.
        """
        given = {
            name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in parameters.items()
        }
        wanted = tuple(sorted(given.items()))
        if wanted not in self._made:
            self._made[wanted] = self._deploy(authentication(given, self._key))
        return self._made[wanted]

    def stop(self) -> None:
        """Stop the gateways."""
        while self._gateways:
            self._gateways.pop().stop()

    def _deploy(self, parameters: dict[str, str]) -> Deployment:
        stack = create(self._emulator, f"stack-{len(self._made)}", parameters)
        gateway = Gateway()
        self._gateways.append(gateway)
        routes = deployed_routes(self._emulator.client("apigatewayv2"), stack.api_id)
        gateway.serve(stack.api_id, routes, EmulatedFunctions(self._emulator.client("lambda")))
        return Deployment(stack, gateway.url + parameters.get("ContextPath", ""), parameters, self._key)


def eventually[T](look: Callable[[], T], wanted: Callable[[T], bool], seconds: float = EVENTUALLY) -> T:
    """Look again and again until it is as wanted; return what was seen last, wanted or not."""
    until = time.monotonic() + seconds
    while not wanted(seen := look()) and time.monotonic() < until:
        time.sleep(0.2)
    return seen


def failures(log: Path, expected: re.Pattern[str] | None = None) -> list[str]:
    """Return every line about an unhandled error but the expected; the emulator's log includes the functions'."""
    text = log.read_text(errors="replace")
    text = expected.sub("", text) if expected else text
    return [line for line in text.splitlines() if _UNHANDLED.search(line)]


_UNHANDLED = re.compile(
    r"Traceback|AccessDenied|not authorized|Task timed out|Runtime\.\w*Error|Unable to import"
    r"|\"level\": ?\"(ERROR|CRITICAL)\""
)
