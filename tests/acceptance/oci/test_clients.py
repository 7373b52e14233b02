"""oras and crane; and what cosign and Flux send, by hand."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from local.tools import CRANE, ORAS, GoProgram
from tests.acceptance.deployment import Deployment
from tests.acceptance.oci.conftest import PASSWORD, USER, Place, Registry, Run, a_place, error
from tests.acceptance.repository import ask
from tests.builders import a_package, a_provenance

type Programs = Callable[[GoProgram], Run]
IMAGE = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"


def done(run: Run, *arguments: str | Path) -> str:
    result = run(*arguments)
    assert result.code == 0, result.output
    return result.output


def test_oras_pushes_tags_attaches_and_deletes_artifacts(place: Place, program: Programs, tmp_path: Path) -> None:
    oras, name = program(ORAS), place.registry.reference
    place.repository.upload(a_package())
    (tmp_path / "sbom.json").write_text('{"bomFormat":"CycloneDX"}')

    done(oras, "push", "--plain-http", f"{name}:v1", "sbom.json:application/json", "--artifact-type", "a/sbom")
    done(oras, "tag", "--plain-http", f"{name}:v1", "latest")
    done(oras, "attach", "--plain-http", "--artifact-type", "a/sbom", f"{name}:0.1.0", "sbom.json:application/json")

    assert done(oras, "repo", "tags", "--plain-http", name).split() == ["0.1.0", "latest", "v1"]
    assert "a/sbom" in done(oras, "discover", "--plain-http", f"{name}:0.1.0")
    done(oras, "pull", "--plain-http", f"{name}:latest", "--output", "pulled")
    assert (tmp_path / "pulled" / "sbom.json").read_text() == '{"bomFormat":"CycloneDX"}'
    done(oras, "manifest", "delete", "--force", "--plain-http", f"{name}:v1")
    assert place.registry.tags() == ["0.1.0"]
    assert list(place.repository.index()["entries"]) == ["mychart"]


def test_oras_pushes_an_empty_file_in_chunks_for_artifact_hub(place: Place, program: Programs, tmp_path: Path) -> None:
    (tmp_path / "artifacthub-repo.yml").write_text("repositoryID: x\n")
    media = "application/vnd.cncf.artifacthub"

    done(
        program(ORAS),
        "push",
        "--plain-http",
        f"{place.registry.reference}:artifacthub.io",
        "--config",
        f"/dev/null:{media}.config.v1+yaml",
        f"artifacthub-repo.yml:{media}.repository-metadata.layer.v1.yaml",
    )

    assert place.registry.manifest("artifacthub.io")["config"]["size"] == 0
    assert place.repository.index()["entries"] == {}


def test_crane_lists_copies_and_deletes_charts(open_stack: Deployment, program: Programs, place: Place) -> None:
    crane, other = program(CRANE), a_place(open_stack)
    package = a_package()
    place.repository.upload_form(("chart", package), ("prov", a_provenance(package)))
    source, target = f"{place.registry.reference}:0.1.0", f"{other.registry.reference}:0.1.0"

    assert done(crane, "ls", "--insecure", place.registry.reference).split() == ["0.1.0"]
    digest = done(crane, "digest", "--insecure", source).strip()
    done(crane, "copy", "--insecure", source, target)

    assert digest == place.registry.manifest("0.1.0")["digest"] == other.registry.manifest("0.1.0")["digest"]
    assert other.repository.index()["entries"]["mychart"][0]["digest"] == hashlib.sha256(package).hexdigest()
    assert other.repository.read("/charts/mychart-0.1.0.tgz").body == package
    assert other.repository.read("/charts/mychart-0.1.0.tgz.prov").body == a_provenance(package)
    done(crane, "delete", "--insecure", f"{other.registry.reference}@{digest}")
    assert other.repository.index()["entries"] == {}
    refused = crane("copy", "--insecure", source, f"{open_stack.url.removeprefix('http://')}/{other.repo}/wrong:0.1.0")
    assert "the chart mychart cannot be pushed to the repository" in refused.output


def test_oras_and_crane_log_in_with_the_right_password_only(public_stack: Deployment, program: Programs) -> None:
    place, oras, crane = a_place(public_stack), program(ORAS), program(CRANE)
    host = place.registry.host

    assert oras("login", "--plain-http", host, "-u", USER, "-p", "wrong-password-0123").code != 0
    assert "Login Succeeded" in done(oras, "login", "--plain-http", host, "-u", USER, "-p", PASSWORD)
    done(crane, "auth", "login", "--insecure", host, "-u", USER, "-p", PASSWORD)
    done(crane, "append", "--insecure", "--new_tag", f"{place.registry.reference}:v1", "--new_layer", "/dev/null")
    done(crane, "auth", "logout", host)

    # Reading needs no credentials, although the root asks for them.
    assert done(crane, "ls", "--insecure", place.registry.reference).split() == ["v1"]
    assert done(oras, "repo", "tags", "--plain-http", place.registry.reference).split() == ["v1"]


def test_a_signature_of_cosign_is_found_by_tag_and_by_subject(place: Place) -> None:
    """Its manifests by hand, for cosign is no program that can be had here: the old way by a tag, the new by a subject.

    https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md
    """
    registry = place.registry
    place.repository.upload(a_package())
    chart = registry.manifest("0.1.0")
    payload = json.dumps({"critical": {"image": {"docker-manifest-digest": chart["digest"]}}}).encode()
    config = json.dumps({"rootfs": {"type": "layers", "diff_ids": []}}).encode()
    layer = {
        "mediaType": "application/vnd.dev.cosign.simplesigning.v1+json",
        "digest": registry.push_blob(payload),
        "size": len(payload),
        "annotations": {"dev.cosignproject.cosign/signature": "MEUC"},
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": IMAGE,
        "config": {
            "mediaType": "application/vnd.oci.image.config.v1+json",
            "digest": registry.push_blob(config),
            "size": len(config),
        },
        "layers": [layer],
    }
    size = int(registry.ask("HEAD", "manifests/0.1.0").headers["Content-Length"])
    subject = {"mediaType": IMAGE, "digest": chart["digest"], "size": size}
    tag = f"{chart['digest'].replace(':', '-')}.sig"

    old = registry.put(tag, manifest)
    new = registry.put(
        "bundle", manifest | {"subject": subject, "artifactType": "application/vnd.dev.sigstore.bundle.v0.3+json"}
    )

    assert (old.status, new.status) == (201, 201)
    assert new.headers["OCI-Subject"] == chart["digest"]
    assert registry.manifest(tag)["layers"] == [layer]
    assert registry.follow(f"blobs/{layer['digest']}") == payload
    (found,) = registry.ask("GET", f"referrers/{chart['digest']}").json()["manifests"]
    assert found["artifactType"] == "application/vnd.dev.sigstore.bundle.v0.3+json"
    assert registry.tags() == ["0.1.0", "bundle", tag]


def test_flux_resolves_a_range_and_pulls_by_digest(place: Place) -> None:
    """What its source-controller sends for `type: oci`: tags, manifest and layer; HEAD with digest to verify."""
    registry = place.registry
    packages = {version: a_package("mychart", version) for version in ("0.1.0", "0.2.0", "1.0.0-rc.1")}
    for package in packages.values():
        assert place.repository.upload(package).status == 201
    accept = {"Accept": f"{IMAGE}, {INDEX}", "User-Agent": "flux/v2/helm/v4/oras/v2"}

    tags = registry.tags()
    head = ask("HEAD", f"{registry.url}/v2/{registry.name}/manifests/0.2.0", None, accept)
    answer = registry.ask("GET", f"manifests/{head.headers['Docker-Content-Digest']}")

    assert tags == ["0.1.0", "0.2.0", "1.0.0-rc.1"]
    assert (head.status, head.body) == (200, b"")
    assert head.headers["Content-Type"] == answer.headers["Content-Type"] == IMAGE
    assert int(head.headers["Content-Length"]) == len(answer.body)
    (layer,) = answer.json()["layers"]
    blob = registry.ask("HEAD", f"blobs/{layer['digest']}")
    assert (blob.status, int(blob.headers["Content-Length"])) == (200, layer["size"])
    assert blob.headers["Docker-Content-Digest"] == layer["digest"]
    assert registry.follow(f"blobs/{layer['digest']}") == packages["0.2.0"]


def test_a_blob_is_fetched_in_parts_from_the_storage_without_the_credentials(place: Place) -> None:
    registry = place.registry
    digest = registry.push_blob(bytes(range(256)))
    redirect = registry.ask("GET", f"blobs/{digest}", Range="bytes=10-19")

    part = ask("GET", redirect.location.geturl(), None, {"Range": "bytes=10-19"})

    assert redirect.status == 307
    assert redirect.location.netloc != registry.host
    assert (part.status, part.body) == (206, bytes(range(10, 20)))
    assert registry.ask("GET", f"blobs/{digest}", Range="bytes=9-5").status == 416


@pytest.mark.parametrize("path", ["tags/list", "manifests/1", "blobs/uploads/"])
def test_names_that_oci_cannot_express_are_404(place: Place, path: str) -> None:
    registry = Registry(place.registry.url, f"{place.repo}/MyChart")

    answer = registry.ask("POST" if "uploads" in path else "GET", path)

    assert error(answer)[:2] == (404, "NAME_INVALID")
    assert "lower-case" in error(answer)[2]
