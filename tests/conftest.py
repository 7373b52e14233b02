"""The tests that pytest-xdist runs on the same worker: those that share something expensive, such as a deployed stack.

Everything else is handed out test by test. A new stack needs nothing here if its fixture is named in `STACKS`; without
that its tests stay together by module.
"""

from pathlib import Path

import pytest

STACKS = (
    "tenants",
    "limits",
    "based",
    "operated",
    "adopted",
    "private",
    "any_depth",
    "policed",
    "repository",
    "deployed",
)
"""Fixtures that deploy a stack; a test that uses several runs with the first."""
STAND_INS = ("ministack", "versitygw", "dynamodb-local", "moto", "aws")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if group := _group(item):
            item.add_marker(pytest.mark.xdist_group(group))


def _group(item: pytest.Item) -> str:
    folder = item.path.relative_to(Path(__file__).parent).parts[0]
    if folder == "acceptance":
        used = set(getattr(item, "fixturenames", ()))
        return next((name for name in STACKS if name in used), item.path.stem)
    if folder == "contract":
        return next((name for name in STAND_INS if name in item.name), "")
    return folder if folder == "load" else ""
