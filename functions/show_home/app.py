"""GET /, /health, /info, /metrics, and everything no other function answers."""

from charthouse.access.grants import Action
from charthouse.settings import Settings
from charthouse.web.endpoint import endpoint
from charthouse.web.metrics import PROMETHEUS, render_metrics
from charthouse.web.requests import Request
from charthouse.web.responses import Response, text_response
from charthouse.web.routes import Kind, Route
from charthouse.wiring.access import make_authorizer

settings = Settings.read()
authorizer = make_authorizer(settings)


@endpoint(settings, authorizer, {Kind.METRICS})
def handler(request: Request, _route: Route) -> Response:
    """Answer 200; of the repositories only those the client may read."""
    # Only metrics need the SDK; a health check should not wait for it.
    from charthouse.wiring import storing  # noqa: PLC0415

    store = storing.store(settings)
    names = authorizer.filter_allowed(Action.PULL, store.indexes.repositories(), request.authorization)
    markers = [marker for name in names if (marker := store.markers.get(name)) is not None]
    return text_response(200, render_metrics(markers), PROMETHEUS)
