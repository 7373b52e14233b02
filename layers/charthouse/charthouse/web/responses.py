"""A response, and its form as the answer of a Lambda behind an HTTP API (payload format 2.0)."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

JSON = "application/json; charset=utf-8"
TEXT = "text/plain; charset=utf-8"
HTML = "text/html; charset=utf-8"
YAML = "application/x-yaml"

FOLLOWS = '199 charthouse "stored; the index follows within minutes"'
"""The `Warning` of an answer that did not wait for the index."""


@dataclass(frozen=True, slots=True)
class Response:
    """Status, headers and body; the headers always name the `Content-Type` (the gateway would say text/plain)."""

    status: int
    headers: Mapping[str, str] = field(default_factory=lambda: {"Content-Type": TEXT})
    body: bytes | str = ""
    """Text, or bytes, which travel as base64."""

    def event(self) -> dict[str, Any]:
        """Return the answer as the gateway expects it.

        A HEAD is answered like its GET, body included: it is not documented whether the gateway counts the body or
        trusts our length, and with the body both are right. It does not pass the body on.
        """
        binary = isinstance(self.body, bytes)
        return {
            "statusCode": int(self.status),
            "headers": {name: _one_line(value) for name, value in self.headers.items()},
            "body": base64.b64encode(self.body).decode() if isinstance(self.body, bytes) else _utf8(self.body),
            "isBase64Encoded": binary,
        }


def json_response(status: int, value: object, headers: Mapping[str, str] | None = None) -> Response:
    """Answer with compact JSON as Go writes it: UTF-8, `<`, `>` and `&` escaped, no newline at the end."""
    return Response(status, {"Content-Type": JSON, **(headers or {})}, json_text(value))


def json_text(value: object) -> str:
    """Return the value as compact JSON that is also safe inside HTML."""
    return _utf8(html_safe(json.dumps(value, ensure_ascii=False, separators=(",", ":"))))


def html_safe(json_text: str) -> str:
    """Return the same JSON without characters that HTML or JavaScript could act on."""
    # These occur in strings only, never in JSON's own syntax.
    for character in "<>&\u2028\u2029":
        json_text = json_text.replace(character, f"\\u{ord(character):04x}")
    return json_text


def change_response(status: int, word: str, *, published: bool) -> Response:
    """Answer a change with `{"<word>":true}` and this status, or 202 with a `Warning` if the index has to follow."""
    if published:
        return json_response(status, {word: True})
    return json_response(202, {word: True}, {"Warning": FOLLOWS})


def text_response(
    status: int, text: str, content_type: str = TEXT, headers: Mapping[str, str] | None = None
) -> Response:
    """Answer with text of this type."""
    return Response(status, {"Content-Type": content_type, **(headers or {})}, text)


def bytes_response(status: int, body: bytes, content_type: str, headers: Mapping[str, str] | None = None) -> Response:
    """Answer with these bytes of this type."""
    return Response(status, {"Content-Type": content_type, **(headers or {})}, body)


def redirect(url: str, headers: Mapping[str, str] | None = None) -> Response:
    """Send the client to a URL that is valid for minutes, so neither to be stored nor sent on as a referrer."""
    private = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
    return Response(302, {"Content-Type": TEXT, "Location": url, **private, **(headers or {})})


def _one_line(value: str) -> str:
    """Make a header value of visible ASCII: no line breaks, nothing a gateway may choke on."""
    return "".join(character if " " <= character <= "~" else "?" for character in value)


def _utf8(text: str) -> str:
    """Replace what UTF-8 cannot hold (lone surrogates), which would break the answer on its way."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()
