"""`make reconcile`: start the comparison of bucket, rows and index, and follow it in the log until it ends."""

import json
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from local.account import DeployedStack
from local.progress import Trouble, say

SILENT_SECONDS = 16 * 60
"""A function runs 15 minutes at most, and says so when it starts itself again: longer silence is the end of it."""
PAUSE = 2.0
"""Seconds between two looks into the log."""
REMINDER_SECONDS = 30
LATE_SECONDS = 120
"""How late and out of order CloudWatch may show a line."""

type Line = dict[str, Any]


@dataclass(slots=True)
class Reconciliation:
    """One run, known in the log by its name: the same in every invocation that it takes."""

    stack: DeployedStack
    run: str = field(default_factory=lambda: secrets.token_hex(8))
    now: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep

    def start(self) -> None:
        """Invoke the function asynchronously; raises `Trouble` where its end could not be seen."""
        level = self.stack.parameters.get("LogLevel", "INFO")
        if level not in {"DEBUG", "INFO"}:
            raise Trouble(f"With LogLevel={level} the log does not show when a reconciliation ends: deploy INFO first.")
        event = json.dumps({"task": "reconcile", "run": self.run}).encode()
        function = self.stack.outputs["ReconcileFunction"]
        self.stack.client("lambda").invoke(FunctionName=function, InvocationType="Event", Payload=event)

    def follow(self) -> Line:
        """Print what happens; return the counts of the line that ends the run, and `failed_repositories`.

        Raises `Trouble` if that line does not come.
        """
        failed: set[str] = set()
        for line in self._lines():
            match line["message"]:
                case "reconciled":
                    counts = {name: value for name, value in line.items() if isinstance(value, int)}
                    return counts | {"failed_repositories": sorted(failed)}
                case "reconcile_failed":
                    failed.add(line.get("repository", ""))
            say(f"  {describe(line)}")
        raise AssertionError  # pragma: no cover  the lines end by `Trouble` only

    def _lines(self) -> Iterator[Line]:
        """Yield each line of the run once, and a reminder of the time now and then."""
        logs, group = self.stack.client("logs"), self.stack.outputs["LogGroup"]
        begun = heard = reminded = self.now()
        since, seen = begun, set[object]()
        while True:
            pages = logs.get_paginator("filter_log_events").paginate(
                logGroupName=group,
                startTime=int((max(begun, since - LATE_SECONDS)) * 1000) - 1000,
                filterPattern=f'"{self.run}"',
            )
            new = [event for page in pages for event in page["events"] if _identity(event) not in seen]
            for event in sorted(new, key=lambda event: event["timestamp"]):
                seen.add(_identity(event))
                since = max(since, event["timestamp"] / 1000)
                heard = reminded = self.now()
                yield from own_line(event["message"], self.run)
            if self.now() - heard > SILENT_SECONDS:
                raise Trouble(
                    f"The reconciliation has not been heard of for {SILENT_SECONDS // 60} minutes:"
                    f" look for errors of ReconcileRepositories in the log group {group}."
                )
            if self.now() - reminded > REMINDER_SECONDS:
                reminded = self.now()
                say(f"  comparing, {reminded - begun:.0f} s so far")
            self.sleep(PAUSE)


def _identity(event: Mapping[str, Any]) -> object:
    """Return what is unique to an event of the log: its id, or with the emulator, which gives none, its content."""
    return event.get("eventId") or (event["timestamp"], event["message"])


def own_line(text: str, run: str) -> Iterator[Line]:
    """Yield a line of the log if our function wrote it in this run; Lambda's own lines hold the event's text too."""
    try:
        line = json.loads(text)
    except ValueError:
        return
    if isinstance(line, dict) and line.get("request_id") == run and "message" in line:
        yield line


def describe(line: Line) -> str:
    """Return a line of the log in one line of text."""
    about = [f"{name}={line[name]}" for name in ("repository", "file", "problem", "reason") if name in line]
    return " ".join([str(line["message"]), *about])
