"""POST /api/charts, POST /api/prov: packages and provenance files, stored so that the index shows them."""

from charthouse.repository.push import Push, push
from charthouse.settings import Settings
from charthouse.web.changes import changed
from charthouse.web.endpoint import endpoint
from charthouse.web.requests import Request
from charthouse.web.responses import Response
from charthouse.web.routes import Kind, Route
from charthouse.web.uploads import Upload, is_form
from charthouse.wiring import storing
from charthouse.wiring.access import make_authorizer

settings = Settings.read()
store = storing.store(settings)


@endpoint(settings, make_authorizer(settings), {Kind.UPLOAD, Kind.UPLOAD_PROVENANCE}, begin=store.journal.begin)
def handler(request: Request, route: Route) -> Response:
    """Answer 201 when the index shows it, 202 when it is stored and the index follows."""
    read = Upload.read if route.kind is Kind.UPLOAD else Upload.read_provenance
    upload = read(request, settings.rules)
    sent = Push(
        upload.package,
        upload.provenance,
        force=request.has("force"),
        patient=not request.prefers_async,
        exists="chart already exists" if is_form(request) else "file already exists",
    )
    return changed(push(store, settings.rules, route.repo, sent), 201, "saved")
