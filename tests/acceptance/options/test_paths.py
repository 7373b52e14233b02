"""Depth, DepthDynamic and ContextPath: where repositories are."""

import secrets
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest

from tests.acceptance.deployment import Deployment
from tests.acceptance.helm import Helm
from tests.acceptance.options.stacks import CONTEXT
from tests.acceptance.repository import Repository, ask, basic
from tests.builders import a_package


@pytest.fixture
def below(based: Deployment) -> Repository:
    """Return the repository below the context path."""
    return Repository(based.url, based.api, basic("robot", based.parameters["BasicAuthPass"]))


@pytest.fixture
def above(based: Deployment) -> Repository:
    """Return the same repository without the context path."""
    base = based.url.removesuffix(CONTEXT)
    return Repository(base, f"{base}/api", basic("robot", based.parameters["BasicAuthPass"]))


@pytest.mark.parametrize("path", ["/index.yaml", "/a/b/index.yaml", "/charts/x-1.0.0.tgz", "/api/charts", "/a/b/c"])
def test_at_a_fixed_depth_only_that_depth_is_a_repository(limits: Deployment, path: str) -> None:
    """Depth=1."""
    answer = ask("GET", limits.url + path)

    assert (answer.status, answer.json()) == (404, {"error": "not found"})


def test_with_depth_dynamic_repositories_of_every_depth_are_apart(tenants: Deployment) -> None:
    """DepthDynamic."""
    name = f"chart-{secrets.token_hex(4)}"
    places = ["", "deep", "deep/deeper", "deep/deeper/charts", "a/b/c/d/e/f"]
    repositories = {repo: tenants.repository(repo) for repo in places}

    for number, repository in enumerate(repositories.values()):
        assert repository.upload(a_package(name, f"{number}.0.0"), name).status == 201

    found = {repo: repository.versions(name) for repo, repository in repositories.items()}
    assert found == {repo: [f"{number}.0.0"] for number, repo in enumerate(places)}
    for repository in repositories.values():
        repository.remove_uploads()


def test_the_index_says_where_the_api_is(below: Repository) -> None:
    """ContextPath, from which `helm cm-push` makes the URL it uploads to."""
    name = f"chart-{secrets.token_hex(4)}"
    context = below.index()["serverInfo"]["contextPath"]
    parts = urlsplit(below.url)
    url = f"{parts.scheme}://{parts.netloc}{context}/api{parts.path.removeprefix(context)}/charts"

    answer = below.ask("POST", url, a_package(name))

    assert url == f"{parts.scheme}://{parts.netloc}/charts/api/charts"
    assert (answer.status, answer.json()) == (201, {"saved": True})


def test_every_route_is_below_the_context_path_and_without_it(below: Repository, above: Repository) -> None:
    name = f"chart-{secrets.token_hex(4)}"
    assert below.upload(a_package(name, "1.0.0")).status == 201
    assert above.upload(a_package(name, "2.0.0")).status == 201

    for repository in (below, above):
        assert repository.versions(name) == ["2.0.0", "1.0.0"]
        assert repository.read(f"/charts/{name}-1.0.0.tgz").status == 200
        assert repository.head(f"/charts/{name}-1.0.0.tgz").status == 302
        assert repository.call("GET", f"/charts/{name}/^1").json()["version"] == "1.0.0"
        assert repository.get("/health").json() == {"healthy": True}
        assert repository.get("/info").status == 200
        assert repository.get("").status == repository.get("/").status == 200
        assert repository.get("/nothing.yaml").status == repository.call("PUT", "/charts").status == 404

    assert below.delete(name, "1.0.0").status == 200
    assert above.delete(name, "2.0.0").status == 200
    assert name not in below.index()["entries"]


def test_what_only_begins_like_the_context_path_is_not_below_it(above: Repository) -> None:
    answer = above.get("/chartsfoo/index.yaml")

    assert (answer.status, answer.error) == (404, "not found")


@pytest.mark.parametrize("major", [3, 4])
def test_helm_works_below_the_context_path(major: int, helm: Callable[[int], Helm], below: Repository) -> None:
    name = f"chart-{secrets.token_hex(4)}"
    package = a_package(name, "1.2.3")
    assert below.upload(package).status == 201
    run = helm(major)

    run("repo", "add", "based", below.url)
    run("pull", f"based/{name}", "--destination", run.folder("pulled"))

    assert (run.home / "pulled" / f"{name}-1.2.3.tgz").read_bytes() == package
