"""The journal as JSON log lines and CloudWatch metrics in embedded format, by Powertools."""

from dataclasses import dataclass

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

NAMESPACE = "charthouse"

METRICS = {
    "seconds": MetricUnit.Seconds,
    "bytes": MetricUnit.Bytes,
    "rows": MetricUnit.Count,
    "charts": MetricUnit.Count,
    "versions": MetricUnit.Count,
    "repaired": MetricUnit.Count,
    "problems": MetricUnit.Count,
    "unpublished": MetricUnit.Count,
    "oldest_seconds": MetricUnit.Seconds,
}
"""Facts that are measured, with their units; a fact of any other name is only logged."""


@dataclass(frozen=True, slots=True)
class PowertoolsJournal:
    """Keeps `ports.Journal`: one log line per event, one metric per event and one per measured fact of it.

    `index_published` with `rows=3` counts 1 in `index_published` and 3 in `index_published.rows`. No metric has the
    repository or the chart as a dimension: each value would be a metric of its own to pay for, and the log has them.
    """

    logger: Logger

    def note(self, event: str, **facts: str | float) -> None:
        """Log the event with its facts and put out its metrics at once, so that a killed function loses none."""
        self.logger.info(event, extra={"facts": facts})
        metrics = EphemeralMetrics(namespace=NAMESPACE)
        metrics.add_metric(name=event, unit=MetricUnit.Count, value=1)
        for name, value in facts.items():
            if name in METRICS and not isinstance(value, str):
                metrics.add_metric(name=f"{event}.{name}", unit=METRICS[name], value=value)
        metrics.flush_metrics()
