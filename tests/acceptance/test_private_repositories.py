"""A private deployment of two tenants: tokens for machines, user and password for Helm."""

import time
from collections.abc import Callable
from pathlib import Path

import jwt
import pytest
import yaml

from local.keys import make_key, make_token
from tests.acceptance.deployment import Deployment, Deployments
from tests.acceptance.helm import Helm
from tests.acceptance.repository import Repository, ask, basic
from tests.builders import a_package

type Helms = Callable[[int], Helm]

USER, PASSWORD = "harbour", "s3cret: viele Grüße"
BOTH = 'Basic realm="ChartMuseum", Bearer realm="https://example.com/token",service="charts",scope="{}"'


@pytest.fixture(scope="module")
def private(deployed: Deployments) -> Deployment:
    """Return a deployment that requires credentials, whose repository names have two segments."""
    return deployed(
        Depth=2,
        BearerAuth=True,
        AuthRealm="https://example.com/token",
        AuthService="charts",
        BasicAuthUser=USER,
        BasicAuthPass=PASSWORD,
    )


@pytest.fixture
def tenant(private: Deployment) -> Repository:
    """Return a repository of the deployment with a token for it."""
    return private.repository("org1/repo1")


@pytest.mark.parametrize("major", [3, 4])
def test_helm_reads_with_user_and_password_and_sends_them_nowhere_else(
    major: int, helm: Helms, tenant: Repository, chart: str
) -> None:
    run = helm(major)
    package = a_package(chart, "1.0.0", files={"values.yaml": b"a: 1\n"})
    tenant.upload(package)
    credentials = ["--username", USER, "--password", PASSWORD]

    assert run.run("repo", "add", "private", tenant.url).code != 0
    assert run.run("repo", "add", "private", tenant.url, "--username", USER, "--password", "wrong").code != 0
    run("repo", "add", "private", tenant.url, *credentials)

    assert chart in run("search", "repo", chart)
    # The storage refuses a presigned request that has an Authorization header, too.
    run("pull", f"private/{chart}")
    assert (run.home / f"{chart}-1.0.0.tgz").read_bytes() == package
    assert run("show", "values", f"private/{chart}").strip() == "a: 1"
    assert "a: 1" in run("show", "values", chart, "--repo", tenant.url, *credentials)
    run("create", "app")
    metadata = run.home / "app" / "Chart.yaml"
    dependency = {"name": chart, "version": "1.0.0", "repository": "@private"}
    metadata.write_text(yaml.safe_dump(yaml.safe_load(metadata.read_text()) | {"dependencies": [dependency]}))
    run("dependency", "update", "app")
    assert (run.home / "app" / "charts" / f"{chart}-1.0.0.tgz").exists()


def test_the_storage_refuses_credentials_that_are_sent_on(tenant: Repository) -> None:
    location = tenant.get("/charts/x-1.0.0.tgz").location.geturl()

    assert ask("GET", location, headers={"Authorization": basic(USER, PASSWORD)}).status == 400
    assert ask("GET", location).status == 404


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Basic",
        "Basic !!!",
        "Bearer",
        "Bearer x.y.z",
        "Digest x",
        basic(USER, "wrong"),
        basic("wrong", PASSWORD),
        basic(USER, ""),
    ],
)
def test_missing_or_wrong_credentials_get_both_challenges(private: Deployment, authorization: str | None) -> None:
    caller = Repository(f"{private.url}/org1/repo1", f"{private.api}/org1/repo1", authorization)

    read, written = caller.get("/index.yaml"), caller.call("DELETE", "/charts/x/1.0.0")

    assert [(answer.status, answer.error) for answer in (read, written)] == [(401, "unauthorized")] * 2
    assert read.headers["WWW-Authenticate"] == BOTH.format("artifact-repository:org1/repo1:pull")
    assert written.headers["WWW-Authenticate"] == BOTH.format("artifact-repository:org1/repo1:push")
    assert read.headers["Cache-Control"] == "no-store"


def test_tokens_that_do_not_hold_are_no_credentials(private: Deployment, tmp_path: Path) -> None:
    make_key(tmp_path / "another.pem")
    access = [{"type": "artifact-repository", "name": "org1/repo1", "actions": ["pull"]}]
    pem = private.key.read_text()
    tokens = {
        "expired": make_token(private.key, "org1/repo1", ["pull"], -600),
        "another's key": make_token(tmp_path / "another.pem", "org1/repo1"),
        "not yet": jwt.encode({"nbf": time.time() + 600, "access": access}, pem, algorithm="RS256"),
        "another algorithm": jwt.encode({"access": access}, "x" * 64, algorithm="HS256"),
        "no access claim": jwt.encode({"sub": "someone"}, pem, algorithm="RS256"),
    }

    statuses = {
        what: Repository(f"{private.url}/org1/repo1", "", f"Bearer {token}").get("/index.yaml").status
        for what, token in tokens.items()
    }

    assert statuses == dict.fromkeys(tokens, 401)


