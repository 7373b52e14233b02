"""Log lines without Powertools: one JSON object each."""

import json
import logging
from io import StringIO
from typing import Any

from charthouse.wiring.lines import LineJournal, line_logger


def test_an_event_is_one_line_with_its_facts() -> None:
    (line,) = written(lambda log: LineJournal(log).note("index_missing", repository="team\n", tries=3))

    assert (line["level"], line["message"]) == ("INFO", "index_missing")
    assert line["facts"] == {"repository": "team\n", "tries": 3}


def test_a_failure_is_written_with_its_traceback() -> None:
    def fail(log: logging.Logger) -> None:
        try:
            int("broken")
        except ValueError:
            log.exception("request_failed")

    (line,) = written(fail)

    assert line["level"] == "ERROR"
    assert "ValueError: invalid literal" in line["exception"]


def test_what_is_below_the_level_is_not_written() -> None:
    assert written(lambda log: LineJournal(log).note("index_missing"), level="ERROR") == []


def written(act: Any, level: str = "INFO") -> list[dict[str, Any]]:
    """Return the lines an act writes."""
    log = line_logger(level)
    (handler,) = (one for one in log.handlers if type(one) is logging.StreamHandler)  # pytest adds some of its own
    stream = StringIO()
    # Not by `setStream`, which flushes the old one: that may be what pytest closed after another test.
    before, handler.stream = handler.stream, stream
    try:
        act(log)
    finally:
        handler.stream = before
    return [json.loads(line) for line in stream.getvalue().splitlines()]
