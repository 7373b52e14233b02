"""An access policy on a deployed stack: users, keys, jobs of an issuer over real HTTPS, and what no function may do."""

import json
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.access import Change, StoredPolicy, without_user
from local.keys import make_token
from tests.acceptance.deployment import Deployment, Deployments, eventually
from tests.acceptance.helm import Helm
from tests.acceptance.repository import Repository, ask, basic
from tests.acceptance.test_roles import clients_of
from tests.builders import a_package
from tests.issuer import Authority, RunningIssuer, an_issuer_at_work
from tests.policies import GENERATED, PASSWORD, SLOW, a_grant, a_policy_key, a_rule, a_user, an_issuer
from tests.tokens import a_key, a_token, an_ec_key, an_entry

DOCUMENT = ".charthouse/access.json"
COUNTS = 60.0
"""Seconds after which a changed document counts everywhere."""


@pytest.fixture(scope="module")
def issuer(authority: Authority) -> Iterator[RunningIssuer]:
    with an_issuer_at_work(authority) as running:
        running.publish(one=a_key().public_key(), two=an_ec_key().public_key())
        yield running


@pytest.fixture(scope="module")
def document(issuer: RunningIssuer) -> dict[str, Any]:
    return {
        "anonymous": [a_grant("public", actions="pull")],
        "users": {
            "alice": a_user(a_grant("team-a"), password=SLOW),
            "ci": a_user(a_grant("*", actions="pull push")),
            "leaver": a_user(a_grant("**")),
        },
        "keys": {"2026-11": a_policy_key(a_grant("team-a", actions="push"))},
        "issuers": {
            issuer.url: an_issuer(
                a_rule(a_grant("acme", actions="pull push"), repository_owner_id="12345", ref="refs/heads/main")
            )
        },
    }


@pytest.fixture(scope="module")
def policed(deployed: Deployments, document: dict[str, Any]) -> Deployment:
    deployment = deployed(AccessPolicy=True, Depth=1)
    deployment.put(DOCUMENT, json.dumps(document).encode())
    return deployment


def as_user(deployment: Deployment, repo: str, user: str, password: str = GENERATED) -> Repository:
    return Repository(f"{deployment.url}/{repo}", f"{deployment.api}/{repo}", basic(user, password))


def with_token(deployment: Deployment, repo: str, token: str) -> Repository:
    return Repository(f"{deployment.url}/{repo}", f"{deployment.api}/{repo}", f"Bearer {token}")


def noted(deployment: Deployment, key: str) -> Any:
    return deployment.s3.head_object(Bucket=deployment.bucket, Key=key)["Metadata"]["charthouse-by"]


def test_users_work_with_the_real_helm(policed: Deployment, chart: str, helm: Callable[[int], Helm]) -> None:
    alice = as_user(policed, "team-a", "alice", PASSWORD)
    assert alice.upload(a_package(chart, "1.0.0")).status == 201

    client = helm(3)
    client("repo", "add", "team-a", alice.url, "--username", "alice", "--password", PASSWORD)
    client("pull", f"team-a/{chart}", "--version", "1.0.0")

    refused = client.run("repo", "add", "other", f"{policed.url}/team-b", "--username", "alice", "--password", PASSWORD)
    assert refused.code != 0
    assert "403" in refused.output
    assert noted(policed, f"team-a/{chart}-1.0.0.tgz") == "user:alice"


def test_each_right_is_granted_by_itself(policed: Deployment, chart: str) -> None:
    ci, alice = as_user(policed, "team-a", "ci"), as_user(policed, "team-a", "alice", PASSWORD)

    assert ci.upload(a_package(chart, "1.0.0")).status == 201
    assert ci.delete(chart, "1.0.0").error == "the access policy does not grant this user delete on team-a"
    assert as_user(policed, "team-b", "alice", PASSWORD).get("/index.yaml").status == 403
    assert alice.delete(chart, "1.0.0").status == 200


def test_wrong_credentials_get_the_challenges_and_anonymous_reads_none(policed: Deployment) -> None:
    for user, password in (("alice", "wrong"), ("mallory", GENERATED), ("ci", PASSWORD)):
        answer = as_user(policed, "team-a", user, password).get("/index.yaml")
        assert (answer.status, answer.error) == (401, "unauthorized")
        assert str(answer.headers["WWW-Authenticate"]).startswith('Basic realm="ChartMuseum", Bearer ')
    for authorization in ({}, {"Authorization": basic("alice", "wrong")}):
        assert ask("GET", f"{policed.url}/public/index.yaml", headers=authorization).status in {200, 302}


def test_a_token_of_a_listed_key_stays_within_the_keys_grants(policed: Deployment, chart: str) -> None:
    token = a_token(
        an_entry("team-a", "push", "pull"), an_entry("team-b", "push"), header={"kid": "2026-11"}, sub="bot"
    )
    team_a, team_b = (with_token(policed, repo, token) for repo in ("team-a", "team-b"))

    assert team_a.upload(a_package(chart, "1.0.0")).status == 201
    assert noted(policed, f"team-a/{chart}-1.0.0.tgz") == "key:2026-11 sub:bot"
    assert team_a.get("/index.yaml").status == 403
    assert team_a.delete(chart, "1.0.0").status == 403
    assert team_b.upload(a_package(chart, "1.0.0")).status == 403
    # The stack's own key is not listed: it is the parameter's business.
    assert (
        with_token(policed, "team-b", make_token(policed.key, "team-b")).upload(a_package(chart, "1.0.0")).status == 201
    )


