"""Log lines and metrics: one shape of each, in all functions.

Functions that carry the SDK write them by Powertools; the others, which have to start quickly, by the standard library.
"""

import json
import logging
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from charthouse.settings import Site

NAMESPACE = "charthouse"
"""CloudWatch's namespace of the metrics."""


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric of CloudWatch, with its unit there."""

    name: str
    unit: str = "Count"


REQUEST_METRICS = {
    "requests": Metric("Requests"),
    "refusals": Metric("Refusals"),
    "failures": Metric("Failures"),
    "request_seconds": Metric("RequestSeconds", "Seconds"),
}
"""Of every request, where `EnableMetrics` is on."""

ALARM_METRICS = {
    "oldest_seconds": Metric("OldestUnpublishedSeconds", "Seconds"),
    "differences": Metric("Differences"),
    "synced": Metric("Synced"),
    "unlisted": Metric("Unlisted"),
    "failed": Metric("Failed"),
    "policy_failures": Metric("AccessPolicyFailures"),
}
"""Of the schedules and the access policy, where there are alarms: nothing else reads them."""

METRICS = REQUEST_METRICS | ALARM_METRICS
"""Fields that are measured too. Few, because every custom metric is paid for by the month.

Their one dimension is `service`, the stack: with the repository as another, each repository would be a metric of its
own; the log has it.
"""

LOGGER = "charthouse.telemetry"
"""Name of the logger without Powertools, whose own logger has the stack's name, which may be `charthouse`."""

_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "taskName", "aws_request_id"}


class Log(Protocol):
    """What `logging.Logger` and Powertools' logger have in common."""

    def info(self, msg: object, *, extra: Mapping[str, object]) -> None:
        """Write a line of level INFO."""

    def error(self, msg: object, *, extra: Mapping[str, object], exc_info: BaseException) -> None:
        """Write a line of level ERROR with a traceback."""


@dataclass(slots=True)
class Telemetry:
    """Implements `Events`: a log line per event, and metrics of those of its fields that `METRICS` names."""

    log: Log
    write_metrics: Callable[[Mapping[str, float]], None]
    metrics: Mapping[str, Metric] = field(default_factory=lambda: METRICS)
    """Field → metric, of those that are written."""
    _bound: dict[str, str | float] = field(default_factory=dict)

    def bind(self, request_id: str, **fields: str | float) -> None:
        """Put the request id and these fields on every line from here on, and no earlier ones."""
        self._bound = {"request_id": request_id, **fields}

    def record(self, event: str, **fields: str | float) -> None:
        """Log the event; write its metrics at once, so that a function killed later loses none."""
        self.log.info(event, extra=self._bound | fields)
        self.measure(**{name: value for name, value in fields.items() if not isinstance(value, str)})

    def fail(self, event: str, error: BaseException, **fields: str | float) -> None:
        """Log an event that is a bug, with its traceback."""
        self.log.error(event, extra=self._bound | fields, exc_info=error)

    def measure(self, **values: float) -> None:
        """Write the metrics among these values, and no log line."""
        measured = {name: value for name, value in values.items() if name in self.metrics}
        if measured:
            self.write_metrics(measured)


def powertools_telemetry(site: Site) -> Telemetry:
    """Return the telemetry of a function that carries the SDK."""
    # The functions without the SDK do not have the time to import it.
    from aws_lambda_powertools import Logger  # noqa: PLC0415
    from aws_lambda_powertools.metrics import EphemeralMetrics  # noqa: PLC0415

    log = Logger(
        service=site.service,
        level=site.log_level,
        json_serializer=_json_line,
        use_rfc3339=True,
        utc=True,
        location=None,
        xray_trace_id=None,
        serialize_stacktrace=False,
    )
    # Powertools prefers AWS_LAMBDA_LOG_LEVEL, which is never above INFO: Lambda would filter the metrics by it too.
    logging.getLogger(log.name).setLevel(site.log_level)

    def write(values: Mapping[str, float]) -> None:
        metrics = EphemeralMetrics(namespace=NAMESPACE, service=site.service)
        for name, value in values.items():
            metrics.add_metric(METRICS[name].name, METRICS[name].unit, value)
        metrics.flush_metrics()

    return Telemetry(log, write, _metrics(site))


def plain_telemetry(site: Site) -> Telemetry:
    """Return the telemetry of a function without the SDK: the same lines and metrics as Powertools'."""
    log = logging.getLogger(LOGGER)
    log.setLevel(site.log_level)
    log.propagate = False
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(_JsonLines(site.service))
    log.handlers = [handler]

    def write(values: Mapping[str, float]) -> None:
        sys.stdout.write(f"{_embedded_metrics(site.service, values, time.time())}\n")

    return Telemetry(log, write, _metrics(site))


def _metrics(site: Site) -> Mapping[str, Metric]:
    return METRICS if site.alarms else REQUEST_METRICS


class _JsonLines(logging.Formatter):
    """Lines as Powertools writes them."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "level": record.levelname,
            "message": record.getMessage(),
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "service": self._service,
        }
        line |= {name: value for name, value in record.__dict__.items() if name not in _STANDARD}
        if record.exc_info and record.exc_info[0]:
            line |= {"exception": self.formatException(record.exc_info), "exception_name": record.exc_info[0].__name__}
        return _json_line(line)


def _json_line(line: Mapping[str, Any]) -> str:
    """Return the line as JSON; what UTF-8 cannot hold (lone surrogates) would be lost with the whole line."""
    text = json.dumps(line, default=str, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "replace").decode()


def _embedded_metrics(service: str, values: Mapping[str, float], at: float) -> str:
    """Return the values in CloudWatch's embedded metric format; `at` is in seconds since the epoch.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
    """
    metrics = [{"Name": METRICS[name].name, "Unit": METRICS[name].unit} for name in values]
    directive = {"Namespace": NAMESPACE, "Dimensions": [["service"]], "Metrics": metrics}
    measured = {METRICS[name].name: [float(value)] for name, value in values.items()}
    about = {"Timestamp": int(at * 1000), "CloudWatchMetrics": [directive]}
    return json.dumps({"_aws": about, "service": service, **measured}, separators=(",", ":"))
