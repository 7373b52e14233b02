"""`/metrics`: ChartMuseum's two gauges, in Prometheus' text format."""

import re

from charthouse.ports import Marker
from charthouse.web.metrics import render_metrics


def test_every_repository_has_both_gauges() -> None:
    text = render_metrics([Marker("", charts=1, versions=2), Marker("org1/repo1", charts=30, versions=400)])

    assert text == (
        "# HELP chartmuseum_charts_served_total Charts in the index\n"
        "# TYPE chartmuseum_charts_served_total gauge\n"
        'chartmuseum_charts_served_total{repo=""} 1\n'
        'chartmuseum_charts_served_total{repo="org1/repo1"} 30\n'
        "# HELP chartmuseum_chart_versions_served_total Versions in it\n"
        "# TYPE chartmuseum_chart_versions_served_total gauge\n"
        'chartmuseum_chart_versions_served_total{repo=""} 2\n'
        'chartmuseum_chart_versions_served_total{repo="org1/repo1"} 400\n'
    )


def test_without_repositories_the_text_is_still_one_prometheus_reads() -> None:
    lines = render_metrics([]).splitlines()

    assert len(lines) == 4
    assert all(line.startswith("# ") for line in lines)


def test_a_label_cannot_break_out_of_its_quotes() -> None:
    text = render_metrics([Marker('a"b\\c\nd', charts=1)])

    samples = [line for line in text.splitlines() if not line.startswith("#")]
    assert samples[0] == 'chartmuseum_charts_served_total{repo="a\\"b\\\\c\\nd"} 1'
    assert all(re.fullmatch(r'[a-z_]+\{repo="(?:[^"\\]|\\["\\n])*"\} \d+', line) for line in samples)
