"""The daily reconciliation of 100,000 versions, against the time and memory its function has."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from charthouse.helm.index import Envelope, Index
from charthouse.repository.maintenance import verify_index
from charthouse.repository.ports import Row
from charthouse.repository.repository import Ports, Repository

from bench.content import MOMENT, entries, file_of
from bench.figures import Figure
from local.places import ROOT
from tests.fakes import FakeClock, FakeEvents, FakeIndexStore, FakePackageStore, World
from tests.fakes.costs import LargeCatalog

VERSIONS, CHARTS = 100_000, 200
SECONDS, MEGABYTES = 900, 1769
"""What the function has; see `numbers-of-the-functions.md`."""


def figures() -> Iterator[Figure]:
    """Measure in a process of its own, whose peak counts all it holds; the strict YAML parser is most of the time."""
    seconds, megabytes = _alone()
    what = f"rows against index, {VERSIONS:,} versions"
    yield Figure(what, seconds, "the function's time", SECONDS, "s")
    yield Figure("memory of that", megabytes, "the function's memory", MEGABYTES, "MB")


def _alone() -> tuple[float, float]:
    program = [sys.executable, "-m", "bench.reconcile"]
    answer = subprocess.run(program, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    found = json.loads(answer)
    return found["seconds"], found["megabytes"]


def _repository() -> Repository:
    world = World()
    listed = entries(VERSIONS, CHARTS)
    world.indexes[""] = Index.fold(Envelope(), listed).data
    for one in listed:
        row = Row("", file_of(one), 1, "e" * 32, "v" * 32, 1, MOMENT, one.chart, one.version, "5e" * 32, one.line)
        world.rows["", row.file] = row
    entries.cache_clear()
    packages, indexes, catalog = FakePackageStore(world), FakeIndexStore(world), LargeCatalog(world)
    ports = Ports(packages, indexes, catalog, FakeClock(world), FakeEvents())
    return ports.repository("", world.time + SECONDS)


if __name__ == "__main__":
    repository = _repository()
    started = time.perf_counter()
    differences = verify_index(repository)
    seconds = time.perf_counter() - started
    assert differences == 0  # noqa: S101  or something else was measured
    # Not getrusage: its peak counts what the parent held when it started this process.
    status = Path("/proc/self/status").read_text().splitlines()
    (peak,) = (int(line.split()[1]) / 1000 for line in status if line.startswith("VmHWM:"))
    sys.stdout.write(json.dumps({"seconds": seconds, "megabytes": peak}))
