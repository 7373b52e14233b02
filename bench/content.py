"""Repositories to measure with: entries as long as those of ordinary charts, about 660 bytes a line."""

import json
from functools import cache
from typing import Any

import yaml
from charthouse.helm.chart import ChartRef
from charthouse.helm.entry import render_entry
from charthouse.helm.index import Entry
from charthouse.helm.package import Package

from tests.builders import an_archive

MOMENT = "2026-11-20T15:49:01Z"


@cache
def entries(versions: int, charts: int) -> list[Entry]:
    """Return the entries of so many versions, evenly in so many charts, oldest first."""
    return [entry(at % charts, at // charts) for at in range(versions)]


def entry(chart: int, version: int) -> Entry:
    """Return the entry of one version, numbered within its chart."""
    ref = _ref(f"chart-{chart:03d}", version)
    return Entry(ref.name, ref.version, render_entry(Package(ref, _metadata(ref), digest="5e" * 32, size=1), MOMENT))


def package(chart: str, version: int) -> bytes:
    """Return a package of that version, its Chart.yaml written as JSON, which is YAML and quickly made."""
    ref = _ref(chart, version)
    return an_archive({f"{ref.name}/Chart.yaml": json.dumps(_metadata(ref)).encode()})


def file_of(one: Entry) -> str:
    """Return the name of the entry's package."""
    return f"{one.chart}-{one.version}.tgz"


def file_name(chart: str, version: int) -> str:
    """Return the name of a version's package."""
    return _ref(chart, version).filename


def version_name(version: int) -> str:
    """Return a version by its number."""
    return f"{version // 1000}.{version // 10 % 100}.{version % 10}"


def _ref(chart: str, version: int) -> ChartRef:
    return ChartRef(chart, version_name(version))


def _metadata(ref: ChartRef) -> dict[str, Any]:
    return {
        "apiVersion": "v2",
        "appVersion": "1.27.0",
        "dependencies": [
            {"name": "common", "repository": "https://charts.example.com", "tags": ["common"], "version": "1.x.x"}
        ],
        "description": "A chart for Kubernetes, with a sentence that says what it deploys",
        "home": "https://example.com/charts",
        "icon": "https://example.com/icon.png",
        "keywords": ["web", "http", "server"],
        "maintainers": [{"email": "team@example.com", "name": "Team"}],
        "name": ref.name,
        "sources": ["https://github.com/example/charts"],
        "type": "application",
        "version": ref.version,
    }


def as_yaml(document: Any) -> bytes:
    """Return block YAML, as ChartMuseum writes its index, by PyYAML's C dumper."""
    text: bytes = yaml.dump(document, Dumper=yaml.CSafeDumper, encoding="utf-8", allow_unicode=True)
    return text
