"""Figures of requests: one line of embedded metric format for each, and only where they are asked for."""

import json

import pytest
from charthouse.access.authorizer import Authorizer
from charthouse.settings import Access, Settings, Site
from charthouse.web.endpoint import endpoint
from charthouse.web.figures import UNITS, request_figures
from charthouse.web.requests import Request
from charthouse.web.responses import Response
from charthouse.web.routes import Route

from tests.events import an_event


def ask(settings: Settings, path: str) -> None:
    @endpoint(settings, Authorizer(Access(), bytes, float), ())
    def handler(_request: Request, _route: Route) -> Response:
        return Response(200)

    handler(an_event("GET", path), None)


@pytest.mark.parametrize(
    ("status", "refusals", "failures"), [(200, 0, 0), (302, 0, 0), (404, 1, 0), (499, 1, 0), (500, 0, 1), (503, 0, 1)]
)
def test_a_request_counts_by_how_it_ended(status: int, refusals: int, failures: int) -> None:
    line = json.loads(request_figures("stack", status, 0.25, 1.5))

    (directive,) = line["_aws"]["CloudWatchMetrics"]
    assert line["_aws"]["Timestamp"] == 1500
    assert directive["Dimensions"] == [["service"]]
    assert [metric["Name"] for metric in directive["Metrics"]] == list(UNITS)
    assert (line["service"], line["Requests"], line["RequestSeconds"]) == ("stack", 1, 0.25)
    assert (line["Refusals"], line["Failures"]) == (refusals, failures)


def test_every_answer_is_counted_where_metrics_are_on(capsys: pytest.CaptureFixture[str]) -> None:
    settings = Settings(site=Site(enable_metrics=True, service="stack"))

    ask(settings, "/health")
    ask(settings, "/nowhere.yaml")

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["Refusals"] for line in lines if "_aws" in line] == [0, 1]


def test_nothing_is_counted_where_they_are_off(capsys: pytest.CaptureFixture[str]) -> None:
    ask(Settings(), "/health")

    assert "_aws" not in capsys.readouterr().out
