"""What the child process costs that reads packages: its start, each call, and a package that breaks it."""

import os
from collections.abc import Callable, Iterator

from charthouse.errors import BadPackage
from charthouse.helm.reading import Reader, in_process
from charthouse.sandbox import Limits, Sandbox

from bench.figures import Figure, milliseconds
from tests.builders import a_package

TIMES = 200
LIMITS = Limits(seconds=8, memory=256 * 1024 * 1024)


def figures() -> Iterator[Figure]:
    """Measure a package of the usual kind, in a warm child and in this process."""
    package = a_package("mychart", "0.1.0", files={"values.yaml": b"a: 1\n" * 200, "templates/x.yaml": b"x" * 5_000})
    sandbox = Sandbox("charthouse.helm.reading", LIMITS)
    try:
        inside, here = Reader(sandbox.call), Reader(in_process)
        inside.package(package)
        alone = _each(lambda: here.package(package))
        yield Figure("a package read in the child", _each(lambda: inside.package(package)), "this process", alone, "ms")
        yield Figure(
            "a package read by a fork of its own", _each(lambda: _forked(here, package)), "this process", alone, "ms"
        )
        yield Figure(
            "a child's start and its first package", milliseconds(lambda: _first(package)), "this process", alone, "ms"
        )
    finally:
        sandbox.close()


def _first(package: bytes) -> None:
    sandbox = Sandbox("charthouse.helm.reading", LIMITS)
    Reader(sandbox.call).package(package)
    sandbox.close()


def _forked(reader: Reader, package: bytes) -> None:
    child = os.fork()
    if child == 0:
        try:
            reader.package(package)
        except BadPackage:
            pass
        finally:
            os._exit(0)
    os.waitpid(child, 0)


def _each(action: Callable[[], object]) -> float:
    def many() -> None:
        for _ in range(TIMES):
            action()

    return milliseconds(many) / TIMES
