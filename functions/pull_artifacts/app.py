"""GET /v2/{name}/...: manifests, blobs, tags and referrers of the OCI registry; blobs as redirects to presigned URLs.

Imports no SDK: most pulls meet a cold function.
"""

from charthouse import wiring
from charthouse.registry.ports import Place
from charthouse.settings import Settings
from charthouse.telemetry import plain_telemetry
from charthouse.web.endpoint import Endpoint
from charthouse.web.pulls import Pull
from charthouse.web.registry import token
from charthouse.web.requests import Request
from charthouse.web.responses import Response
from charthouse.web.routes import Kind, Route

settings = Settings.read()
telemetry = plain_telemetry(settings.site)
authorizer = wiring.authorizer(settings, telemetry, registry=True)
lookup = wiring.lookup(settings)
urls = wiring.registry_urls(settings)
KINDS = {Kind.OCI_MANIFEST, Kind.OCI_BLOB, Kind.OCI_TAGS, Kind.OCI_REFERRERS, Kind.OCI_UPLOAD, Kind.OCI_TOKEN}


@Endpoint(settings, authorizer, KINDS, telemetry)
def handler(request: Request, route: Route) -> Response:
    """Answer 200 with exactly the bytes that were pushed, 307 for a blob, or 404."""
    if route.kind is Kind.OCI_TOKEN:
        return token(authorizer, request, settings.paths)
    return Pull(lookup(Place(route.repo, route.name)), urls).answer(request, route)
