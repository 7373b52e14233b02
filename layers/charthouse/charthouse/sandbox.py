"""Functions called in a child process with limits of memory and time, for bytes that others have made.

The child is a fresh interpreter without this process's environment, files and threads, started at the first call and
serving many. What breaks it costs that call and a start of the next child, and nothing of this process. Values cross as
bytes; nothing that comes from the child is executed or unpickled.
"""

import json
import os
import resource
import select
import signal
import struct
import sys
import time
import weakref
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from threading import Lock

from charthouse import errors
from charthouse.errors import MAX_MESSAGE, BadPackage, Refusal

MAX_RESULT = 16 * 1024 * 1024
"""Bytes a call may return; no answer of a function is half as large."""

START_SECONDS = 10
"""For the interpreter and its imports, a tenth of a second of processor time; they do not count as the call's time."""

_READY = b"\n"
"""What a child writes when it has imported everything."""

_HEADER = struct.Struct(">BQ")
"""What precedes the bytes of a call or a result: length of the function's name, or the result's kind; and length."""

_RESULT, _REFUSAL, _DEFECT = range(3)


@dataclass(frozen=True, slots=True)
class Limits:
    """What one call may use."""

    seconds: float
    """Of wall-clock time, which on Lambda is processor time: the caller waits, and nothing else runs."""
    memory: int
    """Bytes of the child's address space, of which it needs about 40 MB before the first call."""


class Sandbox:
    """Calls functions of one module, each `bytes -> bytes`, in a child process; one call at a time."""

    def __init__(self, module: str, limits: Limits) -> None:
        """Start nothing yet."""
        self._module = module
        self._limits = limits
        self._lock = Lock()
        self._child: _Child | None = None

    def call(self, function: str, data: bytes) -> bytes:
        """Return the result, or raise the refusal that the function raised.

        Raises `BadPackage` with the reason if the child died, ran out of memory or time, or had any other exception.
        """
        with self._lock:
            child = self._child or _Child(self._module, self._limits)
            self._child = None
            kind, result = child.exchange(function, data, self._limits)
            # A child that broke is not used again, whatever is left of it.
            if kind == _DEFECT:
                child.kill()
                raise BadPackage(f"the package cannot be read: {result.decode(errors='replace')[:MAX_MESSAGE]}")
            self._child = child
        if kind == _REFUSAL:
            raise _refusal(result)
        return result

    def close(self) -> None:
        """End the child, if there is one."""
        with self._lock:
            if self._child:
                self._child.kill()
            self._child = None


def _refusal(result: bytes) -> Refusal:
    name, message = json.loads(result)
    kind = getattr(errors, name)
    if not (isinstance(kind, type) and issubclass(kind, Refusal)):
        raise TypeError(f"{name} is no refusal")
    return kind(message)


class _Child:
    """A child process, its standard input and output."""

    def __init__(self, module: str, limits: Limits) -> None:
        self._process, self._input, self._output = _spawn(module, limits)
        self._ready = False
        # Also where a test or a reload drops the sandbox without closing it.
        self.kill: Callable[[], object] = weakref.finalize(self, _end, self._process, self._input, self._output)

    def exchange(self, function: str, data: bytes, limits: Limits) -> tuple[int, bytes]:
        """Return the kind of the result and its bytes; a dead or late child is a defect."""
        name = function.encode()
        try:
            if not self._ready:
                self._receive(len(_READY), time.monotonic() + START_SECONDS)
                self._ready = True
            until = time.monotonic() + limits.seconds
            self._send(_HEADER.pack(len(name), len(data)) + name, until)
            self._send(data, until)
            kind, length = _HEADER.unpack(self._receive(_HEADER.size, until))
            if length > MAX_RESULT:
                return _DEFECT, b"the result is too large"
            return kind, self._receive(length, until)
        except TimeoutError:
            return _DEFECT, b"it takes more than %g seconds" % limits.seconds
        except OSError:
            return _DEFECT, b"the process that read it died"

    def _send(self, data: bytes, until: float) -> None:
        view = memoryview(data)
        while view:
            _wait(self._input, select.POLLOUT, until)
            view = view[os.write(self._input, view) :]

    def _receive(self, size: int, until: float) -> bytes:
        received = bytearray()
        while len(received) < size:
            _wait(self._output, select.POLLIN, until)
            part = os.read(self._output, size - len(received))
            if not part:
                raise BrokenPipeError
            received += part
        return bytes(received)


def _wait(file: int, event: int, until: float) -> None:
    poll = select.poll()
    poll.register(file, event)
    if not poll.poll(max(until - time.monotonic(), 0) * 1000):
        raise TimeoutError


def _spawn(module: str, limits: Limits) -> tuple[int, int, int]:
    """Start a child; return its process id, and the ends of the pipes to its standard input and output."""
    child_input, our_output = os.pipe()
    our_input, child_output = os.pipe()
    program = f"import sys; sys.path[:] = {sys.path!r}; from charthouse import sandbox; sandbox.serve({module!r})"
    try:
        process = os.posix_spawn(
            sys.executable,
            # Neither the environment nor the folders of the user: everything comes from this process's own path.
            [sys.executable, "-I", "-S", "-c", program, str(limits.memory)],
            {},
            file_actions=[
                (os.POSIX_SPAWN_DUP2, child_input, 0),
                (os.POSIX_SPAWN_DUP2, child_output, 1),
                (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
            ],
        )
    finally:
        os.close(child_input)
        os.close(child_output)
    for file in (our_output, our_input):
        os.set_blocking(file, False)
    return process, our_output, our_input


def _end(process: int, *files: int) -> None:
    with suppress(ProcessLookupError, ChildProcessError):
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
    for file in files:
        os.close(file)


def serve(module: str) -> None:
    """Be the child: answer calls from standard input on standard output until the parent closes it or dies."""
    # What the parent has open and forgot to mark as its own.
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    functions = import_module(module)
    _limit(int(sys.argv[1]))
    source, target = sys.stdin.buffer, sys.stdout.buffer
    target.write(_READY)
    target.flush()
    while header := source.read(_HEADER.size):
        name_length, length = _HEADER.unpack(header)
        name, data = source.read(name_length).decode(), source.read(length)
        kind, result = _answer(getattr(functions, name), data)
        target.write(_HEADER.pack(kind, len(result)))
        target.write(result)
        target.flush()


def _answer(function: Callable[[bytes], bytes], data: bytes) -> tuple[int, bytes]:
    try:
        return _RESULT, function(data)
    except Refusal as refusal:
        return _REFUSAL, json.dumps([type(refusal).__name__, refusal.message]).encode()
    except MemoryError:
        return _DEFECT, b"it needs more memory than a package may"
    except Exception as error:  # noqa: BLE001  what nobody foresaw is what the child is for
        return _DEFECT, f"{type(error).__name__}: {error!s:.{MAX_MESSAGE}}".encode(errors="replace")


def _limit(memory: int) -> None:
    """Limit this process for good. macOS takes some limits and heeds none; there only the time counts."""
    for kind, limit in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NPROC, 0),
    ):
        with suppress(OSError, ValueError):
            resource.setrlimit(kind, (limit, limit))
