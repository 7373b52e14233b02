"""push_artifacts: what Helm and other clients push, and how they are refused."""

import json
from typing import Any

import pytest
from charthouse.oci.manifests import INDEX
from charthouse.oci.names import Digest

from tests.builders import a_package, a_provenance
from tests.functions.conftest import Answer, Context, Deployment, sample
from tests.functions.registry import Registry, error, manifest_of
from tests.unit.registry.in_memory import Chart

PACKAGE = a_package()
CHART = Chart(PACKAGE, provenance=a_provenance(PACKAGE))
BLOB = b"a blob"
DIGEST = Digest.of(BLOB)


def test_the_sample_is_stored(deployment: Deployment) -> None:
    app = deployment.load("push_artifacts")

    answer = Answer(app.handler(sample("push_artifacts"), Context()))

    assert answer.status == 201
    assert answer.headers["Location"].startswith("/v2/mychart/blobs/sha256:44136fa3")


@pytest.mark.parametrize(
    ("options", "repo"), [({}, ""), ({"DEPTH": "1"}, "org1"), ({"DEPTH_DYNAMIC": "true"}, "a/b/c")]
)
def test_a_chart_pushed_by_oci_is_in_the_index_and_the_bucket(
    deployment: Deployment, options: dict[str, str], repo: str
) -> None:
    registry = Registry.load(deployment, **options)
    folder = f"{repo}/" if repo else ""

    answer = registry.push_chart(f"{folder}mychart", CHART)

    assert answer.status == 201
    assert answer.headers["Location"] == f"/v2/{folder}mychart/manifests/{CHART.digest}"
    assert answer.headers["Docker-Content-Digest"] == str(CHART.digest)
    assert deployment.keys() == [f"{folder}mychart-0.1.0.tgz", f"{folder}mychart-0.1.0.tgz.prov"]
    assert deployment.index(repo) == {"mychart": ["0.1.0"]}
    assert manifest_of(registry.ask("GET", f"{folder}mychart/manifests/0.1.0")) == json.loads(CHART.manifest)


def test_another_content_is_told_that_the_version_exists(deployment: Deployment) -> None:
    registry = Registry.load(deployment)
    registry.push_chart("mychart", CHART)

    answer = registry.push_chart("mychart", Chart(a_package(description="other")))

    assert error(answer) == (
        409,
        "DENIED",
        "mychart 0.1.0 exists already with another content, and may not be changed",
    )


def test_an_upload_in_chunks_says_where_it_stands(deployment: Deployment) -> None:
    registry = Registry.load(deployment)
    begun = registry.ask("POST", "mychart/blobs/uploads/")
    assert (begun.status, begun.headers["Range"]) == (202, "0-0")
    path = begun.headers["Location"].removeprefix("/v2/")

    first = registry.ask("PATCH", path, body=BLOB[:4], headers={"Content-Range": "0-3"})
    wrong = registry.ask("PATCH", path, body=BLOB[:4], headers={"Content-Range": "0-3"})
    status = registry.ask("GET", path)
    last = registry.ask("PUT", path, query=f"digest={DIGEST}", body=BLOB[4:], headers={"Content-Range": "4-5"})

    assert (first.status, first.headers["Range"], first.headers["Location"]) == (202, "0-3", f"/v2/{path}")
    assert error(wrong) == (416, "BLOB_UPLOAD_INVALID", "the upload has 4 bytes, the chunk begins at 0")
    assert wrong.headers["Range"] == "0-3"
    assert wrong.headers["Location"] == f"/v2/{path}"
    assert (status.status, status.headers["Range"]) == (204, "0-3")
    assert (last.status, last.headers["Location"]) == (201, f"/v2/mychart/blobs/{DIGEST}")
    assert registry.ask("GET", path).status == 404


def test_an_upload_can_be_cancelled(deployment: Deployment) -> None:
    registry = Registry.load(deployment)
    path = registry.ask("POST", "mychart/blobs/uploads/").headers["Location"].removeprefix("/v2/")

    assert registry.ask("DELETE", path).status == 204
    assert error(registry.ask("DELETE", path))[:2] == (404, "BLOB_UPLOAD_UNKNOWN")
    assert error(registry.ask("PATCH", "mychart/blobs/uploads/nonsense"))[:2] == (404, "BLOB_UPLOAD_UNKNOWN")


def test_a_blob_is_mounted_from_where_it_is_and_else_an_upload_begins(deployment: Deployment) -> None:
    registry = Registry.load(deployment, DEPTH="1")
    registry.push_blob("org1/mychart", BLOB)

    mounted = registry.ask("POST", "org2/mychart/blobs/uploads/", query=f"mount={DIGEST}&from=org1/mychart")
    for source in ("", "&from=", "&from=org3/mychart", "&from=ORG1/mychart", "&from=nonsense", "&from=../org1/x"):
        answer = registry.ask("POST", "org4/mychart/blobs/uploads/", query=f"mount={DIGEST}{source}")
        assert answer.status == 202, source

    assert (mounted.status, mounted.headers["Location"]) == (201, f"/v2/org2/mychart/blobs/{DIGEST}")
    assert registry.ask("HEAD", f"org2/mychart/blobs/{DIGEST}").status == 200
    assert registry.ask("HEAD", f"org4/mychart/blobs/{DIGEST}").status == 404


