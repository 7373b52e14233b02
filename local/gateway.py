"""An API gateway in front of the emulator, with the behaviour and limits of AWS's HTTP API that the emulator lacks.

It reads routes, integrations and functions from the deployed API, builds the events, invokes the functions through the
emulator, and answers as AWS does where that is known. Quotas:
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html
"""

import asyncio
import errno
import json
import os
import re
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any, Protocol, Self

from aiohttp import HttpVersion11, web
from botocore.exceptions import BotoCoreError, ClientError

from local.payload import INTERNAL_SERVER_ERROR, Request, Response, event
from local.progress import Trouble
from local.routes import Route, Routes

BODY_BYTES = 10 * 1024 * 1024
EVENT_BYTES = 6_291_556
"""Lambda's limit for an event and for an answer, in bytes of JSON, as it was measured on AWS."""
HEADER_BYTES = 10_240
"""Request line and headers together."""
SECONDS = 30.0
BACKLOG = 256
DISCARD_BYTES = 64 * 1024 * 1024
"""How much of a body over the limit is read, so that the client gets to read the answer."""

FORBIDDEN = Response.message(403, "Forbidden")
TOO_LARGE = Response.message(413, "Request Entity Too Large")
UNAVAILABLE = Response.message(503, "Service Unavailable")

type Watcher = Callable[[Request, Response, float], None]
"""Called after every request, with the seconds it took."""


class Functions(Protocol):
    """What runs functions."""

    def invoke(self, function: str, payload: bytes) -> bytes | None:
        """Run the function with this ARN and return its answer; None if it failed. Blocks."""


class TooBusy(Exception):
    """The function could not be run now."""


class EmulatedFunctions:
    """The functions deployed in an emulator, by a boto3 client for Lambda."""

    def __init__(self, client: Any) -> None:
        """Take the client."""
        self._client = client

    def invoke(self, function: str, payload: bytes) -> bytes | None:
        """Run the function; raises `TooBusy` if it is throttled."""
        try:
            answer = self._client.invoke(FunctionName=function, Payload=payload)
            result: bytes = answer["Payload"].read()
        except self._client.exceptions.TooManyRequestsException as error:
            raise TooBusy from error
        except (ClientError, BotoCoreError):
            return None
        return None if answer.get("FunctionError") else result


def deployed_routes(client: Any, api_id: str) -> Routes:
    """Read an API's routes with a boto3 client for `apigatewayv2`."""
    functions = {
        item["IntegrationId"]: _function(item["IntegrationUri"])
        for page in client.get_paginator("get_integrations").paginate(ApiId=api_id)
        for item in page["Items"]
    }
    return Routes.of(
        Route(item["RouteKey"], functions[item["Target"].rpartition("/")[2]])
        for page in client.get_paginator("get_routes").paginate(ApiId=api_id)
        for item in page["Items"]
    )


class Gateway:
    """Serves one API on a port of 127.0.0.1, from a thread of its own.

    The port is reserved at once, so that one in use is reported before anything slow begins; `serve` starts answering.
    """

    def __init__(self, port: int = 0, parallel: int | None = None, watcher: Watcher | None = None) -> None:
        """Reserve the port (0: any free one); raises `Trouble` if it is in use.

        At most `parallel` functions run at once (each is a process of the emulator's); further requests wait.
        """
        self._socket = _reserve(port)
        self.port: int = self._socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._parallel = parallel or min(16, 4 * (os.cpu_count() or 2))
        self._watcher = watcher
        self._loop = asyncio.new_event_loop()
        self._thread: threading.Thread | None = None
        self._pool = ThreadPoolExecutor(self._parallel, thread_name_prefix="invoke")
        self._runner: web.ServerRunner | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def serve(
        self,
        api_id: str,
        routes: Routes,
        functions: Functions,
        seconds: float = SECONDS,
        allowed_origin: str | None = None,
    ) -> None:
        """Start answering; returns at once. After so many seconds the gateway answers for a function.

        With an allowed origin, which may be empty or `*`, pages of other sites are refused: they run in the browser of
        the developer, and behind no firewall. Without one nothing is refused, as on AWS.
        """
        _listen(self._socket)
        api = _Api(api_id, routes, functions, self._pool, self._parallel, seconds, self._watcher, allowed_origin)
        self._thread = threading.Thread(target=self._loop.run_forever, name="gateway", daemon=True)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._start(api), self._loop).result()

    def stop(self) -> None:
        """Stop answering and free the port."""
        if self._thread:
            asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._thread = None
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._socket.close()
        if not self._loop.is_closed():
            self._loop.close()

    async def _start(self, api: "_Api") -> None:
        # Longer lines and headers than AWS takes must arrive, to be refused in AWS's way.
        server = web.Server(api.answer, access_log=None, max_line_size=65_536, max_field_size=65_536)  # type: ignore[no-untyped-call, unused-ignore]
        self._runner = web.ServerRunner(server, shutdown_timeout=5)
        await self._runner.setup()
        await web.SockSite(self._runner, self._socket, backlog=BACKLOG).start()

    async def _end(self) -> None:
        if self._runner:
            await self._runner.cleanup()


