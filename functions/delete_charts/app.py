"""DELETE /api/charts/{name}/{version}, DELETE /api/charts/{name}: one version, or all of them."""

from charthouse.repository.delete import delete_chart, delete_version
from charthouse.settings import Settings
from charthouse.web.changes import changed
from charthouse.web.endpoint import endpoint
from charthouse.web.requests import Request
from charthouse.web.responses import Response
from charthouse.web.routes import Kind, Route
from charthouse.wiring import storing
from charthouse.wiring.access import make_authorizer

settings = Settings.read()
store = storing.store(settings)


@endpoint(settings, make_authorizer(settings), {Kind.DELETE_VERSION, Kind.DELETE_CHART}, begin=store.journal.begin)
def handler(request: Request, route: Route) -> Response:
    """Answer 200 when the index shows it gone, 202 when it is gone and the index follows."""
    patient = not request.prefers_async
    if route.kind is Kind.DELETE_CHART:
        outcome = delete_chart(store, route.repo, route.name, patient=patient)
    else:
        outcome = delete_version(store, route.repo, route.name, route.version, patient=patient)
    return changed(outcome, 200, "deleted")
