"""Refusals as HTTP answers: the only table of statuses."""

from charthouse.errors import (
    BadRequest,
    ChartVersionExists,
    Forbidden,
    NotFound,
    Refusal,
    StorageLimitReached,
    TooLarge,
    Unauthorized,
    Unavailable,
)
from charthouse.oci.errors import RangeInvalid, Unsupported
from charthouse.web.responses import Response, json_response

STORAGE_LIMIT = 507
RETRY_SECONDS = 2

STATUSES: dict[type[Refusal], int] = {
    BadRequest: 400,
    Unauthorized: 401,
    Forbidden: 403,
    NotFound: 404,
    Unsupported: 405,
    ChartVersionExists: 409,
    TooLarge: 413,
    RangeInvalid: 416,
    Unavailable: 503,
    StorageLimitReached: STORAGE_LIMIT,
}


def problem(refusal: Refusal) -> Response:
    """Answer a refusal with its status and `{"error": <message>}`, not to be cached: the next try may succeed."""
    return json_response(status_of(refusal), {"error": refusal.message}, problem_headers(refusal))


def status_of(refusal: Refusal) -> int:
    """Return the status of the nearest class in the tree that has one: BadPackage is a BadRequest."""
    return next(STATUSES[kind] for kind in type(refusal).__mro__ if kind in STATUSES)


def problem_headers(refusal: Refusal) -> dict[str, str]:
    """Return the headers of a refusal."""
    headers = {"Cache-Control": "no-store"}
    if isinstance(refusal, Unauthorized):
        headers["WWW-Authenticate"] = refusal.challenge
    if isinstance(refusal, Unavailable):
        headers["Retry-After"] = str(RETRY_SECONDS)
    return headers


def internal_error() -> Response:
    """Answer a bug: what went wrong is in the log, not in the answer."""
    return json_response(500, {"error": "internal server error"}, {"Cache-Control": "no-store"})
