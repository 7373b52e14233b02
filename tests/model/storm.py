"""storm: a few processes over one world, with crashes, lost answers, skewed clocks and expiring tombstones."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.model import world as aws
from tests.model.checker import CRASHED, Done, Machine, Process, Request, Violation
from tests.model.protocol import Protocol, Starter
from tests.model.world import Call, World

type State = tuple[int, tuple[int, ...]]
"""The number of the world, and what each process remembers."""

type Move = tuple[str, int, int]
"""A call with its answer, the world it leaves and what the caller then remembers, both as numbers."""

WRITES = frozenset(
    {"create", "replace", "delete", "prune", "put", "clear", "put_index", "put_view", "mark", "take", "drop"}
    | {"put_provenance", "force_provenance", "delete_provenance"}
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
    events_follow: bool = False
    """Whether `afterwards` runs also if none crashed: the event of a change may have come before it was to be seen."""
    may_crash: frozenset[str] | None = None
    """The processes that may crash; None: all."""
    afterwards: Starter | None = None
    """What runs alone when all have ended and a process had crashed; None: every event is delivered, then the sweep."""
    strict_provenance: bool = False
    """Whether provenance must match at the end although a process crashed and none wrote since."""
    one_winner: bool = False
    """All are uploads of one version without force: one is answered 201, and its bytes are served."""
    machines: tuple[Machine, ...] = field(init=False)
    worlds: list[World] = field(init=False, default_factory=list)
    """Every world met, by its number: most states share theirs with others, and a number is hashed at once."""

    def __post_init__(self) -> None:
        self._numbers: dict[World, int] = {}
        self._moves: dict[tuple[int, int, int, int], tuple[Move, ...]] = {}
        starters = {**self.starters, "afterwards": self.afterwards or self.protocol.recover()}
        self.machines = tuple(Machine(name, _begin(start, who)) for who, (name, start) in enumerate(starters.items()))

    def first(self) -> State:
        """Return the world as it is, before any process begins."""
        return self._number(self.world), (0,) * len(self.starters)

    def successors(self, state: State) -> Iterator[tuple[str, State]]:
        """Yield every call that can come next, every crash, and every tombstone that can expire."""
        number, memories = state
        world = self.worlds[number]
        alive = self._alive(memories)
        for who, memory in enumerate(memories):
            if memory != CRASHED:
                for label, after, remembered in self._moves_of(number, who, memory, alive | 1 << who):
                    yield label, (after, (*memories[:who], remembered, *memories[who + 1 :]))
                if world.crashes and alive & 1 << who and self._is_may_crash(who):
                    left = (*memories[:who], CRASHED, *memories[who + 1 :])
                    yield (
                        f"{self.machines[who].name}: crashes",
                        (self._number(world._replace(crashes=world.crashes - 1)), left),
                    )
        early = "tombstone expires while a process lives" in self.protocol.broken
        for key in range(len(world.files)):
            expired = aws.expire(world, key, alive, early=early)
            if expired is not None:
                yield f"the tombstone of file {key} expires", (self._number(expired), memories)
        for view in range(len(world.views)):
            deleted = aws.delete_view(world, view)
            if deleted is not None:
                yield f"view {view} is deleted by hand", (self._number(deleted), memories)
        if (CRASHED in memories or self.events_follow) and not world.recovering and self._ended(memories):
            recovering = world._replace(recovering=True, crashes=0, lost=0)
            yield "all have ended", (self._number(recovering), (*memories, 0))

    def check_end(self, state: State) -> bool:
        """Check that everything agrees when all processes have ended."""
        number, memories = state
        world = self.worlds[number]
        if not self._ended(memories):
            return False
        crashed = CRASHED in memories
        agreed = not crashed or self.afterwards is not None or self.strict_provenance
        aws.check_quiet(world, indexed=self.protocol.indexed, provenance=agreed)
        if self.one_winner:
            answers = {who: self._answer(who, memory) for who, memory in enumerate(memories[: len(self.starters)])}
            aws.check_one_winner(world, answers, crashed=crashed)
        return True

    def _number(self, world: World) -> int:
        number = self._numbers.get(world)
        if number is None:
            number = self._numbers[world] = len(self.worlds)
            self.worlds.append(world)
        return number

    def _moves_of(self, number: int, who: int, memory: int, alive: int) -> tuple[Move, ...]:
        """Return every outcome of the call this process makes next, in this world."""
        known = self._moves.get((number, who, memory, alive))
        if known is None:
            known = self._moves[number, who, memory, alive] = tuple(self._calls(number, who, memory, alive))
        return known

    def _calls(self, number: int, who: int, memory: int, alive: int) -> Iterator[Move]:
        machine = self.machines[who]
        pending = machine.pending[memory]
        if isinstance(pending, Done):
            return
        label = f"{machine.name}: {' '.join(map(str, pending))}"
        try:
            for answer, after in self._answers(self.worlds[number], Call(who, alive, self.versioned), pending):
                if answer is LOST:
                    yield f"{label}, and the answer is lost", self._number(after), memory
                    continue
                remembered = machine.step(memory, answer)
                ended = machine.pending[remembered]
                said = f"{label} -> {answer}"
                promised = after
                if isinstance(ended, Done):
                    said = f"{said}; ends with {ended.answer}"
                    promised = aws.answered(after, who, ended.answer)
                yield said, self._number(promised), remembered
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
            if name == "head" and (missed := aws.head_too_early(world, call, *arguments)):
                yield None, missed
        if world.lost and after is not world and name in WRITES:
            yield LOST, after._replace(lost=world.lost - 1)

    def _take(self, world: World, who: int) -> Iterator[tuple[bool, World]]:
        """Take the lease; clocks are skewed, so one that is held can look expired at any moment."""
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

    def _is_may_crash(self, who: int) -> bool:
        return self.may_crash is None or self.machines[who].name in self.may_crash

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