def test_a_manifest_is_given_several_tags_at_once(deployment: Deployment) -> None:
    registry = Registry.load(deployment)
    body = json.dumps({"schemaVersion": 2, "manifests": []}).encode()

    answer = registry.put("app", str(Digest.of(body)), body, INDEX, query="tag=a&tag=b")

    assert (answer.status, answer.headers["OCI-Tag"]) == (201, "a, b")
    assert registry.ask("GET", "app/tags/list").json == {"name": "app", "tags": ["a", "b"]}
    assert error(registry.put("app", str(Digest.of(body)), body, INDEX, query="tag=+x"))[:2] == (
        400,
        "MANIFEST_INVALID",
    )


def test_deletes_are_answered_202_and_are_done(deployment: Deployment) -> None:
    registry = Registry.load(deployment)
    registry.push_chart("mychart", CHART)
    registry.push_blob("mychart", BLOB)

    for path in (f"mychart/blobs/{DIGEST}", "mychart/manifests/0.1.0"):
        assert registry.ask("DELETE", path).status == 202
        assert registry.ask("HEAD", path).status == 404
        assert registry.ask("DELETE", path).status == 404

    assert deployment.index() == {}
    assert deployment.keys() == []
    assert registry.ask("HEAD", f"mychart/manifests/{CHART.digest}").status == 404


@pytest.mark.parametrize(
    ("request_", "status", "code", "words"),
    [
        (("PUT", "mychart/manifests/sha256:bad", {}), 400, "DIGEST_INVALID", "no sha256 or sha512 digest"),
        (("PUT", "mychart/manifests/-bad", {}), 404, "MANIFEST_UNKNOWN", "is no tag"),
        (("PUT", "mychart/manifests/1", {"body": b"{}"}), 400, "MANIFEST_INVALID", "no type of manifest"),
        (
            ("PUT", "mychart/manifests/1", {"body": b"x" * 4_500_001}),
            413,
            "SIZE_INVALID",
            "a manifest may have 4500000",
        ),
        (("POST", "mychart/blobs/uploads/", {"query": "digest=nonsense"}), 400, "DIGEST_INVALID", "'nonsense'"),
        (("POST", "mychart/blobs/uploads/", {"query": f"digest={DIGEST}"}), 400, "DIGEST_INVALID", "has the digest"),
        (
            ("POST", "mychart/blobs/uploads/", {"query": f"digest={DIGEST}", "body": b"x" * 4_500_001}),
            413,
            "SIZE_INVALID",
            "4500001 bytes: a blob may have 4500000 here",
        ),
        (("POST", "MyChart/blobs/uploads/", {}), 404, "NAME_INVALID", "lower-case"),
        (("POST", "a/b/blobs/uploads/", {}), 404, "NAME_INVALID", "its names are <chart>"),
        (("POST", "api/manifests/1", {}), 405, "UNSUPPORTED", "POST is not supported here"),
        (("DELETE", "mychart/tags/list", {}), 405, "UNSUPPORTED", "DELETE is not supported here"),
        (("POST", "_catalog", {}), 405, "UNSUPPORTED", "no such endpoint"),
        (("PUT", "x" * 2_000 + "/manifests/1", {}), 404, "NAME_INVALID", "more than 1000 characters"),
    ],
)
def test_refusals_have_the_specs_form_and_words_for_a_person(
    deployment: Deployment, request_: tuple[str, str, dict[str, Any]], status: int, code: str, words: str
) -> None:
    method, path, more = request_

    answer = Registry.load(deployment).ask(method, path, **more)

    assert error(answer)[:2] == (status, code)
    assert words in error(answer)[2]
    assert answer.headers["Docker-Distribution-Api-Version"] == "registry/2.0"


@pytest.mark.parametrize("option", ["DISABLE_API", "DISABLE_DELETE"])
def test_what_may_not_be_changed_or_deleted_is_405(deployment: Deployment, option: str) -> None:
    registry = Registry.load(deployment)
    registry.push_chart("mychart", CHART)
    shut = Registry.load(deployment, **{option: "true"})

    deleted = shut.ask("DELETE", "mychart/manifests/0.1.0")
    pushed = shut.push_blob("mychart", BLOB)

    assert error(deleted)[:2] == (405, "UNSUPPORTED")
    assert option == "DISABLE_DELETE" or error(pushed)[:2] == (405, "UNSUPPORTED")
    assert shut.ask("GET", "mychart/manifests/0.1.0").status == 200


def test_with_oci_disabled_there_is_no_registry(deployment: Deployment) -> None:
    registry = Registry.load(deployment, DISABLE_OCI="true")

    for method, path in (("GET", ""), ("GET", "mychart/tags/list"), ("POST", "mychart/blobs/uploads/")):
        answer = registry.ask(method, path)
        assert (answer.status, answer.json) == (404, {"error": "not found"})


def test_a_bug_is_told_without_detail(deployment: Deployment) -> None:
    registry = Registry.load(deployment)
    registry.push.__dict__["store"] = None

    answer = registry.push_blob("mychart", BLOB)

    assert error(answer) == (500, "UNKNOWN", "internal server error")
