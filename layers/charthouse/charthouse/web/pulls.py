"""What the registry answers to clients that pull."""

import json
import re
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlencode

from charthouse.oci.errors import (
    ManifestUnknown,
    QueryInvalid,
    RangeInvalid,
    UploadUnknown,
)
from charthouse.oci.manifests import INDEX
from charthouse.oci.names import Digest, is_tag
from charthouse.registry.lookup import MAX_TAGS, Lookup
from charthouse.registry.ports import BINARY, Place
from charthouse.web.registry import ROOT
from charthouse.web.requests import Request
from charthouse.web.responses import JSON, TEXT, Response, bytes_response
from charthouse.web.routes import Kind, Route

_UPLOAD = re.compile(r"[0-9a-f]{32}")
_RANGE = re.compile(r"bytes=([0-9]{1,15})-([0-9]{1,15})")


class Urls(Protocol):
    """The URLs by which clients fetch blobs themselves."""

    def url(self, place: Place, name: str) -> str:
        """Return the URL of an object of the registry."""

    def file_url(self, repo: str, file: str, version_id: str | None) -> str:
        """Return the URL of a file of a chart repository."""


@dataclass(frozen=True, slots=True)
class Pull:
    """Answers what clients pull from one place."""

    lookup: Lookup
    urls: Urls

    def answer(self, request: Request, route: Route) -> Response:
        """Answer a GET or HEAD; raises the refusals of `Lookup`."""
        match route.kind:
            case Kind.OCI_MANIFEST:
                return self._manifest(route.reference)
            case Kind.OCI_BLOB:
                return self._blob(request, route.reference)
            case Kind.OCI_TAGS:
                return self._tags(request)
            case Kind.OCI_REFERRERS:
                return self._referrers(request, route.reference)
        return upload_status(self.lookup.place, route.reference, self._upload_size(route.reference), 204)

    def _manifest(self, reference: str) -> Response:
        found = self.lookup.manifest(read_reference(reference))
        return bytes_response(200, found.body, found.media_type, {"Docker-Content-Digest": str(found.digest)})

    def _blob(self, request: Request, reference: str) -> Response:
        blob = self.lookup.blob(Digest.parse(reference))
        headers = {"Docker-Content-Digest": str(blob.digest)}
        if blob.body is not None:
            return bytes_response(200, blob.body, BINARY, headers)
        if request.method == "HEAD":
            # Not redirected: the answer of S3 could not name the digest.
            return Response(200, {**headers, "Content-Type": BINARY, "Content-Length": str(blob.size)})
        wanted = _RANGE.fullmatch(request.headers.get("range", ""))
        if wanted and int(wanted[1]) > int(wanted[2]):
            # S3 would take it for no range at all.
            raise RangeInvalid(f"the range {wanted[1]}-{wanted[2]} ends before it begins")
        if blob.file:
            url = self.urls.file_url(self.lookup.place.repo, blob.file, blob.version_id)
        else:
            url = self.urls.url(self.lookup.place, blob.name)
        return Response(307, {**headers, "Content-Type": TEXT, "Location": url, "Cache-Control": "no-store"})

    def _tags(self, request: Request) -> Response:
        limit = _count(request.query.get("n"))
        # A client that asks for none gets none, and no link to more.
        tags, more = self.lookup.tags(request.query.get("last", ""), limit)
        body = json.dumps({"name": self.lookup.place.name, "tags": tags}, separators=(",", ":"))
        headers = {"Content-Type": JSON}
        if more and tags:
            # Without a host, so that it stays on the one the client came to.
            query = urlencode({"n": limit, "last": tags[-1]})
            headers["Link"] = f'<{ROOT}/{self.lookup.place.name}/tags/list?{query}>; rel="next"'
        return Response(200, headers, body)

    def _referrers(self, request: Request, reference: str) -> Response:
        kind = request.query.get("artifactType", "")
        body = self.lookup.referrers(Digest.parse(reference), kind)
        return bytes_response(200, body, INDEX, {"OCI-Filters-Applied": "artifactType"} if kind else {})

    def _upload_size(self, identifier: str) -> int:
        return self.lookup.upload_size(read_upload(identifier))


def read_reference(reference: str) -> Digest | str:
    """Return the digest or tag; raises `DigestInvalid`, or `ManifestUnknown` for what can be neither."""
    if ":" in reference:
        return Digest.parse(reference)
    if not is_tag(reference):
        raise ManifestUnknown(f"{reference[:100]!r} is no tag: letters, digits, '.', '_' and '-', at most 128")
    return reference


def read_upload(identifier: str) -> str:
    """Return the identifier of an upload; raises `UploadUnknown` for what cannot be one."""
    if not _UPLOAD.fullmatch(identifier):
        raise UploadUnknown("there is no such upload")
    return identifier


def upload_status(place: Place, identifier: str, size: int, status: int) -> Response:
    """Answer where an upload stands and where it goes on."""
    headers = {
        "Content-Type": TEXT,
        "Location": upload_path(place, identifier),
        "Range": f"0-{max(size - 1, 0)}",
        "Docker-Upload-UUID": identifier,
    }
    return Response(status, headers)


def upload_path(place: Place, identifier: str) -> str:
    """Return the path of an upload."""
    return f"{ROOT}/{place.name}/blobs/uploads/{identifier}"


def _count(text: str | None) -> int:
    if text is None:
        return MAX_TAGS
    if not text.isascii() or not text.isdigit() or len(text) > 9:  # noqa: PLR2004  beyond any count
        raise QueryInvalid("n is not a valid non-negative integer")
    return min(int(text), MAX_TAGS)
