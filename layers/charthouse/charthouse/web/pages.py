"""Home page, health, info and artifacthub-repo.yml, and `/metrics` for Prometheus."""

import base64
import hashlib
import json
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from charthouse import __version__
from charthouse.access.callers import Source
from charthouse.errors import NotFound
from charthouse.oci.names import is_name
from charthouse.settings import Settings
from charthouse.web.requests import Request
from charthouse.web.responses import HTML, YAML, Response, json_response, text_response
from charthouse.web.routes import Kind, Route

if TYPE_CHECKING:
    from charthouse.repository.ports import RepositoryState

KINDS = frozenset({Kind.HOME, Kind.HEALTH, Kind.INFO, Kind.ARTIFACT_HUB})
"""The kinds that `answer` answers."""

PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:46rem;margin:3rem auto;padding:0 1rem}"
    "pre{background:#f2f4f7;padding:.75rem 1rem;overflow-x:auto}"
)


def answer(request: Request, route: Route, settings: Settings) -> Response:
    """Answer a route of one of `KINDS`; raises `NotFound` for a repository without an Artifact Hub id."""
    if route.kind is Kind.HEALTH:
        return json_response(200, {"healthy": True})
    if route.kind is Kind.INFO:
        return json_response(200, {"version": __version__})
    if route.kind is Kind.ARTIFACT_HUB:
        return _artifact_hub(route.repo, settings)
    return _home(request, route.repo, settings)


def metrics(states: "Iterable[RepositoryState]") -> Response:
    """Answer with ChartMuseum's two gauges per repository, from the recorded counts."""
    known = list(states)
    charts = _gauge("chartmuseum_charts_served_total", "Charts in the index", ((s.repo, s.charts) for s in known))
    versions = _gauge(
        "chartmuseum_chart_versions_served_total", "Versions in it", ((s.repo, s.versions) for s in known)
    )
    return text_response(200, "".join([*charts, *versions]), PROMETHEUS)


def _gauge(name: str, text: str, values: Iterable[tuple[str, int]]) -> list[str]:
    samples = [f'{name}{{repo="{_label(repo)}"}} {value}\n' for repo, value in values]
    return [f"# HELP {name} {text}\n", f"# TYPE {name} gauge\n", *samples]


def _label(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _artifact_hub(repo: str, settings: Settings) -> Response:
    repository_id = settings.site.artifact_hub_repo_ids.get(repo)
    if repository_id is None:
        raise NotFound("Artifact Hub repository ID not found")
    # An id is a UUID; anything else that was configured becomes a quoted string, the same in JSON and YAML.
    written = repository_id if _UUID.fullmatch(repository_id) else json.dumps(repository_id)
    return text_response(200, f"repositoryID: {written}\n", YAML)


def _registry(base: str, repo: str, settings: Settings) -> str | None:
    """Return the host and path of the repository in the OCI registry, or None: it is off, or cannot have the name."""
    if settings.rules.disable_oci or (repo and not is_name(repo)):
        return None
    return "/".join(part for part in (urlsplit(base).netloc, repo) if part)


def _home(request: Request, repo: str, settings: Settings) -> Response:
    # Only this page needs Jinja2, and most processes never render it.
    from pathlib import Path  # noqa: PLC0415

    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # noqa: PLC0415

    templates = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined)
    base = request.base_url(settings.paths.context_path)
    page = templates.get_template("home.html.j2").render(
        style=_STYLE,
        version=__version__,
        repo=repo,
        nickname=repo.rpartition("/")[2] or "charthouse",
        url=f"{base}/{repo}" if repo else base,
        api=f"{base}/api/{repo}" if repo else f"{base}/api",
        is_repository=bool(repo) or settings.paths.depth == 0 or settings.paths.depth_dynamic,
        registry=_registry(base, repo, settings),
        has_api=not settings.rules.disable_api,
        has_basic=bool(settings.access.basic_user or settings.access.policy),
        has_bearer=settings.access.bearer_auth,
        # Who sees this page may read the repository.
        reads_open=request.caller.source is Source.ANONYMOUS,
    )
    allowed_style = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
    headers = {
        "Content-Security-Policy": (
            f"default-src 'none'; style-src 'sha256-{allowed_style}'; base-uri 'none'; form-action 'none'; "
            "frame-ancestors 'none'"
        ),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
    }
    return text_response(200, page, HTML, headers)
