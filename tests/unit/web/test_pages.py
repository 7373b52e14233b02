"""Home page, health, info, artifacthub-repo.yml and /metrics."""

import base64
import hashlib
import json
import re
from dataclasses import replace

import pytest
import yaml
from charthouse.access.callers import ANONYMOUS, Identity, Source
from charthouse.errors import NotFound
from charthouse.repository.ports import RepositoryState
from charthouse.settings import Access, Paths, Rules, Settings, Site
from charthouse.web.pages import PROMETHEUS, answer, metrics
from charthouse.web.requests import Request
from charthouse.web.responses import Response
from charthouse.web.routes import Kind, Route

from local.places import ROOT
from tests.events import an_event

REQUEST = Request.read(an_event(), "id")


def home(settings: Settings, repo: str = "", caller: Identity = ANONYMOUS) -> str:
    response = answer(replace(REQUEST, caller=caller), Route(Kind.HOME, repo), settings)
    assert response.status == 200
    assert response.headers["Content-Type"] == "text/html; charset=utf-8"
    assert isinstance(response.body, str)
    return response.body


def test_health_is_chartmuseums() -> None:
    assert answer(REQUEST, Route(Kind.HEALTH), Settings()).body == '{"healthy":true}'


def test_info_has_the_newest_version_of_the_changelog() -> None:
    newest = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)

    assert newest is not None
    assert answer(REQUEST, Route(Kind.INFO), Settings()).body == json.dumps(
        {"version": newest[1]}, separators=(",", ":")
    )


def test_the_home_page_shows_the_url_and_commands_that_work_when_pasted() -> None:
    page = home(Settings(access=Access(bearer_auth=True, anonymous_get=True)))

    assert "<title>charthouse</title>" in page
    assert "helm repo add charthouse https://charts.example.com\n" in page
    assert (
        'curl -H "Authorization: Bearer $TOKEN" --data-binary @mychart-0.1.0.tgz https://charts.example.com/api/charts'
        in page
    )


def test_a_repository_below_a_context_path_has_its_own_page() -> None:
    page = home(Settings(paths=Paths(2, context_path="/ctx")), "org1/repo1")

    assert "helm repo add repo1 https://charts.example.com/ctx/org1/repo1\n" in page
    assert "https://charts.example.com/ctx/api/org1/repo1/charts" in page


def test_the_page_says_how_to_authenticate() -> None:
    for access in (Access(basic_user="ann", basic_secret="arn"), Access(policy=True)):
        closed = home(Settings(access=access), caller=Identity(Source.USER, "ann"))
        assert "--username USER --password PASSWORD" in closed
        assert "curl -u USER:PASSWORD" in closed
        # An anonymous caller who sees the page may read the repository.
        opened = home(Settings(access=access))
        assert "--username" not in opened.partition("<h2>Upload")[0]
        assert "curl -u USER:PASSWORD" in opened


def test_the_page_promises_nothing_that_is_off() -> None:
    assert "curl" not in home(Settings(rules=Rules(disable_api=True)))
    assert "helm repo add" not in home(Settings(paths=Paths(1)))
    assert "helm repo add" in home(Settings(paths=Paths(0, depth_dynamic=True)))


def test_the_page_shows_both_ways() -> None:
    page = home(Settings(paths=Paths(1), access=Access(basic_user="ann", basic_secret="arn")), "team-a")

    assert "helm repo add team-a https://charts.example.com/team-a\n" in page
    assert "helm registry login charts.example.com --username USER" in page
    assert "helm pull oci://charts.example.com/team-a/mychart --version 0.1.0" in page
    assert "helm push mychart-0.1.0.tgz oci://charts.example.com/team-a<" in page
    # The registry is at the root of the host.
    based = home(Settings(paths=Paths(0, context_path="/ctx")))
    assert "helm push mychart-0.1.0.tgz oci://charts.example.com<" in based
    assert "registry login" not in based
    token = home(Settings(access=Access(bearer_auth=True, anonymous_get=True)))
    assert 'helm registry login charts.example.com --username token --password "$TOKEN"' in token


