"""DELETE /api/charts/{name}/{version}, DELETE /api/charts/{name}: one version, or all of them."""

from charthouse import wiring
from charthouse.repository.changes import delete_chart, delete_version
from charthouse.repository.publish import Outcome
from charthouse.settings import Settings
from charthouse.telemetry import powertools_telemetry
from charthouse.web.endpoint import Endpoint
from charthouse.web.requests import Request
from charthouse.web.responses import Response, change_response
from charthouse.web.routes import Kind, Route

settings = Settings.read()
telemetry = powertools_telemetry(settings.site)
ports = wiring.ports(settings, telemetry)


@Endpoint(settings, wiring.authorizer(settings, telemetry), {Kind.DELETE_VERSION, Kind.DELETE_CHART}, telemetry)
def handler(request: Request, route: Route) -> Response:
    """Answer 200 when the index shows it gone, 202 when it is gone and the index follows."""
    repository, wait = ports.repository(route.repo), not request.prefers_async
    if route.kind is Kind.DELETE_CHART:
        outcome = delete_chart(repository, route.name, wait=wait)
    else:
        outcome = delete_version(repository, route.name, route.version, wait=wait)
    return change_response(200, "deleted", published=outcome is Outcome.PUBLISHED)
