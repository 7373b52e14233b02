"""What only the account of a deployment can tell: `make smoke` asks it with STACK, `make test` asks the emulator."""

import hashlib
import json
import os
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest

from local.account import DeployedStack
from tests.acceptance.conftest import URL
from tests.acceptance.deployment import eventually
from tests.acceptance.repository import Repository, ask, basic
from tests.builders import a_package

pytestmark = pytest.mark.smoke

type Record = Callable[[str, object], None]

THROTTLED_SECONDS = 60
LISTED_SECONDS = 90
LOGGED_SECONDS = 120
"""Access logs arrive within seconds, sometimes minutes."""


@pytest.fixture(scope="module")
def account(request: pytest.FixtureRequest) -> DeployedStack:
    """Return the stack behind the repository."""
    if URL and not os.environ.get("STACK"):
        pytest.skip("it needs the account: make smoke URL=... TOKEN=... STACK=charthouse")
    if URL:
        return DeployedStack.get(os.environ["STACK"])
    deployment = request.getfixturevalue("deployed")()
    return DeployedStack.get(deployment.stack.name, deployment.stack.client)


@pytest.fixture
def access_log(account: DeployedStack) -> str:
    """Return the name of the access log's group."""
    if account.parameters.get("AccessLogs") != "true":
        pytest.skip("the stack has AccessLogs=false")
    return physical(account, "AccessLog")


def test_the_status_of_a_throttled_function(
    repository: Repository, account: DeployedStack, record_property: Record
) -> None:
    """500 or 503 with {"message": ...} of the gateway, while the function may not run.

    If it differs: docs/operations.md (alarms, access log) and docs/api.md name the status; with 429 ApiErrorsAlarm does
    not fire, so the filter ApiErrors in template.yaml has to count it.
    """
    with throttled(account, physical(account, "ShowHome")):
        answer = eventually(lambda: repository.get("/info"), lambda seen: seen.status != 200, THROTTLED_SECONDS)

    record_property("observed", f"{answer.status} {answer.body[:80].decode(errors='replace')}")
    assert eventually(lambda: repository.get("/info"), lambda seen: seen.status == 200, THROTTLED_SECONDS).status == 200
    assert answer.status in {500, 503}
    assert "message" in answer.json()


def test_the_seconds_until_a_package_put_into_the_bucket_is_listed(
    repository: Repository, account: DeployedStack, chart: str, record_property: Record
) -> None:
    """At most 15 seconds, also after a pause in which no event came.

    If it differs: IndexObjectsQueue in template.yaml has no batching window; S3's own delay cannot be changed, so the
    README's "seconds" (P5) becomes what was measured.
    """
    s3, bucket = account.client("s3"), account.outputs["BucketName"]
    key = f"{folder(repository, account)}{chart}-1.0.0.tgz"
    begun = time.monotonic()
    s3.put_object(Bucket=bucket, Key=key, Body=a_package(chart, "1.0.0"))

    listed = eventually(lambda: repository.versions(chart), bool, LISTED_SECONDS)

    seconds = time.monotonic() - begun
    s3.delete_object(Bucket=bucket, Key=key)
    record_property("observed", f"{seconds:.1f} seconds" if listed else f"not within {LISTED_SECONDS} seconds")
    assert listed == ["1.0.0"]
    assert seconds <= 15


def test_quotes_in_the_access_log(
    repository: Repository, account: DeployedStack, access_log: str, record_property: Record
) -> None:
    """A quote in the user agent is escaped: the line stays JSON.

    If it differs: the line of such a request is not JSON, and the filter ApiErrors does not count it: leave out agent
    and path in the access log's format (template.yaml, Stage).
    """
    name = secrets.token_hex(8)
    repository.get("/info", User_Agent=f'{name} "quoted"')

    line = logged(account, access_log, name)

    record_property("observed", line)
    assert json.loads(line)["agent"] == f'{name} "quoted"'


def test_the_reason_of_the_gateway_s_own_413_in_the_access_log(
    repository: Repository, account: DeployedStack, access_log: str, record_property: Record
) -> None:
    """Status 413 and a reason in error ($context.error.message).

    If it differs: docs/operations.md says where the reason is; the format is in template.yaml (Stage).
    """
    name = secrets.token_hex(8)
    repository.upload(bytes(11_000_000), User_Agent=name)

    line = logged(account, access_log, name)

    record_property("observed", line)
    assert json.loads(line)["status"] == "413"
    assert json.loads(line)["error"] not in {"", "-"}


