"""Run inside the emulator's own environment: MiniStack behind checks and faults of ours.

- It admits only requests signed with the root key or a role's session: MiniStack itself treats several well-known
  keys as root, does not check root's signature, and serves S3 to unsigned requests. Pages in a browser are refused
  unless they read a presigned URL.
- Its S3 refuses a presigned request that also carries an Authorization header, as AWS's does.
- A layer is extracted once, not for every worker of every function; a worker imports no SDK of its own accord, and one
  that dies ends alone.
- S3 and DynamoDB fail the functions' calls on request (`failing`); by default they never do.
- It ends cleanly, state saved, when the process that started it has ended (its standard input closes).
"""

import contextlib
import hashlib
import hmac
import json
import os
import re
import resource
import signal
import sys
import tempfile
import threading
import zipfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, quote

# Of the emulator's own environment, which the type checker does not see.
import ministack.app  # type: ignore[import-not-found]
import ministack.core.lambda_runtime  # type: ignore[import-not-found]
import ministack.services.lambda_svc  # type: ignore[import-not-found]
import uvicorn  # type: ignore[import-not-found]
from ministack.core import sigv4

type Application = Callable[[Any, Any, Any], Awaitable[None]]

CONTROL_PATHS = re.compile(r"/(_ministack|_localstack|_local)(/|$)|/health$")
"""MiniStack's and our own, which take no AWS credentials; `CONTROL_HEADER` must carry the root key's secret."""
CONTROL_HEADER = "x-charthouse-secret"
DENIED = b"""<?xml version="1.0" encoding="UTF-8"?>
<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"""