@pytest.mark.parametrize(("repo", "rules"), [("Team", Rules()), ("team", Rules(disable_oci=True))])
def test_the_page_shows_the_classic_way_only_where_oci_has_none(repo: str, rules: Rules) -> None:
    page = home(Settings(paths=Paths(1), rules=rules), repo)

    assert "helm repo add" in page
    assert "oci://" not in page


def test_a_name_is_escaped() -> None:
    page = home(Settings(paths=Paths(depth_dynamic=True)), "<script>alert('x')</script>")

    assert "<script" not in page
    assert "&lt;script&gt;" in page


def test_the_policy_allows_the_pages_own_style_and_nothing_else() -> None:
    response = answer(REQUEST, Route(Kind.HOME), Settings())
    assert isinstance(response.body, str)
    style = re.search(r"<style>(.*?)</style>", response.body, re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()

    policy = response.headers["Content-Security-Policy"]

    assert policy.startswith(f"default-src 'none'; style-src 'sha256-{digest}';")
    assert "unsafe" not in policy
    assert response.headers["X-Content-Type-Options"] == "nosniff"


def artifact_hub(repo: str, ids: dict[str, str]) -> Response:
    return answer(REQUEST, Route(Kind.ARTIFACT_HUB, repo), Settings(site=Site(artifact_hub_repo_ids=ids)))


def test_each_repository_has_its_artifact_hub_id() -> None:
    ids = {"": "0b9a6a4e-8a5c-4c43-a3b5-2b1e44a1c0aa", "org1/repo1": "foo"}

    response = artifact_hub("", ids)

    assert response.body == "repositoryID: 0b9a6a4e-8a5c-4c43-a3b5-2b1e44a1c0aa\n"
    assert response.headers["Content-Type"] == "application/x-yaml"
    assert artifact_hub("org1/repo1", ids).body == 'repositoryID: "foo"\n'
    with pytest.raises(NotFound, match="Artifact Hub repository ID not found"):
        artifact_hub("org1/repo2", ids)


@pytest.mark.parametrize(
    "odd", ["12", "a: b", "x\ny: z", "'", '"', "1e5", "true", "no", "null", "0x1F", "2026-11-20", "1_0", "ü"]
)
def test_an_odd_id_is_still_one_string(odd: str) -> None:
    assert yaml.safe_load(str(artifact_hub("", {"": odd}).body)) == {"repositoryID": odd}


def gauges(states: list[RepositoryState]) -> str:
    response = metrics(states)
    assert (response.status, response.headers["Content-Type"]) == (200, PROMETHEUS)
    return str(response.body)


def test_every_repository_has_both_gauges() -> None:
    text = gauges([RepositoryState("", charts=1, versions=2), RepositoryState("org1/repo1", charts=30, versions=400)])

    assert text == (
        "# HELP chartmuseum_charts_served_total Charts in the index\n"
        "# TYPE chartmuseum_charts_served_total gauge\n"
        'chartmuseum_charts_served_total{repo=""} 1\n'
        'chartmuseum_charts_served_total{repo="org1/repo1"} 30\n'
        "# HELP chartmuseum_chart_versions_served_total Versions in it\n"
        "# TYPE chartmuseum_chart_versions_served_total gauge\n"
        'chartmuseum_chart_versions_served_total{repo=""} 2\n'
        'chartmuseum_chart_versions_served_total{repo="org1/repo1"} 400\n'
    )


def test_without_repositories_the_text_is_still_one_prometheus_reads() -> None:
    lines = gauges([]).splitlines()

    assert len(lines) == 4
    assert all(line.startswith("# ") for line in lines)


def test_a_label_cannot_break_out_of_its_quotes() -> None:
    text = gauges([RepositoryState('a"b\\c\nd', charts=1)])

    samples = [line for line in text.splitlines() if not line.startswith("#")]
    assert samples[0] == 'chartmuseum_charts_served_total{repo="a\\"b\\\\c\\nd"} 1'
    assert all(re.fullmatch(r'[a-z_]+\{repo="(?:[^"\\]|\\["\\n])*"\} \d+', line) for line in samples)
