"""One measured figure against another, and how they are taken."""

import time
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """Ours against theirs, both in `unit` (s, ms, µs, MB, calls)."""

    what: str
    ours: float
    against: str
    theirs: float
    unit: str = "ms"
    note: str = ""

    @property
    def ratio(self) -> float:
        """How many times ours fits into theirs; nothing against nothing is once."""
        return 1.0 if self.ours == self.theirs else self.theirs / self.ours


def milliseconds(action: Callable[[], object], times: int = 3) -> float:
    """Return the shortest of some runs: whatever else the machine did can only have made the others longer."""
    best = float("inf")
    for _ in range(times):
        started = time.perf_counter()
        action()
        best = min(best, time.perf_counter() - started)
    return best * 1000


def peak_megabytes(action: Callable[[], object]) -> float:
    """Return how much memory Python had at most, beyond what it had before."""
    tracemalloc.start()
    try:
        action()
        return tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()
