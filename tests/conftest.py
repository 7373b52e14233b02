"""How pytest-xdist hands the tests out: one by one, except those that share something expensive.

A module of `acceptance` stays on one worker, which deploys each stack once; so do folders of it whose modules share
stacks, the load tests, modules with an emulator or large repositories of their own, and the contract cases of one
stand-in. This goes by node ids, since the `xdist_group` marks of xdist 3.8 have no effect with pytest 9.2.
"""

import gc
import os
import re

import pytest
from xdist.remote import Producer  # type: ignore[import-untyped]  # xdist has no types
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

TOGETHER = re.compile(
    r"(tests/acceptance/(oci|options)/|tests/acceptance/[^:]+"
    r"|tests/load/"
    r"|tests/local/test_emulator|tests/functions/test_logs_in_lambda|tests/unit/repository/test_time_limits"
    r"|ministack|versitygw|dynamodb-local)"
)
"""Tests whose node ids have the same text here run on the same worker."""


def pytest_collection_finish() -> None:
    """Let Python's garbage collector leave alone what pytest keeps to the end, and run less often: 4 % of the time."""
    gc.freeze()
    gc.set_threshold(50_000)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Return one worker more than there are processors: a test often waits for a deadline or for the emulator."""
    return (os.process_cpu_count() or 1) + 1


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    return Scheduling(config, log)


class Scheduling(LoadScopeScheduling):  # type: ignore[misc]
    """Hands out scopes: the largest first, then single tests."""

    def _split_scope(self, nodeid: str) -> str:
        found = TOGETHER.search(nodeid)
        return found[0] if found else nodeid
