"""Manifests: what is read, and what is refused with which words."""

import json
from typing import Any

import pytest
from charthouse.errors import BadRequest
from charthouse.oci.errors import DigestInvalid, ManifestInvalid, SizeInvalid
from charthouse.oci.manifests import (
    CHART_CONFIG,
    CHART_LAYER,
    DOCKER_IMAGE,
    DOCKER_LIST,
    IMAGE,
    INDEX,
    MAX_DEPTH,
    PROVENANCE_LAYER,
    Manifest,
    read_json,
)
from charthouse.oci.names import Digest
from hypothesis import given
from hypothesis import strategies as st


def a_descriptor(
    content: bytes = b"{}", media_type: str = "application/octet-stream", **more: object
) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": str(Digest.of(content)), "size": len(content)} | more


def an_image(**fields: object) -> dict[str, Any]:
    """Return an image manifest; a field that is None is left out."""
    image = {"schemaVersion": 2, "config": a_descriptor(), "layers": [a_descriptor(b"layer")]} | fields
    return {key: value for key, value in image.items() if value is not None}


def parsed(document: object, content_type: str = IMAGE) -> Manifest:
    return Manifest.parse(json.dumps(document).encode(), content_type)


def test_helms_manifest_has_its_type_in_the_header_only() -> None:
    manifest = parsed(an_image(), f"{IMAGE}; charset=utf-8")

    assert manifest.media_type == IMAGE
    assert [str(blob.digest) for blob in manifest.blobs] == [str(Digest.of(b"{}")), str(Digest.of(b"layer"))]


def test_a_manifest_without_a_content_type_has_that_of_its_body() -> None:
    assert parsed(an_image(mediaType=DOCKER_IMAGE), "").media_type == DOCKER_IMAGE
    assert parsed(an_image(mediaType=IMAGE), "application/json").media_type == IMAGE


@pytest.mark.parametrize("kind", [INDEX, DOCKER_LIST])
def test_an_index_names_manifests(kind: str) -> None:
    manifest = parsed({"schemaVersion": 2, "mediaType": kind, "manifests": [a_descriptor(b"m", IMAGE)]}, kind)

    assert [child.media_type for child in manifest.children] == [IMAGE]
    assert manifest.blobs == ()


def test_unknown_fields_no_layers_and_a_missing_subject_are_accepted() -> None:
    manifest = parsed(an_image(layers=[], subject=a_descriptor(b"missing", IMAGE), org={"x": [1, 2]}))

    assert manifest.subject is not None
    assert manifest.subject.digest == Digest.of(b"missing")


def test_layers_that_may_not_be_distributed_are_elsewhere() -> None:
    kinds = [
        "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
        "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
    ]

    manifest = parsed(an_image(layers=[a_descriptor(b"x", kind) for kind in kinds]))

    assert [blob.is_elsewhere for blob in manifest.blobs] == [False, True, True]


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (an_image(schemaVersion=1), "schemaVersion must be 2"),
        (an_image(schemaVersion=None), "schemaVersion must be 2"),
        (an_image(config=None), "config must be an object"),
        (an_image(layers=None), "layers must be a list"),
        (an_image(layers=[7]), r"layers\[0\] must be an object"),
        (an_image(layers=[a_descriptor(mediaType=None)]), r"layers\[0\] has no mediaType"),
        (an_image(manifests=[]), "has no 'manifests'"),
        (an_image(fsLayers=[]), "has no 'fsLayers'"),
        (an_image(mediaType=INDEX), "Content-Type says"),
        (an_image(mediaType=7), "mediaType must be a string"),
        (an_image(annotations={"a": 1}), "annotations must be an object of strings"),
        (an_image(annotations=[]), "annotations must be an object of strings"),
        (an_image(artifactType=[]), "artifactType must be a string"),
        (an_image(layers=[a_descriptor()] * 257), "more than 256 entries"),
        ([], "a manifest is a JSON object"),
        ("text", "a manifest is a JSON object"),
    ],
)
def test_what_is_no_manifest_is_refused_with_the_reason(document: object, words: str) -> None:
    with pytest.raises(ManifestInvalid, match=words):
        parsed(document)


@pytest.mark.parametrize("size", [-1, 1.5, "7", None, True, 2**63, 10**400])
def test_a_size_that_is_none_is_refused(size: object) -> None:
    with pytest.raises(SizeInvalid, match=r"the size of layers\[0\]"):
        parsed(an_image(layers=[a_descriptor(size=size)]))


