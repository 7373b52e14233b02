"""POST, PUT, PATCH, DELETE /v2/{name}/...: blobs and manifests pushed to the OCI registry, or deleted there."""

from charthouse import wiring
from charthouse.access.grants import Action
from charthouse.errors import Forbidden, Unauthorized
from charthouse.registry.ports import Place
from charthouse.registry.registry import Registry
from charthouse.settings import Settings
from charthouse.telemetry import powertools_telemetry
from charthouse.web.endpoint import Endpoint
from charthouse.web.pushes import Push
from charthouse.web.registry import credentials, token
from charthouse.web.requests import Request
from charthouse.web.responses import Response
from charthouse.web.routes import Kind, Route

settings = Settings.read()
telemetry = powertools_telemetry(settings.site)
authorizer = wiring.authorizer(settings, telemetry, registry=True)
ports = wiring.ports(settings, telemetry)
store = wiring.artifacts(settings)
KINDS = {Kind.OCI_MANIFEST, Kind.OCI_BLOB, Kind.OCI_UPLOADS, Kind.OCI_UPLOAD, Kind.OCI_TOKEN}


@Endpoint(settings, authorizer, KINDS, telemetry)
def handler(request: Request, route: Route) -> Response:
    """Answer 201 when clients of both protocols can pull it, 202 for uploads under way and deletes."""
    if route.kind is Kind.OCI_TOKEN:
        return token(authorizer, request, settings.paths)

    def may_pull(repo: str) -> bool:
        try:
            authorizer.authorize(Action.PULL, repo, credentials(request))
        except (Forbidden, Unauthorized):
            return False
        return True

    place = Place(route.repo, route.name)
    repository = ports.on_behalf_of(request.caller.label).repository(place.repo)
    registry = Registry(place, store, repository, settings.rules)
    return Push(registry, settings.paths, may_pull).answer(request, route)
