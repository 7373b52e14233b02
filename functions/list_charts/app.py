"""GET /api/charts and below: lists, one chart, one version, its templates and values; GET /api/repositories."""

from charthouse.access.grants import Action
from charthouse.helm import chart_files
from charthouse.repository.find import find_chart, find_line, find_version, list_charts, read_package
from charthouse.repository.store import folder
from charthouse.settings import Settings
from charthouse.web.endpoint import endpoint
from charthouse.web.listing import Sender, page
from charthouse.web.requests import Request
from charthouse.web.responses import JSON, Response, json_response, json_text
from charthouse.web.routes import Kind, Route
from charthouse.wiring import storing
from charthouse.wiring.access import make_authorizer

settings = Settings.read()
authorizer = make_authorizer(settings)
store = storing.store(settings)
sender = Sender(storing.answers(settings).offer)
KINDS = {Kind.CHARTS, Kind.CHART, Kind.VERSION, Kind.TEMPLATES, Kind.VALUES, Kind.REPOSITORIES}


@endpoint(settings, authorizer, KINDS, begin=store.journal.begin)
def handler(request: Request, route: Route) -> Response:
    """Answer 200 with JSON (values: YAML), or 404 in Helm's words."""
    match route.kind:
        case Kind.REPOSITORIES:
            names = store.indexes.repositories()
            return json_response(200, authorizer.filter_allowed(Action.PULL, names, request.authorization))
        case Kind.CHARTS:
            return sender.send(request, list_charts(store, route.repo, *page(request)), JSON)
        case Kind.CHART:
            return sender.send(request, find_chart(store, route.repo, route.name).encode(), JSON)
        case Kind.VERSION:
            row = find_version(store, route.repo, route.name, route.version)
            return sender.send(request, find_line(store, row).encode(), JSON)
    row = find_version(store, route.repo, route.name, route.version)
    package = read_package(store, row)
    url = f"{request.base_url(settings.paths.context_path)}/{folder(route.repo)}charts/{row.file}"
    if route.kind is Kind.TEMPLATES:
        return sender.send_contents(json_text(chart_files.templates(package)).encode(), JSON, url)
    return sender.send_contents(chart_files.values(package), "application/yaml", url)
