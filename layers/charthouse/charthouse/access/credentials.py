"""Parses the `Authorization` header."""

import base64
import binascii
from dataclasses import dataclass, field

REGISTRY_PREFIX = "charthouse-"
"""Of every token issued for the OCI routes, so that another kind of token is never looked up."""

ANONYMOUS_TOKEN = "anonymous"  # noqa: S105
"""For clients that ask for a token without credentials; it proves nothing."""


@dataclass(frozen=True, slots=True)
class Basic:
    """User and password as the bytes that were sent: RFC 7617 leaves their encoding open."""

    user: bytes
    password: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Bearer:
    """A token, not verified yet."""

    token: str = field(repr=False)


def parse_authorization(header: str | None) -> Basic | Bearer | None:
    """Return the credentials in the header's value, or None if there are none or they cannot be parsed.

    A missing header, an unknown scheme and invalid base64 get the same answer, the challenge. The scheme is
    case-insensitive (RFC 9110); a token without a scheme is accepted, as in ChartMuseum.
    """
    scheme, _, rest = (header or "").strip().partition(" ")
    rest = rest.strip()
    if scheme.lower() == "basic":
        return _basic(rest)
    token = rest if scheme.lower() == "bearer" else scheme if not rest else ""
    # Three parts, or one of ours: anything else is not a token, and the verifier is not loaded for it.
    is_token = token.count(".") == 2 or token.startswith(REGISTRY_PREFIX)  # noqa: PLR2004
    return Bearer(token) if is_token and token.isascii() and " " not in token else None


def _basic(encoded: str) -> Basic | None:
    try:
        decoded = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return None
    # A user name contains no colon, a password may (RFC 7617, section 2).
    user, colon, password = decoded.partition(b":")
    return Basic(user, password) if colon else None
