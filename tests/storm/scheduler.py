"""Scheduler: several processes as threads of which one runs at a time; the next one is chosen before every call.

Only the choices decide what happens: the same list of choices gives the same run, call by call.
"""

from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread

from tests.storm.faults import Crash, Fault, FaultPlan

MAX_CALLS = 5_000
"""Calls of one run; more of them mean that the processes make no progress."""


class Process:
    """Real code in a thread of its own that waits before each of its calls until it is scheduled."""

    def __init__(
        self, name: str, action: Callable[[FaultPlan], object], after: Callable[[str], None] = lambda _: None
    ) -> None:
        self.name = name
        self.next: str | None = None
        """The call it waits before; None: it has ended, or has not started."""
        self.ended = False
        self.failure: BaseException | None = None
        self.plan = FaultPlan(lambda _number, _call: self._fault, self._before, lambda: after(name))
        self._fault: Fault | None = None
        self._further = 0
        """Calls it makes after the next one without being scheduled again."""
        self._scheduled, self._stopped = SimpleQueue[None](), SimpleQueue[None]()
        self._abandoned = False
        self._thread = Thread(target=self._run, args=(action,), daemon=True)

    @property
    def started(self) -> bool:
        """Whether it has run to its first call."""
        return self.next is not None or self.ended

    def step(self, fault: Fault | None = None, calls: int = 1) -> None:
        """Make `calls` calls, the first of them with this fault, and run to the next one or to the end.

        Raises what the process raised.
        """
        self._fault, self._further = fault, calls - 1
        if self.started:
            self._scheduled.put(None)
        else:
            self._thread.start()
        self._wait()
        if self.failure is not None:
            raise self.failure

    def abandon(self) -> None:
        """End the thread wherever it is; it has no further effect."""
        while self.started and not self.ended:
            self._abandoned = True
            self._scheduled.put(None)
            self._wait()

    def _wait(self) -> None:
        self._stopped.get()
        if self.ended:
            self._thread.join()

    def _run(self, action: Callable[[FaultPlan], object]) -> None:
        try:
            self.plan.response = action(self.plan)
        except Crash:
            pass
        except BaseException as failure:  # noqa: BLE001  raised by `step`, in the test's own thread
            self.failure = failure
        self.ended, self.next = True, None
        self._stopped.put(None)

    def _before(self, _number: int, call: str) -> None:
        self.next = call
        if self._further:
            self._further -= 1
            return
        self._stopped.put(None)
        self._scheduled.get()
        if self._abandoned:
            self.plan.crashed = True
            raise Crash(call)


def run(processes: list[Process], choose: Callable[[list[Process]], tuple[Process, Fault | None]]) -> int:
    """Run all processes to their end and return how many calls were made; `choose` returns whose call is next.

    Raises what a process raised first.
    """
    calls = 0
    try:
        while running := [process for process in processes if not process.ended]:
            process, fault = choose(running)
            process.step(fault)
            calls += 1
            if calls > MAX_CALLS:
                raise AssertionError(f"no progress: {[(one.name, one.next) for one in running]}")
    finally:
        for process in processes:
            process.abandon()
    return calls