class _Api:
    def __init__(
        self,
        api_id: str,
        routes: Routes,
        functions: Functions,
        pool: ThreadPoolExecutor,
        parallel: int,
        seconds: float,
        watcher: Watcher | None,
        allowed_origin: str | None,
    ) -> None:
        self._api_id = api_id
        self._routes = routes
        self._functions = functions
        self._pool = pool
        self._slots = asyncio.Semaphore(parallel)
        self._seconds = seconds
        self._watcher = watcher
        self._allowed_origin = allowed_origin

    async def answer(self, incoming: web.BaseRequest) -> web.Response:
        started = time.monotonic()
        request = Request(
            incoming.method,
            incoming.raw_path,
            [(name.decode("latin-1"), value.decode("latin-1")) for name, value in incoming.raw_headers],
            remote=incoming.remote or "127.0.0.1",
        )
        response = await self._respond(request, incoming)
        if self._watcher:
            self._watcher(request, response, time.monotonic() - started)
        outgoing = web.Response(status=response.status, body=response.body)
        outgoing.headers.popall("Content-Type", None)
        for name, value in response.headers:
            outgoing.headers.add(name, value)
        if request.method == "HEAD" and not response.body and response.length.isdecimal():
            # Whether AWS does so is not documented.
            outgoing.headers["Content-Length"] = response.length
        outgoing.headers["Apigw-Requestid"] = request.request_id
        return outgoing

    async def _respond(self, request: Request, incoming: web.BaseRequest) -> Response:
        if _header_bytes(request) > HEADER_BYTES:
            return Response.message(431, "Request Header Fields Too Large")
        if self._allowed_origin is not None and is_foreign(request, self._allowed_origin):
            return FORBIDDEN
        body = await _read(incoming)
        if body is None:
            return TOO_LARGE
        match = self._routes.match(request.method, request.path)
        if match is None:
            return Response.message(404, "Not Found")
        whole = Request(
            request.method, request.target, request.headers, body, request.remote, request_id=request.request_id
        )
        payload = json.dumps(event(whole, match, self._api_id), separators=(",", ":")).encode()
        if len(payload) > EVENT_BYTES:
            return TOO_LARGE
        return await self._run(match.route.function, payload)

    async def _run(self, function: str, payload: bytes) -> Response:
        async with self._slots:
            running = asyncio.get_running_loop().run_in_executor(self._pool, self._functions.invoke, function, payload)
            try:
                result = await asyncio.wait_for(asyncio.shield(running), self._seconds)
            except (TimeoutError, TooBusy):
                return UNAVAILABLE
        if result is None or len(result) > EVENT_BYTES:
            return INTERNAL_SERVER_ERROR
        return Response.of(result)


def is_foreign(request: Request, allowed_origin: str) -> bool:
    """Return whether a page of another site than this gateway's own and the allowed one sent the request.

    Its own page has the origin that the request is addressed to, by a name that only this machine can have.
    """
    origin, host = request.header("origin"), request.header("host")
    if not origin:
        return request.header("sec-fetch-site") in {"cross-site", "same-site"}
    own = host if re.fullmatch(r"(127\.0\.0\.1|\[::1\]|localhost)(:\d+)?", host) else ""
    return origin != f"http://{own}" and allowed_origin not in {"*", origin}


def _reserve(port: int) -> socket.socket:
    """Return a socket bound to the port after checking that nothing listens there.

    It does not listen yet: a client that waits for the port to open waits for the stack to be ready.
    """
    with _bound(port) as probe:
        _listen(probe)
        port = probe.getsockname()[1]
    return _bound(port)


def _bound(port: int) -> socket.socket:
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind(("127.0.0.1", port))
    except OSError as error:
        bound.close()
        raise _taken(port, error) from error
    return bound


def _listen(bound: socket.socket) -> None:
    try:
        bound.listen(BACKLOG)
    except OSError as error:
        raise _taken(bound.getsockname()[1], error) from error


def _taken(port: int, error: OSError) -> Exception:
    if error.errno == errno.EADDRINUSE:
        return Trouble(f"Port {port} is in use: stop what listens there, or choose another with CHARTHOUSE_PORT.")
    if error.errno == errno.EACCES:
        return Trouble(f"Port {port} may not be opened by you: choose one above 1023 with CHARTHOUSE_PORT.")
    return error


def _function(uri: str) -> str:
    found = re.search(r"arn:[\w-]+:lambda:[\w-]+:\d+:function:[\w:$-]+", uri)
    if found is None:
        raise Trouble(f"The integration {uri} of the deployed API names no function.")
    return found[0]


def _header_bytes(request: Request) -> int:
    line = len(request.method) + len(request.target) + len(request.protocol) + 4
    return line + sum(len(name) + len(value) + 4 for name, value in request.headers)


async def _read(incoming: web.BaseRequest) -> bytes | None:
    """Read the body, sent with a length or in chunks; None if it is over the limit."""
    if (incoming.content_length or 0) > BODY_BYTES and incoming.headers.get("Expect"):
        return None
    if incoming.headers.get("Expect", "").lower() == "100-continue" and incoming.version == HttpVersion11:
        await incoming.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    parts: list[bytes] = []
    size = 0
    async for part in incoming.content.iter_any():
        size += len(part)
        if size > DISCARD_BYTES:
            return None
        if size <= BODY_BYTES:
            parts.append(part)
    return b"".join(parts) if size <= BODY_BYTES else None
