"""Payload format 2.0: the event an HTTP API makes of a request, and the response it makes of a function's answer.

Format: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
What that page leaves out was measured on AWS by others; each rule below says what it is.
"""

import base64
import binascii
import json
import re
import secrets
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import parse_qsl, unquote

from local.routes import Match

JSON = "application/json"
TEXT = re.compile(r"text/.*|application/(json|xml|javascript)")
"""Types whose bodies come as text; every other body, also one without a type, comes in base64."""

HOP_BY_HOP = frozenset(
    {"connection", "expect", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"}
)
OVERRIDDEN = HOP_BY_HOP | {"apigw-requestid", "content-length", "date", "server"}
"""What the gateway writes itself, whatever the function said."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it came over the wire."""

    method: str
    target: str
    """Path and query, still encoded."""
    headers: Sequence[tuple[str, str]]
    body: bytes = b""
    remote: str = "127.0.0.1"
    protocol: str = "HTTP/1.1"
    request_id: str = field(default_factory=lambda: base64.b64encode(secrets.token_bytes(11)).decode())
    """16 characters, as AWS's."""

    @property
    def path(self) -> str:
        """The path, decoded once; an encoded question mark ends it."""
        return unquote(self.target.partition("?")[0], errors="replace").partition("?")[0]

    @property
    def query(self) -> str:
        """The query, as it came."""
        return self.target.partition("?")[2]

    def header(self, name: str) -> str:
        """Return a header, several of one name joined by commas; empty if there is none."""
        return ",".join(value for key, value in self.headers if key.lower() == name)


def event(request: Request, match: Match, api_id: str) -> dict[str, Any]:
    """Return the event for the function behind the route."""
    now = time.time()
    host = request.header("host")
    made: dict[str, Any] = {
        "version": "2.0",
        "routeKey": match.route.key,
        "rawPath": request.path,
        "rawQueryString": request.query,
        "headers": _headers(request, host),
        "requestContext": {
            "accountId": "anonymous",
            "apiId": api_id,
            "domainName": host,
            "domainPrefix": host.partition(".")[0],
            "http": {
                "method": request.method,
                "path": request.path,
                "protocol": request.protocol,
                "sourceIp": request.remote,
                "userAgent": request.header("user-agent"),
            },
            "requestId": request.request_id,
            "routeKey": match.route.key,
            "stage": "$default",
            "time": time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(now)),
            "timeEpoch": int(now * 1000),
        },
        "isBase64Encoded": False,
    }
    cookies = [cookie.strip() for cookie in request.header("cookie").split(";") if cookie.strip()]
    if cookies:
        made["cookies"] = cookies
    if request.query:
        made["queryStringParameters"] = _joined(parse_qsl(request.query, keep_blank_values=True))
    if match.parameters:
        made["pathParameters"] = dict(match.parameters)
    if request.body:
        made["isBase64Encoded"] = not TEXT.fullmatch(request.header("content-type").partition(";")[0].strip().lower())
        made["body"] = (
            base64.b64encode(request.body).decode()
            if made["isBase64Encoded"]
            else request.body.decode(errors="replace")
        )
    return made


@dataclass(frozen=True, slots=True)
class Response:
    """What the client gets."""

    status: int
    headers: Sequence[tuple[str, str]] = ()
    body: bytes = b""
    length: str = ""
    """The function's Content-Length: how long the body would be that it leaves out of its answer to a HEAD."""

    @classmethod
    def message(cls, status: int, text: str) -> Self:
        """Return an answer of the gateway's own."""
        return cls(status, [("content-type", JSON)], json.dumps({"message": text}, separators=(",", ":")).encode())

    @staticmethod
    def of(payload: bytes) -> "Response":
        """Read a function's answer; one that makes no sense is a 500, as on AWS."""
        try:
            answer = json.loads(payload)
        except ValueError:
            return INTERNAL_SERVER_ERROR
        if not isinstance(answer, dict) or "statusCode" not in answer:
            return Response(200, [("content-type", JSON)], payload)
        status, headers = answer["statusCode"], answer.get("headers") or {}
        if not _is_status(status) or not isinstance(headers, Mapping):
            return INTERNAL_SERVER_ERROR
        body = _body(answer)
        if body is None:
            return INTERNAL_SERVER_ERROR
        kept = [(str(name), _text(value)) for name, value in headers.items() if str(name).lower() not in OVERRIDDEN]
        if not any(name.lower() == "content-type" for name, _ in kept):
            kept.append(("content-type", "text/plain; charset=utf-8"))
        kept.extend(("set-cookie", str(cookie)) for cookie in answer.get("cookies") or [])
        length = next((_text(value) for name, value in headers.items() if str(name).lower() == "content-length"), "")
        return Response(int(status), kept, body, length)


INTERNAL_SERVER_ERROR = Response.message(500, "Internal Server Error")


def _headers(request: Request, host: str) -> dict[str, str]:
    joined = _joined(
        (name.lower(), value)
        for name, value in request.headers
        if name.lower() not in HOP_BY_HOP and name.lower() != "cookie"
    )
    forwarded = [joined["x-forwarded-for"], request.remote] if "x-forwarded-for" in joined else [request.remote]
    return {
        **joined,
        "x-amzn-trace-id": f"Root=1-{int(time.time()):08x}-{secrets.token_hex(12)}",
        "x-forwarded-for": ", ".join(forwarded),
        "x-forwarded-port": host.rpartition(":")[2] if ":" in host else "80",
        "x-forwarded-proto": "http",
    }


def _joined(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in pairs:
        found[name] = f"{found[name]},{value}" if name in found else value
    return found


def _is_status(status: object) -> bool:
    return type(status) in {int, str} and re.fullmatch(r"[1-5]\d\d", str(status), re.ASCII) is not None


def _body(answer: Mapping[str, Any]) -> bytes | None:
    body = answer.get("body")
    if body is None:
        return b""
    if not isinstance(body, str):
        return json.dumps(body).encode()
    if not answer.get("isBase64Encoded"):
        return body.encode(errors="replace")
    try:
        return base64.b64decode(body, validate=True)
    except (ValueError, binascii.Error):
        return None


def _text(value: object) -> str:
    return json.dumps(value) if isinstance(value, bool | dict | list) or value is None else str(value)
