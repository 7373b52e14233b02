"""Making the emulator fail the functions' calls, as `local/launch_ministack.py` takes it."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass

from local.emulator import Emulator
from tests.acceptance.repository import ask

ALWAYS = 1_000_000


@dataclass(frozen=True, slots=True)
class Fault:
    """Calls that fail: with `SlowDown` (503) from S3, throttled from DynamoDB."""

    call: str
    """A pattern found in `s3 PUT /bucket/key` or `dynamodb PutItem {…}`."""
    times: int = ALWAYS
    """How many of them, the next ones."""
    after: bool = False
    """Whether only the answer is lost: the call has had its effect."""


@contextmanager
def failing(emulator: Emulator, *faults: Fault) -> Iterator[Callable[[], list[int]]]:
    """Let the calls fail within the block; yields what returns how often each did. Each must, at least once."""
    url = f"{emulator.endpoint}/_local/faults"
    ask("PUT", url, json.dumps([asdict(fault) for fault in faults]).encode(), emulator.control)

    def hits() -> list[int]:
        counts: list[int] = ask("GET", url, headers=emulator.control).json()
        return counts

    try:
        yield hits
        assert [fault.call for fault, count in zip(faults, hits(), strict=True) if not count] == []
    finally:
        ask("PUT", url, b"[]", emulator.control)
