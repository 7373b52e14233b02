"""Log lines and metrics: the same from Powertools as without it."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from charthouse.settings import Site
from charthouse.telemetry import METRICS, Telemetry, plain_telemetry, powertools_telemetry

type Make = Callable[[Site], Telemetry]
BOTH: list[Make] = [powertools_telemetry, plain_telemetry]


@pytest.mark.parametrize("make", BOTH)
def test_an_event_is_one_line_with_its_fields(make: Make, capsys: pytest.CaptureFixture[str]) -> None:
    (line,) = written(
        make, capsys, lambda telemetry: telemetry.record("index_missing", repository="t\u00e9am\n", tries=3)
    )

    assert line.pop("timestamp").endswith("+00:00")
    assert line.pop("service")
    assert line == {"level": "INFO", "message": "index_missing", "repository": "t\u00e9am\n", "tries": 3}


@pytest.mark.parametrize("make", BOTH)
def test_the_request_id_is_on_every_line_until_the_next_request(make: Make, capsys: pytest.CaptureFixture[str]) -> None:
    def act(telemetry: Telemetry) -> None:
        telemetry.bind("first")
        telemetry.record("answered", status=200)
        telemetry.fail("failed", ValueError("x"))
        telemetry.bind("second")
        telemetry.record("answered", status=200)

    assert [line["request_id"] for line in written(make, capsys, act)] == ["first", "first", "second"]


@pytest.mark.parametrize("make", BOTH)
def test_a_bug_is_written_with_its_traceback(make: Make, capsys: pytest.CaptureFixture[str]) -> None:
    (line,) = written(make, capsys, broken)

    assert (line["level"], line["exception_name"]) == ("ERROR", "ValueError")
    assert "ValueError: invalid literal" in line["exception"]


def test_both_write_the_same_lines_and_metrics_key_by_key(capsys: pytest.CaptureFixture[str]) -> None:
    def act(telemetry: Telemetry) -> None:
        telemetry.bind("0b9a6a4e")
        telemetry.record("reconciled", repository="team", problem="\udcff \U0001f6a2", **dict.fromkeys(METRICS, 2.5))
        telemetry.measure(requests=1, refusals=0, failures=1, request_seconds=0.25)
        broken(telemetry)

    powertools, plain = ([shape(line) for line in written(make, capsys, act)] for make in BOTH)

    assert len(powertools) == 4
    assert plain == powertools


@pytest.mark.parametrize("make", BOTH)
def test_measured_fields_are_metrics_of_the_stack(make: Make, capsys: pytest.CaptureFixture[str]) -> None:
    """Their dimension is the stack and nothing else: every further value would be a metric to be paid for.

    See https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_concepts.html#Dimension.
    """
    lines = written(make, capsys, lambda t: t.record("reconciled", repository="team", differences=2, rows=3))

    (metrics,) = [line for line in lines if "_aws" in line]
    assert metrics["_aws"]["CloudWatchMetrics"] == [
        {"Namespace": "charthouse", "Dimensions": [["service"]], "Metrics": [{"Name": "Differences", "Unit": "Count"}]}
    ]
    assert metrics["Differences"] == [2.0]
    assert "team" not in json.dumps(metrics)


@pytest.mark.parametrize("make", BOTH)
def test_metrics_that_only_alarms_read_are_written_only_where_there_are_alarms(
    make: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    def act(telemetry: Telemetry) -> None:
        telemetry.record("swept", oldest_seconds=0.0)
        telemetry.measure(requests=1)

    lines = written(make, capsys, act, alarms=False)

    assert [sorted(line.keys() & {"Requests", "OldestUnpublishedSeconds"}) for line in lines if "_aws" in line] == [
        ["Requests"]
    ]
    assert [line["oldest_seconds"] for line in lines if line.get("message") == "swept"] == [0.0]


@pytest.mark.parametrize("make", BOTH)
def test_other_fields_are_only_logged(make: Make, capsys: pytest.CaptureFixture[str]) -> None:
    lines = written(make, capsys, lambda telemetry: telemetry.record("published", shoe_size=43, differences="many"))

    assert [(line["shoe_size"], line["differences"]) for line in lines] == [(43, "many")]


@pytest.mark.parametrize("runtime", ["", "INFO", "DEBUG"])
@pytest.mark.parametrize("level", ["DEBUG", "INFO", "WARNING", "ERROR"])
@pytest.mark.parametrize("make", BOTH)
def test_the_level_is_that_of_the_option_and_not_that_of_the_runtime(
    make: Make, level: str, runtime: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Lambda's own level is never above INFO, or Lambda would drop the lines of metrics; below it only with DEBUG."""
    monkeypatch.setenv("AWS_LAMBDA_LOG_LEVEL", "DEBUG" if runtime and level == "DEBUG" else runtime)

    def act(telemetry: Telemetry) -> None:
        telemetry.record("swept", oldest_seconds=1)
        broken(telemetry)

    lines = written(make, capsys, act, level)

    logged = [line["level"] for line in lines if "_aws" not in line]
    assert logged == (["INFO", "ERROR"] if level in {"DEBUG", "INFO"} else ["ERROR"])
    assert [line["OldestUnpublishedSeconds"] for line in lines if "_aws" in line] == [[1.0]]


def test_without_powertools_nothing_heavy_is_imported() -> None:
    heavy = {"boto3", "botocore", "aws_lambda_powertools"}
    code = f"import sys, charthouse.telemetry; print(*sorted({heavy!r} & set(sys.modules)))"

    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ)

    assert loaded.stdout.split() == []


def broken(telemetry: Telemetry) -> None:
    try:
        int("broken")
    except ValueError as error:
        telemetry.fail("failed", error, kind="upload")


def written(
    make: Make,
    capsys: pytest.CaptureFixture[str],
    act: Callable[[Telemetry], None],
    level: str = "INFO",
    *,
    alarms: bool = True,
) -> list[dict[str, Any]]:
    """Return the lines an act writes to standard output, where Lambda reads them."""
    capsys.readouterr()
    # Powertools keeps the logger, with its stream, of every service there ever was.
    act(make(Site(service=f"stack-{uuid4()}", log_level=level, alarms=alarms)))
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert all(line["service"].startswith("stack-") for line in lines)
    return lines


def shape(line: dict[str, Any]) -> list[tuple[str, Any]]:
    """Return keys, in order, and values of a line, without what is of the moment."""
    moment = {"timestamp": len(str(line.get("timestamp"))), "service": ""}
    if "_aws" in line:
        assert isinstance(line["_aws"].pop("Timestamp"), int)
    return [(name, moment.get(name, value)) for name, value in line.items()]
