"""One emulator for all acceptance tests, the stacks in it, and the repository the main job is tried on.

With CHARTHOUSE_URL set only the tests marked `smoke` run, against the repository there. CHARTHOUSE_TOKEN is a bearer
token for it, or `user:password`.
"""

import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from local.emulator import Emulator
from local.tools import helm_missing
from tests.acceptance.deployment import Deployment, Deployments, failures
from tests.acceptance.helm import Helm
from tests.acceptance.repository import Repository, basic
from tests.acceptance.signing import KeyRing
from tests.issuer import Authority

URL = os.environ.get("CHARTHOUSE_URL", "")
TOKEN = os.environ.get("CHARTHOUSE_TOKEN", "")
ON_ARTIFACT_HUB = {"": "6a5e8b6e-2f6c-4d52-9f29-0d0ea0a1a001", "org/team/repo": "6a5e8b6e-2f6c-4d52-9f29-0d0ea0a1a002"}


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "smoke: needs nothing but a repository's URL and credentials; see `make smoke`")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if URL:
        others = [item for item in items if item.get_closest_marker("smoke") is None]
        items[:] = [item for item in items if item not in others]
        config.hook.pytest_deselected(items=others)


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Make a certificate authority that the functions trust."""
    return Authority.make(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[Emulator]:
    """One emulator of AWS for all stacks."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("SSL_CERT_FILE", str(authority.certificate))
        running = Emulator(tmp_path_factory.mktemp("emulator"))
        running.start()
    try:
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="session")
def deployed(emulator: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployments]:
    """Deploy stacks: `deployed(Depth=2)`. At the end nothing may have failed unseen in any of them."""
    deployments = Deployments(emulator, tmp_path_factory.mktemp("keys"))
    try:
        yield deployments
        assert failures(emulator.log) == []
    finally:
        deployments.stop()


@pytest.fixture(scope="session")
def repository(request: pytest.FixtureRequest) -> Iterator[Repository]:
    """Return the repository of the main job: a local stack as `make run` has it, or the one at CHARTHOUSE_URL."""
    if URL:
        authorization = basic(*TOKEN.split(":", 1)) if ":" in TOKEN else f"Bearer {TOKEN}" if TOKEN else None
        found = Repository.at(URL, authorization)
    else:
        found = request.getfixturevalue("deployed")().repository()
    yield found
    found.remove_uploads()


@pytest.fixture
def chart() -> str:
    """Return an unused chart name, also in respect of earlier runs against the same deployment."""
    return f"smoke-{secrets.token_hex(4)}"


@pytest.fixture
def helm(tmp_path: Path) -> Callable[[int], Helm]:
    """Return the Helm of a major version with a home of its own, the same one within a test.

    Where there is no such Helm to fetch and none on PATH, the test is skipped and the reason printed.
    """

    def of(major: int) -> Helm:
        if reason := helm_missing(major):
            pytest.skip(reason)
        return Helm(major, tmp_path / f"helm-{major}")

    return of


@pytest.fixture(scope="session")
def any_depth(deployed: Deployments) -> Deployment:
    """Return a deployment with repositories of any depth, two of them on Artifact Hub, that never overwrites."""
    ids = ",".join(f"{repo}={value}" for repo, value in ON_ARTIFACT_HUB.items())
    return deployed(DepthDynamic=True, DisableForceOverwrite=True, ArtifactHubRepoId=ids)


@pytest.fixture(scope="session")
def key_ring(tmp_path_factory: pytest.TempPathFactory) -> KeyRing:
    """Keys for signing packages."""
    return KeyRing.make(tmp_path_factory.mktemp("key-ring"))
