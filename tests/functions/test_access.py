"""An access policy in front of every function: who may do what, what they see, and who did it."""

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from types import ModuleType
from typing import Any

import pytest
from charthouse.access.grants import Action
from charthouse.access.policies import Document
from charthouse.aws.access import DynamoTokens, S3Policy
from charthouse.errors import InvalidPolicy, NotFound, Refusal
from charthouse.oci.names import Digest
from charthouse.settings import Paths, Rules, Site
from charthouse.web.registry import is_registry
from charthouse.web.registry import match as match_registry
from charthouse.web.routes import Kind, match

from tests.builders import a_package, a_provenance
from tests.events import a_form
from tests.functions.conftest import Answer, Deployment, lines
from tests.functions.registry import Registry, error
from tests.policies import GENERATED, a_document, a_grant, a_policy_key, a_user
from tests.template.parsed import RESOURCES, folder, resources
from tests.tokens import a_token, an_entry
from tests.unit.access.test_authorizer_policy import basic

ON = {"ACCESS_POLICY": "true", "ALARMS": "true", "ALLOW_ANONYMOUS_PUSH": "false", "DEPTH": "1"}
POLICY = {
    "anonymous": [a_grant("public", actions="pull")],
    "users": {
        "alice": a_user(a_grant("team-a")),
        "ci": a_user(a_grant("*", actions="pull push")),
        "nobody": a_user(),
    },
    "keys": {"2026-11": a_policy_key(a_grant("team-a", actions="push"))},
}


