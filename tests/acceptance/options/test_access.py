"""Who is admitted: bearer tokens, user and password, both at once, and reads without either."""

import secrets
import time
from typing import Any

import pytest

from tests.acceptance.deployment import Deployment
from tests.acceptance.repository import Repository, basic
from tests.builders import a_package
from tests.tokens import a_token


def test_reads_of_a_private_repository_are_challenged_with_both_schemes(fresh: Repository) -> None:
    """BearerAuth and BasicAuthUser together, AuthRealm, AuthService."""
    repo = fresh.url.split("/", 3)[3]

    refused = fresh.anonymous().get("/index.yaml")

    assert (refused.status, refused.error) == (401, "unauthorized")
    assert refused.headers["WWW-Authenticate"] == (
        'Basic realm="ChartMuseum", Bearer realm="https://tokens.example.com/auth",service="charts.example.com",'
        f'scope="artifact-repository:{repo}:pull"'
    )
    assert f'artifact-repository:{repo}:push"' in str(fresh.anonymous().upload(a_package()).headers["WWW-Authenticate"])


def test_both_schemes_admit(tenants: Deployment, fresh: Repository) -> None:
    """BasicAuthUser and BasicAuthPass beside tokens that AuthPublicKey verifies."""
    robot = Repository(fresh.url, fresh.api, basic("robot", str(tenants.parameters["BasicAuthPass"])))

    assert fresh.upload(a_package("mychart", "1.0.0")).status == 201
    assert robot.upload(a_package("mychart", "2.0.0")).status == 201
    assert robot.versions("mychart") == fresh.versions("mychart") == ["2.0.0", "1.0.0"]


def test_a_token_is_good_for_its_repository_and_its_actions(tenants: Deployment, fresh: Repository) -> None:
    repo = fresh.url.split("/", 3)[3]
    reader, writer = tenants.repository(repo, "pull"), tenants.repository(repo, "push")
    stranger = Repository(fresh.url, fresh.api, f"Bearer {tenants.token('another', 'pull', 'push')}")

    statuses = {
        "reader": (reader.upload(a_package()).status, reader.get("/index.yaml").status),
        "writer": (writer.upload(a_package()).status, writer.get("/index.yaml").status),
        "stranger": (stranger.upload(a_package()).status, stranger.get("/index.yaml").status),
    }

    # The index was read first of all by the reader: nothing had been uploaded.
    assert statuses == {"reader": (403, 200), "writer": (201, 403), "stranger": (403, 403)}


@pytest.mark.parametrize("authorization", ["Bearer x.y.z", basic("robot", "wrong"), basic("", ""), "Digest x"])
def test_wrong_credentials_are_401(fresh: Repository, authorization: str) -> None:
    wrong = Repository(fresh.url, fresh.api, authorization)

    assert [wrong.get("/index.yaml").status, wrong.upload(a_package()).status] == [401, 401]


def test_with_auth_anonymous_get_only_writes_are_asked(based: Deployment) -> None:
    """AuthAnonymousGet."""
    anonymous = Repository(based.url, based.api)

    assert anonymous.read("/index.yaml").status == 200
    assert anonymous.call("GET", "/charts").status == 200
    assert anonymous.upload(a_package()).status == 401
    assert anonymous.delete("mychart", "1.0.0").status == 401


def test_actions_are_found_where_the_search_path_says(based: Deployment) -> None:
    """AuthActionsSearchPath: `scopes` instead of `access`."""
    name, key, now = f"chart-{secrets.token_hex(4)}", based.key.read_text(), int(time.time())

    def uploading(**claims: Any) -> int:
        token = a_token(key=key, exp=now + 60, **claims)
        return Repository(based.url, based.api, f"Bearer {token}").upload(a_package(name)).status

    entry = {"type": "artifact-repository", "name": "repo", "actions": ["push"]}
    refused = [
        uploading(scopes=[entry | {"actions": ["pull"]}]),
        uploading(scopes=[entry | {"name": "another"}]),
        uploading(access=[entry]),
    ]

    assert refused == [403, 403, 403]
    assert uploading(scopes=[entry]) == 201


def test_a_token_without_expiry_is_admitted_only_where_that_is_allowed(
    based: Deployment, tenants: Deployment, fresh: Repository
) -> None:
    """AllowTokensWithoutExpiry."""
    entry = {"type": "artifact-repository", "name": "repo", "actions": ["push"]}
    allowed = a_token(key=based.key.read_text(), exp=None, scopes=[entry])
    own = {**entry, "name": fresh.url.split("/", 3)[3]}
    refused = a_token(own, key=tenants.key.read_text(), exp=None)

    package = a_package(f"chart-{secrets.token_hex(4)}")

    assert Repository(based.url, based.api, f"Bearer {allowed}").upload(package).status == 201
    assert Repository(fresh.url, fresh.api, f"Bearer {refused}").upload(package).status == 401
