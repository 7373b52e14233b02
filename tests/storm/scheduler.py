"""Scheduler: several processes as threads of which one runs at a time; the next one is chosen before every call.

Only the choices decide what happens: the same list of choices gives the same run, call by call.
"""

from collections.abc import Callable
from threading import Event, Thread

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
        self._scheduled, self._stopped = Event(), Event()
        self._abandoned = False
        self._thread = Thread(target=self._run, args=(action,), daemon=True)

    @property
    def started(self) -> bool:
        """Whether it has run to its first call."""
        return self.next is not None or self.ended

    def step(self, fault: Fault | None = None) -> None:
        """Make the call it waits before, with this fault, and run to the next one or to the end."""
        self._fault = fault
        if self.started:
            self._scheduled.set()
        else:
            self._thread.start()
        self._wait()

    def abandon(self) -> None:
        """End the thread wherever it is; it has no further effect."""
        while self.started and not self.ended:
            self._abandoned = True
            self._scheduled.set()
            self._wait()

    def _wait(self) -> None:
        self._stopped.wait()
        self._stopped.clear()
        if self.ended:
            self._thread.join()

    def _run(self, action: Callable[[FaultPlan], object]) -> None:
        try:
            self.plan.response = action(self.plan)
        except Crash:
            pass
        except BaseException as failure:  # noqa: BLE001  raised by `run`, in the test's own thread
            self.failure = failure
        self.ended, self.next = True, None
        self._stopped.set()

    def _before(self, _number: int, call: str) -> None:
        self.next = call
        self._stopped.set()
        self._scheduled.wait()
        self._scheduled.clear()
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
            if process.failure is not None:
                raise process.failure
            if calls > MAX_CALLS:
                raise AssertionError(f"no progress: {[(one.name, one.next) for one in running]}")
    finally:
        for process in processes:
            process.abandon()
    return calls
