"""Saying what goes on while it goes on. Everything goes to stderr: stdout is for what a program can read."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn


class Trouble(Exception):
    """Something the person in front of the terminal can put right; the message is one sentence that says how."""


def say(message: str) -> None:
    """Print one line."""
    print(message, file=sys.stderr, flush=True)


@contextmanager
def step(message: str) -> Iterator[None]:
    """Say what is being done, and how long it took once it is done."""
    started = time.monotonic()
    say(f"• {message} …")
    yield
    seconds = time.monotonic() - started
    if seconds >= 1:
        say(f"  done in {seconds:.0f} s")


def give_up(trouble: Trouble | str) -> NoReturn:
    """End the program with one sentence and exit code 1."""
    say(str(trouble))
    raise SystemExit(1)
