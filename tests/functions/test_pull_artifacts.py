"""pull_artifacts: exact bytes, redirects for blobs, tags in pages, and no SDK."""

import json
import os
import subprocess
import sys
from urllib.parse import parse_qs, urlsplit

import pytest
from charthouse.oci.manifests import IMAGE
from charthouse.oci.names import Digest

from tests.builders import a_package, a_provenance
from tests.functions.conftest import ROOT, Answer, Context, Deployment, sample
from tests.functions.registry import Registry, error, manifest_of
from tests.unit.registry.in_memory import Chart

PACKAGE = a_package()
CHART = Chart(PACKAGE, provenance=a_provenance(PACKAGE))


def test_the_sample_gets_the_manifest_of_an_uploaded_chart(deployment: Deployment) -> None:
    deployment.upload(PACKAGE)
    registry = Registry.load(deployment)

    answer = Answer(registry.pull.handler(sample("pull_artifacts"), Context()))

    assert answer.status == 200
    assert answer.headers["Content-Type"] == IMAGE
    assert manifest_of(answer)["layers"][0]["digest"] == str(Digest.of(PACKAGE))


@pytest.mark.parametrize("path", ["", "/"])
def test_the_root_says_that_this_is_a_registry(deployment: Deployment, path: str) -> None:
    registry = Registry.load(deployment)

    answer = deployment.ask(registry.pull, "GET", f"/v2{path}")

    assert (answer.status, answer.json) == (200, {})
    assert answer.headers["Docker-Distribution-Api-Version"] == "registry/2.0"


def test_the_root_is_answered_by_whatever_function_a_greedy_route_brings_it_to(deployment: Deployment) -> None:
    for function in ("read_files", "show_home"):
        assert deployment.ask(deployment.load(function), "GET", "/v2/").json == {}


def test_a_manifest_is_answered_with_its_bytes_its_type_and_its_digest(deployment: Deployment) -> None:
    registry = Registry.load(deployment)
    registry.push_chart("mychart", CHART)

    for method in ("GET", "HEAD"):
        for reference in ("0.1.0", CHART.digest):
            answer = registry.ask(method, f"mychart/manifests/{reference}")
            assert (answer.status, answer.body) == (200, CHART.manifest)
            assert answer.headers["Content-Type"] == IMAGE
            assert answer.headers["Docker-Content-Digest"] == str(CHART.digest)


def test_a_blob_is_a_redirect_for_get_and_an_answer_for_head(deployment: Deployment) -> None:
    registry = Registry.load(deployment)
    registry.push_blob("app", b"a blob")
    path = f"app/blobs/{Digest.of(b'a blob')}"

    got, looked = registry.ask("GET", path), registry.ask("HEAD", path)

    url = urlsplit(got.headers["Location"])
    assert (got.status, got.headers["Cache-Control"]) == (307, "no-store")
    assert url.path == f"/.charthouse/oci/app/_blobs/sha256/{Digest.of(b'a blob').hex}"
    assert "X-Amz-Signature" in parse_qs(url.query)
    assert (looked.status, looked.headers["Content-Length"]) == (200, "6")
    assert looked.headers["Content-Type"] == "application/octet-stream"
    for answer in (got, looked):
        assert answer.headers["Docker-Content-Digest"] == str(Digest.of(b"a blob"))


def test_the_layers_of_a_chart_are_the_files_where_charts_are(deployment: Deployment) -> None:
    deployment.upload(PACKAGE)
    deployment.put("mychart-0.1.0.tgz.prov", a_provenance(PACKAGE))
    index = deployment.load("index_objects")
    message = json.dumps({"Records": [{"s3": {"object": {"key": "mychart-0.1.0.tgz.prov"}}}]})
    index.handler({"Records": [{"messageId": "1", "body": message}]}, Context())
    registry = Registry.load(deployment)
    manifest = manifest_of(registry.ask("GET", "mychart/manifests/0.1.0"))

    package, provenance = (
        urlsplit(registry.ask("GET", f"mychart/blobs/{layer['digest']}").headers["Location"])
        for layer in manifest["layers"]
    )
    config = registry.ask("GET", f"mychart/blobs/{manifest['config']['digest']}")

    assert package.path == "/mychart-0.1.0.tgz"
    # Pinned: a client that follows it gets these bytes, also if the version is replaced meanwhile.
    assert parse_qs(package.query)["versionId"]
    assert provenance.path == "/mychart-0.1.0.tgz.prov"
    assert config.body == json.dumps(json.loads(config.body), separators=(",", ":"), sort_keys=True).encode()
    assert json.loads(config.body)["name"] == "mychart"
    assert len(config.body) == manifest["config"]["size"]


