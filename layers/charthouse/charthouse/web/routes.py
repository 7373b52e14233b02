"""The one parser of paths: which repository, which route, which action.

A path is `[/<context>][/<repository>]/<route>`, or `[/<context>]/api[/<repository>]/<route>` for the API. The segments
of a repository are as many as `Depth` says, or any number with `DepthDynamic`. Where that leaves a choice:

- A segment `-` divides a repository from one of its charts: `/a/-/nginx/index.yaml` is the index of that chart alone,
  `/a/-/nginx/charts/<file>` a file of `a`. No repository's name has that segment.
- Routes are recognised by their last segments. `/a/charts/x-1.0.0.tgz` is a package of `a`, `/a/info` is about `a`
  (with `DepthDynamic`; the home page of a repository `a/info` is `/a/info/`), and what is left is a home page.
- Under `/api` with `DepthDynamic`, the *last* segment `charts` after which a legal tail stands divides repository from
  chart, whatever the method: `/api/charts/charts/x` is chart `x` of repository `charts`, as in ChartMuseum. So a chart
  called `charts` can be downloaded there, but not named to the API; with a fixed `Depth` it can.
- A path that starts with the context path is first read without it; only if that is no route it is read as it is,
  because a mapping key of a custom domain may or may not be in the path: with the context path `/charts`,
  `/charts/x-1.0.0.tgz` is still a package.

The path arrives percent-decoded once and is never decoded again. A name, version or file in a `Route` is short enough
to be a key of the storage, and a `+` that a gateway made a blank is a `+` again.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto

from charthouse.access.grants import Action
from charthouse.errors import NotFound
from charthouse.helm.chart import MAX_FILENAME
from charthouse.repository.names import is_repository
from charthouse.settings import Paths, Rules, Site

MAX_FILE = MAX_FILENAME + len(".prov")
"""Bytes of a file's name."""

# No version has a blank, but a gateway may have made one of the `+` before build metadata. A constraint may have
# blanks, so a version is recognised by its three numbers there.
_LOST_PLUS = re.compile(r"(-v?[0-9]+(?:\.[0-9]+){0,2}(?:-[0-9A-Za-z.-]+)?) ([0-9A-Za-z.-]+\.tgz(?:\.prov)?)$")
_LOST_PLUS_IN_VERSION = re.compile(r"^(v?[0-9]+\.[0-9]+\.[0-9]+(?:-[0-9A-Za-z.-]+)?) ([0-9A-Za-z.-]+)$")
_PACKAGE = re.compile(r"[^/]+\.tgz")
_PROVENANCE = re.compile(r"[^/]+\.tgz\.prov")
# A browser or client that requests one of these expects the file, not a page of HTML.
_NO_PAGE = re.compile(r".*\.(tgz|prov|ya?ml|ico|txt)")


class Kind(Enum):
    """What a route answers."""

    HOME = auto()
    HEALTH = auto()
    INFO = auto()
    METRICS = auto()
    INDEX = auto()
    PACKAGE = auto()
    PROVENANCE = auto()
    ARTIFACT_HUB = auto()
    CHARTS = auto()
    CHART = auto()
    VERSION = auto()
    TEMPLATES = auto()
    VALUES = auto()
    UPLOAD = auto()
    UPLOAD_PROVENANCE = auto()
    DELETE_VERSION = auto()
    DELETE_CHART = auto()
    REPOSITORIES = auto()
    OCI_ROOT = auto()
    OCI_TOKEN = auto()
    OCI_TAGS = auto()
    OCI_MANIFEST = auto()
    OCI_BLOB = auto()
    OCI_UPLOADS = auto()
    OCI_UPLOAD = auto()
    OCI_REFERRERS = auto()


_OPEN = {"health": Kind.HEALTH, "info": Kind.INFO}


@dataclass(frozen=True, slots=True)
class Route:
    """A path understood."""

    kind: Kind
    repo: str = ""
    """Without slashes at its ends; empty: the root repository."""
    name: str = ""
    """The chart."""
    version: str = ""
    """A version, a constraint or `latest`."""
    file: str = ""
    """`<name>-<version>.tgz`, with `.prov` for a provenance file."""
    action: Action | None = None
    """What credentials must allow for `repo`; None: the route is open, or looks at each repository itself."""
    reference: str = ""
    """In the OCI registry a tag, digest or upload; as the client wrote it, not checked."""


def match(method: str, path: str, paths: Paths, rules: Rules, site: Site) -> Route:
    """Return the route; raise `NotFound` for a path, repository or method there is none for (never 405).

    HEAD is wherever GET is.
    """
    parser = _Parser("GET" if method == "HEAD" else method, paths, rules, site)
    for candidate in _candidates(path, paths.context_path):
        route = parser.parse(candidate)
        if route is not None:
            return route
    raise NotFound("not found")


def _candidates(path: str, context_path: str) -> Iterator[str]:
    if context_path and (path == context_path or path.startswith(f"{context_path}/")):
        yield path.removeprefix(context_path) or "/"
    yield path


