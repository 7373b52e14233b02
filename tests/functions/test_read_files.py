"""read_files: redirects to presigned URLs, without the SDK."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from types import ModuleType
from urllib.parse import parse_qs, urlsplit

import pytest
from charthouse.aws.http import Answer as HttpAnswer

from tests.functions.conftest import ROOT, Answer, Context, Deployment, lines, sample


class Storage:
    """S3 as the function meets it: the HEADs it got, and the status it says."""

    def __init__(self, status: int = 200) -> None:
        self.status = status
        self.asked: list[tuple[str, str]] = []

    def send(self, method: str, url: str, _headers: object, _body: bytes) -> HttpAnswer:
        self.asked.append((method, urlsplit(url).path))
        return HttpAnswer(self.status, b"")


def loaded(deployment: Deployment, storage: Storage, **options: str) -> ModuleType:
    app = deployment.load("read_files", **options)
    app.__dict__["files"] = replace(app.files, send=storage.send)
    return app


def test_the_sample_is_sent_to_the_index(deployment: Deployment) -> None:
    app = loaded(deployment, Storage())

    answer = Answer(app.handler(sample("read_files"), Context()))

    url = urlsplit(answer.headers["Location"])
    assert answer.status == 302
    assert answer.headers["Cache-Control"] == "no-store"
    assert (url.hostname, url.path) == (
        f"{deployment.bucket}.s3.eu-central-1.amazonaws.com",
        "/.charthouse/views/index.yaml.gz",
    )
    assert parse_qs(url.query)["X-Amz-Expires"] == ["300"]


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("/team/charts/mychart-0.1.0.tgz", "/team/mychart-0.1.0.tgz"),
        ("/team/charts/mychart-0.1.0.tgz.prov", "/team/mychart-0.1.0.tgz.prov"),
        ("/team/charts/mychart-0.1.0+build.tgz", "/team/mychart-0.1.0%2Bbuild.tgz"),
    ],
)
def test_a_file_is_sent_to_its_object_unseen(deployment: Deployment, path: str, key: str) -> None:
    storage = Storage()

    answer = deployment.ask(loaded(deployment, storage, DEPTH="1"), "GET", path)

    url = urlsplit(answer.headers["Location"])
    assert (answer.status, url.path) == (302, key)
    assert parse_qs(url.query)["X-Amz-Expires"] == ["900"]
    assert storage.asked == []


def test_a_url_is_signed_for_the_method_it_is_for(deployment: Deployment) -> None:
    app = loaded(deployment, Storage())

    got, headed = (deployment.ask(app, method, "/charts/mychart-0.1.0.tgz") for method in ("GET", "HEAD"))

    queries = [parse_qs(urlsplit(answer.headers["Location"]).query) for answer in (got, headed)]
    signatures = {query["X-Amz-Signature"][0] for query in queries}
    assert len(signatures) == 2


def test_an_index_that_was_seen_is_not_looked_for_again(deployment: Deployment) -> None:
    storage = Storage()
    app = loaded(deployment, storage, DEPTH="1")

    for _ in range(3):
        deployment.ask(app, "GET", "/team/index.yaml")

    assert storage.asked == [("HEAD", "/.charthouse/index/team/index.yaml")]


def test_a_repository_without_an_index_has_an_empty_one_and_is_asked_for_again(deployment: Deployment) -> None:
    storage = Storage(404)
    app = loaded(deployment, storage)

    first = deployment.ask(app, "GET", "/index.yaml")
    storage.status = 200
    second = deployment.ask(app, "GET", "/index.yaml")

    assert (first.status, first.headers["Content-Type"]) == (200, "application/x-yaml")
    assert (first.json["apiVersion"], first.json["entries"]) == ("v1", {})
    assert second.status == 302


def test_a_chart_has_an_index_and_files_of_its_own(deployment: Deployment) -> None:
    storage = Storage()
    app = loaded(deployment, storage, DEPTH="1")

    index = deployment.ask(app, "HEAD", "/team/-/mychart/index.yaml")
    file = deployment.ask(app, "GET", "/team/-/mychart/charts/mychart-0.1.0.tgz")

    assert urlsplit(index.headers["Location"]).path == "/.charthouse/views/team/-/mychart"
    assert urlsplit(file.headers["Location"]).path == "/team/mychart-0.1.0.tgz"
    assert storage.asked == [("HEAD", "/.charthouse/views/team/-/mychart")]


def test_a_chart_that_never_was_is_not_found(deployment: Deployment) -> None:
    class Empty(Storage):
        def send(self, method: str, _url: str, _headers: object, _body: bytes) -> HttpAnswer:
            return HttpAnswer(404 if method == "HEAD" else 200, b"<ListBucketResult></ListBucketResult>")

    answer = deployment.ask(loaded(deployment, Empty()), "GET", "/-/mychart/index.yaml")

    assert (answer.status, answer.json) == (404, {"error": "chart not found"})


@pytest.mark.parametrize(("accepted", "path"), [("gzip", "views/index.yaml.gz"), ("gzip;q=0", "index/index.yaml")])
def test_an_index_is_compressed_for_clients_that_prefer_it(deployment: Deployment, accepted: str, path: str) -> None:
    app = loaded(deployment, Storage())

    answer = deployment.ask(app, "GET", "/index.yaml", headers={"Accept-Encoding": accepted})

    assert urlsplit(answer.headers["Location"]).path == f"/.charthouse/{path}"
    assert answer.headers["Vary"] == "Accept-Encoding"


@pytest.mark.parametrize(
    ("options", "method", "path", "status"),
    [
        ({}, "GET", "/charts/mychart.zip", 404),
        ({}, "GET", "/team/index.yaml", 404),
        ({}, "POST", "/index.yaml", 404),
        ({}, "GET", "/charts/../index.yaml", 404),
        ({"BASIC_AUTH_USER": "ann", "BASIC_AUTH_SECRET": "arn"}, "GET", "/index.yaml", 401),
        ({"BASIC_AUTH_USER": "ann", "BASIC_AUTH_SECRET": "arn"}, "GET", "/charts/a-1.0.0.tgz", 401),
        ({"BASIC_AUTH_USER": "ann", "BASIC_AUTH_SECRET": "arn"}, "GET", "/nowhere/else.tgz", 404),
    ],
)
def test_what_is_refused_gets_no_url(
    deployment: Deployment, options: dict[str, str], method: str, path: str, status: int
) -> None:
    answer = deployment.ask(loaded(deployment, Storage(), **options), method, path)

    assert answer.status == status
    assert "Location" not in answer.headers


def test_what_storage_should_never_say_is_a_bug_logged_once(
    deployment: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    """A 403 means that the function lacks `s3:ListBucket`: taking it for "absent" would hide every chart."""
    app = loaded(deployment, Storage(403))

    answer = deployment.ask(app, "GET", "/index.yaml")

    assert (answer.status, answer.json) == (500, {"error": "internal server error"})
    (line,) = lines(capsys.readouterr().out)
    assert "UnexpectedAnswer" in line["exception"]


@pytest.mark.parametrize("policy", ["false", "true"])
def test_the_function_imports_no_sdk_and_nothing_else_that_is_slow(policy: str) -> None:
    """Not the modules it should be made of, but app.py itself: most reads meet a cold function."""
    slow = {"boto3", "botocore", "aws_lambda_powertools", "yaml", "jwt", "cryptography", "jinja2", "semver", "asyncio"}
    slow |= {"charthouse.helm.index", "charthouse.repository.ports", "charthouse.oci.manifests", "charthouse.registry"}
    load = "import sys; sys.path.insert(0, 'functions/read_files'); import app"
    program = f"{load}; print(sorted({slow!r} & {{*sys.modules}}))"
    environ = os.environ | {"AWS_REGION": "eu-central-1", "CHARTHOUSE_BUCKET": "b", "CHARTHOUSE_ACCESS_POLICY": policy}

    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=environ, capture_output=True, text=True, check=True
    )

    assert json.loads(done.stdout.replace("'", '"')) == []
