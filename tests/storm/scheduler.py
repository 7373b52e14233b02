"""scheduler: several processes as threads, of which one runs at a time; who goes on is chosen before every call.

Nothing but the choices decides what happens: the same list of choices gives the same run, call by call.
"""

from collections.abc import Callable
from threading import Event, Thread

from tests.storm.weather import Died, Fault, Forecast

MAX_CALLS = 5_000
"""Calls of one run; more of them only happen if somebody goes round in circles."""


class Scheduled:
    """One process: real code in a thread of its own, which waits before each of its calls to be let on."""

    def __init__(
        self, name: str, action: Callable[[Forecast], object], look: Callable[[str], None] = lambda _: None
    ) -> None:
        self.name = name
        self.next: str | None = None
        """The call it waits before; None: it has ended, or has not begun."""
        self.ended = False
        self.failure: BaseException | None = None
        self.forecast = Forecast(lambda _number, _call: self._fault, self._before, lambda: look(name))
        self._fault: Fault | None = None
        self._go, self._stopped = Event(), Event()
        self._abandoned = False
        self._thread = Thread(target=self._run, args=(action,), daemon=True)

    @property
    def begun(self) -> bool:
        """Whether it has run to its first call."""
        return self.next is not None or self.ended

    def go_on(self, fault: Fault | None = None) -> None:
        """Make the call it waits before, with what happens to it, and run to the next one, or to the end."""
        self._fault = fault
        if self.begun:
            self._go.set()
        else:
            self._thread.start()
        self._wait()

    def abandon(self) -> None:
        """End the thread, whatever it is at; it has no further effect."""
        while self.begun and not self.ended:
            self._abandoned = True
            self._go.set()
            self._wait()

    def _wait(self) -> None:
        self._stopped.wait()
        self._stopped.clear()
        if self.ended:
            self._thread.join()

    def _run(self, action: Callable[[Forecast], object]) -> None:
        try:
            self.forecast.answer = action(self.forecast)
        except Died:
            pass
        except BaseException as failure:  # noqa: BLE001  told to whoever runs the schedule
            self.failure = failure
        self.ended, self.next = True, None
        self._stopped.set()

    def _before(self, _number: int, call: str) -> None:
        self.next = call
        self._stopped.set()
        self._go.wait()
        self._go.clear()
        if self._abandoned:
            self.forecast.dead = True
            raise Died(call)


def run(processes: list[Scheduled], turn: Callable[[list[Scheduled]], tuple[Scheduled, Fault | None]]) -> int:
    """Run all processes to their end and return how many calls were made; `turn` says whose call is next.

    Raises what any process raised first.
    """
    calls = 0
    try:
        while alive := [process for process in processes if not process.ended]:
            process, fault = turn(alive)
            process.go_on(fault)
            calls += 1
            if process.failure is not None:
                raise process.failure
            if calls > MAX_CALLS:
                raise AssertionError(f"nobody gets anywhere: {[(one.name, one.next) for one in alive]}")
    finally:
        for process in processes:
            process.abandon()
    return calls
