"""Run inside the emulator's own environment: MiniStack with three habits of its own.

It ends cleanly, state saved, when whoever started it is gone (its standard input closes). Its S3 refuses a presigned
request that also carries an Authorization header, as AWS's does and MiniStack does not. And its S3 and DynamoDB fail
the functions' calls where they are told to, as AWS's do now and then (`misbehaving`); by themselves they never do.
"""

import hashlib
import json
import os
import re
import signal
import tempfile
import threading
import zipfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs

import ministack.app  # type: ignore[import-not-found]
import ministack.core.lambda_runtime  # type: ignore[import-not-found]

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
            await _send(send, 400, b"application/xml", REFUSAL)
        else:
            await application(scope, receive, send)

    return answer


FAULTS = "/_local/faults"
"""PUT a JSON list here: which calls are to fail from now on. GET: how many have, one number for each of the list."""

OVERLOADED = {
    "s3": (
        503,
        b"application/xml",
        b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>",
    ),
    "dynamodb": (
        400,
        b"application/x-amz-json-1.0",
        b'{"__type":"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException","message":"Too fast."}',
    ),
}
"""What each says when there is too much of it: status, type, body."""


def misbehaving(application: Application) -> Application:
    """Fail calls to S3 and DynamoDB as `FAULTS` was told; root's calls and presigned URLs are left alone.

    A fault is `{"call": …, "times": …, "after": …}`: a pattern found in `s3 PUT /bucket/key` or `dynamodb PutItem {…}`,
    how many calls it hits (the next ones), and whether only the answer is lost, not the effect.
    """
    faults: list[dict[str, Any]] = []

    async def answer(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and scope["path"] == FAULTS:
            if scope["method"] == "PUT":
                faults[:] = [{**fault, "hit": 0} for fault in json.loads(await _body(receive))]
            body = json.dumps([fault["hit"] for fault in faults]).encode()
            return await _send(send, 200, b"application/json", body)
        service, call = _call(scope) if faults and scope["type"] == "http" else ("", "")
        if service == "dynamodb":
            body = await _body(receive)
            call, receive = f"{call} {body.decode()}", _said_again(body, receive)
        hits = (
            fault for fault in faults if service and fault["hit"] < fault["times"] and re.search(fault["call"], call)
        )
        hit = next(hits, None)
        if hit is None:
            return await application(scope, receive, send)
        hit["hit"] += 1
        if hit.get("after"):
            await application(scope, receive, _unheard)
        else:
            await _body(receive)
        return await _send(send, *OVERLOADED[service])

    return answer


def _call(scope: Any) -> tuple[str, str]:
    """Return the service and what a function asks of it; empty for everybody else and every other service."""
    headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
    signed = re.search(r"Credential=([^/]+)/[^/]+/[^/]+/(s3|dynamodb)/", headers.get(b"authorization", ""))
    if signed is None or signed[1] == "test":
        return "", ""
    if signed[2] == "dynamodb":
        return "dynamodb", f"dynamodb {headers.get(b'x-amz-target', '').rpartition('.')[2]}"
    return "s3", f"s3 {scope['method']} {scope['path']}"


def _said_again(body: bytes, receive: Any) -> Any:
    """Return what receives a body once more that was received already, and then goes on."""
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Any:
        return messages.pop() if messages else await receive()

    return again


async def _body(receive: Any) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


async def _send(send: Any, status: int, content_type: bytes, body: bytes) -> None:
    headers = [(b"content-type", content_type), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _unheard(_message: Any) -> None:
    """Let an answer get lost."""


def _presigned(scope: Any) -> bool:
    query = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    return "X-Amz-Signature" in query or "Signature" in query


def _authorized(scope: Any) -> bool:
    return any(name.lower() == b"authorization" for name, _ in scope["headers"])


def _end_with_the_starter() -> None:
    while os.read(0, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


class SharedLayers(zipfile.ZipFile):
    """An archive that, as a layer, is extracted once; every further worker of a function gets a link to that folder.

    MiniStack extracts the whole layer for each worker, which costs more than the function's own cold start.
    """

    def namelist(self) -> list[str]:
        """Return the names that are still to be checked: none once the layer has been extracted."""
        return [] if self._folder().exists() else super().namelist()

    def extractall(self, path: Any = None, *arguments: Any) -> None:
        """Extract into the folder, or make it a link to the one with the same layer."""
        target = Path(path)
        if not target.name.startswith("layer_"):
            return super().extractall(path, *arguments)
        folder = self._folder()
        with _EXTRACTING:
            if not folder.exists():
                unfinished = folder.with_name(f"{folder.name}.unfinished")
                super().extractall(unfinished)
                unfinished.rename(folder)
        target.rmdir()
        target.symlink_to(folder)
        return Path(self.filename or "").unlink()

    def _folder(self) -> Path:
        digest = hashlib.sha256(repr([(item.filename, item.CRC) for item in self.infolist()]).encode()).hexdigest()
        return Path(tempfile.gettempdir(), f"layer-{digest[:32]}")


_EXTRACTING = threading.Lock()


def share_layers() -> None:
    """Let MiniStack extract a layer once and not for every worker."""
    ministack.core.lambda_runtime.zipfile = SimpleNamespace(ZipFile=SharedLayers, BadZipFile=zipfile.BadZipFile)


if __name__ == "__main__":
    share_layers()
    threading.Thread(target=_end_with_the_starter, daemon=True).start()
    ministack.app.app = misbehaving(one_mechanism_only(ministack.app.app))
    ministack.app.main()
