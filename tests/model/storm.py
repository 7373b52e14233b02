"""storm: a few processes over one world, with crashes, lost answers, skewed clocks and tombstones that expire."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.model import world as aws
from tests.model.checker import CRASHED, Done, Machine, Process, Request, Violation
from tests.model.protocol import Protocol, Starter
from tests.model.world import Call, World

type State = tuple[World, tuple[int, ...]]
"""The world, and what each process remembers."""

WRITES = frozenset(
    {"create", "replace", "delete", "prune", "put", "clear", "put_index", "mark", "take", "drop"}
    | {"put_provenance", "force_provenance", "delete_provenance", "delete_provenance_first"}
)
"""Calls whose answer can get lost after their effect; the SDK then sends them again."""

LOST = object()


@dataclass
class Storm:
    """What the checker explores."""

    world: World
    protocol: Protocol
    starters: dict[str, Starter]
    """The processes, by a name for the trace."""
    versioned: bool = False
    mortal: frozenset[str] | None = None
    """Who may die; None: everybody."""
    afterwards: Starter | None = None
    """What runs alone when all have ended and somebody had died; None: every event is delivered, then the sweep."""
    quiet_anyway: bool = False
    """Whether provenance must agree at the end although somebody died and nobody wrote since."""
    one_winner: bool = False
    """All are uploads of one version without force: one is told 201, and its bytes are served."""
    machines: tuple[Machine, ...] = field(init=False)

    def __post_init__(self) -> None:
        starters = {**self.starters, "afterwards": self.afterwards or self.protocol.recover()}
        self.machines = tuple(Machine(name, _begin(start, who)) for who, (name, start) in enumerate(starters.items()))

    def first(self) -> State:
        """Return the world as it is, with nobody at work yet."""
        return self.world, (0,) * len(self.starters)

    def successors(self, state: State) -> Iterator[tuple[str, State]]:
        """Yield every call anybody can make next, every death, and every tombstone that can expire."""
        world, memories = state
        alive = self._alive(memories)
        for who, memory in enumerate(memories):
            if memory != CRASHED:
                yield from self._calls(state, who, alive | 1 << who)
                if world.crashes and alive & 1 << who and self._is_mortal(who):
                    died = (*memories[:who], CRASHED, *memories[who + 1 :])
                    yield f"{self.machines[who].name}: dies", (world._replace(crashes=world.crashes - 1), died)
        early = "tombstone expires while a process lives" in self.protocol.broken
        for key in range(len(world.files)):
            after = aws.expire(world, key, alive, early=early)
            if after is not None:
                yield f"the tombstone of file {key} expires", (after, memories)
        if CRASHED in memories and not world.recovering and self._ended(memories):
            yield "all have ended", (world._replace(recovering=True, crashes=0, lost=0), (*memories, 0))

    def settled(self, state: State) -> bool:
        """Check that all agrees when nobody is at work."""
        world, memories = state
        if not self._ended(memories):
            return False
        died = CRASHED in memories
        agreed = not died or self.afterwards is not None or self.quiet_anyway
        aws.check_quiet(world, indexed=self.protocol.indexed, provenance=agreed)
        if self.one_winner:
            answers = {who: self._answer(who, memory) for who, memory in enumerate(memories[: len(self.starters)])}
            aws.check_one_winner(world, answers, died=died)
        return True

    def _calls(self, state: State, who: int, alive: int) -> Iterator[tuple[str, State]]:
        world, memories = state
        machine = self.machines[who]
        pending = machine.pending[memories[who]]
        if isinstance(pending, Done):
            return
        label = f"{machine.name}: {' '.join(map(str, pending))}"
        try:
            for answer, after in self._answers(world, Call(who, alive, self.versioned), pending):
                if answer is LOST:
                    yield f"{label}, and the answer is lost", (after, memories)
                    continue
                memory = machine.step(memories[who], answer)
                ended = machine.pending[memory]
                said = f"{label} -> {answer}"
                told = after
                if isinstance(ended, Done):
                    said = f"{said}; ends with {ended.answer}"
                    told = aws.told(after, who, ended.answer)
                yield said, (told, (*memories[:who], memory, *memories[who + 1 :]))
        except Violation as broken:
            raise Violation(str(broken), label) from None

    def _answers(self, world: World, call: Call, pending: Request) -> Iterator[tuple[Any, World]]:
        name, *arguments = pending
        if name == "wait":
            yield from self._wait(world, *arguments)
            return
        if name == "take":
            yield from self._take(world, call.who)
            after = world._replace(holder=call.who)
        else:
            step: Callable[..., tuple[Any, World]] = getattr(aws, name)
            answer, after = step(world, call, *arguments)
            yield answer, after
        if world.lost and after is not world and name in WRITES:
            yield LOST, after._replace(lost=world.lost - 1)

    def _take(self, world: World, who: int) -> Iterator[tuple[bool, World]]:
        """Take the lease; clocks are skewed, so one that somebody else has can look expired at any moment."""
        mine = world.holder == who and "lease not known as one's own" not in self.protocol.broken
        yield True, world._replace(holder=who)
        if world.holder is not None and not mine and not world.recovering:
            yield False, world

    def _wait(self, world: World, key: int, hasty: bool) -> Iterator[tuple[str, World]]:  # noqa: FBT001
        """Look at the row and try for the lease again and again; only what comes of it is a step."""
        row = world.files[key].row
        if row is None or not row.dirty:
            yield "shown", world
        elif world.holder is None or "waiter gives up on an expired lease" not in self.protocol.broken:
            yield "try", world
        if hasty:
            yield "late", world

    def _is_mortal(self, who: int) -> bool:
        return self.mortal is None or self.machines[who].name in self.mortal

    def _alive(self, memories: tuple[int, ...]) -> int:
        """Return the processes (bits) that have begun and not ended."""
        alive = 0
        for who, memory in enumerate(memories):
            if memory > 0 and not isinstance(self.machines[who].pending[memory], Done):
                alive |= 1 << who
        return alive

    def _ended(self, memories: tuple[int, ...]) -> bool:
        return all(m == CRASHED or isinstance(self.machines[who].pending[m], Done) for who, m in enumerate(memories))

    def _answer(self, who: int, memory: int) -> object:
        pending = None if memory == CRASHED else self.machines[who].pending[memory]
        return pending.answer if isinstance(pending, Done) else None


def _begin(start: Starter, who: int) -> Callable[[], Process]:
    return lambda: start(who)
