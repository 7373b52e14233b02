"""Operations that are ended at their calls, and whether what follows makes the index what it should be."""

import json
import random
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from charthouse.repository.maintenance import FULL_BATCH, Progress
from charthouse.repository.publish import publish_index
from charthouse.repository.repository import Ports

from bench.content import file_name
from bench.operations import (
    MOST_RUNS,
    alone,
    compare,
    delete_one,
    handle,
    is_listed,
    listed,
    placed,
    push_one,
    put,
    read,
    sweep,
    unknown,
)
from bench.processes import A_LIFE, Calls, Ended, ports_of, quick_etags
from tests.fakes import World
from tests.storm.commands import a_copy

AT_MOST = 40
"""Calls of an operation at which it is ended."""
MOST_ENDED = 20_000
"""Packages of an import that is ended again and again."""
FEWEST_CALLS = 100
"""After which a run of it is ended; the most are two for each version."""


def end_all(versions: int, file: Path) -> str:
    """End operations, and say how often; fails unless what follows makes the index what it should be."""
    return alone("bench.endings", versions, file)


def _ended_import(most: int) -> str:
    """End an import at its calls, by its time or by a crash, until it is done all the same; compare with a rebuild."""
    versions = min(most, MOST_ENDED)
    world, chosen, ended = unknown(versions), random.Random(versions), Counter[str]()  # noqa: S311  always the same
    start = Progress()
    while ended.total() < MOST_RUNS:
        calls = Calls(world, last=int(FEWEST_CALLS * (2 * versions / FEWEST_CALLS) ** chosen.random()))
        calls.dies = chosen.choice([True, False])
        try:
            progress = compare(ports_of(world, calls), start)
        except Ended:
            # Lambda invokes it again with the same event.
            world.time += A_LIFE
            ended["by a crash"] += 1
            continue
        ended["by itself" if progress.done else "by its time"] += 1
        if progress.done and is_listed(world, versions):
            break
        start = _goes_on(progress)
    listed(world, versions)
    _compare_with_rebuilt(world)
    return f"import: {ended.total()} runs for {versions:,}: " + ", ".join(
        f"{runs} ended {how}" for how, runs in sorted(ended.items())
    )


def _goes_on(progress: Progress) -> Progress:
    """Return what the next invocation begins with: what is left, what a process died of, or, a day later, all."""
    if progress.done:
        return Progress(only=progress.alone[0] if progress.alone else None)
    return Progress.read(json.loads(json.dumps(progress.event())))


def _ended_operations(versions: int, file: Path) -> str:
    """End operations at their calls; compare what the events and the sweep then make of it with what should be."""
    world = read(file)
    copied, old = a_copy(world), file_name(*placed(versions // 2))
    new = [put(copied, versions + number) for number in range(FULL_BATCH)]
    cases: list[tuple[World, Callable[[Ports], object], Sequence[str]]] = [
        (world, partial(push_one, number=versions), new[:1]),
        (world, partial(delete_one, number=versions // 2), [old]),
        (copied, partial(handle, files=new), new),
        (world, lambda ports: publish_index(ports.repository(""), rebuild=True), []),
    ]
    return f"push, delete, events and rebuild: {sum(_ended_at_its_calls(*case) for case in cases)} ended by a crash"


def _ended_at_its_calls(before: World, act: Callable[[Ports], object], files: Sequence[str]) -> int:
    after = a_copy(before)
    calls = Calls(after)
    act(ports_of(after, calls))
    _compare_with_rebuilt(after)
    moments = range(1, calls.made + 1, -(-calls.made // AT_MOST))
    for moment in moments:
        world = a_copy(before)
        with suppress(Ended):
            act(ports_of(world, Calls(world, last=moment, dies=True)))
        world.time += A_LIFE
        handle(ports_of(world, Calls(world)), files, again=True)
        sweep(ports_of(world, Calls(world)))
        wanted = after if all(_same(world, after, file) for file in files) else before
        if _entries(world) != _entries(wanted) or any(row.dirty for row in world.rows.values()):
            raise AssertionError(f"ended at call {moment}, the index is not what is stored")
    return len(moments)


def _same(one: World, other: World, file: str) -> bool:
    return (one.current(file) is None) is (other.current(file) is None)


def _compare_with_rebuilt(world: World) -> None:
    rebuilt = a_copy(world)
    publish_index(ports_of(rebuilt, Calls(rebuilt)).repository(""), rebuild=True)
    if _entries(world) != _entries(rebuilt):
        raise AssertionError("the index is not the one that is rebuilt from the rows")


def _entries(world: World) -> bytes:
    """Return the index without its first and last line, which are new with every publication."""
    body = world.indexes[""]
    return body[body.index(b"\n") : body.rindex(b"\n", 0, len(body) - 1)]


if __name__ == "__main__":
    quick_etags()
    many, stored = int(sys.argv[1]), Path(sys.argv[2])
    sys.stdout.write(f"{_ended_import(many)}; {_ended_operations(many, stored)}")
