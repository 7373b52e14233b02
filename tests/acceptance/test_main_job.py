"""The main job with the real Helm: add, upload, update, search, pull, verify, template, depend on, delete."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.acceptance.helm import Helm
from tests.acceptance.repository import Repository
from tests.acceptance.signing import SIGNER, KeyRing
from tests.builders import a_package

pytestmark = [pytest.mark.smoke, pytest.mark.parametrize("major", [3, 4])]

type Helms = Callable[[int], Helm]


def test_a_chart_goes_from_create_to_install_and_away(
    major: int, helm: Helms, repository: Repository, chart: str
) -> None:
    run = helm(major)
    run("repo", "add", "charthouse", repository.url, *repository.helm_options)
    assert chart not in run("search", "repo", "charthouse", "--devel")
    run("create", chart)
    package = packaged(run, chart, "1.2.3")

    curl(repository, chart, package)
    run("repo", "update", "charthouse")

    assert f"charthouse/{chart}" in run("search", "repo", chart)
    pulled = run.folder("pulled")
    run("pull", f"charthouse/{chart}", "--destination", pulled)
    assert (pulled / package.name).read_bytes() == package.read_bytes()
    assert f"release-{chart}" in run("template", "release", f"charthouse/{chart}", "--version", "^1.0")
    assert yaml.safe_load(run("show", "values", f"charthouse/{chart}"))["replicaCount"] == 1

    assert repository.delete(chart, "1.2.3").status == 200
    run("repo", "update", "charthouse")

    assert chart not in run("search", "repo", "charthouse", "--devel")
    gone = run.run("pull", f"charthouse/{chart}", "--version", "1.2.3")
    assert gone.code != 0
    assert "not found" in gone.output
    # Nor does a client with an older index find it.
    assert repository.read(f"/charts/{package.name}").status == 404


def test_a_signed_package_is_verified_until_another_is_in_its_place(
    major: int, helm: Helms, repository: Repository, chart: str, key_ring: KeyRing
) -> None:
    run = helm(major)
    run("create", chart)
    signing: list[str | Path] = ["--sign", "--key", SIGNER, "--keyring", key_ring.secret]
    package = packaged(run, chart, "1.0.0", *signing)
    provenance = Path(f"{package}.prov")
    both = [("chart", package.read_bytes()), ("prov", provenance.read_bytes())]

    assert repository.upload_form(*both, name=chart).status == 201
    run("repo", "add", "charthouse", repository.url, *repository.helm_options)

    pulled: list[str | Path] = [
        "pull",
        f"charthouse/{chart}",
        "--verify",
        "--keyring",
        key_ring.public,
        "--destination",
    ]
    verified = run.folder("verified")
    assert "Signed by: " + SIGNER in run(*pulled, verified)
    assert (verified / provenance.name).read_bytes() == provenance.read_bytes()

    repository.upload(a_package(chart, "1.0.0", description="another"), query="?force")
    run("repo", "update")
    assert run.run(*pulled, run.folder("forged")).code != 0


def test_provenance_may_follow_its_package(
    major: int, helm: Helms, repository: Repository, chart: str, key_ring: KeyRing
) -> None:
    run = helm(major)
    run("create", chart)
    package = packaged(run, chart, "1.0.0", "--sign", "--key", SIGNER, "--keyring", key_ring.secret)
    pull: list[str | Path] = ["pull", f"charthouse/{chart}", "--verify", "--keyring", key_ring.public]
    repository.upload(package.read_bytes(), chart)
    run("repo", "add", "charthouse", repository.url, *repository.helm_options)
    assert run.run(*pull).code != 0

    assert repository.upload_provenance(Path(f"{package}.prov").read_bytes()).status == 201

    assert "Signed by: " + SIGNER in run(*pull)


def test_a_chart_depends_on_another(major: int, helm: Helms, repository: Repository, chart: str) -> None:
    run = helm(major)
    for version in ["1.0.0", "1.5.0", "2.0.0"]:
        repository.upload(a_package(chart, version), chart)
    run("repo", "add", "charthouse", repository.url, *repository.helm_options)
    run("create", "app")
    metadata = run.home / "app" / "Chart.yaml"
    dependency = {"name": chart, "version": "^1.0.0", "repository": repository.url}
    metadata.write_text(yaml.safe_dump(yaml.safe_load(metadata.read_text()) | {"dependencies": [dependency]}))

    run("dependency", "update", "app")

    assert [path.name for path in (run.home / "app" / "charts").iterdir()] == [f"{chart}-1.5.0.tgz"]


def test_versions_with_build_metadata_and_prereleases_are_found_and_pulled(
    major: int, helm: Helms, repository: Repository, chart: str
) -> None:
    run = helm(major)
    versions = ["1.0.0", "1.1.0-rc.1+build.7", "1.1.0-rc.2", "1.0.0+a.b"]
    for version in versions:
        assert repository.upload(a_package(chart, version), chart).status == 201

    run("repo", "add", "charthouse", repository.url, *repository.helm_options)

    assert repository.versions(chart) == ["1.1.0-rc.2", "1.1.0-rc.1+build.7", "1.0.0+a.b", "1.0.0"]
    listed = yaml.safe_load(run("search", "repo", chart, "--versions", "--devel", "--output", "yaml"))
    assert {found["version"] for found in listed} == set(versions)
    for version in versions:
        run("pull", f"charthouse/{chart}", "--version", version)
        assert (run.home / f"{chart}-{version}.tgz").read_bytes() == a_package(chart, version)
    # Helm takes the newest that is no pre-release.
    assert yaml.safe_load(run("show", "chart", f"charthouse/{chart}"))["version"] in {"1.0.0", "1.0.0+a.b"}


def test_any_language_arrives_as_it_was_written(major: int, helm: Helms, repository: Repository, chart: str) -> None:
    run = helm(major)
    description = "Grüße 漢字 😀 <&> \"quoted\" 'twice' \\ : # {} | - e\u0301"
    repository.upload(a_package(chart, "1.0.0", description=description), chart)

    run("repo", "add", "charthouse", repository.url, *repository.helm_options)

    (found,) = yaml.safe_load(run("search", "repo", chart, "--output", "json", "--max-col-width", "0"))
    assert found["description"] == description
    assert repository.call("GET", f"/charts/{chart}/1.0.0").json()["description"] == description


def packaged(run: Helm, chart: str, version: str, *options: str | Path) -> Path:
    run("package", chart, "--version", version, *options)
    return run.home / f"{chart}-{version}.tgz"


def curl(repository: Repository, chart: str, package: Path) -> None:
    """Upload as the README says, by curl where there is one."""
    repository.charts.add(chart)
    if shutil.which("curl") is None:
        assert repository.upload(package.read_bytes()).status == 201
        return
    command = ["curl", "--silent", "--show-error", "--fail", "--data-binary", f"@{package}"]
    credentials = ["-H", f"Authorization: {repository.authorization}"] if repository.authorization else []
    done = subprocess.run(
        [*command, *credentials, f"{repository.api}/charts"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, '{"saved":true}'), done.stderr
