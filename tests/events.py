"""Events of an HTTP API, payload format 2.0, shaped as AWS sends them."""

import base64
from collections.abc import Mapping
from typing import Any

TEXT_TYPES = ("text/", "application/json", "application/xml", "application/javascript")
"""The gateway hands bodies of these types over as text, everything else as base64."""


def an_event(
    method: str = "GET",
    path: str = "/",
    *,
    query: str = "",
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
) -> dict[str, Any]:
    """Return the event of a request; `path` is decoded already, as `rawPath` is, and `query` is not."""
    sent = {"host": "charts.example.com", "x-forwarded-proto": "https"}
    sent |= {name.lower(): value for name, value in (headers or {}).items()}
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "headers": sent,
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "a1b2c3d4e5",
            "domainName": sent["host"],
            "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1"},
            "requestId": "JKJaXmPLvHcESHA=",
            "stage": "$default",
            "timeEpoch": 1583348638390,
        },
        "isBase64Encoded": False,
    }
    if body:
        is_text = sent.get("content-type", "").startswith(TEXT_TYPES)
        event["body"] = body.decode("utf-8", "replace") if is_text else base64.b64encode(body).decode()
        event["isBase64Encoded"] = not is_text
    return event


def a_form(*parts: tuple[str, bytes], file: str = "mychart-0.1.0.tgz", boundary: str = "7d8f") -> tuple[str, bytes]:
    """Return Content-Type and body of a form whose parts are files, as curl and helm cm-push write it."""
    body = b""
    for name, data in parts:
        body += (
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; filename="{file}"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        ).encode()
        body += data + b"\r\n"
    return f"multipart/form-data; boundary={boundary}", body + f"--{boundary}--\r\n".encode()