def admitting(application: Application, key_id: str, secret: str) -> Application:
    """Pass on what the root key or a role has signed, and presigned reads of S3; answer 403 to everything else."""

    async def answer(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await application(scope, receive, _ending(send))
        elif (body := await admitted(scope, receive)) is None:
            await _send(send, 403, b"application/xml", DENIED)
        else:
            await application(scope, body, send)

    async def admitted(scope: Any, receive: Any) -> Any:
        """Return what receives the body of a request that is admitted, else None."""
        headers = _headers(scope)
        if _is_from_a_page(headers) and not _is_presigned_read(scope):
            return None
        if CONTROL_PATHS.match(scope["path"]):
            given = headers.get(CONTROL_HEADER, "")
            return receive if hmac.compare_digest(given.encode("utf-8", "replace"), secret.encode()) else None
        if scope["method"] == "OPTIONS":
            return receive if _is_presigned_read(scope) else None
        return await _signed(scope, headers, receive, key_id, secret)

    return answer


def _is_from_a_page(headers: dict[str, str]) -> bool:
    """Return whether a page in a browser sent it: no client of AWS sends these headers."""
    return "origin" in headers or headers.get("sec-fetch-site", "none") != "none"


def _is_presigned_read(scope: Any) -> bool:
    """Return whether it is a GET or HEAD (or the preflight of one) of a presigned S3 URL, whose signature S3 checks."""
    scoped = _query(scope).get("X-Amz-Credential", [""])[0].endswith("/s3/aws4_request")
    return scope["method"] in {"GET", "HEAD", "OPTIONS"} and scoped and _presigned(scope)


async def _signed(scope: Any, headers: dict[str, str], receive: Any, key_id: str, secret: str) -> Any:
    """Return what receives the body of a request that root or a role has signed, else None.

    Root's signature is checked here, a role's and those of presigned S3 URLs by MiniStack.
    """
    presigned = "authorization" not in headers or _presigned(scope)
    query = _query(scope)
    signature = sigv4.parse_query_signature(query) if presigned else sigv4.parse_header_signature(headers)
    if isinstance(signature, tuple) or signature.region_set is not None:
        return None
    if signature.access_key_id != key_id:
        # A role's session or an IAM user's key: any other would be root to MiniStack.
        return receive if re.fullmatch(r"A[KS]IA[A-Z0-9]{16}", signature.access_key_id) else None
    if presigned and signature.service == "s3":
        return receive
    body = b""
    if "x-amz-content-sha256" not in headers:
        body = await _body(receive)
        receive = _replayed(body, receive)
    path = (scope.get("raw_path") or quote(scope["path"]).encode()).decode("latin-1")
    failure = sigv4.header_signature_failure(
        signature, secret, scope["method"], path, query, headers, body, presigned=presigned
    )
    return None if failure or sigv4.request_time_failure(signature) else receive


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


def failing(application: Application, key_id: str) -> Application:
    """Fail calls to S3 and DynamoDB as set at `FAULTS`, except root's calls and presigned URLs.

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
        service, call = _call(scope, key_id) if faults and scope["type"] == "http" else ("", "")
        if service == "dynamodb":
            body = await _body(receive)
            call, receive = f"{call} {body.decode()}", _replayed(body, receive)
        hits = (
            fault for fault in faults if service and fault["hit"] < fault["times"] and re.search(fault["call"], call)
        )
        hit = next(hits, None)
        if hit is None:
            return await application(scope, receive, send)
        hit["hit"] += 1
        if hit.get("after"):
            await application(scope, receive, _discard)
        else:
            await _body(receive)
        return await _send(send, *OVERLOADED[service])

    return answer


def _call(scope: Any, key_id: str) -> tuple[str, str]:
    """Return the service and a function's call of it; empty for other callers and services."""
    headers = _headers(scope)
    signed = re.search(r"Credential=([^/]+)/[^/]+/[^/]+/(s3|dynamodb)/", headers.get("authorization", ""))
    if signed is None or signed[1] == key_id:
        return "", ""
    if signed[2] == "dynamodb":
        return "dynamodb", f"dynamodb {headers.get('x-amz-target', '').rpartition('.')[2]}"
    return "s3", f"s3 {scope['method']} {scope['path']}"


def _replayed(body: bytes, receive: Any) -> Any:
    """Return a `receive` that gives the body, received before, once more and then goes on."""
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


async def _discard(_message: Any) -> None:
    """Let an answer get lost."""


def _headers(scope: Any) -> dict[str, str]:
    """Return the headers by lower-case name, several of one name joined by a comma as SigV4 signs them."""
    found: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1").lower(), sigv4.decode_header_value(raw_value)
        found[name] = f"{found[name]},{value}" if name in found else value
    return found


def _query(scope: Any) -> dict[str, list[str]]:
    return parse_qs(scope["query_string"].decode("utf-8", "replace"), keep_blank_values=True)


def _presigned(scope: Any) -> bool:
    query = _query(scope)
    return "X-Amz-Signature" in query or "Signature" in query


def _authorized(scope: Any) -> bool:
    return "authorization" in _headers(scope)


def _end_with_the_parent() -> None:
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
    ministack.core.lambda_runtime.zipfile = SimpleNamespace(
        ZipFile=SharedLayers, BadZipFile=zipfile.BadZipFile, LargeFileError=zipfile.LargeZipFile
    )


def import_no_sdk_first() -> None:
    """Let a worker import what its function does: MiniStack's imports botocore before, to count functions in a loop."""
    runtime = ministack.core.lambda_runtime
    runtime._PYTHON_WORKER_SCRIPT = runtime._PYTHON_WORKER_SCRIPT.replace("    _ms_install_invoke_depth()\n", "")  # noqa: SLF001


def end_workers_alone() -> None:
    """Let a worker that dies while it starts end alone: MiniStack ends all that its function has, at work or starting.

    Each of those that were starting then fails, and ends all others in its turn.
    """
    services = ministack.services.lambda_svc
    acquire, invalidate = services.acquire_worker, services.invalidate_worker
    leased = threading.local()

    def acquire_worker(*arguments: Any, **options: Any) -> tuple[Any, str]:
        leased.worker, reason = acquire(*arguments, **options)
        return leased.worker, reason

    def invalidate_worker(*arguments: Any, **options: Any) -> None:
        worker = getattr(leased, "worker", None)
        if worker is None or sys.exception() is None:
            invalidate(*arguments, **options)
        else:
            worker.kill()
            services.release_worker(worker)

    services.acquire_worker, services.invalidate_worker = acquire_worker, invalidate_worker


def hide_sessions(secret: str) -> None:
    """Let the functions' session keys depend on the secret: MiniStack computes them from names anyone can guess."""

    def keyed(data: bytes) -> hmac.HMAC:
        return hmac.new(secret.encode(), data, hashlib.sha256)

    ministack.core.lambda_runtime.hashlib = SimpleNamespace(sha256=keyed)


def _ending(send: Any) -> Any:
    """Return a `send` that ends the process and its workers when the state is saved: MiniStack takes another 15 s."""

    async def answer(message: Any) -> None:
        await send(message)
        if message["type"] == "lifespan.shutdown.complete" and os.getpgrp() == os.getpid():
            os.killpg(os.getpid(), signal.SIGKILL)

    return answer


def main() -> None:
    """Serve until the parent process ends. The root key is in the environment, where MiniStack looks for it, too."""
    key_id, secret = os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"]
    share_layers()
    import_no_sdk_first()
    end_workers_alone()
    hide_sessions(secret)
    threading.Thread(target=_end_with_the_parent, daemon=True).start()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    # The server that MiniStack brings, hypercorn with h11, needs half as much processor again for a request.
    uvicorn.run(
        admitting(failing(one_mechanism_only(ministack.app.app), key_id), key_id, secret),
        host=os.environ["BIND_HOST"],
        port=int(os.environ["GATEWAY_PORT"]),
        loop="uvloop",
        http="httptools",
        ws="none",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=3,
    )


if __name__ == "__main__":
    main()