def test_a_job_pushes_without_any_stored_secret(policed: Deployment, issuer: RunningIssuer, chart: str) -> None:
    claims = {"repository_owner_id": "12345", "ref": "refs/heads/main", "sub": "repo:acme/app:ref:refs/heads/main"}
    job = with_token(policed, "acme", issuer.token(**claims))

    assert job.upload(a_package(chart, "1.0.0")).status == 201
    assert noted(policed, f"acme/{chart}-1.0.0.tgz") == f"issuer:{issuer.url} sub:{claims['sub']}"
    assert job.get("/index.yaml").status == 302
    assert job.delete(chart, "1.0.0").error == "no rule of the access policy grants this token delete on acme"
    assert (
        with_token(policed, "acme", issuer.token(**claims | {"ref": "refs/heads/x"})).get("/index.yaml").status == 403
    )
    es256 = issuer.token(kid="two", key=an_ec_key(), algorithm="ES256", **claims)
    assert with_token(policed, "acme", es256).get("/index.yaml").status == 302
    for wrong in (
        issuer.token(audience="other", **claims),
        issuer.token(exp=time.time() - 61, **claims),
        issuer.token(exp=None, **claims),
        issuer.token(kid="unknown", **claims),
        issuer.token(key=a_key("somebody else's"), **claims),
    ):
        assert with_token(policed, "acme", wrong).get("/index.yaml").status == 401


def test_lists_show_what_the_caller_may_pull(policed: Deployment, chart: str) -> None:
    for repo in ("team-a", "team-b", "public"):
        assert as_user(policed, repo, "ci").upload(a_package(chart, "1.0.0")).status == 201

    def seen(headers: dict[str, str]) -> list[str]:
        listed: list[str] = ask("GET", f"{policed.api}/repositories", headers=headers).json()
        return listed

    assert seen({}) == ["public"]
    assert seen({"Authorization": basic("alice", PASSWORD)}) == ["public", "team-a"]
    assert {"public", "team-a", "team-b"} <= set(seen({"Authorization": basic("ci", GENERATED)}))


def test_no_function_may_write_the_policy(policed: Deployment) -> None:
    may: dict[str, set[str]] = {"get": set(), "put": set(), "delete": set()}
    for function in policed.stack.functions:
        s3, key = clients_of(policed, function)("s3"), {"Bucket": policed.bucket, "Key": DOCUMENT}
        attempts: dict[str, Callable[[], object]] = {
            "get": partial(s3.get_object, **key),
            "put": partial(s3.put_object, **key, Body=b"{}"),
            "delete": partial(s3.delete_object, **key),
        }
        for what, attempt in attempts.items():
            try:
                attempt()
                may[what].add(function)
            except ClientError as error:
                assert "AccessDenied" in error.response["Error"]["Code"]  # noqa: PT017 (what else would be a bug)

    assert may["put"] == may["delete"] == set()
    assert {"ReadFiles", "ListCharts", "ShowHome", "UploadCharts", "DeleteCharts"} <= may["get"]
    assert not {"IndexObjects", "ReconcileRepositories"} & may["get"]


def test_credentials_are_in_no_log(policed: Deployment, issuer: RunningIssuer) -> None:
    token = issuer.token(repository_owner_id="12345", ref="refs/heads/main")
    with_token(policed, "acme", token).get("/index.yaml")
    as_user(policed, "team-a", "ci").get("/index.yaml")

    log = policed.stack.emulator.log.read_text(errors="replace")

    assert '"user":"ci"' in log.replace('\\"', '"').replace(" ", "")
    for secret in (PASSWORD, GENERATED, token, basic("ci", GENERATED).split()[1]):
        assert secret not in log


def test_a_stack_whose_policy_was_never_stored_answers_503_and_then_works(deployed: Deployments) -> None:
    deployment = deployed(AccessPolicy=True, Depth=2)
    repository = Repository(f"{deployment.url}/a/b", f"{deployment.api}/a/b", basic("alice", PASSWORD))
    assert repository.get("/index.yaml").status == 503

    # What `make user` does.
    policy = StoredPolicy(deployment.s3, deployment.bucket, {})
    change = Change("alice", ["a/*"], ["pull"], SLOW)
    policy.edit(lambda found: change.apply(found, keeps_password=False))

    started = time.monotonic()
    assert eventually(lambda: repository.get("/index.yaml").status, lambda status: status == 200, COUNTS + 5) == 200
    assert time.monotonic() - started < COUNTS + 2


def test_a_removed_user_ends_within_a_minute_and_a_broken_document_changes_nothing(policed: Deployment) -> None:
    leaver, ci = (as_user(policed, "team-a", user) for user in ("leaver", "ci"))
    assert leaver.get("/index.yaml").status != 401
    policy = StoredPolicy(policed.s3, policed.bucket, {})
    policy.edit(lambda found: without_user(found, "leaver"))
    stored = time.monotonic()

    assert eventually(lambda: leaver.get("/index.yaml").status, lambda status: status == 401, COUNTS + 5) == 401
    assert time.monotonic() - stored < COUNTS + 2
    good = policed.stored(DOCUMENT)
    assert good is not None
    policed.put(DOCUMENT, b'{"users": {"ci": {}}}')
    log = policed.stack.emulator.log
    assert eventually(
        lambda: (ci.get("/index.yaml").status, "access_policy_not_refreshed" in log.read_text(errors="replace"))[1],
        bool,
        COUNTS + 5,
    )
    assert ci.get("/index.yaml").status != 401
    policed.put(DOCUMENT, good)
