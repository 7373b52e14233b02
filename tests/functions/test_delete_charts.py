"""delete_charts: one version, or all of a chart, over HTTP."""

import pytest

from tests.builders import a_package, a_provenance
from tests.functions.conftest import Answer, Context, Deployment, lines, sample


def test_the_sample_deletes_its_version(deployment: Deployment) -> None:
    deployment.upload(a_package())
    app = deployment.load("delete_charts")

    answer = Answer(app.handler(sample("delete_charts"), Context()))

    assert (answer.status, answer.json) == (200, {"deleted": True})
    assert (deployment.keys(), deployment.index()) == ([], {})


def test_a_chart_goes_with_all_its_versions(deployment: Deployment) -> None:
    for version in ["0.1.0", "0.2.0"]:
        deployment.upload(a_package(version=version))
    deployment.put("mychart-0.1.0.tgz.prov", a_provenance(a_package()))
    deployment.upload(a_package("other"))
    app = deployment.load("delete_charts")

    answer = deployment.ask(app, "DELETE", "/api/charts/mychart")

    assert (answer.status, answer.json) == (200, {"deleted": True})
    assert deployment.keys() == ["other-0.1.0.tgz"]
    assert deployment.index() == {"other": ["0.1.0"]}


def test_who_prefers_not_to_wait_is_answered_202(deployment: Deployment) -> None:
    deployment.upload(a_package())
    app = deployment.load("delete_charts")

    answer = deployment.ask(app, "DELETE", "/api/charts/mychart/0.1.0", headers={"Prefer": "respond-async"})

    assert (answer.status, answer.json) == (202, {"deleted": True})
    assert "Warning" in answer.headers
    assert deployment.keys() == []


@pytest.mark.parametrize(
    ("options", "path", "status", "error"),
    [
        ({}, "/api/charts/mychart/9.9.9", 404, "chart version not found"),
        ({}, "/api/charts/mychart/latest", 404, "chart version not found"),
        ({}, "/api/charts/other", 404, "chart not found"),
        ({}, "/api/charts/mychart/", 404, "not found"),
        ({"DISABLE_DELETE": "true"}, "/api/charts/mychart/0.1.0", 404, "not found"),
        ({"DEPTH": "1"}, "/api/charts/mychart/0.1.0", 404, "not found"),
        ({"ALLOW_ANONYMOUS_PUSH": "false"}, "/api/charts/mychart/0.1.0", 403, "uploads and deletes are off"),
    ],
)
def test_what_is_refused_deletes_nothing(
    deployment: Deployment, options: dict[str, str], path: str, status: int, error: str
) -> None:
    deployment.upload(a_package())

    answer = deployment.ask(deployment.load("delete_charts", **options), "DELETE", path)

    assert answer.status == status
    assert error in answer.json["error"]
    assert deployment.keys() == ["mychart-0.1.0.tgz"]


def test_a_bug_is_logged_once_and_answered_500(deployment: Deployment, capsys: pytest.CaptureFixture[str]) -> None:
    app = deployment.load("delete_charts", BUCKET="no-such-bucket", TABLE="no-such-table")
    capsys.readouterr()

    answer = deployment.ask(app, "DELETE", "/api/charts/mychart")

    assert (answer.status, answer.json) == (500, {"error": "internal server error"})
    assert [line["level"] for line in lines(capsys.readouterr().out)] == ["ERROR"]
