"""Killing the processes in which an emulator runs the functions."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from local.emulator import Emulator


def kill_one(emulator: Emulator, function: str) -> set[int]:
    """Kill a process that runs the function, if there is one; return its number."""
    for process in processes(emulator, function):
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
            return {process}
    return set()


def processes(emulator: Emulator, function: str) -> list[int]:
    """Return the processes in which this emulator runs the function."""
    return [pid for pid, command in commands() if str(emulator.data) in command and function in command]


def commands() -> Iterator[tuple[int, str]]:
    """Yield the command of every process of this machine."""
    if Path("/proc/self/cmdline").exists():
        for process in Path("/proc").glob("[0-9]*/cmdline"):
            with suppress(OSError):
                yield int(process.parent.name), process.read_text(errors="replace")
        return
    listed = subprocess.run(["/bin/ps", "-axww", "-o", "pid=,command="], capture_output=True, text=True, check=True)
    for line in listed.stdout.splitlines():
        pid, _, command = line.strip().partition(" ")
        yield int(pid), command
