"""One chart, two protocols: what either does, the other shows; a race has one winner; bad pushes leave nothing."""

import hashlib
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.acceptance.deployment import Deployment, eventually
from tests.acceptance.oci.conftest import Place, Registry, a_place, error, user_of
from tests.acceptance.repository import Answer, ask
from tests.builders import a_package, a_provenance

HELM_CONFIG = "application/vnd.cncf.helm.config.v1+json"
HELM_LAYER = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"


def digest_of(body: bytes) -> str:
    return f"sha256:{hashlib.sha256(body).hexdigest()}"


def a_chart(registry: Registry, package: bytes, version: str = "0.1.0", chart: str = "mychart") -> dict[str, Any]:
    """Push the blobs of a chart; return its manifest."""
    config = json.dumps({"apiVersion": "v2", "name": chart, "version": version}).encode()
    for body in (package, config):
        registry.push_blob(body)
    return {
        "schemaVersion": 2,
        "config": {"mediaType": HELM_CONFIG, "digest": digest_of(config), "size": len(config)},
        "layers": [{"mediaType": HELM_LAYER, "digest": digest_of(package), "size": len(package)}],
    }


@pytest.mark.parametrize("way", ["post", "form", "bucket"])
def test_a_chart_that_came_by_any_way_is_a_tag_with_the_same_manifest(
    open_stack: Deployment, place: Place, way: str
) -> None:
    other = a_place(open_stack)
    package = a_package(description=place.repo)
    signed = a_provenance(package)
    assert other.repository.upload_form(("chart", package), ("prov", signed)).status == 201
    match way:
        case "post":
            assert place.repository.upload(package).status == 201
            assert ask("POST", f"{place.repository.api}/prov", signed).status == 201
        case "form":
            assert place.repository.upload_form(("chart", package), ("prov", signed)).status == 201
        case "bucket":
            open_stack.put(f"{place.repo}/mychart-0.1.0.tgz", package)
            open_stack.put(f"{place.repo}/mychart-0.1.0.tgz.prov", signed)
            eventually(lambda: place.registry.ask("GET", "manifests/0.1.0").body.count(b"provenance"), bool)

    manifest = place.registry.manifest("0.1.0")

    assert manifest == other.registry.manifest("0.1.0") == place.registry.manifest(manifest["digest"])
    assert [place.registry.follow(f"blobs/{layer['digest']}") for layer in manifest["layers"]] == [package, signed]


def test_a_chart_removed_from_the_bucket_is_no_tag_any_more(open_stack: Deployment, place: Place) -> None:
    place.repository.upload(a_package())
    digest = place.registry.manifest("0.1.0")["digest"]

    open_stack.remove(f"{place.repo}/mychart-0.1.0.tgz")

    assert eventually(place.registry.tags, lambda tags: tags == []) == []
    assert place.registry.ask("HEAD", f"manifests/{digest}").status == 404


def test_deleting_by_oci_deletes_the_version_and_deleting_the_version_the_tag(place: Place) -> None:
    for version in ("0.1.0", "0.2.0", "0.3.0"):
        assert place.repository.upload(a_package("mychart", version)).status == 201
    digests = {version: place.registry.manifest(version)["digest"] for version in ("0.1.0", "0.2.0", "0.3.0")}

    assert place.registry.ask("DELETE", "manifests/0.1.0").status == 202
    assert place.registry.ask("DELETE", f"manifests/{digests['0.2.0']}").status == 202
    assert place.repository.delete("mychart", "0.3.0").status == 200

    assert place.repository.index()["entries"] == {}
    for version, digest in digests.items():
        assert place.registry.ask("HEAD", f"manifests/{version}").status == 404
        assert place.registry.ask("HEAD", f"manifests/{digest}").status == 404


def test_in_a_race_of_both_protocols_one_content_wins_everywhere(place: Place) -> None:
    packages = [a_package(description=f"contender {number}") for number in range(8)]
    manifests = [a_chart(place.registry, package) for package in packages]

    def push(number: int) -> tuple[int, Answer]:
        if number % 2:
            return number, place.repository.upload(packages[number])
        return number, place.registry.put("0.1.0", manifests[number])

    with ThreadPoolExecutor(8) as pool:
        answers = dict(pool.map(push, range(8)))

    winners = [number for number, answer in answers.items() if answer.status == 201]
    assert len(winners) == 1, {number: answer.status for number, answer in answers.items()}
    assert all(answer.status in {201, 409} for answer in answers.values())
    won = packages[winners[0]]
    assert place.repository.read("/charts/mychart-0.1.0.tgz").body == won
    assert place.repository.index()["entries"]["mychart"][0]["digest"] == digest_of(won).removeprefix("sha256:")
    assert place.registry.manifest("0.1.0")["layers"][0]["digest"] == digest_of(won)
    for number, answer in answers.items():
        if number % 2 == 0 and number not in winners:
            assert error(answer)[1] == "DENIED"
            assert "exists already" in error(answer)[2]


