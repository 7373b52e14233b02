"""checker: breadth-first exploration of every interleaving of a few processes over one world.

A process is a generator: it yields one request to the outside at a time, is sent the answer, and returns what its
client is answered. The checker finds out by itself what such a process remembers (its position and its local
variables, down the chain of `yield from`), so two histories that end in the same memory are one state.
"""

from collections import deque
from collections.abc import Callable, Generator, Hashable, Iterator
from dataclasses import dataclass
from types import GeneratorType
from typing import Any, Protocol

type Request = tuple[Any, ...]
type Process = Generator[Request, Any, Hashable]

CRASHED = -1
"""The memory of a process that crashed."""


class Violation(Exception):
    """A promise is broken; says which, and at which step."""

    def __init__(self, promise: str, step: str | None = None) -> None:
        super().__init__(promise)
        self.step = step


@dataclass(frozen=True, slots=True)
class Done:
    """A process that has ended, with the answer to its client."""

    answer: Hashable


class Machine:
    """One process as a table: memory and answer in, next memory out; filled while it is explored.

    A generator cannot be copied, so a memory met for the first time is reached by replaying the shortest known
    history of answers. Loops that contain a `yield` must be `while` loops: the position of a `for` loop is hidden.
    """

    def __init__(self, name: str, start: Callable[[], Process]) -> None:
        self.name = name
        self.pending: list[Request | Done] = []
        self._start = start
        self._histories: list[tuple[Any, ...]] = []
        self._known: dict[Hashable, int] = {}
        self._next: dict[tuple[int, Any], int] = {}
        self._add(())

    def step(self, memory: int, answer: Any) -> int:
        """Return the memory after this answer."""
        key = (memory, answer)
        found = self._next.get(key)
        if found is None:
            found = self._next[key] = self._add((*self._histories[memory], answer))
        return found

    def _add(self, history: tuple[Any, ...]) -> int:
        process = self._start()
        pending: Request | Done
        try:
            pending = next(process)
            for answer in history:
                pending = process.send(answer)
        except StopIteration as end:
            pending = Done(end.value)
        key = (pending, *_memory(process))
        if key not in self._known:
            self._known[key] = len(self.pending)
            self.pending.append(pending)
            self._histories.append(history)
        return self._known[key]


def _memory(process: Iterator[Any] | None) -> Iterator[Hashable]:
    while isinstance(process, GeneratorType) and process.gi_frame is not None:
        frame = process.gi_frame
        facts = tuple((name, value) for name, value in sorted(frame.f_locals.items()) if name != "self")
        yield frame.f_code.co_name, frame.f_lasti, facts
        process = process.gi_yieldfrom


class System[State](Protocol):
    """What can be explored."""

    def first(self) -> State:
        """Return the initial state."""

    def successors(self, state: State) -> Iterator[tuple[str, State]]:
        """Yield every step that can happen; raises `Violation` at a step that breaks a promise."""

    def check_end(self, state: State) -> bool:
        """Check a state with no successors; raises `Violation`; False if it is stuck."""


@dataclass(frozen=True, slots=True)
class Explored:
    """What an exploration found."""

    states: int
    steps: int
    violation: str | None = None
    trace: tuple[str, ...] = ()
    """The shortest way to the violation, step by step."""


def explore[State](system: System[State], limit: int = 2_000_000) -> Explored:
    """Visit every reachable state once, nearest first, and stop at the first violation.

    Raises `RuntimeError` beyond `limit` states: an exploration that is cut off has shown nothing.
    """
    first = system.first()
    came_from: dict[State, tuple[State, str] | None] = {first: None}
    frontier = deque([first])
    steps = 0
    while frontier:
        state = frontier.popleft()
        moves = 0
        successors = system.successors(state)
        while True:
            try:
                label, successor = next(successors)
            except StopIteration:
                break
            except Violation as broken:
                return Explored(len(came_from), steps, str(broken), _trace(came_from, state, broken.step))
            moves += 1
            if successor not in came_from:
                came_from[successor] = (state, label)
                frontier.append(successor)
        steps += moves
        if not moves and (broken_promise := _at_the_end(system, state)):
            return Explored(len(came_from), steps, broken_promise, _trace(came_from, state))
        if len(came_from) > limit:
            raise RuntimeError(f"more than {limit} states")
    return Explored(len(came_from), steps)


def _at_the_end[State](system: System[State], state: State) -> str | None:
    try:
        return None if system.check_end(state) else "stuck: no process can continue"
    except Violation as broken:
        return str(broken)


def _trace[State](
    came_from: dict[State, tuple[State, str] | None], state: State, last: str | None = None
) -> tuple[str, ...]:
    labels = [] if last is None else [last]
    while (step := came_from[state]) is not None:
        state, label = step
        labels.append(label)
    return tuple(reversed(labels))
