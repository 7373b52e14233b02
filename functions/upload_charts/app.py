"""POST /api/charts, POST /api/prov: packages and provenance files, stored so that the index shows them."""

from charthouse import wiring
from charthouse.repository.changes import Push, push
from charthouse.repository.publish import Outcome
from charthouse.settings import Settings
from charthouse.telemetry import powertools_telemetry
from charthouse.web.endpoint import Endpoint
from charthouse.web.requests import Request
from charthouse.web.responses import Response, change_response
from charthouse.web.routes import Kind, Route
from charthouse.web.uploads import Upload, is_form

settings = Settings.read()
telemetry = powertools_telemetry(settings.site)
ports = wiring.ports(settings, telemetry)


@Endpoint(settings, wiring.authorizer(settings, telemetry), {Kind.UPLOAD, Kind.UPLOAD_PROVENANCE}, telemetry)
def handler(request: Request, route: Route) -> Response:
    """Answer 201 when the index shows it, 202 when it is stored and the index follows."""
    read = Upload.read if route.kind is Kind.UPLOAD else Upload.read_provenance
    upload = read(request, settings.rules)
    outcome = push(
        ports.on_behalf_of(request.caller.label).repository(route.repo),
        settings.rules,
        Push(
            upload.package,
            upload.provenance,
            force=request.has("force"),
            wait=not request.prefers_async,
            exists="chart already exists" if is_form(request) else "file already exists",
        ),
    )
    return change_response(201, "saved", published=outcome is Outcome.PUBLISHED)
