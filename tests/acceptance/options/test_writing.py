"""AllowOverwrite, DisableForceOverwrite, DisableDelete, AllowAnonymousPush, and the names of form fields."""

import hashlib
import secrets

import pytest

from tests.acceptance.deployment import Deployment
from tests.acceptance.repository import Repository, basic
from tests.builders import a_package, a_provenance


def digest(package: bytes) -> str:
    return hashlib.sha256(package).hexdigest()


@pytest.fixture
def careful(based: Deployment) -> Repository:
    """Return a repository in which nothing is ever replaced."""
    return Repository(based.url, based.api, basic("robot", based.parameters["BasicAuthPass"]))


def test_with_allow_anonymous_push_no_credentials_are_needed(small: Repository) -> None:
    """AllowAnonymousPush."""
    assert small.authorization is None
    assert small.upload(a_package("mychart", "1.0.0")).status == 201


def test_with_allow_overwrite_an_upload_replaces_the_version(small: Repository) -> None:
    """AllowOverwrite."""
    first, second = a_package("mychart", "1.0.0"), a_package("mychart", "1.0.0", description="second")

    statuses = [small.upload(package).status for package in (first, second)]

    assert statuses == [201, 201]
    (entry,) = small.index()["entries"]["mychart"]
    assert entry["digest"] == digest(second)
    assert small.read("/charts/mychart-1.0.0.tgz").body == second


def test_with_allow_overwrite_forms_and_provenance_replace_too(small: Repository) -> None:
    package = a_package("mychart", "1.0.0")
    provenance = a_provenance(package, "mychart", "1.0.0")
    both = [("chart", package), ("prov", provenance)]

    statuses = [small.upload_form(*both).status, small.upload_form(*both).status]
    statuses += [small.upload_provenance(provenance).status, small.upload_provenance(provenance).status]

    assert statuses == [201, 201, 201, 201]
    assert small.read("/charts/mychart-1.0.0.tgz.prov").body == provenance


def test_with_disable_force_overwrite_force_is_not_heard(careful: Repository) -> None:
    """DisableForceOverwrite."""
    name = f"chart-{secrets.token_hex(4)}"
    package, other = a_package(name, "1.0.0"), a_package(name, "1.0.0", description="other")
    assert careful.upload(package).status == 201

    raw, forced = careful.upload(other), careful.upload(other, query="?force")
    form = careful.upload_form(("chart", other), query="?force")

    assert (raw.status, raw.error) == (409, "file already exists")
    assert (forced.status, forced.error) == (409, "file already exists")
    assert (form.status, form.error) == (409, "chart already exists")
    assert careful.read(f"/charts/{name}-1.0.0.tgz").body == package


def test_with_disable_delete_nothing_can_be_deleted(small: Repository) -> None:
    """DisableDelete."""
    small.upload(a_package("mychart", "1.0.0"))

    version, chart = small.call("DELETE", "/charts/mychart/1.0.0"), small.call("DELETE", "/charts/mychart")

    assert (version.status, version.json()) == (404, {"error": "not found"})
    assert (chart.status, chart.json()) == (404, {"error": "not found"})
    assert small.versions("mychart") == ["1.0.0"]


def test_form_fields_have_the_names_they_were_given_and_still_their_own(small: Repository) -> None:
    """ChartPostFormFieldName and ProvPostFormFieldName: `package` and `signature`."""
    renamed, usual = a_package("renamed", "1.0.0"), a_package("usual", "1.0.0")
    signature = a_provenance(renamed, "renamed", "1.0.0")

    statuses = [
        small.upload_form(("package", renamed), ("signature", signature)).status,
        small.upload_form(("chart", usual)).status,
        small.upload_form(("anything", usual)).status,
    ]

    assert statuses == [201, 201, 400]
    # ChartMuseum stores a chart from a field of another name, but does not list it.
    assert small.versions("renamed") == ["1.0.0"]
    assert small.read("/charts/renamed-1.0.0.tgz.prov").body == signature
