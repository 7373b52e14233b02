"""GET /, /health, /info, /metrics, and everything no other function answers."""

from charthouse import wiring
from charthouse.access.grants import Action
from charthouse.settings import Settings
from charthouse.telemetry import plain_telemetry
from charthouse.web.endpoint import Endpoint
from charthouse.web.pages import metrics
from charthouse.web.requests import Request
from charthouse.web.responses import Response
from charthouse.web.routes import Kind, Route

settings = Settings.read()
telemetry = plain_telemetry(settings.site)
authorizer = wiring.authorizer(settings, telemetry)


@Endpoint(settings, authorizer, {Kind.METRICS}, telemetry)
def handler(request: Request, _route: Route) -> Response:
    """Answer 200; of the repositories only those the client may read."""
    # Only here is the SDK imported: a health check should not wait for it.
    ports = wiring.ports(settings, telemetry)
    names = authorizer.filter_allowed(Action.PULL, ports.indexes.repositories(), request.authorization)
    return metrics(ports.catalog.states(names))
