"""`/metrics` in Prometheus' text format (version 0.0.4), with ChartMuseum's two gauges per repository."""

from collections.abc import Iterable

from charthouse.ports import Marker

PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"


def render_metrics(markers: Iterable[Marker]) -> str:
    """Return how many charts and versions each repository's index holds, from the markers alone."""
    known = list(markers)
    return "".join(
        [
            *_gauge("chartmuseum_charts_served_total", "Charts in the index", ((m.repo, m.charts) for m in known)),
            *_gauge("chartmuseum_chart_versions_served_total", "Versions in it", ((m.repo, m.versions) for m in known)),
        ]
    )


def _gauge(name: str, text: str, values: Iterable[tuple[str, int]]) -> list[str]:
    samples = [f'{name}{{repo="{_escaped(repo)}"}} {value}\n' for repo, value in values]
    return [f"# HELP {name} {text}\n", f"# TYPE {name} gauge\n", *samples]


def _escaped(label: str) -> str:
    return label.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
