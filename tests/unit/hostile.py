"""A module that a sandbox calls as it calls the parser: each function does what a parser might be made to do.

The bytes say what: `b"loop"`, or a package of a chart with such a name, so that handlers can be tested with it too.
"""

import ctypes
import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Never

from charthouse.helm.reading import in_process


def package(data: bytes) -> bytes:
    """Read a package, unless its chart has the name of a disaster."""
    found = in_process("package", data)
    disasters.get(json.loads(found)["name"], bytes)()
    return found


def templates(data: bytes) -> bytes:
    """Go on as `package`."""
    package(data)
    return in_process("templates", data)


def values(data: bytes) -> bytes:
    """Go on as `package`."""
    package(data)
    return in_process("values", data)


def act(data: bytes) -> bytes:
    """Do what the bytes say; answer anything else with itself."""
    name, _, _ = data.decode(errors="replace").partition(" ")
    disasters.get(name, bytes)()
    return data


def environment(_data: bytes) -> bytes:
    """Return the environment of the child and its open files."""
    return json.dumps(
        {"environment": dict(os.environ), "files": [file.name for file in Path("/proc/self/fd").iterdir()]}
    ).encode()


def process(_data: bytes) -> bytes:
    """Return the child's process id."""
    return str(os.getpid()).encode()


def huge(_data: bytes) -> bytes:
    """Return more than a call may."""
    return bytes(17 * 1024 * 1024)


def _loop() -> Never:
    while True:
        pass


def _eat() -> None:
    eaten = []
    while True:
        eaten.append(bytearray(1024 * 1024))


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _leave() -> Never:
    os._exit(0)


def _crash() -> None:
    ctypes.string_at(0)


def _recurse() -> None:
    _recurse()


def _fail() -> Never:
    raise LookupError("é" * 1_000_000)


disasters: dict[str, Callable[[], object]] = {
    "loop": _loop,
    "eat": _eat,
    "die": _die,
    "leave": _leave,
    "crash": _crash,
    "recurse": _recurse,
    "fail": _fail,
}
