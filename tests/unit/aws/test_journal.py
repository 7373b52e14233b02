"""What the journal writes: a line to read, and metrics to be woken by."""

import json
from io import StringIO
from typing import Any
from uuid import uuid4

import pytest
from aws_lambda_powertools import Logger
from charthouse.aws.journal import PowertoolsJournal


@pytest.fixture(autouse=True)
def stack(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "charts-stack")


def test_an_event_is_one_line_with_its_facts() -> None:
    line = told("index_published", repository="team", rows=3)

    assert (line["message"], line["level"]) == ("index_published", "INFO")
    assert line["facts"] == {"repository": "team", "rows": 3}


def test_a_measured_fact_is_a_metric_of_the_stack(capsys: pytest.CaptureFixture[str]) -> None:
    """Its dimension is the stack and nothing else: every further value would be a metric to be paid for.

    See https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_concepts.html#Dimension.
    """
    told("reconciled", repository="team", differences=2)

    metrics = json.loads(capsys.readouterr().out)
    assert metrics["_aws"]["CloudWatchMetrics"] == [
        {"Namespace": "charthouse", "Dimensions": [["service"]], "Metrics": [{"Name": "Differences", "Unit": "Count"}]}
    ]
    assert (metrics["Differences"], metrics["service"]) == ([2.0], "charts-stack")
    assert "team" not in json.dumps(metrics)


def test_a_fact_nobody_measures_is_only_logged(capsys: pytest.CaptureFixture[str]) -> None:
    line = told("index_published", shoe_size=43, differences="many")

    assert line["facts"] == {"shoe_size": 43, "differences": "many"}
    assert not capsys.readouterr().out


def told(event: str, **facts: str | float) -> dict[str, Any]:
    """Tell the journal and return its line; the metrics go to standard output."""
    stream = StringIO()
    PowertoolsJournal(Logger(service=f"charthouse-{uuid4()}", stream=stream)).note(event, **facts)
    line: dict[str, Any] = json.loads(stream.getvalue())
    return line
