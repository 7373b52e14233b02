"""The repository that the shapes of the clients are tried on: private, with a name of two segments."""

import secrets

import pytest

from tests.acceptance.deployment import Deployment, Deployments
from tests.acceptance.options.stacks import TENANTS
from tests.acceptance.repository import Repository, basic
from tests.builders import a_package, a_provenance


@pytest.fixture(scope="session")
def tenants(deployed: Deployments) -> Deployment:
    """Return the stack, which the options are tried on too."""
    return deployed(**TENANTS)


@pytest.fixture(scope="session")
def user(tenants: Deployment) -> tuple[str, str]:
    """Return user and password, all that most clients can send."""
    return tenants.parameters["BasicAuthUser"], tenants.parameters["BasicAuthPass"]


@pytest.fixture(scope="session")
def team(tenants: Deployment, user: tuple[str, str]) -> Repository:
    """Return a repository with a few charts that no test changes, for the user."""
    repo = f"clients/{secrets.token_hex(4)}"
    signed = a_package("signed", "1.0.0+build.7")
    repository = Repository(f"{tenants.url}/{repo}", f"{tenants.api}/{repo}", basic(*user))
    both = ("chart", signed), ("prov", a_provenance(signed, "signed", "1.0.0+build.7"))
    assert repository.upload_form(*both).status == 201
    annotations = {
        "artifacthub.io/changes": "- kind: added\n  description: größer\n",
        "artifacthub.io/prerelease": "true",
    }
    for version in ("0.1.0", "0.2.0", "1.0.0-rc.1"):
        package = a_package("mychart", version, appVersion="1.10", annotations=annotations, keywords=["a", "b"])
        assert repository.upload(package).status == 201
    return repository


@pytest.fixture
def empty(tenants: Deployment, user: tuple[str, str]) -> Repository:
    """Return an unused repository, for the user."""
    repo = f"clients/{secrets.token_hex(4)}"
    return Repository(f"{tenants.url}/{repo}", f"{tenants.api}/{repo}", basic(*user))
