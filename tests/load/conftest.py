"""An emulator of its own: these tests kill functions and make AWS fail, which must not disturb other tests."""

import re
from collections.abc import Callable, Iterator

import pytest

from local.emulator import Emulator
from tests.acceptance.deployment import Deployment, Deployments, failures

MEASURED = "load"
KILLED = re.compile(
    r".*errorMessage=Worker process died.*"
    r"|Exception ignored in: .*\nTraceback .*\n  File \".*/ministack/.*\n(?:    .*\n)*BrokenPipeError: .*"
)
"""What the emulator says of a function that a test has killed, and Python of the pipe by which it was written to."""


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the measurements, also where pytest captures output."""
    for report in terminalreporter.stats.get("passed", []):
        for name, line in getattr(report, "user_properties", []):
            if name == MEASURED:
                terminalreporter.write_line(f"load: {line}")


@pytest.fixture
def report(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Print a line at the end of the run."""
    return lambda line: request.node.user_properties.append((MEASURED, line))


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
        assert failures(emulator.log, KILLED) == []
    finally:
        deployments.stop()
