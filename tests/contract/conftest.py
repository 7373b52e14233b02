"""The stands of the contract tests, each started once.

`CHARTHOUSE_CONTRACT=aws` runs the same cases, without the stand-ins, in the account of the ambient credentials, or on
what `AWS_ENDPOINT_URL_S3` and `AWS_ENDPOINT_URL_DYNAMODB` name.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest

from tests.contract.clouds import (
    Cloud,
    ObjectStand,
    RowStand,
    emulated_cloud,
    moto_cloud,
    objects_in_memory,
    real_cloud,
    rows_in_memory,
)

STAND_INS = ["moto", "ministack"]
CLOUDS = ["aws"] if os.environ.get("CHARTHOUSE_CONTRACT") == "aws" else STAND_INS
STANDS = CLOUDS if CLOUDS == ["aws"] else ["memory", *STAND_INS]


@pytest.fixture(scope="package")
def clouds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Cloud]]:
    """Start a cloud when it is first asked for, and stop them all at the end."""
    opened: dict[str, tuple[AbstractContextManager[Cloud], Cloud]] = {}

    def cloud(name: str) -> Cloud:
        if name not in opened:
            starts = {
                "moto": moto_cloud,
                "ministack": lambda: emulated_cloud(tmp_path_factory.mktemp("ministack")),
                "aws": real_cloud,
            }
            context = starts[name]()
            opened[name] = (context, context.__enter__())
        return opened[name][1]

    yield cloud
    for context, _ in reversed(opened.values()):
        context.__exit__(None, None, None)


@pytest.fixture(params=[(stand, versioned) for stand in STANDS for versioned in (True, False)], ids=str)
def objects(request: pytest.FixtureRequest, clouds: Callable[[str], Cloud]) -> ObjectStand:
    """S3's two ports, empty, with and without versioning."""
    stand, versioned = request.param
    return objects_in_memory(versioned=versioned) if stand == "memory" else clouds(stand).objects(versioned=versioned)


@pytest.fixture(params=STANDS)
def rows(request: pytest.FixtureRequest, clouds: Callable[[str], Cloud]) -> RowStand:
    """DynamoDB's two ports, empty."""
    return rows_in_memory() if request.param == "memory" else clouds(request.param).rows()


@pytest.fixture(params=CLOUDS)
def cloud(request: pytest.FixtureRequest, clouds: Callable[[str], Cloud]) -> Cloud:
    """Anything that speaks AWS's protocols."""
    return clouds(request.param)


@pytest.fixture(params=[name for name in CLOUDS if name != "moto"])
def served(request: pytest.FixtureRequest, clouds: Callable[[str], Cloud]) -> Cloud:
    """Anything that speaks them over HTTP."""
    return clouds(request.param)