def test_a_range_that_ends_before_it_begins_is_416(deployment: Deployment) -> None:
    registry = Registry.load(deployment)
    registry.push_blob("app", b"a blob")
    path = f"app/blobs/{Digest.of(b'a blob')}"

    assert registry.ask("GET", path, headers={"Range": "bytes=5-0"}).status == 416
    assert registry.ask("GET", path, headers={"Range": "bytes=0-5"}).status == 307


def test_tags_come_in_pages_whose_links_stay_on_the_host(deployment: Deployment) -> None:
    for version in ("0.1.0", "0.10.0", "0.2.0+b"):
        deployment.upload(a_package("mychart", version), "org1", DEPTH="1")
    registry = Registry.load(deployment, DEPTH="1")
    tags = ["0.1.0", "0.10.0", "0.2.0_b"]

    whole = registry.ask("GET", "org1/mychart/tags/list")
    none = registry.ask("GET", "org1/mychart/tags/list", query="n=0")
    found, query = list[str](), "n=1"
    while query:
        answer = registry.ask("GET", "org1/mychart/tags/list", query=query)
        found += answer.json["tags"]
        link = answer.headers.get("Link", "")
        assert not link or link.startswith("</v2/org1/mychart/tags/list?n=1&last=")
        assert not link or link.endswith('>; rel="next"')
        query = link.partition("?")[2].partition(">")[0]

    assert whole.json == {"name": "org1/mychart", "tags": tags}
    assert "Link" not in whole.headers
    assert (none.json["tags"], "Link" in none.headers) == ([], False)
    assert found == tags
    for text in ("-1", "x", "1e3", "9" * 10):
        assert registry.ask("GET", "org1/mychart/tags/list", query=f"n={text}").status == 400


def test_referrers_say_which_filter_was_applied(deployment: Deployment) -> None:
    registry = Registry.load(deployment)
    path = f"app/referrers/{Digest.of(b'x')}"

    whole, filtered = registry.ask("GET", path), registry.ask("GET", path, query="artifactType=a/b")

    assert (whole.status, whole.json["manifests"]) == (200, [])
    assert whole.headers["Content-Type"] == "application/vnd.oci.image.index.v1+json"
    assert "OCI-Filters-Applied" not in whole.headers
    assert filtered.headers["OCI-Filters-Applied"] == "artifactType"


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("mychart/manifests/9.9.9", 404, "MANIFEST_UNKNOWN"),
        (f"mychart/manifests/{Digest.of(b'x')}", 404, "MANIFEST_UNKNOWN"),
        (f"mychart/blobs/{Digest.of(b'x')}", 404, "BLOB_UNKNOWN"),
        ("mychart/blobs/sha256:bad", 400, "DIGEST_INVALID"),
        ("mychart/referrers/bad", 400, "DIGEST_INVALID"),
        ("mychart/tags/list", 404, "NAME_UNKNOWN"),
        ("MyChart/tags/list", 404, "NAME_INVALID"),
        ("a/../b/tags/list", 404, "NAME_INVALID"),
        ("a/b/tags/list", 404, "NAME_INVALID"),
        ("mychart/blobs/uploads/" + "0" * 32, 404, "BLOB_UPLOAD_UNKNOWN"),
        ("_catalog", 405, "UNSUPPORTED"),
    ],
)
def test_what_is_not_there_is_refused_in_the_specs_form(
    deployment: Deployment, path: str, status: int, code: str
) -> None:
    assert error(Registry.load(deployment).ask("GET", path))[:2] == (status, code)


def test_it_loads_without_the_sdk_and_what_only_pushes_need() -> None:
    heavy = {"boto3", "botocore", "aws_lambda_powertools", "yaml", "jwt", "cryptography", "jinja2", "ssl"}
    program = (
        f"import sys; sys.path.insert(0, {str(ROOT / 'functions' / 'pull_artifacts')!r}); import app; "
        f"print(sorted({heavy!r} & set(sys.modules)))"
    )
    environ = {**os.environ, "CHARTHOUSE_BUCKET": "bucket", "CHARTHOUSE_TABLE": "table", "AWS_REGION": "eu-central-1"}

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environ)

    assert done.stdout.strip() == "[]"
