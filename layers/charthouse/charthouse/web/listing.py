"""Lists: which page of them, and how an answer too large for a Lambda reaches its client."""

import gzip
import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from charthouse.errors import BadRequest, TooLarge
from charthouse.settings import MAX_ANSWER
from charthouse.web.requests import Request
from charthouse.web.responses import Response, bytes_response, redirect

type Offer = Callable[[str, bytes, str], str]
"""Stores (name, body, content type) for minutes, and returns a URL to fetch it from."""


def page(request: Request) -> tuple[int, int | None]:
    """Return `offset` and `limit` of the query, in charts; raises `BadRequest` with ChartMuseum's texts."""
    offset = _whole(request.query.get("offset", "0"))
    if offset is None:
        raise BadRequest("offset is not a valid non-negative integer")
    if "limit" not in request.query:
        return offset, None
    limit = _whole(request.query["limit"])
    if not limit:
        raise BadRequest("limit is not a valid positive integer")
    return offset, limit


def _whole(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None  # noqa: PLR2004  fits 64 bits


@dataclass(frozen=True, slots=True)
class Sender:
    """Sends bodies of any size: as they are, gzipped, or from the bucket."""

    offer: Offer

    def send(self, request: Request, body: bytes, content_type: str) -> Response:
        """Answer 200, gzipped if it has to be and the client accepts that, else 302 to a copy stored for minutes.

        The copy has the name of its content, so that a list is stored once, however often it is requested.
        """
        if len(body) <= MAX_ANSWER:
            return bytes_response(200, body, content_type)
        if request.prefers_gzip:
            compressed = gzip.compress(body, compresslevel=5, mtime=0)
            if len(compressed) <= MAX_ANSWER:
                headers = {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
                return bytes_response(200, compressed, content_type, headers)
        return redirect(self.offer(hashlib.sha256(body).hexdigest(), body, content_type))

    def send_contents(self, read: Callable[[], bytes], content_type: str, package_url: str) -> Response:
        """Answer 200 with what `read` returns; raises `TooLarge` with the package's URL if it is too large."""
        try:
            body = read()
        except TooLarge as refusal:
            raise TooLarge(f"{refusal.message}; it is in the package: {package_url}") from refusal
        if len(body) > MAX_ANSWER:
            raise TooLarge(f"{len(body)} bytes are more than this API can answer; it is in the package: {package_url}")
        return bytes_response(200, body, content_type)
