"""An emulator of its own: here functions are killed and AWS is made to fail, and nobody else should meet that."""

from collections.abc import Callable, Iterator

import pytest

from local.emulator import Emulator
from tests.acceptance.deployment import Deployment, Deployments, failures

TOLD = pytest.StashKey[list[str]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[TOLD] = []


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print what was measured, whatever pytest was told to show."""
    for line in config.stash[TOLD]:
        terminalreporter.write_line(f"load: {line}")


@pytest.fixture
def tell(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Say a line at the end of the run."""
    return request.config.stash[TOLD].append


@pytest.fixture(scope="package")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """One emulator of AWS."""
    with Emulator(tmp_path_factory.mktemp("load")) as running:
        yield running


@pytest.fixture(scope="package")
def deployment(emulator: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """One stack, each test with repositories of its own. Whatever AWS did, none of our code may have raised a bug."""
    deployments = Deployments(emulator, tmp_path_factory.mktemp("keys"))
    try:
        yield deployments(DepthDynamic=True)
        assert failures(emulator.log) == []
    finally:
        deployments.stop()