def bad_pushes(registry: Registry) -> Iterator[tuple[str, dict[str, Any], int, str, str]]:
    """Yield what is pushed under which tag, and status, code and a part of the text of the refusal."""
    package = a_package()
    good = a_chart(registry, package)
    layer, config = good["layers"][0], good["config"]
    other = registry.push_blob(b"no chart at all")
    missing = {"mediaType": HELM_LAYER, "digest": digest_of(b"missing"), "size": 7}
    yield "0.1.0", good | {"layers": [missing]}, 404, "MANIFEST_BLOB_UNKNOWN", "push it first"
    yield "0.1.0", good | {"layers": [layer | {"digest": other, "size": 15}]}, 400, "MANIFEST_INVALID", "gzip"
    yield "0.1.0", good | {"layers": [layer | {"size": 1}]}, 400, "SIZE_INVALID", f"has {len(package)} bytes, not 1"
    yield "0.1.0", good | {"layers": [layer | {"size": -1}]}, 400, "SIZE_INVALID", "whole number"
    yield "0.1.0", good | {"layers": [layer | {"digest": "sha256:x"}]}, 400, "DIGEST_INVALID", "no sha256 or sha512"
    yield "0.1.0", good | {"layers": []}, 400, "MANIFEST_INVALID", "a chart has one layer"
    yield "0.1.0", good | {"config": config | {"mediaType": "a/b"}}, 400, "MANIFEST_INVALID", "the config of a chart"
    yield "9.9.9", good, 400, "MANIFEST_INVALID", "cannot have the tag 9.9.9"
    yield "latest", good, 400, "MANIFEST_INVALID", "cannot have the tag latest"
    yield "0.1.0", good | {"mediaType": "text/html"}, 400, "MANIFEST_INVALID", "no type of manifest"


def test_bad_pushes_are_refused_with_the_reason_and_nothing_is_listed(place: Place) -> None:
    for tag, document, status, code, words in bad_pushes(place.registry):
        answer = place.registry.put(tag, document)
        assert error(answer)[:2] == (status, code), answer.body
        assert words in error(answer)[2]

    deep = b'{"schemaVersion":2,"a":' + b"[" * 30_000 + b"]" * 30_000 + b"}"
    answer = place.registry.ask("PUT", "manifests/0.1.0", deep, Content_Type="application/vnd.oci.image.index.v1+json")
    assert error(answer)[:2] == (400, "MANIFEST_INVALID")
    assert place.registry.tags() == []
    assert place.repository.index()["entries"] == {}


def test_a_blob_above_the_limit_is_413_in_the_specs_form(place: Place) -> None:
    body = bytes(4_500_001)

    answer = place.registry.ask("POST", f"blobs/uploads/?digest={digest_of(body)}", body)

    assert error(answer)[:2] == (413, "SIZE_INVALID")
    assert "4500001 bytes: a blob may have 4500000 here" in error(answer)[2]


def test_a_chunk_without_a_length_is_appended(place: Place) -> None:
    """As Docker and oras stream them."""
    begun = place.registry.ask("POST", "blobs/uploads/")
    path = begun.headers["Location"]

    patched = ask(
        "PATCH", f"{place.registry.url}{path}", iter([b"one", b"two"]), {"Content-Type": "application/octet-stream"}
    )
    ended = ask("PUT", f"{place.registry.url}{path}?digest={digest_of(b'onetwo')}", b"")

    assert (patched.status, patched.headers["Range"]) == (202, "0-5")
    assert ended.status == 201
    assert place.registry.follow(f"blobs/{digest_of(b'onetwo')}") == b"onetwo"


def test_what_nothing_refers_to_is_collected_after_a_day_and_reported(open_stack: Deployment, place: Place) -> None:
    place.registry.push_blob(b"orphan")

    report = open_stack.reconcile()

    # A day has not passed: it stays, and the report says that nothing was collected.
    assert report["done"] is True
    assert {name: count for name, count in report.items() if name.startswith("collected_")} == {
        "collected_blobs": 0,
        "collected_manifests": 0,
        "collected_uploads": 0,
        "collected_failed": 0,
    }
    assert place.registry.ask("HEAD", f"blobs/{digest_of(b'orphan')}").status == 200


def test_the_challenge_is_sent_with_every_401_and_the_root_asks_although_reads_are_open(
    public_stack: Deployment,
) -> None:
    place = a_place(public_stack)
    user = Registry(public_stack.url, place.registry.name, user_of(public_stack))
    wrong = Registry(public_stack.url, place.registry.name, "Basic aGVsbTp3cm9uZw==")

    root = ask("GET", f"{public_stack.url}/v2/")
    for answer in (root, place.registry.ask("POST", "blobs/uploads/"), wrong.ask("POST", "blobs/uploads/")):
        assert error(answer)[:2] == (401, "UNAUTHORIZED")
        assert answer.headers["WWW-Authenticate"].startswith("Basic realm=")
    assert user.ask("POST", "blobs/uploads/").status == 202
    assert ask("GET", f"{public_stack.url}/v2/", None, {"Authorization": user.authorization or ""}).status == 200
    assert ask("GET", f"{public_stack.url}/v2/", None, {"Authorization": wrong.authorization or ""}).status == 401
    assert place.registry.ask("GET", "manifests/1").status == 404
