"""The journal as JSON log lines and CloudWatch metrics in embedded format, by Powertools."""

from dataclasses import dataclass

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

NAMESPACE = "charthouse"

METRICS = {
    "oldest_seconds": ("OldestUnpublishedSeconds", MetricUnit.Seconds),
    "differences": ("Differences", MetricUnit.Count),
    "settled": ("Settled", MetricUnit.Count),
    "unlisted": ("Unlisted", MetricUnit.Count),
}
"""Facts that are measured too, each with its metric and unit: few, for every custom metric is paid for by the month."""


@dataclass(frozen=True, slots=True)
class PowertoolsJournal:
    """Keeps `ports.Journal`: one log line per event, and its measured facts as metrics.

    Their one dimension is Powertools' `service` (`POWERTOOLS_SERVICE_NAME`, the stack): with the repository or the
    chart as another, each of those would be a metric of its own; the log has them.
    """

    logger: Logger

    def begin(self, request_id: str) -> None:
        """Put the request id on every line from here on."""
        self.logger.append_keys(request_id=request_id)

    def note(self, event: str, **facts: str | float) -> None:
        """Log the event with its facts; put out metrics at once, so that a function killed later loses none."""
        self.logger.info(event, extra={"facts": facts})
        measured = {name: value for name, value in facts.items() if name in METRICS and not isinstance(value, str)}
        if not measured:
            return
        metrics = EphemeralMetrics(namespace=NAMESPACE)
        for fact, value in measured.items():
            name, unit = METRICS[fact]
            metrics.add_metric(name=name, unit=unit, value=value)
        metrics.flush_metrics()
