"""Bearer tokens: JSON Web Tokens signed with RS256. The only module that knows `jwt`.

`jwt` and `cryptography` take about 100 ms to import, so they are loaded for the first token.

The checks follow RFC 8725: one algorithm, regardless of the header; no `crit` that is not understood (PyJWT checks
that); keys from the configuration only; no duplicate JSON members; `exp`, `nbf` and `iat` wherever a token has them.
Two rules are ChartMuseum's, so that its tokens keep working: `exp` is not required, since the signer decides how long
a token lives, and `aud` and `iss` are ignored. What narrows a token is its `access` claim.
"""

import base64
import binascii
import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

MAX_TOKEN = 8192
"""Bytes: an HTTP API takes 10,240 bytes of headers in all."""

MIN_KEY = 2048
"""Bits of an RSA key (RFC 7518, section 3.3)."""

LEEWAY = 60
"""Seconds by which the clocks of the signer and of AWS may differ."""

_PEM = re.compile(r"-----BEGIN ([A-Z ]+)-----(.*?)-----END \1-----", re.DOTALL)


def read_public_key(text: str) -> "RSAPublicKey":
    r"""Read an RSA public key: PEM, a certificate in PEM, or either as base64 on one line.

    Deployment parameters lose newlines, so a PEM block may have spaces (or `\n` in two characters) in their place.
    Raises `ValueError` saying what is wrong with the key.
    """
    from cryptography import x509  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import load_der_public_key, load_pem_public_key  # noqa: PLC0415

    label, der = _der(text)
    key: object
    try:
        if label == "CERTIFICATE":
            key = x509.load_der_x509_certificate(der).public_key()
        elif label == "RSA PUBLIC KEY":
            # PKCS #1: only the PEM loader tells it from the usual form, by its label.
            key = load_pem_public_key(_pem(label, der))
        else:
            key = load_der_public_key(der)
    except ValueError as error:
        if not label:
            return read_public_key(_pem("CERTIFICATE", der).decode())
        raise ValueError("AuthPublicKey cannot be read: it must be an RSA public key or a certificate") from error
    if not isinstance(key, RSAPublicKey):
        raise ValueError("AuthPublicKey must be an RSA key: tokens are signed with RS256")  # noqa: TRY004
    if key.key_size < MIN_KEY:
        raise ValueError(f"AuthPublicKey has {key.key_size} bits; an RSA key needs at least {MIN_KEY}")
    return key


def read_claims(token: str, key: "RSAPublicKey", now: float) -> dict[str, Any] | None:
    """Return the claims of a token signed with this key and within its period of validity, else None.

    `now` is in seconds since the epoch.
    """
    from jwt import PyJWS, PyJWTError  # noqa: PLC0415

    if len(token) > MAX_TOKEN:
        return None
    signatures = PyJWS(algorithms=["RS256"])
    try:
        payload = signatures.decode(token, key, algorithms=["RS256"])
        claims = json.loads(payload, object_pairs_hook=_unique, parse_constant=_no_number)
    except (PyJWTError, ValueError):
        return None
    return claims if isinstance(claims, dict) and _is_timely(claims, now) else None


def _der(text: str) -> tuple[str, bytes]:
    """Return the PEM label (empty: there was none) and the bytes behind it."""
    block = _PEM.search(text)
    label, encoded = (block[1], block[2]) if block else ("", text)
    if "PRIVATE" in label:
        raise ValueError("AuthPublicKey holds a private key: give the public one, and make a new pair")
    try:
        der = base64.b64decode("".join(encoded.replace("\\n", "").split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError("AuthPublicKey is neither PEM nor base64") from error
    if not der:
        raise ValueError("AuthPublicKey is empty: BearerAuth needs it")
    return _der(der.decode("latin-1")) if der.startswith(b"-----BEGIN ") else (label, der)


def _pem(label: str, der: bytes) -> bytes:
    return b"-----BEGIN %b-----\n%b-----END %b-----\n" % (label.encode(), base64.encodebytes(der), label.encode())


def _unique(members: list[tuple[str, Any]]) -> dict[str, Any]:
    """Build an object; raises `ValueError` for a duplicate member, which parsers read in different ways."""
    found = dict(members)
    if len(found) != len(members):
        raise ValueError("duplicate member")
    return found


def _no_number(constant: str) -> float:
    """Refuse NaN and Infinity, which Python parses although JSON does not have them: comparisons with NaN are false."""
    raise ValueError(f"{constant} is not JSON")


def _is_timely(claims: Mapping[str, Any], now: float) -> bool:
    times = {name: claims[name] for name in ("exp", "nbf", "iat") if name in claims}
    if not all(isinstance(time, int | float) and not isinstance(time, bool) for time in times.values()):
        return False
    if times.get("exp", now) <= now - LEEWAY:
        return False
    return all(times.get(name, now) <= now + LEEWAY for name in ("nbf", "iat"))
