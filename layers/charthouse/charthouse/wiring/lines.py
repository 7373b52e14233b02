"""Log lines as JSON without the SDK or Powertools, for the functions that have to start quickly."""

import json
import logging
import sys
from dataclasses import dataclass

from charthouse.web.endpoint import LOGGER

_PLAIN = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "taskName", "aws_request_id"}


class _JsonLine(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {"level": record.levelname, "message": record.getMessage(), "timestamp": self.formatTime(record)}
        line |= {name: value for name, value in record.__dict__.items() if name not in _PLAIN}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def line_logger(level: str) -> logging.Logger:
    """Return the logger of a function: one JSON object a line, with everything given as `extra`."""
    log = logging.getLogger(LOGGER)
    log.setLevel(level)
    log.propagate = False
    if not log.handlers:
        handler = logging.StreamHandler(sys.stdout)
        handler.setFormatter(_JsonLine())
        log.addHandler(handler)
    return log


@dataclass(frozen=True, slots=True)
class LineJournal:
    """Keeps `ports.Journal`: one log line per event."""

    log: logging.Logger

    def begin(self, request_id: str) -> None:
        """Do nothing: the one line a request gets here has its id."""

    def note(self, event: str, **facts: str | float) -> None:
        """Log the event with its facts."""
        self.log.info(event, extra={"facts": facts})
