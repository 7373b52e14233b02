"""The stands of the contract tests, each started once.

`CHARTHOUSE_CONTRACT=aws` runs the same cases, without the stand-ins, in the account of the ambient credentials, or on
what `AWS_ENDPOINT_URL_S3` and `AWS_ENDPOINT_URL_DYNAMODB` name. `CHARTHOUSE_CONTRACT=moto,ministack` chooses among the
stand-ins. Where there is no Maven, DynamoDB Local is left out, and the run says so.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest

from local.tools import stand_ins
from tests.contract.clouds import (
    Cloud,
    ObjectStand,
    RowStand,
    dynamodb_local_cloud,
    emulated_cloud,
    moto_cloud,
    objects_in_memory,
    real_cloud,
    rows_in_memory,
    versitygw_cloud,
)

WHOLE, S3, DYNAMODB = ["moto", "ministack", "aws"], ["versitygw"], ["dynamodb-local"]
STAND_INS = ["moto", "ministack", *S3, *DYNAMODB]
CHOSEN = stand_ins()
MEMORY = [] if CHOSEN == ["aws"] else ["memory"]
S3_CLOUDS = [name for name in CHOSEN if name in WHOLE + S3]
DYNAMODB_CLOUDS = [name for name in CHOSEN if name in WHOLE + DYNAMODB]


def pytest_configure() -> None:
    unknown = sorted(set(CHOSEN) - {*WHOLE, *S3, *DYNAMODB})
    if unknown:
        raise pytest.UsageError(
            f"CHARTHOUSE_CONTRACT names {unknown[0]!r}, which is none of aws, {', '.join(STAND_INS)}"
        )


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    left_out = [name for name in STAND_INS if name not in CHOSEN]
    if left_out and "aws" not in CHOSEN:
        terminalreporter.write_line(
            f"contract: without {', '.join(left_out)} (DynamoDB Local needs Maven to be fetched)"
        )


@pytest.fixture(scope="package")
def clouds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Cloud]]:
    """Start a cloud when it is first needed, and stop them all at the end."""
    opened: dict[str, tuple[AbstractContextManager[Cloud], Cloud]] = {}

    def cloud(name: str) -> Cloud:
        if name not in opened:
            starts = {
                "moto": moto_cloud,
                "ministack": lambda: emulated_cloud(tmp_path_factory.mktemp("ministack")),
                "versitygw": lambda: versitygw_cloud(tmp_path_factory.mktemp("versitygw")),
                "dynamodb-local": lambda: dynamodb_local_cloud(tmp_path_factory.mktemp("dynamodb-local")),
                "aws": real_cloud,
            }
            context = starts[name]()
            opened[name] = (context, context.__enter__())
        return opened[name][1]

    yield cloud
    for context, _ in reversed(opened.values()):
        context.__exit__(None, None, None)


@pytest.fixture(params=[(stand, versioned) for stand in MEMORY + S3_CLOUDS for versioned in (True, False)], ids=str)
def objects(request: pytest.FixtureRequest, clouds: Callable[[str], Cloud]) -> ObjectStand:
    """Return the ports on S3, empty, with and without versioning."""
    stand, versioned = request.param
    return objects_in_memory(versioned=versioned) if stand == "memory" else clouds(stand).objects(versioned=versioned)


@pytest.fixture(params=MEMORY + DYNAMODB_CLOUDS)
def rows(request: pytest.FixtureRequest, clouds: Callable[[str], Cloud]) -> RowStand:
    """Return the port on DynamoDB, empty."""
    return rows_in_memory() if request.param == "memory" else clouds(request.param).rows()


@pytest.fixture(params=S3_CLOUDS)
def cloud(request: pytest.FixtureRequest, clouds: Callable[[str], Cloud]) -> Cloud:
    """Anything that speaks S3's protocol."""
    return clouds(request.param)


@pytest.fixture(params=[name for name in S3_CLOUDS if name != "moto"])
def served(request: pytest.FixtureRequest, clouds: Callable[[str], Cloud]) -> Cloud:
    """Anything that speaks it over HTTP."""
    return clouds(request.param)


@pytest.fixture(params=[name for name in CHOSEN if name in WHOLE and name != "moto"])
def keeping_secrets(request: pytest.FixtureRequest, clouds: Callable[[str], Cloud]) -> Cloud:
    """Anything that has Secrets Manager, and serves it over HTTP."""
    return clouds(request.param)