@pytest.fixture(autouse=True)
def policy_over_the_sdk(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the mocked S3 and DynamoDB answer the requests of the clients that are not the SDK's."""

    def read(_policy: S3Policy, etag: str) -> Document | None:
        try:
            found = deployment.s3.get_object(Bucket=deployment.bucket, Key=".charthouse/access.json")
        except deployment.s3.exceptions.NoSuchKey as error:
            raise InvalidPolicy("there is no document") from error
        return None if found["ETag"] == etag else Document(found["ETag"], found["Body"].read())

    def call(_tokens: DynamoTokens, operation: str, request: dict[str, Any]) -> Any:
        method = {"PutItem": deployment.dynamodb.put_item, "GetItem": deployment.dynamodb.get_item}[operation]
        return method(TableName=deployment.table, **request)

    monkeypatch.setattr(S3Policy, "read", read)
    monkeypatch.setattr(DynamoTokens, "_call", call)
    deployment.put(".charthouse/access.json", a_document(**POLICY))


def by(user: str, password: str = GENERATED) -> dict[str, str]:
    return {"Authorization": basic(user, password)}


def test_an_upload_says_who_did_it_in_the_log_and_on_the_object(
    deployment: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    app = deployment.load("upload_charts", **ON)
    token = a_token(an_entry("team-a", "push"), header={"kid": "2026-11"}, sub="robot 7")
    kind, body = a_form(("chart", a_package()), ("prov", a_provenance(a_package())))

    first = deployment.ask(app, "POST", "/api/team-a/charts", headers=by("alice") | {"Content-Type": kind}, body=body)
    second = deployment.ask(
        app,
        "POST",
        "/api/team-a/charts",
        headers={"Authorization": f"Bearer {token}"},
        body=a_package(version="0.2.0"),
    )

    assert (first.status, second.status) == (201, 201)
    noted = {
        key: deployment.s3.head_object(Bucket=deployment.bucket, Key=key)["Metadata"]["charthouse-by"]
        for key in deployment.keys()  # noqa: SIM118 (not a dict)
    }
    assert noted == {
        "team-a/mychart-0.1.0.tgz": "user:alice",
        "team-a/mychart-0.1.0.tgz.prov": "user:alice",
        "team-a/mychart-0.2.0.tgz": "key:2026-11 sub:robot%207",
    }
    out = capsys.readouterr().out
    stored = [line for line in lines(out) if line["message"] == "file_stored"]
    assert [(line["file"], line.get("user"), line.get("key"), line.get("subject")) for line in stored] == [
        ("mychart-0.1.0.tgz", "alice", None, None),
        ("mychart-0.2.0.tgz", None, "2026-11", "robot 7"),
    ]
    assert GENERATED not in out
    assert token not in out


def test_a_delete_needs_its_own_right_and_says_who_did_it(
    deployment: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    uploads, deletes = deployment.load("upload_charts", **ON), deployment.load("delete_charts", **ON)
    deployment.ask(uploads, "POST", "/api/team-a/charts", headers=by("ci"), body=a_package())

    refused = deployment.ask(deletes, "DELETE", "/api/team-a/charts/mychart/0.1.0", headers=by("ci"))
    deleted = deployment.ask(deletes, "DELETE", "/api/team-a/charts/mychart/0.1.0", headers=by("alice"))

    assert (refused.status, refused.json) == (
        403,
        {"error": "the access policy does not grant this user delete on team-a"},
    )
    assert deleted.status == 200
    (line,) = [line for line in lines(capsys.readouterr().out) if line["message"] == "file_deleted"]
    assert (line["user"], line["repository"], line["file"]) == ("alice", "team-a", "mychart-0.1.0.tgz")


def test_lists_and_metrics_show_what_the_caller_may_pull(deployment: Deployment) -> None:
    uploads = deployment.load("upload_charts", **ON)
    for repo in ("team-a", "team-b", "public"):
        assert deployment.ask(uploads, "POST", f"/api/{repo}/charts", headers=by("ci"), body=a_package()).status == 201
    listing = deployment.load("list_charts", **ON)
    home = deployment.load("show_home", **ON, ENABLE_METRICS="true")

    def seen(headers: dict[str, str]) -> tuple[Any, set[str]]:
        listed = deployment.ask(listing, "GET", "/api/repositories", headers=headers)
        metrics = deployment.ask(home, "GET", "/metrics", headers=headers)
        return listed.json, set(re.findall(r'repo="([^"]*)"', metrics.body.decode()))

    assert seen({}) == (["public"], {"public"})
    assert seen(by("alice")) == (["public", "team-a"], {"public", "team-a"})
    assert seen(by("ci")) == (["public", "team-a", "team-b"], {"public", "team-a", "team-b"})
    assert seen(by("alice", "wrong")) == ({"error": "unauthorized"}, set())


def test_missing_or_wrong_credentials_get_both_challenges(deployment: Deployment) -> None:
    app = deployment.load("read_files", **ON)

    for headers in ({}, by("alice", "wrong"), by("mallory"), {"Authorization": "Bearer a.b.c"}):
        answer = deployment.ask(app, "GET", "/team-a/charts/mychart-0.1.0.tgz", headers=headers)
        assert (answer.status, answer.json) == (401, {"error": "unauthorized"})
        assert answer.headers["WWW-Authenticate"].startswith('Basic realm="ChartMuseum", Bearer realm=')
        assert "Location" not in answer.headers
    assert deployment.ask(app, "GET", "/team-a/charts/mychart-0.1.0.tgz", headers=by("alice")).status == 302
    assert deployment.ask(app, "GET", "/public/charts/mychart-0.1.0.tgz").status == 302


def test_a_redirect_shows_no_credentials(deployment: Deployment) -> None:
    app = deployment.load("read_files", **ON)

    answer = deployment.ask(app, "GET", "/team-a/charts/mychart-0.1.0.tgz", headers=by("alice"))

    for secret in (GENERATED, basic("alice").removeprefix("Basic ")):
        assert secret not in json.dumps(answer.headers)


def test_without_a_policy_that_was_ever_good_nobody_passes_by_it(
    deployment: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    deployment.put(".charthouse/access.json", b'{"user": {}}')
    app = deployment.load("read_files", **ON)

    answers = [
        deployment.ask(app, "GET", path, headers=headers)
        for path in ("/team-a/index.yaml", "/public/index.yaml")
        for headers in ({}, by("alice"), by("alice", "wrong"))
    ]

    assert {answer.status for answer in answers} == {503}
    assert all(answer.headers["Retry-After"] for answer in answers)
    out = capsys.readouterr().out
    reasons = {line["reason"] for line in lines(out) if line.get("message") == "access_policy_not_refreshed"}
    assert reasons == {
        "the document: unknown member 'user'; known are $schema, anonymous, users, keys, issuers",
    }
    # What the alarm looks at.
    assert [line["AccessPolicyFailures"] for line in lines(out) if "AccessPolicyFailures" in line] == [[1.0]]


def test_the_registry_decides_by_the_same_policy_in_its_own_words(deployment: Deployment) -> None:
    registry = Registry.load(deployment, **ON)
    digest = Digest.of(b"blob")
    query = f"digest={digest}"
    blob = {"Content-Type": "application/octet-stream"}

    def push(repo: str, headers: dict[str, str]) -> Answer:
        path = f"{repo}/mychart/blobs/uploads/"
        return registry.ask("POST", path, query=query, headers=headers | blob, body=b"blob")

    anonymous, wrong, nobody = push("team-a", {}), push("team-a", by("alice", "wrong")), push("team-a", by("nobody"))
    for answer in (anonymous, wrong):
        assert error(answer)[:2] == (401, "UNAUTHORIZED")
        assert answer.headers["WWW-Authenticate"].startswith('Basic realm="charthouse", Bearer realm="https://')
        assert 'scope="repository:team-a/mychart:pull,push"' in answer.headers["WWW-Authenticate"]
    assert error(nobody)[:2] == (403, "DENIED")
    assert push("team-a", by("alice")).status == 201
    assert push("team-b", by("ci")).status == 201
    # Deleting is a right of its own, and a mount needs to read where the blob is: without, it is no oracle.
    assert error(registry.ask("DELETE", f"team-b/mychart/blobs/{digest}", headers=by("ci")))[:2] == (403, "DENIED")
    mount = f"mount={digest}&from=team-b/mychart"
    mounted = registry.ask("POST", "team-a/mychart/blobs/uploads/", query=mount, headers=by("alice"))
    assert mounted.status == 202
    mounted = registry.ask("POST", "team-a/other/blobs/uploads/", query=mount, headers=by("ci"))
    assert mounted.status == 201
    # Reading: of everyone in public, of those with credentials elsewhere, and what is missing is 404 only for them.
    assert error(registry.ask("GET", "public/mychart/manifests/1.0.0"))[:2] == (404, "MANIFEST_UNKNOWN")
    assert error(registry.ask("GET", "team-b/mychart/manifests/1.0.0"))[:2] == (401, "UNAUTHORIZED")
    assert error(registry.ask("GET", "team-b/mychart/manifests/1.0.0", headers=by("alice")))[:2] == (403, "DENIED")


def test_a_token_of_the_registry_carries_what_its_caller_may_do(deployment: Deployment) -> None:
    registry = Registry.load(deployment, **ON)
    query = f"digest={Digest.of(b'blob')}"

    def token(headers: dict[str, str], *scopes: str) -> dict[str, str]:
        asked = "&".join(["service=charthouse", *(f"scope=repository:{scope}" for scope in scopes)])
        answer = registry.ask("GET", "token", query=asked, headers=headers)
        assert answer.status == 200, answer.body
        assert answer.json["token"] == answer.json["access_token"]
        return {"Authorization": f"Bearer {answer.json['token']}"}

    def push(repo: str, headers: dict[str, str]) -> int:
        headers = headers | {"Content-Type": "application/octet-stream"}
        path = f"{repo}/mychart/blobs/uploads/"
        return registry.ask("POST", path, query=query, headers=headers, body=b"blob").status

    alice = token(by("alice"), "team-a/mychart:pull,push", "team-b/mychart:pull,push")
    assert (push("team-a", alice), push("team-b", alice)) == (201, 403)
    reading = token(by("alice"), "team-a/mychart:pull")
    assert push("team-a", reading) in {401, 403}
    assert registry.ask("GET", "team-a/mychart/manifests/1.0.0", headers=reading).status == 404
    everyone = token({}, "public/mychart:pull", "team-a/mychart:pull")
    assert registry.ask("GET", "public/mychart/manifests/1.0.0", headers=everyone).status == 404
    assert registry.ask("GET", "team-a/mychart/manifests/1.0.0", headers=everyone).status in {401, 403}
    assert registry.ask("GET", "token", headers=by("alice", "wrong")).status == 401


# --- every route has a decision ---

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")

FILES = (
    "/", "/team-a", "/team-a/", "/team-a/index.yaml", "/team-a/charts/a-1.0.0.tgz", "/team-a/charts/a-1.0.0.tgz.prov",
    "/team-a/artifacthub-repo.yml", "/team-a/health", "/team-a/info", "/health", "/info", "/metrics", "/a/b/c",
)  # fmt: skip
API = (
    "/api/team-a/charts", "/api/team-a/charts/a", "/api/team-a/charts/a/1.0.0", "/api/team-a/charts/a/1.0.0/templates",
    "/api/team-a/charts/a/1.0.0/values", "/api/team-a/prov", "/api/repositories", "/api/a/b/c", "/api/",
)  # fmt: skip

REGISTRY = (
    "/v2/", "/v2/token", "/v2/team-a/a/tags/list", "/v2/team-a/a/manifests/1.0.0",
    f"/v2/team-a/a/blobs/sha256:{'a' * 64}", f"/v2/team-a/a/referrers/sha256:{'a' * 64}",
    "/v2/team-a/a/blobs/uploads/", f"/v2/team-a/a/blobs/uploads/{'a' * 32}", "/v2/_catalog", "/v2/a/b/c/tags/list",
)  # fmt: skip

PATHS = {
    "/v2": ("/v2",),
    "/v2/{proxy+}": REGISTRY,
    "/{proxy+}": FILES,
    "/api/{proxy+}": API,
    "/": ("/",),
    "/health": ("/health",),
    "/info": ("/info",),
    "/metrics": ("/metrics",),
    "$default": FILES + API + REGISTRY,
}
"""Path of a route of the template → paths that come by it: one for every kind of route."""

OPEN = {Kind.HEALTH, Kind.INFO}
"""Routes that everyone may read."""
FILTERED = {Kind.REPOSITORIES, Kind.METRICS}
"""Routes that look at each repository themselves."""
ACTIONS = {
    Kind.UPLOAD: Action.PUSH,
    Kind.UPLOAD_PROVENANCE: Action.PUSH,
    Kind.DELETE_VERSION: Action.DELETE,
    Kind.DELETE_CHART: Action.DELETE,
}
"""What a route needs where it is not `pull`."""


def routes() -> Iterator[tuple[str, str, str]]:
    """Yield the function, method and path of everything that can come in by the template's routes."""
    for route in resources("AWS::ApiGatewayV2::Route").values():
        key = route["Properties"]["RouteKey"]
        text = key["Fn::Sub"].replace("${ContextPath}", "") if isinstance(key, dict) else key
        method, _, path = text.rpartition(" ")
        integration = re.findall(r"\$\{(\w+)\}", json.dumps(route["Properties"]["Target"]))[0]
        function = RESOURCES[integration]["Properties"]["IntegrationUri"]["Fn::GetAtt"][0]
        for each in METHODS if method in {"ANY", ""} else (method,):
            # A route without paths here is one without a decision.
            for concrete in PATHS[path or "/"]:
                yield folder(function), each, concrete


def test_every_route_of_the_template_has_a_decision(deployment: Deployment) -> None:
    apps: dict[str, ModuleType] = {}

    def ask(function: str, method: str, path: str, headers: dict[str, str]) -> Answer:
        if function not in apps:
            apps[function] = deployment.load(function, **ON, ENABLE_METRICS="true", CORS_ALLOW_ORIGIN="*")
        return deployment.ask(apps[function], method, path, headers=headers)

    deployment.put(".charthouse/access.json", a_document(users={"nobody": a_user()}))
    for function, method, path in sorted(set(routes())):
        anonymous = ask(function, method, path, {})
        nobody = ask(function, method, path, by("nobody"))
        statuses = (anonymous.status, nobody.status)
        if method == "OPTIONS":
            assert statuses == (204, 204), (function, method, path)
        elif path in {"/health", "/info", "/team-a/health", "/team-a/info"} and method in {"GET", "HEAD"}:
            assert statuses == (200, 200), (function, method, path)
        elif path in {"/api/repositories", "/metrics", "/"}:
            # Credentials are needed, and what is shown depends on them: here nothing.
            assert statuses in {(401, 200), (404, 404)}, (function, method, path)
        elif path in {"/v2", "/v2/", "/v2/token"}:
            # What a client may do is for the next request to say.
            assert statuses in {(401, 200), (200, 200), (404, 404), (405, 405)}, (function, method, path)
        else:
            assert statuses in {(401, 403), (404, 404), (405, 405)}, (function, method, path)


def test_every_kind_of_route_needs_the_action_it_stands_for() -> None:
    site = Site(enable_metrics=True, artifact_hub_repo_ids={"": "id"})
    found: dict[Kind, Action | None] = {}
    for _, method, path in routes():
        if is_registry(path):
            continue
        with suppress(NotFound):
            route = match(method, path, Paths(1), Rules(), site)
            found[route.kind] = route.action

    kinds = [kind for kind in Kind if not kind.name.startswith("OCI_")]
    assert found == {kind: None if kind in OPEN | FILTERED else ACTIONS.get(kind, Action.PULL) for kind in kinds}


def test_every_kind_of_route_of_the_registry_needs_the_action_of_its_method() -> None:
    found: dict[Kind, dict[str, Action | None]] = defaultdict(dict)
    for _, method, path in routes():
        with suppress(Refusal):
            if is_registry(path):
                route = match_registry(method, path, Paths(1), Rules())
                found[route.kind][method] = route.action

    reads = {"GET": Action.PULL, "HEAD": Action.PULL}
    assert found == {
        # Open: who is known is asked, what is allowed is not.
        Kind.OCI_ROOT: dict.fromkeys(METHODS),
        Kind.OCI_TOKEN: dict.fromkeys(METHODS),
        Kind.OCI_TAGS: reads,
        Kind.OCI_MANIFEST: reads | {"PUT": Action.PUSH, "DELETE": Action.DELETE},
        Kind.OCI_BLOB: reads | {"DELETE": Action.DELETE},
        Kind.OCI_UPLOADS: {"POST": Action.PUSH},
        Kind.OCI_UPLOAD: dict.fromkeys(("GET", "HEAD", "PUT", "PATCH"), Action.PUSH) | {"DELETE": Action.DELETE},
        Kind.OCI_REFERRERS: reads,
    }
