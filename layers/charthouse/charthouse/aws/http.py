"""HTTP without the SDK: a request to AWS, and a page of an issuer of tokens."""

import contextlib
import functools
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING

from charthouse.errors import Unavailable

if TYPE_CHECKING:
    import ssl
    from http.client import HTTPConnection, HTTPSConnection

SECONDS = 3
"""Timeout of one try; two tries and the pause stay far below the 25 s of an API function."""
PAUSE = 0.1
"""Seconds before the second try."""
MAX_BODY = 6 * 1024 * 1024
"""Bytes of a response that are read, unless the caller says otherwise; what is longer ends there."""

PAGE_SECONDS = 5
"""Of a page, in all: an issuer that answers slowly must not hold a function for longer."""
MAX_PAGE = 262_144
"""Bytes of a page: discovery documents have a few KB, the largest known key sets about 30."""

type Send = Callable[[str, str, Mapping[str, str], bytes], Answer]
"""Method, URL, headers, body → answer; raises `Unavailable`."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, body and headers of an HTTP response."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    """By lower-case name."""


class UnexpectedAnswer(Exception):
    """AWS refused or redirected: a right is missing or the configuration is wrong. A bug, so no refusal of ours."""


def send(
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: bytes = b"",
    sleep: Callable[[float], None] = time.sleep,
    limit: int = MAX_BODY,
) -> Answer:
    """Send an idempotent request and return the answer, whatever its status, except 429 and 5xx.

    After those, and after a failed connection, it is sent once more; raises `Unavailable` when that fails too. Only
    here `http.client` and `ssl` are imported: most reads send nothing.
    """
    answer = _try(method, url, headers, body, limit)
    if answer is None:
        sleep(PAUSE)
        answer = _try(method, url, headers, body, limit)
    if answer is None:
        raise Unavailable("The storage does not answer, try again later")
    return answer


def _try(method: str, url: str, headers: Mapping[str, str], body: bytes, limit: int) -> Answer | None:
    from http.client import HTTPException  # noqa: PLC0415 # see send

    scheme, _, rest = url.partition("://")
    host, _, path = rest.partition("/")
    connection = _connection(scheme, host)
    try:
        connection.request(method, f"/{path}", body or None, dict(headers))
        response = connection.getresponse()
        headers = {name.lower(): value for name, value in response.getheaders()}
        answer = Answer(response.status, response.read(limit), headers)
    except (OSError, HTTPException):
        return None
    finally:
        connection.close()
    busy = answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR or answer.status == HTTPStatus.TOO_MANY_REQUESTS
    return None if busy else answer


def _connection(scheme: str, host: str) -> "HTTPConnection":
    from http.client import HTTPConnection, HTTPSConnection  # noqa: PLC0415 # see send

    if scheme == "https":
        return HTTPSConnection(host, timeout=SECONDS, context=_tls())
    return HTTPConnection(host, timeout=SECONDS)


@functools.cache
def _tls() -> "ssl.SSLContext":
    """Load the trusted certificates once per process."""
    import ssl  # noqa: PLC0415 # see send

    return ssl.create_default_context()


def fetch(url: str) -> bytes:
    """Return the body of an https URL that answers 200; follows no redirect.

    Raises `Unavailable` with the reason for everything else, and after `PAGE_SECONDS` however slowly bytes arrive.
    """
    from http.client import HTTPException, HTTPSConnection  # noqa: PLC0415 # see send
    from threading import Thread  # noqa: PLC0415 # see send

    scheme, _, rest = url.partition("://")
    host, _, path = rest.partition("/")
    if scheme != "https":
        raise Unavailable(f"{url} is not an https URL")
    try:
        connection = HTTPSConnection(host, timeout=SECONDS, context=_page_tls())
    except HTTPException as error:
        raise Unavailable(f"{url}: {error}") from error
    result: list[bytes | str] = []
    # A timeout of the socket starts again with every byte; only another thread can bound the whole.
    thread = Thread(target=lambda: result.append(_page(connection, f"/{path}")), daemon=True)
    thread.start()
    thread.join(PAGE_SECONDS)
    if thread.is_alive():
        with contextlib.suppress(OSError):
            if connection.sock is not None:
                connection.sock.shutdown(2)
        raise Unavailable(f"{url}: no answer within {PAGE_SECONDS} s")
    (found,) = result
    if isinstance(found, str):
        raise Unavailable(f"{url}: {found}")
    return found


def _page(connection: "HTTPSConnection", path: str) -> bytes | str:
    """Return the body, or what is wrong with the answer."""
    from http.client import HTTPException  # noqa: PLC0415 # see send

    try:
        connection.request("GET", path, headers={"Accept": "application/json", "User-Agent": "charthouse"})
        response = connection.getresponse()
        body = response.read(MAX_PAGE + 1)
    except (OSError, HTTPException, ValueError) as error:
        return f"{type(error).__name__}: {error}"
    finally:
        connection.close()
    if response.status != HTTPStatus.OK:
        return f"answered with {response.status}"
    return body if len(body) <= MAX_PAGE else f"more than {MAX_PAGE} bytes"


@functools.cache
def _page_tls() -> "ssl.SSLContext":
    """Load the trusted certificates once per process: those of the system, or of `SSL_CERT_FILE`."""
    import ssl  # noqa: PLC0415 # see send

    context = ssl.create_default_context()
    # Authorities of companies often lack extensions that RFC 5280 asks for; what is verified stays the same.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context
