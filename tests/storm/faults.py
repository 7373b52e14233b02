"""Faults: what can happen to a process at a call. It crashes, the call fails, its response is lost, others run first.

A process is the real code of the repository over fakes that share a `World`. `process` is the one place where its ports
are put together: every call of a port goes through one `FaultPlan`, so a port added there takes part in every test.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any, cast

from charthouse.errors import ConditionFailed, Unavailable
from charthouse.helm.reading import Reader, in_process
from charthouse.registry.ports import ArtifactStore, Place
from charthouse.registry.registry import Registry
from charthouse.repository.repository import Ports
from charthouse.settings import Layout, Rules

from tests.fakes import FakeArtifacts, FakeCatalog, FakeClock, FakeEvents, FakeIndexStore, FakePackageStore, World


class Fault(StrEnum):
    """What can happen at a call."""

    CRASH = "the process ends before the call"
    FAIL = "throttled: no effect, and `Unavailable`"
    LOSE = "the effect, then `Unavailable`"
    REPEAT = "the effect, then the SDK sends the same call once more"
    CONFLICT = "S3 answers 409 to a conditional write as often as the SDK retries"


class Crash(BaseException):
    """The process has ended: no further call of it has an effect."""


class FaultPlan:
    """The step of one process: counts its calls, and injects what `at` returns for the call's number and name.

    `meanwhile` runs before every call: there another process may run. `after` runs after the effect of every write that
    changes what the promises are about.
    """

    def __init__(
        self,
        at: Callable[[int, str], Fault | None] = lambda _number, _call: None,
        meanwhile: Callable[[int, str], None] = lambda _number, _call: None,
        after: Callable[[], None] = lambda: None,
    ) -> None:
        self.calls: list[str] = []
        self.injected: list[tuple[str, Fault]] = []
        self.response: object = None
        self.crashed = False
        self._at, self._meanwhile, self._after = at, meanwhile, after
        self._error: BaseException | None = None

    def __call__(self, call: str) -> None:
        """Be the step of a fake: raise the fault of the call."""
        if self.crashed:
            raise Crash(call)
        if call.endswith(":done"):
            if call.endswith(_WRITTEN):
                self._after()
            error, self._error = self._error, None
            if error is not None:
                raise error
            return
        number = len(self.calls)
        self.calls.append(call)
        self._meanwhile(number, call)
        fault = self._at(number, call)
        if fault is not None and is_possible(fault, call):
            self.injected.append((call, fault))
            self._inject(fault, call)

    def _inject(self, fault: Fault, call: str) -> None:
        match fault:
            case Fault.CRASH:
                self.crashed = True
                raise Crash(call)
            case Fault.FAIL:
                raise Unavailable(f"throttled at {call}")
            case Fault.LOSE:
                self._error = Unavailable(f"no response to {call}")
            case Fault.REPEAT:
                self._error = _Repeated()
            case Fault.CONFLICT:
                # A conditional PUT of a new object never takes a 409 for "exists".
                raise Unavailable("busy") if call == "packages.create" else ConditionFailed(call)


_WRITES = (
    "packages.create",
    "packages.replace",
    "packages.delete",
    "index.write",
    "index.write_view",
    "catalog.put",
    "catalog.clear",
    "catalog.acquire_lease",
    "catalog.release_lease",
    "catalog.set_reconciled",
    "catalog.set_counts",
    "catalog.add_digests",
    "catalog.begin",
    "catalog.end",
    "artifacts.write",
    "artifacts.replace",
    "artifacts.delete",
)
"""Every call that changes something; all others only read."""
_UNSEEN = {
    "catalog.acquire_lease",
    "catalog.release_lease",
    "catalog.set_reconciled",
    "catalog.set_counts",
    "catalog.begin",
    "catalog.end",
}
"""Those of them that change nothing a promise is about: no store, no row, no index, no view."""
_WRITTEN = tuple(f"{name}:done" for name in _WRITES if name not in _UNSEEN)
_CONDITIONAL_AT_S3 = {"packages.create", "packages.delete", "index.write", "index.write_view", "artifacts.replace"}


def is_possible(fault: Fault, call: str) -> bool:
    """Return whether this fault can happen at this call. A repeated read is a read; a clock does not fail."""
    if fault is Fault.CRASH:
        return True
    if call.startswith("clock."):
        return False
    if fault is Fault.CONFLICT:
        return call in _CONDITIONAL_AT_S3
    return fault is Fault.FAIL or call in _WRITES


class _Repeated(BaseException):
    """The SDK lost the response and sends the call again."""


class _Sdk:
    """A port whose calls are sent again when their response was lost on the way."""

    def __init__(self, port: object) -> None:
        self._port = port

    def __getattr__(self, name: str) -> Callable[..., Any]:
        call: Callable[..., Any] = getattr(self._port, name)

        def send(*arguments: Any, **named: Any) -> Any:
            while True:
                try:
                    return call(*arguments, **named)
                except _Repeated:
                    continue

        return send


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessPorts(Ports):
    """The ports of one process, with that of the registry."""

    artifacts: ArtifactStore

    def registry(self, repo: str, chart: str) -> Registry:
        """Return a place of the registry, for the duration of one request."""
        return Registry(Place(repo, chart), self.artifacts, self.repository(repo), Rules())


wrappers: list[Callable[[ProcessPorts], ProcessPorts]] = []
"""Applied to the ports of every process: how a mutant makes a port lie."""


READER = Reader(cache(in_process))
"""Reads each of the few packages once."""


def process(
    world: World, plan: FaultPlan | None = None, *, layout: Layout | None = None, skew: float = 0.0
) -> ProcessPorts:
    """Return the ports of one process."""
    step = plan or FaultPlan()
    ports = ProcessPorts(
        packages=cast("FakePackageStore", _Sdk(FakePackageStore(world, step))),
        indexes=cast("FakeIndexStore", _Sdk(FakeIndexStore(world, step))),
        catalog=cast("FakeCatalog", _Sdk(FakeCatalog(world, step))),
        clock=FakeClock(world, step, skew),
        events=FakeEvents(),
        layout=layout or Layout(),
        artifacts=cast("FakeArtifacts", _Sdk(FakeArtifacts(world, step))),
        reader=READER,
    )
    for wrap in wrappers:
        ports = wrap(ports)
    return ports
