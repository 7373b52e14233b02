"""GET /index.yaml, GET /charts/{file}: redirects to presigned URLs; the bytes never pass through here.

The same below /-/{chart}, which is a repository of one chart. Imports no SDK: most reads of a chart repository meet a
cold function.
"""

from charthouse import wiring
from charthouse.aws.presign import Method
from charthouse.errors import NotFound
from charthouse.settings import Settings
from charthouse.telemetry import plain_telemetry
from charthouse.web.endpoint import Endpoint
from charthouse.web.requests import Request
from charthouse.web.responses import YAML, Response, bytes_response, redirect
from charthouse.web.routes import Kind, Route

VARY = {"Vary": "Accept-Encoding"}
"""An index comes compressed or plain, as the client prefers."""

settings = Settings.read()
telemetry = plain_telemetry(settings.site)
files = wiring.presigned_files(settings)


@Endpoint(settings, wiring.authorizer(settings, telemetry), {Kind.INDEX, Kind.PACKAGE, Kind.PROVENANCE}, telemetry)
def handler(request: Request, route: Route) -> Response:
    """Answer 302; for a repository without an index 200 with an empty one, for a chart that never was 404."""
    # A URL is signed for one method: a HEAD of a URL for GET would be refused.
    method: Method = "HEAD" if request.method == "HEAD" else "GET"
    if route.kind is not Kind.INDEX:
        return redirect(files.file_url(method, route.repo, route.file))
    url = files.index_url(method, route.repo, route.name, compressed=request.prefers_gzip)
    if url:
        return redirect(url, VARY)
    if route.name:
        raise NotFound("chart not found")
    # What only a new repository needs is not imported before.
    from charthouse.repository.repository import empty_index  # noqa: PLC0415

    return bytes_response(200, empty_index(settings.layout, route.repo), YAML, VARY)
