"""Helm 3 and 4 over OCI, beside the classic protocol."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.acceptance.deployment import Deployment
from tests.acceptance.helm import Helm
from tests.acceptance.oci.conftest import PASSWORD, USER, Place, a_place
from tests.acceptance.signing import SIGNER, KeyRing
from tests.acceptance.test_main_job import packaged
from tests.builders import a_package

type Helms = Callable[[int], Helm]
MAJORS = pytest.mark.parametrize("major", [3, 4])
PLAIN = "--plain-http"


def oci(place: Place) -> str:
    """Return the URL that Helm pushes to."""
    return f"oci://{place.registry.host}/{place.repo}"


@MAJORS
def test_a_chart_is_pushed_by_oci_and_pulled_by_both(major: int, helm: Helms, place: Place) -> None:
    run = helm(major)
    run("create", place.chart)
    package = packaged(run, place.chart, "1.2.3+build.4")

    output = run("push", package, oci(place), PLAIN)

    assert "Digest: sha256:" in output
    run("repo", "add", "team", place.repository.url)
    pulled = run.folder("pulled")
    run("pull", f"team/{place.chart}", "--version", "1.2.3+build.4", "--destination", pulled)
    assert (pulled / package.name).read_bytes() == package.read_bytes()
    chart = f"{oci(place)}/{place.chart}"
    for version in ("1.2.3+build.4", "^1.2", ">=1.0.0 <2.0.0", ""):
        again = run.folder(f"oci{len(list(run.home.iterdir()))}")
        run("pull", chart, *(["--version", version] if version else []), PLAIN, "--destination", again)
        assert (again / package.name).read_bytes() == package.read_bytes()
    assert "version: 1.2.3+build.4" in run("show", "chart", chart, "--version", "1.2.3+build.4", PLAIN)
    assert f"release-{place.chart}" in run("template", "release", chart, "--version", "^1.0", PLAIN)


@MAJORS
def test_its_entry_is_that_of_helm_repo_index(major: int, helm: Helms, place: Place) -> None:
    run = helm(major)
    run("create", place.chart)
    package = packaged(run, place.chart, "1.2.3")
    run("push", package, oci(place), PLAIN)
    folder = run.folder("index")
    shutil.copy(package, folder)
    run("repo", "index", folder)

    (expected,) = yaml.safe_load((folder / "index.yaml").read_text())["entries"][place.chart]
    (entry,) = place.repository.index()["entries"][place.chart]

    assert entry.pop("urls") == [f"charts/{package.name}"]
    for found in (entry, expected):
        found.pop("created")
        found.pop("urls", None)
    assert entry == expected


@MAJORS
def test_a_chart_uploaded_the_classic_way_is_pulled_by_oci(major: int, helm: Helms, place: Place) -> None:
    run = helm(major)
    package = a_package(place.chart, "0.1.0", description="größer")
    assert place.repository.upload(package).status == 201

    run("pull", f"{oci(place)}/{place.chart}", "--version", "0.1.0", PLAIN)

    assert (run.home / f"{place.chart}-0.1.0.tgz").read_bytes() == package


@MAJORS
def test_another_content_for_a_version_is_refused_with_the_reason(major: int, helm: Helms, place: Place) -> None:
    run = helm(major)
    run("create", place.chart)
    run("push", packaged(run, place.chart, "1.0.0"), oci(place), PLAIN)
    before = place.registry.manifest("1.0.0")
    (run.home / place.chart / "values.yaml").write_text("changed: true\n")

    refused = run.run("push", packaged(run, place.chart, "1.0.0"), oci(place), PLAIN)

    assert refused.code != 0
    assert "409" in refused.output
    # Helm 3.17 shows the status only.
    assert major == 3 or "exists already with another content" in refused.output
    assert place.registry.manifest("1.0.0") == before


@MAJORS
def test_the_same_package_is_pushed_again_also_after_it_was_deleted(major: int, helm: Helms, place: Place) -> None:
    run = helm(major)
    run("create", place.chart)
    package = packaged(run, place.chart, "1.0.0")
    run("push", package, oci(place), PLAIN)
    run("push", package, oci(place), PLAIN)

    assert place.repository.delete(place.chart, "1.0.0").status == 200
    assert place.registry.tags() == []
    run("push", package, oci(place), PLAIN)

    assert place.registry.tags() == ["1.0.0"]
    assert place.repository.versions(place.chart) == ["1.0.0"]


@MAJORS
@pytest.mark.parametrize("way", ["oci", "form"])
def test_a_signed_chart_is_verified_whichever_way_it_came(
    major: int, way: str, helm: Helms, place: Place, key_ring: KeyRing
) -> None:
    run = helm(major)
    run("create", place.chart)
    package = packaged(run, place.chart, "1.0.0", "--sign", "--key", SIGNER, "--keyring", key_ring.secret)
    provenance = Path(f"{package}.prov")
    if way == "oci":
        run("push", package, oci(place), PLAIN)
    else:
        both = [("chart", package.read_bytes()), ("prov", provenance.read_bytes())]
        assert place.repository.upload_form(*both).status == 201

    chart, pulled = f"{oci(place)}/{place.chart}", run.folder("pulled")
    verifying: list[str | Path] = ["--verify", "--keyring", key_ring.public]
    run("pull", chart, "--version", "1.0.0", PLAIN, *verifying, "--destination", pulled)
    run("repo", "add", "team", place.repository.url)
    classic = run.folder("classic")
    run("pull", f"team/{place.chart}", *verifying, "--destination", classic)

    for folder in (pulled, classic):
        assert (folder / package.name).read_bytes() == package.read_bytes()
        assert (folder / provenance.name).read_bytes() == provenance.read_bytes()


@MAJORS
def test_a_chart_depends_on_a_chart_in_the_registry(major: int, helm: Helms, place: Place) -> None:
    run = helm(major)
    assert place.repository.upload(a_package(place.chart, "0.3.0")).status == 201
    run("create", "parent")
    (run.home / "parent" / "Chart.yaml").write_text(
        f"apiVersion: v2\nname: parent\nversion: 1.0.0\n"
        f"dependencies: [{{name: {place.chart}, version: ^0.3, repository: '{oci(place)}'}}]\n"
    )

    run("dependency", "update", "parent", PLAIN)

    assert (run.home / "parent" / "charts" / f"{place.chart}-0.3.0.tgz").exists()


@MAJORS
def test_a_login_succeeds_with_the_right_password_only_and_reads_need_none(
    major: int, helm: Helms, public_stack: Deployment
) -> None:
    place, run = a_place(public_stack), helm(major)
    run("create", place.chart)
    package = packaged(run, place.chart, "1.0.0")
    plain = [PLAIN] if major == 4 else []
    login = ["registry", "login", place.registry.host, "-u", USER, *plain]

    assert run.run(*login, "-p", "wrong-password-0123").code != 0
    assert run.run("push", package, oci(place), PLAIN).code != 0
    assert "Login Succeeded" in run(*login, "-p", PASSWORD)
    run("push", package, oci(place), PLAIN)
    run("registry", "logout", place.registry.host)
    run("pull", f"{oci(place)}/{place.chart}", PLAIN)

    assert place.registry.tags() == ["1.0.0"]


@MAJORS
def test_a_bad_push_shows_helm_what_is_wrong_and_lists_nothing(major: int, helm: Helms, place: Place) -> None:
    run = helm(major)
    run.home.mkdir(parents=True, exist_ok=True)
    upper = run.home / "Upper-0.1.0.tgz"
    upper.write_bytes(a_package("Upper", "0.1.0"))
    large = run.home / "large-0.1.0.tgz"
    large.write_bytes(a_package("large", "0.1.0", files={"blob": os.urandom(4_600_000)}))

    for package in (upper, large):
        refused = run.run("push", package, oci(place), PLAIN)
        assert refused.code != 0
        assert refused.output.strip()

    assert place.repository.index()["entries"] == {}
