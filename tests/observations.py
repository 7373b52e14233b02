"""A table at the end of a run against real AWS: what was expected, what AWS did, what to change if it differs.

`make smoke` and `make contract-aws` load this plugin (`pytest -p tests.observations`). A row is a test whose docstring,
or whose module's, has a paragraph `If it differs: ...`. Its first paragraph says what is expected; without one, or with
one that is only a link, the name of the test does. Any other test gets a row only when it fails. What AWS did is what
the test recorded (`record_property("observed", ...)`), or else the reason of its failure.
"""

import inspect
import os
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field

import pytest
from rich.console import Console
from rich.table import Table

OTHERWISE = "If it differs:"
SMALLEST_WIDTH = 140
"""Columns of a table where there is no terminal, as in a workflow's log."""


@dataclass(slots=True)
class Row:
    """One question to AWS: a test, with all its parameters."""

    question: str
    expected: str
    change: str
    general: str
    """What the module's docstring says, shown only when the test fails."""
    answers: list[str] = field(default_factory=list)
    """What AWS did, once per set of parameters that says something of its own."""
    failed: bool = False


class Observations:
    """Collects rows while tests run, and prints them at the end."""

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}

    def pytest_itemcollected(self, item: pytest.Item) -> None:
        """Make the row of the item's function."""
        if not isinstance(item, pytest.Function):
            return
        own, otherwise = read(inspect.getdoc(item.function) or "")
        _, general = read(inspect.getdoc(item.module) or "")
        name = item.function.__name__.removeprefix("test_").replace("_", " ")
        row = Row(name, own or "it does", otherwise, general)
        self.rows.setdefault(self._key(item.nodeid), row)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note how one phase of a test ended."""
        row = self.rows.get(self._key(report.nodeid))
        if row is None or (report.when != "call" and report.passed):
            return
        observed = dict(report.user_properties).get("observed")
        if report.skipped:
            answer = f"not asked: {reason(report)}"
        elif report.failed:
            row.failed = True
            answer = "; ".join(filter(None, [str(observed or ""), reason(report)]))
        else:
            answer = str(observed or "as expected")
        case = re.search(r"\[(.+)\]$", report.nodeid)
        text = f"{case[1]}: {answer}" if case and (observed or report.failed) else answer
        if text not in row.answers:
            row.answers.append(text)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the table."""
        asked = [row for row in self.rows.values() if row.answers]
        shown = [row for row in asked if row.change or row.general or row.failed]
        if shown:
            terminalreporter.write_line("")
            terminalreporter.write_line(render(shown))
            terminalreporter.write_line(f"{len(asked) - len(shown)} more cases: as expected.")

    @staticmethod
    def _key(nodeid: str) -> str:
        return nodeid.partition("[")[0]


def pytest_configure(config: pytest.Config) -> None:
    """Register the plugin's state."""
    config.pluginmanager.register(Observations(), "observations-of-aws")


def read(docstring: str) -> tuple[str, str]:
    """Return the first paragraph of a docstring, and what follows `If it differs:` in another."""
    paragraphs = [" ".join(paragraph.split()) for paragraph in docstring.split("\n\n")]
    changes = [text.removeprefix(OTHERWISE).strip() for text in paragraphs if text.startswith(OTHERWISE)]
    first = "" if re.match(rf"{OTHERWISE}|(See )?https?://\S+$", paragraphs[0]) else paragraphs[0]
    return first, changes[0] if changes else ""


def reason(report: pytest.TestReport) -> str:
    """Return in one line why a test failed or was skipped."""
    if isinstance(report.longrepr, tuple):
        return str(report.longrepr[2]).removeprefix("Skipped: ")
    crash = getattr(report.longrepr, "reprcrash", None)
    message = str(crash.message if crash else report.longrepr or "")
    return next((line.strip() for line in message.splitlines() if line.strip()), "no reason given")


def render(rows: Iterable[Row]) -> str:
    """Return the table as text, as wide as the terminal; failures first."""
    table = Table(show_lines=True, title="What real AWS did")
    for heading, ratio in (("", 1), ("question", 12), ("expected", 16), ("AWS did", 16), ("if it differs", 16)):
        table.add_column(heading, ratio=ratio, overflow="fold")
    for row in sorted(rows, key=lambda row: not row.failed):
        change = row.change or (row.general if row.failed else "")
        cells = ("x" if row.failed else "", row.question, row.expected, "\n".join(row.answers), change)
        table.add_row(*cells, style="bold" if row.failed else "")
    terminal = os.get_terminal_size().columns if sys.stdout.isatty() else SMALLEST_WIDTH
    console = Console(width=max(terminal, 80), color_system=None, markup=False, emoji=False)
    with console.capture() as captured:
        console.print(table)
    return captured.get()