def test_tenants_neither_see_nor_touch_each_other(private: Deployment, chart: str) -> None:
    one, two = private.repository("org1/repo1"), private.repository("org1/repo2")
    one.upload(a_package(chart, "1.0.0"))
    two.upload(a_package(chart, "2.0.0"))
    stranger = Repository(two.url, two.api, one.authorization)

    assert one.versions(chart) == ["1.0.0"]
    assert two.versions(chart) == ["2.0.0"]
    assert [entry["version"] for entry in one.call("GET", "/charts").json()[chart]] == ["1.0.0"]
    refused = [
        stranger.get("/index.yaml"),
        stranger.get(f"/charts/{chart}-2.0.0.tgz"),
        stranger.call("GET", "/charts"),
        stranger.call("GET", f"/charts/{chart}/2.0.0"),
        stranger.upload(a_package(chart, "3.0.0")),
        stranger.delete(chart, "2.0.0"),
    ]
    assert [answer.status for answer in refused] == [403] * 6
    assert refused[0].error == "the token does not allow pull on org1/repo2"
    assert "WWW-Authenticate" not in refused[0].headers
    assert two.versions(chart) == ["2.0.0"]


def test_a_token_allows_the_actions_it_names_and_no_other(private: Deployment, chart: str) -> None:
    puller, pusher = private.repository("org1/repo1", "pull"), private.repository("org1/repo1", "push")

    assert puller.get("/index.yaml").status == 302
    assert puller.upload(a_package(chart, "1.0.0")).error == "the token does not allow push on org1/repo1"
    assert pusher.upload(a_package(chart, "1.0.0")).status == 201
    assert pusher.get("/index.yaml").status == 403
    # The action `push` includes deleting, as in ChartMuseum.
    assert puller.delete(chart, "1.0.0").status == 403
    assert pusher.delete(chart, "1.0.0").status == 200


def test_user_and_password_may_do_everything_everywhere(private: Deployment, chart: str) -> None:
    for repo in ["org1/repo1", "org2/repo1"]:
        admin = Repository(f"{private.url}/{repo}", f"{private.api}/{repo}", basic(USER, PASSWORD))

        assert admin.upload(a_package(chart, "1.0.0")).status == 201
        assert admin.versions(chart) == ["1.0.0"]
        assert admin.delete(chart, "1.0.0").status == 200


def test_a_caller_is_listed_the_repositories_it_may_read(private: Deployment, chart: str) -> None:
    for repo in ["org1/repo1", "org3/repo1"]:
        private.repository(repo).upload(a_package(chart, "1.0.0"))

    seen = {
        who: ask("GET", f"{private.api}/repositories", headers={"Authorization": authorization})
        for who, authorization in {
            "token": f"Bearer {private.token('org1/repo1')}",
            "admin": basic(USER, PASSWORD),
            "anonymous": "",
        }.items()
    }

    assert seen["token"].json() == ["org1/repo1"]
    assert {"org1/repo1", "org3/repo1"} <= set(seen["admin"].json())
    assert seen["anonymous"].status == 401


def test_the_api_is_found_from_the_repository_s_url_alone(tenant: Repository) -> None:
    assert Repository.at(f"{tenant.url}/", tenant.authorization).api == tenant.api


@pytest.mark.parametrize("path", ["/health", "/info"])
def test_health_and_info_are_open(private: Deployment, path: str) -> None:
    assert ask("GET", f"{private.url}{path}").status == 200


@pytest.mark.parametrize("path", ["/org1/index.yaml", "/a/b/c/index.yaml", "/api/charts", "/index.yaml", "/a/../b/x"])
def test_paths_of_another_depth_are_not_found_for_any_caller(private: Deployment, path: str) -> None:
    answer = ask("GET", f"{private.url}{path}")

    assert (answer.status, answer.error) == (404, "not found")


def test_with_nothing_configured_reads_are_open_and_writes_say_what_to_set(deployed: Deployments) -> None:
    repository = deployed(BearerAuth=False).repository()
    package = a_package("mychart", "1.0.0")

    refused = [repository.upload(package), repository.upload_provenance(b""), repository.delete("mychart", "1.0.0")]

    assert repository.read("/index.yaml").status == 200
    assert [answer.status for answer in refused] == [403] * 3
    assert all("BearerAuth" in answer.error and "AllowAnonymousPush" in answer.error for answer in refused)
