"""What the registry answers to clients that push or delete."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from charthouse.errors import TooLarge
from charthouse.oci.errors import ManifestInvalid, NameInvalid, UploadInvalid
from charthouse.oci.names import Digest, is_tag
from charthouse.registry import uploads
from charthouse.registry.manifests import delete_manifest, push_manifest
from charthouse.registry.ports import Place
from charthouse.registry.registry import Registry
from charthouse.settings import MAX_UPLOAD_SIZE, Paths
from charthouse.web.pulls import read_reference, read_upload, upload_status
from charthouse.web.registry import ROOT, split_name
from charthouse.web.requests import Request
from charthouse.web.responses import TEXT, Response
from charthouse.web.routes import Kind, Route

MAX_PUSHED_TAGS = 10
"""Tags that one request may give a manifest; each costs some writes."""

_SPAN = re.compile(r"(?:bytes )?([0-9]{1,15})-([0-9]{1,15})(?:/.*)?")


@dataclass(frozen=True, slots=True)
class Push:
    """Answers what clients push to one place, or delete there."""

    registry: Registry
    paths: Paths
    may_pull: Callable[[str], bool]
    """Whether the caller may read another chart repository, to mount a blob from it."""

    @property
    def place(self) -> Place:
        """The place."""
        return self.registry.place

    def answer(self, request: Request, route: Route) -> Response:
        """Answer a POST, PUT, PATCH or DELETE; raises the refusals of `charthouse.registry`."""
        match route.kind, request.method:
            case Kind.OCI_MANIFEST, "PUT":
                return self._put_manifest(request, route.reference)
            case Kind.OCI_MANIFEST, "DELETE":
                delete_manifest(self.registry, read_reference(route.reference))
                return Response(202)
            case Kind.OCI_BLOB, "DELETE":
                uploads.delete_blob(self.registry, Digest.parse(route.reference))
                return Response(202)
            case Kind.OCI_UPLOADS, "POST":
                return self._begin(request)
        return self._upload(request, read_upload(route.reference))

    def _upload(self, request: Request, identifier: str) -> Response:
        if request.method == "DELETE":
            uploads.cancel_upload(self.registry, identifier)
            return Response(204)
        if request.method == "PATCH":
            size = uploads.append(self.registry, identifier, request.body, _span(request))
            return upload_status(self.place, identifier, size, 202)
        digest = Digest.parse(request.query.get("digest"))
        uploads.finish_upload(self.registry, identifier, digest, request.body, _span(request))
        return _created(_blob_path(self.place, digest), digest)

    def _begin(self, request: Request) -> Response:
        if "digest" in request.query:
            digest = Digest.parse(request.query["digest"])
            uploads.put_blob(self.registry, digest, request.body)
            return _created(_blob_path(self.place, digest), digest)
        if "mount" in request.query:
            digest = Digest.parse(request.query["mount"])
            source = self._source(request.query.get("from", ""))
            if source is not None and uploads.mount_blob(self.registry, digest, source):
                return _created(_blob_path(self.place, digest), digest)
        return upload_status(self.place, uploads.begin_upload(self.registry), 0, 202)

    def _source(self, name: str) -> Place | None:
        """Return the place to mount from, if there can be one and the caller may read it: neither is ever said."""
        try:
            place = Place(*split_name(name, self.paths))
        except NameInvalid:
            return None
        return place if self.may_pull(place.repo) else None

    def _put_manifest(self, request: Request, reference: str) -> Response:
        if len(request.body) > MAX_UPLOAD_SIZE:
            raise TooLarge(f"{len(request.body)} bytes: a manifest may have {MAX_UPLOAD_SIZE} here")
        tags = request.values("tag")
        if not all(is_tag(tag) for tag in tags) or len(tags) > MAX_PUSHED_TAGS:
            raise ManifestInvalid(f"at most {MAX_PUSHED_TAGS} tags of letters, digits, '.', '_' and '-'")
        wanted = read_reference(reference)
        pushed = push_manifest(self.registry, wanted, request.body, request.content_type, tags)
        more = {"OCI-Subject": str(pushed.subject)} if pushed.subject else {}
        if pushed.tags:
            more["OCI-Tag"] = ", ".join(pushed.tags)
        return _created(f"{ROOT}/{self.place.name}/manifests/{pushed.digest}", pushed.digest, more)


def _span(request: Request) -> tuple[int, int] | None:
    """Return first and last byte of a chunk, or None if the request does not say; raises `UploadInvalid`."""
    text = request.headers.get("content-range")
    if text is None:
        return None
    found = _SPAN.fullmatch(text)
    if not found:
        raise UploadInvalid(f"Content-Range {text[:100]!r} is not <first>-<last>")
    return int(found[1]), int(found[2])


def _created(path: str, digest: Digest, more: Mapping[str, str] | None = None) -> Response:
    """Answer 201: where it is, and its digest."""
    headers = {"Content-Type": TEXT, "Location": path, "Docker-Content-Digest": str(digest)}
    return Response(201, {**headers, **(more or {})})


def _blob_path(place: Place, digest: Digest) -> str:
    """Return the path of a blob."""
    return f"{ROOT}/{place.name}/blobs/{digest}"