@dataclass(frozen=True, slots=True)
class _Parser:
    method: str
    paths: Paths
    rules: Rules
    site: Site

    def parse(self, path: str) -> Route | None:
        if not path.startswith("/") or not path.isprintable():
            return None
        segments = path[1:].split("/")
        # Only the last may be empty: a slash at the end, which some routes allow.
        if any(segment in {".", ".."} for segment in segments) or "" in segments[:-1]:
            return None
        if segments[0] == "api":
            return None if self.rules.disable_api else self._api(segments[1:])
        return self._site(segments) if self.method == "GET" else None

    def _site(self, segments: Sequence[str]) -> Route | None:
        if segments == ["metrics"]:
            return Route(Kind.METRICS) if self.site.enable_metrics else None
        if "-" in segments:
            return self._view(segments)
        above, last = "/".join(segments[:-1]), segments[-1]
        if last == "":
            return self._home(above)
        route = self._of_repository(above, last)
        if route is None and segments[-2:-1] == ["charts"]:
            route = self._file("/".join(segments[:-2]), last)
        if route is None and not _NO_PAGE.fullmatch(last):
            route = self._home("/".join(segments))
        return route

    def _of_repository(self, repo: str, last: str) -> Route | None:
        if last in _OPEN and (not repo or self._fits(repo)):
            return Route(_OPEN[last], repo)
        if last == "index.yaml" and self._fits(repo):
            return Route(Kind.INDEX, repo, action=Action.PULL)
        if last == "artifacthub-repo.yml" and self.site.artifact_hub_repo_ids and self._fits(repo):
            return Route(Kind.ARTIFACT_HUB, repo, action=Action.PULL)
        return None

    def _view(self, segments: Sequence[str]) -> Route | None:
        """Return the route of what is below `[/<repository>]/-/<chart>`, which is a repository of one chart."""
        divide = segments.index("-")
        repo = "/".join(segments[:divide])
        match segments[divide + 1 :]:
            case [chart, "index.yaml"] if self._fits(repo) and _is_chart(chart):
                return Route(Kind.INDEX, repo, chart, action=Action.PULL)
            case [chart, "charts", file] if _is_chart(chart):
                return self._file(repo, file)
            case _:
                return None

    def _home(self, repo: str) -> Route | None:
        # The API itself has a home page at any depth.
        return Route(Kind.HOME, repo, action=Action.PULL) if not repo or self._fits(repo) else None

    def _file(self, repo: str, file: str) -> Route | None:
        # The length comes before the regular expressions, some of which take quadratic time.
        if len(file.encode()) > MAX_FILE:
            return None
        file = _LOST_PLUS.sub(r"\1+\2", file)
        kind = Kind.PACKAGE if _PACKAGE.fullmatch(file) else Kind.PROVENANCE if _PROVENANCE.fullmatch(file) else None
        if kind is None or not self._fits(repo):
            return None
        return Route(kind, repo, file=file, action=Action.PULL)

    def _api(self, segments: Sequence[str]) -> Route | None:
        if self.method == "GET" and segments == ["repositories"]:
            return Route(Kind.REPOSITORIES)
        if self.method == "POST" and segments[-1:] == ["prov"]:
            repo = "/".join(segments[:-1])
            return Route(Kind.UPLOAD_PROVENANCE, repo, action=Action.PUSH) if self._fits(repo) else None
        for position in reversed([index for index, segment in enumerate(segments) if segment == "charts"]):
            repo = "/".join(segments[:position])
            route = _chart_route(segments[position + 1 :])
            if route is not None and self._fits(repo):
                return self._for_method(replace(route, repo=repo), slash=segments[-1] == "")
        return None

    def _for_method(self, route: Route, *, slash: bool) -> Route | None:
        if self.method == "GET":
            return route
        if self.method == "POST" and route.kind is Kind.CHARTS:
            return replace(route, kind=Kind.UPLOAD, action=Action.PUSH)
        # A slash at the end is a script whose version was empty: it must not delete anything, least of all the chart.
        if self.method != "DELETE" or self.rules.disable_delete or slash:
            return None
        if route.kind is Kind.VERSION:
            version = route.version.replace(" ", "+")
            return replace(route, kind=Kind.DELETE_VERSION, version=version, action=Action.DELETE)
        return replace(route, kind=Kind.DELETE_CHART, action=Action.DELETE) if route.kind is Kind.CHART else None

    def _fits(self, repo: str) -> bool:
        return is_repository(repo, self.paths)


def _is_chart(name: str) -> bool:
    return 0 < len(name.encode()) < MAX_FILENAME


def _chart_route(tail: Sequence[str]) -> Route | None:
    """Return the route, without its repository, of what follows `charts`; None if there is none."""
    if len("-".join(tail[:2]).encode()) > MAX_FILENAME - len(".tgz"):
        return None
    match tail:
        case []:
            return Route(Kind.CHARTS, action=Action.PULL)
        case [name] if name:
            return Route(Kind.CHART, name=name, action=Action.PULL)
        case [name, ""] if name:
            # An empty version is the newest, as in ChartMuseum.
            return Route(Kind.VERSION, name=name, version="latest", action=Action.PULL)
        case [name, version, *rest] if name and version:
            kind = {(): Kind.VERSION, ("templates",): Kind.TEMPLATES, ("values",): Kind.VALUES}.get(tuple(rest))
            version = _LOST_PLUS_IN_VERSION.sub(r"\1+\2", version)
            return Route(kind, name=name, version=version, action=Action.PULL) if kind else None
        case _:
            return None
