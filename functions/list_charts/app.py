"""GET /api/charts and below: lists, one chart, one version, its templates and values; GET /api/repositories."""

from charthouse import wiring
from charthouse.access.grants import Action
from charthouse.repository.lookup import entry_of, find_chart, find_version, list_charts, read_package
from charthouse.settings import Settings
from charthouse.telemetry import powertools_telemetry
from charthouse.web.endpoint import Endpoint
from charthouse.web.listing import Sender, page
from charthouse.web.requests import Request
from charthouse.web.responses import JSON, Response, html_safe, json_response
from charthouse.web.routes import Kind, Route

settings = Settings.read()
telemetry = powertools_telemetry(settings.site)
ports = wiring.ports(settings, telemetry)
authorizer = wiring.authorizer(settings, telemetry)
sender = Sender(wiring.offer(settings))
KINDS = {Kind.CHARTS, Kind.CHART, Kind.VERSION, Kind.TEMPLATES, Kind.VALUES, Kind.REPOSITORIES}


@Endpoint(settings, authorizer, KINDS, telemetry)
def handler(request: Request, route: Route) -> Response:
    """Answer 200 with JSON (values: YAML), or 404 in Helm's words."""
    repository = ports.repository(route.repo)
    match route.kind:
        case Kind.REPOSITORIES:
            names = ports.indexes.repositories()
            return json_response(200, authorizer.filter_allowed(Action.PULL, names, request.authorization))
        case Kind.CHARTS:
            return sender.send(request, list_charts(repository, *page(request)), JSON)
        case Kind.CHART:
            return sender.send(request, find_chart(repository, route.name).encode(), JSON)
    row = find_version(repository, route.name, route.version)
    if route.kind is Kind.VERSION:
        return sender.send(request, entry_of(repository, row).encode(), JSON)
    package = read_package(repository, row)
    folder = f"{route.repo}/" if route.repo else ""
    url = f"{request.base_url(settings.paths.context_path)}/{folder}charts/{row.file}"
    if route.kind is Kind.TEMPLATES:
        return sender.send_contents(lambda: html_safe(ports.reader.templates(package).decode()).encode(), JSON, url)
    return sender.send_contents(lambda: ports.reader.values(package), "application/yaml", url)
