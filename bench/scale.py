"""A repository of 150,000 versions: whole operations in memory, then some of them on the local stack."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench import operations, stack
from bench.endings import end_all
from bench.figures import Figure
from bench.operations import OPERATIONS, Measured, Operation
from local.progress import say

VERSIONS = int(os.environ.get("CHARTHOUSE_BENCH_VERSIONS", "150000"))


def figures() -> Iterator[Figure]:
    """Measure against the time and memory that template.yaml gives each function."""
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch, "repository")
        for name, operation in OPERATIONS.items():
            yield from _figures(operation, operations.measure(name, VERSIONS, file))
        say(f"  {end_all(VERSIONS, file)}")
    yield from stack.figures()


def _figures(operation: Operation, measured: Measured) -> Iterator[Figure]:
    what = f"{operation.name}, {VERSIONS:,} versions"
    times = len(measured.invocations)
    longest = max(measured.invocations)
    note = f"processor {measured.processor:.2g} s, wall {measured.wall:.2g} s here; {measured.note}"
    if times > 1:
        what, note = f"{what}: longest of {times} invocations", f"{sum(measured.invocations):,.0f} s in all; {note}"
    yield Figure(what, longest, f"{operation.function}'s time", operation.seconds, "s", note)
    if measured.megabytes is not None:
        yield Figure("memory of that", measured.megabytes, "its memory", operation.megabytes, "MB")