def test_a_digest_that_is_none_is_refused() -> None:
    with pytest.raises(DigestInvalid):
        parsed(an_image(layers=[a_descriptor(digest="sha256:bad")]))


def test_a_type_that_cannot_be_stored_is_refused() -> None:
    for content_type in ("", "application/json", "application/vnd.docker.distribution.manifest.v1+json"):
        with pytest.raises(ManifestInvalid, match="no type of manifest"):
            parsed(an_image(), content_type)


@pytest.mark.parametrize(
    "text",
    [
        '{"schemaVersion":2,"schemaVersion":2}',
        '{"schemaVersion":NaN}',
        '{"schemaVersion":' + "9" * 5000 + "}",
        "{",
        "",
        "\udcff",
    ],
)
def test_json_that_could_be_read_in_two_ways_or_none_is_refused(text: str) -> None:
    with pytest.raises(ManifestInvalid, match="not JSON"):
        read_json(text.encode("utf-8", "surrogateescape"))


@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 500, 5_000, 200_000])
@pytest.mark.parametrize("brackets", ["[]", "{}"])
def test_deep_json_is_refused(depth: int, brackets: str) -> None:
    opening = "[" if brackets == "[]" else '{"a":'
    text = opening * depth + "1" + brackets[1] * depth

    with pytest.raises(ManifestInvalid, match=r"nested deeper|more than 20000"):
        read_json(text.encode())


def test_json_as_deep_as_allowed_is_read() -> None:
    assert read_json(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH) is not None


@given(
    st.binary(max_size=200)
    | st.recursive(st.none() | st.text(), st.lists).map(lambda value: json.dumps(value).encode())
)
def test_any_bytes_are_a_manifest_or_a_bad_request(body: bytes) -> None:
    try:
        Manifest.parse(body, IMAGE)
    except BadRequest:
        return


def a_chart_image(**fields: object) -> dict[str, Any]:
    layers = [a_descriptor(b"package", CHART_LAYER), a_descriptor(b"prov", PROVENANCE_LAYER)]
    return an_image(config=a_descriptor(b"{}", CHART_CONFIG), layers=layers) | fields


def test_a_charts_layers_are_told_apart_by_their_types() -> None:
    layers = parsed(a_chart_image()).chart

    assert layers is not None
    assert layers.package.digest == Digest.of(b"package")
    assert layers.provenance is not None
    assert layers.provenance.digest == Digest.of(b"prov")


def test_the_layer_type_of_old_helms_is_a_charts_too() -> None:
    layers = parsed(a_chart_image(layers=[a_descriptor(b"package", "application/tar+gzip")])).chart

    assert layers is not None
    assert layers.provenance is None


def test_other_artifacts_are_no_charts() -> None:
    assert parsed(an_image()).chart is None
    assert parsed({"schemaVersion": 2, "manifests": []}, INDEX).chart is None
    assert parsed(an_image(layers=[a_descriptor(b"x", "application/tar+gzip")])).chart is None


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"layers": []}, "a chart has one layer"),
        ({"layers": [a_descriptor(b"a", CHART_LAYER), a_descriptor(b"b", CHART_LAYER)]}, "a chart has one layer"),
        ({"layers": [a_descriptor(b"p", PROVENANCE_LAYER)]}, "a chart has one layer"),
        ({"config": a_descriptor()}, "the config of a chart must be of the type"),
    ],
)
def test_what_helm_could_not_pull_is_no_chart(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(ManifestInvalid, match=words):
        assert parsed(a_chart_image(**fields)).chart


def test_referrers_are_described_by_artifact_type_or_config() -> None:
    by_config = parsed(an_image(config=a_descriptor(b"{}", "application/x"), annotations={"a": "b"}))
    by_type = parsed(an_image(artifactType="application/y"))
    index = parsed({"schemaVersion": 2, "manifests": []}, INDEX)
    digest = Digest.of(b"m")

    assert by_config.descriptor(digest) == {
        "mediaType": IMAGE,
        "digest": str(digest),
        "size": len(by_config.body),
        "artifactType": "application/x",
        "annotations": {"a": "b"},
    }
    assert by_type.descriptor(digest)["artifactType"] == "application/y"
    assert "artifactType" not in index.descriptor(digest)
