"""show_home: what the site says of itself, and of its repositories."""

import os
import subprocess
import sys

import pytest

from tests.builders import a_package
from tests.functions.conftest import ROOT, Answer, Context, Deployment, lines, sample
from tests.tokens import a_token, an_entry, public_pem

BEARER = {"BEARER_AUTH": "true", "AUTH_PUBLIC_KEY": public_pem(), "AUTH_REALM": "https://auth.example.com"}


def test_the_sample_is_healthy_and_leaves_no_line(deployment: Deployment, capsys: pytest.CaptureFixture[str]) -> None:
    app = deployment.load("show_home")

    answer = Answer(app.handler(sample("show_home"), Context()))

    assert (answer.status, answer.json) == (200, {"healthy": True})
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("method", "path", "status", "kind"),
    [
        ("GET", "/", 200, "text/html; charset=utf-8"),
        ("HEAD", "/", 200, "text/html; charset=utf-8"),
        ("GET", "/info", 200, "application/json; charset=utf-8"),
        ("GET", "/metrics", 404, "application/json; charset=utf-8"),
        ("GET", "/nothing/here", 404, "application/json; charset=utf-8"),
        ("PUT", "/", 404, "application/json; charset=utf-8"),
        ("GET", "/index.yaml", 404, "application/json; charset=utf-8"),
    ],
)
def test_everything_else_is_a_page_or_not_found(
    deployment: Deployment, method: str, path: str, status: int, kind: str
) -> None:
    answer = deployment.ask(deployment.load("show_home"), method, path)

    assert (answer.status, answer.headers["Content-Type"]) == (status, kind)
    if status == 404:
        assert answer.json == {"error": "not found"}


def test_metrics_count_what_each_index_holds(deployment: Deployment) -> None:
    for repo, version in [("team", "0.1.0"), ("team", "0.2.0"), ("other", "0.1.0")]:
        assert deployment.upload(a_package(version=version), repo, DEPTH="1").status == 201
    app = deployment.load("show_home", ENABLE_METRICS="true", DEPTH="1")

    answer = deployment.ask(app, "GET", "/metrics")

    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert 'chartmuseum_chart_versions_served_total{repo="team"} 2\n' in answer.body.decode()
    assert 'chartmuseum_charts_served_total{repo="other"} 1\n' in answer.body.decode()


def test_metrics_are_behind_the_authentication_of_reads(deployment: Deployment) -> None:
    app = deployment.load("show_home", ENABLE_METRICS="true", **BEARER)

    answer = deployment.ask(app, "GET", "/metrics")

    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer ")


def test_a_token_shows_the_metrics_of_its_repositories_alone(deployment: Deployment) -> None:
    for repo in ("team", "other"):
        deployment.upload(a_package(), repo, DEPTH="1")
    app = deployment.load("show_home", ENABLE_METRICS="true", DEPTH="1", **BEARER)
    token = a_token(an_entry("team", "pull"))

    answer = deployment.ask(app, "GET", "/metrics", headers={"Authorization": f"Bearer {token}"})

    assert answer.status == 200
    assert 'repo="team"' in answer.body.decode()
    assert 'repo="other"' not in answer.body.decode()


def test_anonymous_reads_include_metrics(deployment: Deployment) -> None:
    app = deployment.load("show_home", ENABLE_METRICS="true", AUTH_ANONYMOUS_GET="true", **BEARER)

    assert deployment.ask(app, "GET", "/metrics").status == 200


def test_a_bug_is_logged_once_and_answered_500(deployment: Deployment, capsys: pytest.CaptureFixture[str]) -> None:
    app = deployment.load("show_home", ENABLE_METRICS="true", BUCKET="no-such-bucket")

    answer = deployment.ask(app, "GET", "/metrics")

    assert (answer.status, answer.json) == (500, {"error": "internal server error"})
    assert len([line for line in lines(capsys.readouterr().out) if line.get("level") == "ERROR"]) == 1


def test_a_health_check_waits_for_no_sdk() -> None:
    program = (
        "import sys; sys.path.insert(0, 'functions/show_home'); import app;"
        "print(app.handler({'rawPath': '/health', 'requestContext': {'http': {'method': 'GET'}}}, None)['statusCode'],"
        "sorted({'boto3', 'jinja2', 'aws_lambda_powertools'} & {*sys.modules}))"
    )
    environ = os.environ | {"AWS_REGION": "eu-central-1", "CHARTHOUSE_BUCKET": "b"}

    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=environ, capture_output=True, text=True, check=True
    )

    assert done.stdout.split("\n")[-2] == "200 []"
