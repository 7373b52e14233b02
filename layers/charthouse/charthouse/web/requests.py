"""A request, read from an event of an HTTP API (payload format 2.0)."""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import parse_qsl

from charthouse.access.callers import ANONYMOUS, Identity
from charthouse.errors import BadRequest

_REQUEST_ID = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}")
_QUALITY = re.compile(r"\s*q\s*=\s*(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)\s*")
_HOST = re.compile(r"[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:[0-9]{1,5})?")


@dataclass(frozen=True, slots=True)
class Request:
    """What a client sent, decoded exactly once."""

    method: str
    path: str
    """As the gateway decoded it, once; never decoded again, or `%252e` would become a dot."""
    request_id: str
    query: Mapping[str, str] = field(default_factory=dict)
    """Decoded; the first value counts where a name is repeated, and a name without a value has an empty one."""
    raw_query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    """By lower-case name."""
    body: bytes = b""
    encoded: bool = True
    """Whether the body came as base64, byte for byte; if not, the gateway sent it as text, which damages a package."""
    host: str = "localhost"
    """Host and port by which the client knows this API."""
    scheme: str = "https"
    caller: Identity = ANONYMOUS
    """Who sent it, once that is known."""

    @classmethod
    def read(cls, event: Mapping[str, Any], request_id: str) -> Self:
        """Read the event; `request_id` is used if the client sent none in `X-Request-Id`, or one not fit for a log.

        Raises `BadRequest` if the body is announced as base64 and is not.
        """
        context = _mapping(event.get("requestContext"))
        http = _mapping(context.get("http"))
        headers = {str(name).lower(): value for name, value in _mapping(event.get("headers")).items() if _text(value)}
        given_id = headers.get("x-request-id", "")
        hosts = (headers.get("host", ""), _text(context.get("domainName")), "localhost")
        encoded = event.get("isBase64Encoded") is True
        return cls(
            method=_text(http.get("method")).upper(),
            path=_text(event.get("rawPath")),
            request_id=given_id if _REQUEST_ID.fullmatch(given_id) else request_id,
            query=_query(_text(event.get("rawQueryString"))),
            raw_query=_text(event.get("rawQueryString")),
            headers=headers,
            body=_body(_text(event.get("body")), encoded=encoded),
            encoded=encoded,
            host=next(host for host in hosts if _HOST.fullmatch(host)),
            scheme="http" if headers.get("x-forwarded-proto") == "http" else "https",
        )

    @property
    def is_at_own_domain(self) -> bool:
        """Whether the client came by HTTPS to a domain of the deployment's own, not to API Gateway's."""
        return self.scheme == "https" and not self.host.endswith((".amazonaws.com", ".amazonaws.com.cn"))

    @property
    def authorization(self) -> str | None:
        """The value of `Authorization`, or None."""
        return self.headers.get("authorization")

    @property
    def content_type(self) -> str:
        """The value of `Content-Type`, or an empty string."""
        return self.headers.get("content-type", "")

    @property
    def prefers_async(self) -> bool:
        """Whether the client asks not to wait for the index (RFC 7240, `Prefer: respond-async`)."""
        preferences = self.headers.get("prefer", "").lower().split(",")
        return any(preference.partition(";")[0].strip() == "respond-async" for preference in preferences)

    @property
    def is_change(self) -> bool:
        """Whether the method changes something."""
        return self.method not in {"GET", "HEAD", "OPTIONS"}

    def is_cross_site(self, allowed_origin: str) -> bool:
        """Return whether a page of another site sent this, one that `CorsAllowOrigin` does not trust.

        A browser sends the password or client certificate it remembers along with a form that any page makes it post,
        without asking first. It names the page's origin; programs other than browsers name none. `*` trusts pages only
        with what no form can send: for that a browser asks first, and sends no remembered credentials.
        """
        origin = self.headers.get("origin", "")
        if origin and (allowed_origin == origin or (allowed_origin == "*" and not self._is_simple)):
            return False
        site = self.headers.get("sec-fetch-site", "")
        if site:
            return site not in {"same-origin", "none"}
        return bool(origin) and origin.partition("://")[2].lower() != self.host.lower()

    @property
    def _is_simple(self) -> bool:
        """Whether a form can send this: https://fetch.spec.whatwg.org/#simple-header."""
        media_type = self.content_type.partition(";")[0].strip().lower()
        forms = {"", "text/plain", "multipart/form-data", "application/x-www-form-urlencoded"}
        return self.method == "POST" and media_type in forms

    @property
    def prefers_gzip(self) -> bool:
        """Whether gzip is accepted, and not less than the plain body (RFC 9110, section 12.5.3)."""
        weights: dict[str, float] = {}
        for choice in self.headers.get("accept-encoding", "").lower().split(","):
            coding, _, weight = choice.partition(";")
            quality = _QUALITY.fullmatch(weight) if weight else None
            weights[coding.strip()] = float(quality[1]) if quality else float(not weight)
        others = weights.get("*", 0.0)
        # A plain body is accepted unless it is refused; but if it is not named, gzip is what was asked for.
        return 0 < weights.get("gzip", others) >= weights.get("identity", others)

    def has(self, name: str) -> bool:
        """Return whether the query names this: `?force`, `?force=` and `?force=false` all do, as in ChartMuseum."""
        return name in self.query

    def values(self, name: str) -> list[str]:
        """Return every value the query has for a name."""
        return [value for key, value in parse_qsl(self.raw_query, keep_blank_values=True) if key == name]

    def base_url(self, context_path: str = "") -> str:
        """Return the URL of the root repository, without a slash at its end."""
        return f"{self.scheme}://{self.host}{context_path}"


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _query(raw: str) -> dict[str, str]:
    query: dict[str, str] = {}
    for name, value in parse_qsl(raw, keep_blank_values=True):
        query.setdefault(name, value)
    return query


def _body(body: str, *, encoded: bool) -> bytes:
    # The flag decides, not the Content-Type: the gateway has its own list of text types.
    if not encoded:
        return body.encode("utf-8", "surrogatepass")
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadRequest("the request body is not valid base64") from error
