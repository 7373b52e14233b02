"""list_charts: lists, charts, versions, and what is inside them."""

import base64
import gzip
from types import ModuleType
from urllib.parse import urlsplit

import pytest
from charthouse.web import listing

from tests.builders import a_package
from tests.functions.conftest import Answer, Context, Deployment, lines, sample
from tests.tokens import a_token, an_entry, public_pem


def test_the_sample_lists_charts(deployment: Deployment) -> None:
    deployment.upload(a_package())
    app = deployment.load("list_charts")

    answer = Answer(app.handler(sample("list_charts"), Context()))

    assert answer.status == 200
    assert [entry["version"] for entry in answer.json["mychart"]] == ["0.1.0"]


@pytest.mark.parametrize(
    ("path", "version"),
    [
        ("/api/charts/mychart/0.1.0", "0.1.0"),
        ("/api/charts/mychart/latest", "0.2.0"),
        ("/api/charts/mychart/", "0.2.0"),
        ("/api/charts/mychart/~0.1", "0.1.0"),
    ],
)
def test_a_version_is_described(deployment: Deployment, path: str, version: str) -> None:
    several(deployment)

    answer = deployment.ask(deployment.load("list_charts"), "GET", path)

    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json; charset=utf-8")
    assert (answer.json["version"], answer.json["urls"]) == (version, [f"charts/mychart-{version}.tgz"])


def test_a_chart_lists_its_versions_newest_first(deployment: Deployment) -> None:
    several(deployment)

    answer = deployment.ask(deployment.load("list_charts"), "GET", "/api/charts/mychart")

    assert [entry["version"] for entry in answer.json] == ["0.2.0", "0.1.0"]


def test_what_is_listed_is_in_the_index_without_a_row_being_asked(deployment: Deployment) -> None:
    several(deployment)
    app = deployment.load("list_charts", TABLE="no-such-table")

    pages = [deployment.ask(app, "GET", "/api/charts", query=query) for query in ("limit=1", "offset=1", "offset=9")]

    assert [list(page.json) for page in pages] == [["mychart"], ["other"], []]


def test_templates_and_values_come_out_of_the_package(deployment: Deployment) -> None:
    deployment.upload(a_package(files={"templates/a.yaml": b"kind: Pod\n", "values.yaml": b"replicas: 1  # one\n"}))
    app = deployment.load("list_charts")

    templates = deployment.ask(app, "GET", "/api/charts/mychart/latest/templates")
    values = deployment.ask(app, "GET", "/api/charts/mychart/0.1.0/values")

    assert templates.json == {
        "templates": [{"name": "templates/a.yaml", "data": base64.b64encode(b"kind: Pod\n").decode()}],
        "values": {"replicas": 1},
    }
    assert (values.headers["Content-Type"], values.body) == ("application/yaml", b"replicas: 1  # one\n")


@pytest.mark.parametrize(
    ("options", "path", "query", "status", "error"),
    [
        ({}, "/api/charts/other/9.9.9", "", 404, "no chart version found for other-9.9.9"),
        ({}, "/api/charts/nobody/0.1.0", "", 404, "no chart name found"),
        ({}, "/api/charts/nobody", "", 404, "chart not found"),
        ({}, "/api/charts/other/0.1.0/values", "", 404, "values.yaml not found"),
        ({}, "/api/charts", "offset=-1", 400, "offset is not a valid non-negative integer"),
        ({}, "/api/charts", "limit=0", 400, "limit is not a valid positive integer"),
        ({}, "/api/team/charts", "", 404, "not found"),
        ({"DISABLE_API": "true"}, "/api/charts", "", 404, "not found"),
        ({"BASIC_AUTH_USER": "ann", "BASIC_AUTH_SECRET": "arn"}, "/api/charts", "", 401, "unauthorized"),
    ],
)
def test_what_is_refused_says_why(
    deployment: Deployment, options: dict[str, str], path: str, query: str, status: int, error: str
) -> None:
    deployment.upload(a_package("other"))

    answer = deployment.ask(deployment.load("list_charts", **options), "GET", path, query=query)

    assert (answer.status, answer.json) == (status, {"error": error})


