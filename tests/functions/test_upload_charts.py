"""upload_charts: packages and provenance over HTTP, into bucket and index."""

import json

import pytest

from tests.builders import a_package, a_provenance
from tests.events import a_form
from tests.functions.conftest import Answer, Context, Deployment, lines, sample
from tests.tokens import a_token, an_entry, public_pem


def test_the_sample_is_stored_and_listed(deployment: Deployment) -> None:
    app = deployment.load("upload_charts")

    answer = Answer(app.handler(sample("upload_charts"), Context()))

    assert (answer.status, answer.json) == (201, {"saved": True})
    assert deployment.keys() == ["mychart-0.1.0.tgz"]
    assert deployment.index() == {"mychart": ["0.1.0"]}


def test_a_form_carries_package_and_provenance(deployment: Deployment) -> None:
    kind, body = a_form(("chart", a_package()), ("prov", a_provenance(a_package())))
    app = deployment.load("upload_charts", DEPTH="2")

    answer = deployment.ask(app, "POST", "/api/org1/repo1/charts", headers={"Content-Type": kind}, body=body)

    assert answer.status == 201
    assert deployment.keys() == ["org1/repo1/mychart-0.1.0.tgz", "org1/repo1/mychart-0.1.0.tgz.prov"]
    assert deployment.index("org1/repo1") == {"mychart": ["0.1.0"]}


def test_provenance_is_sent_as_text_to_its_own_route(deployment: Deployment) -> None:
    app = deployment.load("upload_charts")

    answer = deployment.ask(
        app, "POST", "/api/prov", headers={"Content-Type": "text/plain"}, body=a_provenance(a_package())
    )

    assert (answer.status, answer.json) == (201, {"saved": True})
    assert deployment.keys() == ["mychart-0.1.0.tgz.prov"]


def test_a_version_that_exists_is_refused_in_the_words_of_the_way_it_was_sent(deployment: Deployment) -> None:
    deployment.upload(a_package())
    kind, form = a_form(("chart", a_package()))
    app = deployment.load("upload_charts")

    raw = deployment.ask(app, "POST", "/api/charts", body=a_package(description="new"))
    as_form = deployment.ask(app, "POST", "/api/charts", headers={"Content-Type": kind}, body=form)

    assert (raw.status, raw.json) == (409, {"error": "file already exists"})
    assert (as_form.status, as_form.json) == (409, {"error": "chart already exists"})


@pytest.mark.parametrize("query", ["force", "force=", "force=true"])
def test_force_overwrites(deployment: Deployment, query: str) -> None:
    deployment.upload(a_package())
    app = deployment.load("upload_charts")

    answer = deployment.ask(app, "POST", "/api/charts", query=query, body=a_package(description="new"))

    assert answer.status == 201


def test_who_prefers_not_to_wait_is_answered_202_with_a_warning(deployment: Deployment) -> None:
    app = deployment.load("upload_charts")

    answer = deployment.ask(app, "POST", "/api/charts", headers={"Prefer": "respond-async"}, body=a_package())

    assert (answer.status, answer.json) == (202, {"saved": True})
    assert answer.headers["Warning"].startswith("199 ")
    assert deployment.keys() == ["mychart-0.1.0.tgz"]


@pytest.mark.parametrize(
    ("options", "body", "status", "error"),
    [
        ({}, b"no package", 400, "gzip: invalid header"),
        ({}, b"", 400, ""),
        ({"MAX_UPLOAD_SIZE": "100"}, a_package(), 413, "aws s3 cp"),
        ({"MAX_STORAGE_OBJECTS": "1"}, a_package(version="2.0.0"), 507, "repo has reached storage limit"),
        ({"ALLOW_ANONYMOUS_PUSH": "false"}, a_package(), 403, "uploads and deletes are off"),
        ({"DISABLE_API": "true"}, a_package(), 404, "not found"),
        ({"DEPTH": "1"}, a_package(), 404, "not found"),
    ],
)
def test_what_is_refused_says_why_and_stores_nothing(
    deployment: Deployment, options: dict[str, str], body: bytes, status: int, error: str
) -> None:
    deployment.put("there-1.0.0.tgz", a_package("there", "1.0.0"))

    answer = deployment.upload(body, **options)

    assert answer.status == status
    assert error in answer.json["error"]
    assert deployment.keys() == ["there-1.0.0.tgz"]


def test_a_token_decides_for_the_repository_it_names(deployment: Deployment) -> None:
    app = deployment.load(
        "upload_charts",
        ALLOW_ANONYMOUS_PUSH="false",
        BEARER_AUTH="true",
        AUTH_PUBLIC_KEY=public_pem(),
        AUTH_REALM="https://auth.example.com",
        DEPTH="1",
    )
    token = {"Authorization": f"Bearer {a_token(an_entry('team', 'pull', 'push'))}"}

    mine = deployment.ask(app, "POST", "/api/team/charts", headers=token, body=a_package())
    anothers = deployment.ask(app, "POST", "/api/other/charts", headers=token, body=a_package())
    nobodys = deployment.ask(app, "POST", "/api/team/charts", body=a_package())

    assert [answer.status for answer in (mine, anothers, nobodys)] == [201, 403, 401]
    assert nobodys.headers["WWW-Authenticate"].startswith('Bearer realm="https://auth.example.com"')


def test_a_bug_is_logged_once_with_its_traceback_and_answered_500(
    deployment: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    app = deployment.load("upload_charts", TABLE="no-such-table")
    capsys.readouterr()

    answer = deployment.ask(app, "POST", "/api/charts", headers={"X-Request-Id": "mine"}, body=a_package())

    assert (answer.status, answer.json) == (500, {"error": "internal server error"})
    (line,) = [line for line in lines(capsys.readouterr().out) if line["level"] == "ERROR"]
    assert "ResourceNotFoundException" in line["exception"]
    assert (line["request_id"], answer.headers["X-Request-Id"]) == ("mine", "mine")


def test_a_line_in_the_log_says_what_was_uploaded(deployment: Deployment, capsys: pytest.CaptureFixture[str]) -> None:
    deployment.upload(a_package())

    said = capsys.readouterr().out

    (line,) = [line for line in lines(said) if line["message"] == "answered"]
    assert (line["kind"], line["status"]) == ("upload", 201)
    assert "secret" not in json.dumps(said)
