"""One HTTP request to AWS without the SDK."""

import functools
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from charthouse.errors import Unavailable

if TYPE_CHECKING:
    import ssl
    from http.client import HTTPConnection

SECONDS = 3
"""Timeout of one try; two tries and the pause stay far below the 25 s of an API function."""
PAUSE = 0.1
"""Seconds before the second try."""

type Send = Callable[[str, str, Mapping[str, str], bytes], Answer]
"""Method, URL, headers, body → answer; raises `Unavailable`."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Status and body of an HTTP response."""

    status: int
    body: bytes


class UnexpectedAnswer(Exception):
    """AWS refused or redirected: a right is missing or the configuration is wrong. A bug, so no refusal of ours."""


def send(
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: bytes = b"",
    sleep: Callable[[float], None] = time.sleep,
) -> Answer:
    """Send an idempotent request and return the answer, whatever its status, except 429 and 5xx.

    After those, and after a failed connection, it is sent once more; raises `Unavailable` when that fails too. Only
    here `http.client` and `ssl` are imported: most reads send nothing.
    """
    answer = _try(method, url, headers, body)
    if answer is None:
        sleep(PAUSE)
        answer = _try(method, url, headers, body)
    if answer is None:
        raise Unavailable("The storage does not answer, try again later")
    return answer


def _try(method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer | None:
    from http.client import HTTPException  # noqa: PLC0415 # see send

    scheme, _, rest = url.partition("://")
    host, _, path = rest.partition("/")
    connection = _connection(scheme, host)
    try:
        connection.request(method, f"/{path}", body or None, dict(headers))
        response = connection.getresponse()
        answer = Answer(response.status, response.read())
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