def test_a_list_too_large_for_a_lambda_goes_gzipped_to_who_takes_it(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    app, whole = a_large_repository(deployment, monkeypatch)

    answer = deployment.ask(app, "GET", "/api/charts", headers={"Accept-Encoding": "deflate, gzip"})

    assert (answer.status, answer.headers["Content-Encoding"], answer.headers["Vary"]) == (
        200,
        "gzip",
        "Accept-Encoding",
    )
    assert gzip.decompress(answer.body) == whole


@pytest.mark.parametrize("accepts", [{}, {"Accept-Encoding": "gzip;q=0"}])
def test_and_as_a_copy_in_the_bucket_to_who_does_not(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch, accepts: dict[str, str]
) -> None:
    app, whole = a_large_repository(deployment, monkeypatch)

    answer = deployment.ask(app, "GET", "/api/charts", headers=accepts)

    url = urlsplit(answer.headers["Location"])
    copy = deployment.s3.get_object(Bucket=deployment.bucket, Key=url.path.removeprefix("/"))
    assert answer.status == 302
    assert url.path.startswith("/.charthouse/answers/")
    assert (copy["ContentType"], copy["Body"].read()) == ("application/json; charset=utf-8", whole)


@pytest.mark.parametrize("what", ["templates", "values"])
def test_contents_too_large_for_a_lambda_are_refused_naming_the_package(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    monkeypatch.setattr(listing, "MAX_ANSWER", 1000)
    deployment.upload(a_package(files={"templates/a.yaml": b"#" * 1001, "values.yaml": b"#" * 1001}))

    answer = deployment.ask(deployment.load("list_charts"), "GET", f"/api/charts/mychart/latest/{what}")

    assert answer.status == 413
    assert answer.json["error"].endswith("https://charts.example.com/charts/mychart-0.1.0.tgz")


def test_repositories_are_those_the_client_may_read(deployment: Deployment) -> None:
    for repo in ("team", "other"):
        deployment.upload(a_package(), repo, DEPTH="1")
    bearer = {"BEARER_AUTH": "true", "AUTH_PUBLIC_KEY": public_pem()}
    app = deployment.load("list_charts", DEPTH="1", **bearer)
    token = {"Authorization": f"Bearer {a_token(an_entry('team', 'pull'))}"}

    mine = deployment.ask(app, "GET", "/api/repositories", headers=token)
    nobodys = deployment.ask(app, "GET", "/api/repositories")

    assert (mine.status, mine.json) == (200, ["team"])
    assert nobodys.status == 401


def test_a_bug_is_logged_once_and_answered_500(deployment: Deployment, capsys: pytest.CaptureFixture[str]) -> None:
    app = deployment.load("list_charts", BUCKET="no-such-bucket")

    answer = deployment.ask(app, "GET", "/api/charts")

    assert (answer.status, answer.json) == (500, {"error": "internal server error"})
    assert [line["level"] for line in lines(capsys.readouterr().out)] == ["ERROR"]


def several(deployment: Deployment) -> None:
    for name, version in [("mychart", "0.2.0"), ("mychart", "0.1.0"), ("other", "1.0.0")]:
        deployment.upload(a_package(name, version))


def a_large_repository(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> tuple[ModuleType, bytes]:
    """Return the function of a repository whose list is larger than an answer, and that list."""
    deployment.upload(a_package(description="many times the same " * 100))
    app = deployment.load("list_charts")
    whole = deployment.ask(app, "GET", "/api/charts").body
    monkeypatch.setattr(listing, "MAX_ANSWER", 1000)
    assert len(whole) > 1000
    return app, whole
