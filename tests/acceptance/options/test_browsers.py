"""CorsAllowOrigin and ArtifactHubRepoId: pages of another origin, and who the publisher is."""

import pytest
import yaml

from tests.acceptance.deployment import Deployment
from tests.acceptance.options.stacks import ORIGIN, ROOT_ID, TEAM_ID
from tests.acceptance.repository import Repository, ask, basic
from tests.builders import a_package


@pytest.mark.parametrize("path", ["/index.yaml", "/api/charts", "/private/repo/index.yaml", "/api/a/b/charts/c/1.0.0"])
def test_a_preflight_is_answered_before_credentials_are_asked_for(tenants: Deployment, path: str) -> None:
    """CorsAllowOrigin."""
    asked = {
        "Origin": ORIGIN,
        "Access-Control-Request-Method": "DELETE",
        "Access-Control-Request-Headers": "authorization",
    }

    answer = ask("OPTIONS", tenants.url + path, headers=asked)

    assert (answer.status, answer.body) == (204, b"")
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert {"GET", "POST", "DELETE"} <= set(str(answer.headers["Access-Control-Allow-Methods"]).split(", "))
    assert "Authorization" in str(answer.headers["Access-Control-Allow-Headers"])


def test_a_page_may_read_every_answer(fresh: Repository) -> None:
    fresh.upload(a_package("mychart", "1.0.0"))

    answers = [
        fresh.get("/index.yaml", Origin=ORIGIN),
        fresh.get("/charts/mychart-1.0.0.tgz", Origin=ORIGIN),
        fresh.call("GET", "/charts", Origin=ORIGIN),
        fresh.anonymous().get("/index.yaml", Origin=ORIGIN),
        fresh.get("/nothing.yaml", Origin=ORIGIN),
    ]

    assert [answer.status for answer in answers] == [302, 302, 200, 401, 404]
    assert {answer.headers["Access-Control-Allow-Origin"] for answer in answers} == {ORIGIN}


def test_the_bucket_lets_pages_read_what_they_were_redirected_to(tenants: Deployment, fresh: Repository) -> None:
    fresh.upload(a_package("mychart", "1.0.0"))
    url = fresh.get("/index.yaml").location.geturl()

    # After a redirect to another host a browser no longer says where it came from.
    answer = ask("GET", url, headers={"Origin": "null"})

    assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (200, "*")
    (rule,) = tenants.s3.get_bucket_cors(Bucket=tenants.bucket)["CORSRules"]
    assert set(rule["AllowedMethods"]) == {"GET", "HEAD"}


def test_without_it_no_answer_names_an_origin(small: Repository) -> None:
    answers = [small.get("/index.yaml", Origin=ORIGIN), small.call("GET", "/charts", Origin=ORIGIN)]

    assert {answer.headers["Access-Control-Allow-Origin"] for answer in answers} == {None}


@pytest.mark.parametrize(("repo", "repository_id"), [("", ROOT_ID), ("teams/charts", TEAM_ID)])
def test_artifact_hub_finds_the_id_of_each_repository(tenants: Deployment, repo: str, repository_id: str) -> None:
    """ArtifactHubRepoId."""
    answer = tenants.repository(repo).get("/artifacthub-repo.yml")

    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/x-yaml")
    assert answer.body == f"repositoryID: {repository_id}\n".encode()
    assert yaml.safe_load(answer.body) == {"repositoryID": repository_id}


def test_a_repository_without_an_id_is_404(tenants: Deployment, limits: Deployment) -> None:
    robot = {"Authorization": basic("robot", tenants.parameters["BasicAuthPass"])}

    without, off = (
        ask("GET", f"{tenants.url}/teams/others/artifacthub-repo.yml", headers=robot),
        ask("GET", f"{limits.url}/small/artifacthub-repo.yml"),
    )

    assert (without.status, without.error) == (404, "Artifact Hub repository ID not found")
    assert (off.status, off.error) == (404, "not found")
