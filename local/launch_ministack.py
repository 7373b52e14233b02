"""Run inside the emulator's own environment: MiniStack with two habits of its own.

It ends cleanly, state saved, when whoever started it is gone (its standard input closes), and its S3 refuses a
presigned request that also carries an Authorization header, as AWS's does and MiniStack does not.
"""

import os
import signal
import threading
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs

import ministack.app  # type: ignore[import-not-found]

type Application = Callable[[Any, Any, Any], Awaitable[None]]

REFUSAL = b"""<?xml version="1.0" encoding="UTF-8"?>
<Error><Code>InvalidArgument</Code><Message>Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, \
Signature query string parameter or the Authorization header should be specified</Message>\
<ArgumentName>Authorization</ArgumentName></Error>"""
"""S3's own words for it."""


def one_mechanism_only(application: Application) -> Application:
    """Answer 400 to a presigned request with an Authorization header; pass everything else on."""

    async def answer(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and _presigned(scope) and _authorized(scope):
            headers = [(b"content-type", b"application/xml"), (b"content-length", str(len(REFUSAL)).encode())]
            await send({"type": "http.response.start", "status": 400, "headers": headers})
            await send({"type": "http.response.body", "body": REFUSAL})
        else:
            await application(scope, receive, send)

    return answer


def _presigned(scope: Any) -> bool:
    query = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    return "X-Amz-Signature" in query or "Signature" in query


def _authorized(scope: Any) -> bool:
    return any(name.lower() == b"authorization" for name, _ in scope["headers"])


def _end_with_the_starter() -> None:
    while os.read(0, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    threading.Thread(target=_end_with_the_starter, daemon=True).start()
    ministack.app.app = one_mechanism_only(ministack.app.app)
    ministack.app.main()
