"""weather: what can happen to a process at a call: it dies, the call fails, its answer gets lost, others are faster.

A process is real code of the repository over fakes that share a `World`. All it meets goes through one `Step`.
"""

from collections.abc import Callable
from enum import StrEnum
from typing import Any, cast

from charthouse.errors import Changed, Unavailable
from charthouse.repository.store import Store
from charthouse.settings import Layout

from tests.fakes import FakeBucket, FakeClock, FakeFolders, FakeIndexStore, FakeJournal, FakeMarkers, FakeTable, World


class Fault(StrEnum):
    """What can happen at a call."""

    CRASH = "the process dies before the call"
    FAIL = "throttled: no effect, and `Unavailable`"
    LOSE = "the effect, then `Unavailable`"
    REPEAT = "the effect, then the SDK makes the same call once more"
    CONFLICT = "S3 answers 409 to a conditional write as long as anybody cares to try"


class Died(BaseException):
    """The process is gone: nothing of it runs any more that could be seen outside."""


class Forecast:
    """The step of one process: counts its calls, and lets happen what `at` says for the call's number and name.

    Others run before a call when `meanwhile` does; what a write did is looked at by `after` at once.
    """

    def __init__(
        self,
        at: Callable[[int, str], Fault | None] = lambda _number, _call: None,
        meanwhile: Callable[[int, str], None] = lambda _number, _call: None,
        after: Callable[[], None] = lambda: None,
    ) -> None:
        self.calls: list[str] = []
        self.met: list[tuple[str, Fault]] = []
        self.answer: object = None
        self.dead = False
        self._at, self._meanwhile, self._after = at, meanwhile, after
        self._answer: BaseException | None = None

    def __call__(self, call: str) -> None:
        """Be the step: raise what the call meets."""
        if self.dead:
            raise Died(call)
        if call.endswith(":done"):
            if call.endswith(_WRITTEN):
                self._after()
            answer, self._answer = self._answer, None
            if answer is not None:
                raise answer
            return
        number = len(self.calls)
        self.calls.append(call)
        self._meanwhile(number, call)
        fault = self._at(number, call)
        if fault is not None and possible(fault, call):
            self.met.append((call, fault))
            self._meet(fault, call)

    def _meet(self, fault: Fault, call: str) -> None:
        match fault:
            case Fault.CRASH:
                self.dead = True
                raise Died(call)
            case Fault.FAIL:
                raise Unavailable(f"throttled at {call}")
            case Fault.LOSE:
                self._answer = Unavailable(f"no answer to {call}")
            case Fault.REPEAT:
                self._answer = _Repeated()
            case Fault.CONFLICT:
                # A conditional PUT of a new object never takes a 409 for "exists".
                raise Unavailable("busy") if call == "bucket.create" else Changed(call)


_WRITES = ("create", "replace", "delete", "put", "clear", "write", "take_lease", "drop_lease", "reconciled", "count")
_WRITTEN = tuple(f"{name}:done" for name in _WRITES)
_CONDITIONAL_AT_S3 = {"bucket.create", "bucket.delete", "index.write"}


def possible(fault: Fault, call: str) -> bool:
    """Tell whether this can happen at this call. Reading twice is reading; a clock neither fails nor answers late."""
    if fault is Fault.CRASH:
        return True
    if call.startswith("clock."):
        return False
    if fault is Fault.CONFLICT:
        return call in _CONDITIONAL_AT_S3
    return fault is Fault.FAIL or call.endswith(_WRITES)


class _Repeated(BaseException):
    """The SDK lost the answer and sends the call again."""


class _Sdk:
    """A port whose calls are made again when their answer was lost on the way."""

    def __init__(self, port: object) -> None:
        self._port = port

    def __getattr__(self, name: str) -> Callable[..., Any]:
        call: Callable[..., Any] = getattr(self._port, name)

        def again(*arguments: Any, **named: Any) -> Any:
            while True:
                try:
                    return call(*arguments, **named)
                except _Repeated:
                    continue

        return again


def a_process(
    world: World, forecast: Forecast | None = None, *, layout: Layout | None = None, skew: float = 0.0
) -> tuple[Store, FakeFolders]:
    """Return the ports of one process."""
    step = forecast or Forecast()
    store = Store(
        cast("FakeBucket", _Sdk(FakeBucket(world, step))),
        cast("FakeIndexStore", _Sdk(FakeIndexStore(world, step))),
        cast("FakeTable", _Sdk(FakeTable(world, step))),
        cast("FakeMarkers", _Sdk(FakeMarkers(world, step))),
        FakeClock(world, step, skew),
        FakeJournal(),
        layout or Layout(),
    )
    return store, FakeFolders(world, step)
