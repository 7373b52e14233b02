"""Progress messages. They go to stderr: stdout is for output that programs read."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn


class Trouble(Exception):
    """An error that the user can fix; the message is one sentence that says how."""


def say(message: str) -> None:
    """Print one line."""
    print(message, file=sys.stderr, flush=True)


@contextmanager
def step(message: str) -> Iterator[None]:
    """Print what is being done and, afterwards, how long it took."""
    started = time.monotonic()
    say(f"• {message} …")
    yield
    seconds = time.monotonic() - started
    if seconds >= 1:
        say(f"  {message}: {seconds:.0f} s")


def give_up(trouble: Trouble | str) -> NoReturn:
    """End the program with one sentence and exit code 1."""
    say(str(trouble))
    raise SystemExit(1)
