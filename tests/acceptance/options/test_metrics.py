"""EnableMetrics, LogHealth and LogLevel: figures at /metrics, figures and lines in the log."""

import json
import re
import secrets
from collections.abc import Mapping
from typing import Any

from local.emulator import Emulator
from tests.acceptance.deployment import Deployment, eventually
from tests.acceptance.repository import Answer, Repository, ask, basic
from tests.builders import a_package

CHARTS, VERSIONS = "chartmuseum_charts_served_total", "chartmuseum_chart_versions_served_total"

type Samples = dict[tuple[str, str], float]

_COMMENT = re.compile(r"# (?:HELP [a-z_]+ .+|TYPE [a-z_]+ gauge)")
_SAMPLE = re.compile(r'([a-z_]+)\{repo="((?:[^"\\\n]|\\["\\n])*)"\} ([0-9]+)')


def samples(answer: Answer) -> Samples:
    """Read Prometheus' text format strictly: (metric, repository) → value."""
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
    text = answer.body.decode()
    assert text.endswith("\n")
    lines = text.splitlines()
    found = [match for line in lines if (match := _SAMPLE.fullmatch(line))]
    assert all(_COMMENT.fullmatch(line) or _SAMPLE.fullmatch(line) for line in lines)
    read = {(match[1], match[2]): float(match[3]) for match in found}
    assert len(read) == len(found)
    return read


def robot(deployment: Deployment) -> Mapping[str, str]:
    return {"Authorization": basic("robot", deployment.parameters["BasicAuthPass"])}


def test_metrics_count_charts_and_versions_right_after_a_change(tenants: Deployment, fresh: Repository) -> None:
    """EnableMetrics."""
    repo = fresh.url.split("/", 3)[3]

    def counts() -> tuple[float, float]:
        seen = samples(ask("GET", f"{tenants.url}/metrics", headers=robot(tenants)))
        return seen[CHARTS, repo], seen[VERSIONS, repo]

    for name, version in (("a", "0.1.0"), ("a", "0.2.0"), ("b", "0.1.0")):
        assert fresh.upload(a_package(name, version)).status == 201
    uploaded = counts()
    assert fresh.delete("b", "0.1.0").status == 200
    one_deleted = counts()
    assert fresh.call("DELETE", "/charts/a").status == 200

    assert (uploaded, one_deleted, counts()) == ((2, 3), (1, 2), (0, 0))


def test_metrics_show_a_caller_only_what_it_may_read(tenants: Deployment, fresh: Repository) -> None:
    repo = fresh.url.split("/", 3)[3]
    fresh.upload(a_package())
    url = f"{tenants.url}/metrics"
    token = {"Authorization": f"Bearer {tenants.token(repo, 'pull')}"}

    assert samples(ask("GET", url, headers=token)) == {(CHARTS, repo): 1, (VERSIONS, repo): 1}
    refused = ask("GET", url)
    assert refused.status == 401
    assert "Basic" in str(refused.headers["WWW-Authenticate"])


def test_without_enable_metrics_there_is_no_such_route(based: Deployment) -> None:
    answer = ask(
        "GET", f"{based.url}/metrics", headers={"Authorization": basic("robot", based.parameters["BasicAuthPass"])}
    )

    assert (answer.status, answer.error) == (404, "not found")


def lines(emulator: Emulator, text: str) -> list[Any]:
    """Return the log lines of functions that have this text in them."""
    log = emulator.log.read_text(errors="replace").splitlines()
    found = [line[line.index("{") :] for line in log if text in line and '{"' in line]
    return [json.loads(line) for line in found if line.endswith("}")]


def logged(emulator: Emulator, url: str, **headers: str) -> list[Any]:
    """Ask with a request id of our own; return the log lines about it."""
    mark = secrets.token_hex(16)
    assert ask("GET", url, headers=headers | {"X-Request-Id": mark}).headers["X-Request-Id"] == mark
    return eventually(lambda: lines(emulator, mark), bool, seconds=2)


def test_with_log_health_health_checks_are_logged(emulator: Emulator, tenants: Deployment) -> None:
    """LogHealth."""
    (line,) = logged(emulator, f"{tenants.url}/health")

    assert (line["level"], line["kind"], line["status"]) == ("INFO", "health", 200)


def test_without_it_they_are_not(emulator: Emulator, based: Deployment) -> None:
    assert logged(emulator, f"{based.url}/health") == []
    (line,) = logged(emulator, f"{based.url}/info")
    assert line["kind"] == "info"


def test_a_log_line_says_what_was_asked_and_no_secret(emulator: Emulator, fresh: Repository) -> None:
    authorization = str(fresh.authorization)

    (line,) = logged(emulator, f"{fresh.url}/charts/mychart-1.0.0.tgz?token=hidden", Authorization=authorization)

    assert line["repository"] == fresh.url.split("/", 3)[3]
    assert (line["kind"], line["file"], line["status"]) == ("package", "mychart-1.0.0.tgz", 302)
    log = emulator.log.read_text(errors="replace")
    assert authorization.removeprefix("Bearer ") not in log
    assert "token=hidden" not in log


def test_the_log_level_silences_lines_but_not_figures(emulator: Emulator, limits: Deployment) -> None:
    """LogLevel=ERROR beside EnableMetrics: figures of requests, in CloudWatch's embedded format."""
    service = limits.stack.name

    def figures() -> list[Any]:
        return [line for line in lines(emulator, '"Requests"') if line["service"] == service]

    before = len(figures())
    assert logged(emulator, f"{limits.url}/small/index.yaml") == []
    assert ask("GET", f"{limits.url}/nothing.yaml").status == 404
    found = eventually(figures, lambda seen: len(seen) >= before + 2)[before:]

    counts = sorted((*line["Requests"], *line["Refusals"], *line["Failures"]) for line in found)
    assert counts == [(1, 0, 0), (1, 1, 0)]
    (directive,) = found[0]["_aws"]["CloudWatchMetrics"]
    assert (directive["Namespace"], directive["Dimensions"]) == ("charthouse", [["service"]])
    assert {metric["Name"] for metric in directive["Metrics"]} <= set(found[0])