def test_the_challenge_of_the_registry_reaches_the_client(repository: Repository, record_property: Record) -> None:
    """401 with `WWW-Authenticate`, under that name, wherever authentication is configured.

    If it differs: `helm registry login` and Docker do not authenticate, and API Gateway has to map the header back.
    """
    answer = repository.anonymous().ask("GET", registry_url(repository))

    challenge = answer.headers["WWW-Authenticate"]
    record_property("observed", f"{answer.status} {challenge}")
    assert (answer.status == 401) == (challenge is not None)
    assert answer.status in {200, 401}


def test_a_head_of_a_manifest_has_its_length(repository: Repository, chart: str, record_property: Record) -> None:
    """The length, type and digest of the GET, though no body is sent.

    If it differs: API Gateway counts the empty body, and Helm and oras, which compare, cannot pull by tag; HEAD of a
    manifest then needs a function URL or another front.
    """
    repository.upload(a_package(chart, "1.0.0"))
    url = registry_url(repository, chart, "manifests/1.0.0")

    head, got = repository.ask("HEAD", url), repository.ask("GET", url)

    record_property("observed", f"Content-Length {head.headers['Content-Length']} of {len(got.body)}")
    assert (head.status, got.status) == (200, 200)
    for name in ("Content-Length", "Content-Type", "Docker-Content-Digest"):
        assert head.headers[name] == got.headers[name]


def test_a_chunk_of_a_blob_without_a_length_arrives(
    repository: Repository, chart: str, record_property: Record
) -> None:
    """PATCH with `Transfer-Encoding: chunked`, as Docker sends it, is answered 202 with the range.

    If it differs: docs/oci.md names it as a limit.
    """
    begun = repository.ask("POST", registry_url(repository, chart, "blobs/uploads/"))
    url = urljoin(registry_url(repository), begun.headers["Location"])

    answer = repository.ask("PATCH", url, iter([b"one", b"two"]), {"Content-Type": "application/octet-stream"})

    record_property("observed", f"{answer.status} Range {answer.headers['Range']}")
    cancelled = repository.ask("DELETE", url)
    assert (answer.status, answer.headers["Range"]) == (202, "0-5")
    assert cancelled.status == 204


def test_a_redirect_is_followed_with_and_without_the_credentials(
    repository: Repository, chart: str, record_property: Record
) -> None:
    """200 with the package without them, as Helm, oras, crane, Docker and containerd follow redirects to other hosts.

    S3 refuses a presigned URL with a second authentication (400), so a client that keeps `Authorization` cannot pull.
    If that is needed: blobs have to pass through the function.
    """
    package = a_package(chart, "1.0.0")
    repository.upload(package)
    digest = hashlib.sha256(package).hexdigest()

    answer = repository.ask("GET", registry_url(repository, chart, f"blobs/sha256:{digest}"))
    url = answer.location.geturl()
    kept = ask("GET", url, headers={"Authorization": repository.authorization or basic("user", "password")})

    record_property("observed", f"{kept.status} with Authorization")
    assert answer.status == 307
    assert ask("GET", url).body == package


def registry_url(repository: Repository, chart: str = "", rest: str = "") -> str:
    """Return a URL of the OCI registry at the root of the host, or of a chart in it."""
    parts = urlsplit(repository.api)
    repo = parts.path.partition("/api")[2].strip("/")
    path = "/".join(part for part in (repo, chart, rest) if part) if chart else ""
    return f"{parts.scheme}://{parts.netloc}/v2/{path}"


def physical(account: DeployedStack, logical_id: str) -> str:
    """Return a resource's name."""
    found: Any = account.client("cloudformation").describe_stack_resource(
        StackName=account.name, LogicalResourceId=logical_id
    )
    return str(found["StackResourceDetail"]["PhysicalResourceId"])


def folder(repository: Repository, account: DeployedStack) -> str:
    """Return what the keys of the repository's packages begin with."""
    repo = urlsplit(repository.url).path.removeprefix(account.parameters.get("ContextPath", "")).strip("/")
    return "".join(f"{part}/" for part in (account.parameters.get("StorageAmazonPrefix", ""), repo) if part)


@contextmanager
def throttled(account: DeployedStack, function: str) -> Iterator[None]:
    """Let a function run no more, for as long as the block runs."""
    client = account.client("lambda")
    client.put_function_concurrency(FunctionName=function, ReservedConcurrentExecutions=0)
    try:
        yield
    finally:
        client.delete_function_concurrency(FunctionName=function)


def logged(account: DeployedStack, group: str, text: str) -> str:
    """Wait for a line with this text and return it."""
    client, begun = account.client("logs"), int((time.time() - LOGGED_SECONDS) * 1000)

    def look() -> list[Any]:
        found = client.filter_log_events(logGroupName=group, startTime=begun, filterPattern=f'"{text}"')
        events: list[Any] = found["events"]
        return events

    events = eventually(look, bool, LOGGED_SECONDS)
    assert events, f"no line in {group} within {LOGGED_SECONDS} seconds"
    return str(events[0]["message"])
