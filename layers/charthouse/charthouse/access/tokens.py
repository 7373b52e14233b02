"""Bearer tokens: JSON Web Tokens signed with RS256 or ES256. The only module that knows `jwt`.

`jwt` and `cryptography` take about 100 ms to import, so they are loaded for the first token.

The checks follow RFC 8725: the algorithm is the key's, regardless of the header; no `crit` that is not understood
(PyJWT checks that); keys from the configuration and from configured issuers only; no duplicate JSON members; `exp`,
`nbf` and `iat` wherever a token has them. `exp` is required and a token lives no longer than a day, unless the
deployment allows otherwise. `aud` and `iss` count for tokens of OpenID Connect issuers only: as in ChartMuseum, what
narrows a token of the deployment's own keys is its `access` claim.
"""

import base64
import binascii
import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

type PublicKey = "RSAPublicKey | EllipticCurvePublicKey"

MAX_TOKEN = 8192
"""Bytes: an HTTP API takes 10,240 bytes of headers in all."""

MIN_KEY = 2048
"""Bits of an RSA key (RFC 7518, section 3.3)."""

LEEWAY = 60
"""Seconds by which the clocks of the signer and of AWS may differ."""

LONGEST_LIFE = 86_400
"""Seconds from `iat` to `exp` that a token may have unless the deployment allows more."""

MAX_KEYS = 100
"""Keys of an issuer that are looked at."""

_PEM = re.compile(r"-----BEGIN ([A-Z ]+)-----(.*?)-----END \1-----", re.DOTALL)


def read_public_key(text: str, name: str = "AuthPublicKey") -> "PublicKey":
    r"""Read an RSA or P-256 public key: PEM, a certificate in PEM, or either as base64 on one line.

    Deployment parameters lose newlines, so a PEM block may have spaces (or `\n` in two characters) in their place.
    Raises `ValueError` saying what is wrong with the key of this name.
    """
    from cryptography import x509  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import load_der_public_key, load_pem_public_key  # noqa: PLC0415

    label, der = _der(text, name)
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
            return read_public_key(_pem("CERTIFICATE", der).decode(), name)
        raise ValueError(f"{name} cannot be read: it must be a public key or a certificate") from error
    return _usable(key, name)


def algorithm_of(key: "PublicKey") -> str:
    """Return the one algorithm that tokens of this key are signed with."""
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey  # noqa: PLC0415

    return "RS256" if isinstance(key, RSAPublicKey) else "ES256"


def read_key_set(document: bytes) -> list[tuple[str | None, "PublicKey"]]:
    """Return the keys of a JSON Web Key Set with their `kid`; what cannot verify RS256 or ES256 is left out.

    Raises `ValueError` if the document is not a key set.
    """
    found = json.loads(document)
    keys = found.get("keys") if isinstance(found, dict) else None
    if not isinstance(keys, list):
        raise ValueError("the key set has no list of keys")  # noqa: TRY004
    usable = ((entry.get("kid"), _read_jwk(entry)) for entry in keys[:MAX_KEYS] if isinstance(entry, dict))
    return [(kid if isinstance(kid, str) else None, key) for kid, key in usable if key is not None]


def read_unverified(token: str) -> tuple[Mapping[str, Any], Mapping[str, Any]] | None:
    """Return header and claims before anything is verified, to choose the key by; None if they are not JSON objects."""
    if len(token) > MAX_TOKEN:
        return None
    try:
        header, claims = (
            json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)), object_pairs_hook=_unique)
            for part in token.split(".")[:2]
        )
    except (ValueError, RecursionError):
        return None
    return (header, claims) if isinstance(header, dict) and isinstance(claims, dict) else None


def read_claims(token: str, key: "PublicKey", now: float, *, unlimited: bool = False) -> dict[str, Any] | None:
    """Return the claims of a token signed with this key and within its period of validity, else None.

    `now` is in seconds since the epoch. With `unlimited` a token may live longer than a day or have no `exp`.
    """
    from jwt import PyJWS, PyJWTError  # noqa: PLC0415

    if len(token) > MAX_TOKEN:
        return None
    algorithm = algorithm_of(key)
    try:
        payload = PyJWS(algorithms=[algorithm]).decode(token, key, algorithms=[algorithm])
        claims = json.loads(payload, object_pairs_hook=_unique, parse_constant=_no_number)
    except (PyJWTError, ValueError, RecursionError):
        return None
    return claims if isinstance(claims, dict) and _is_timely(claims, now, unlimited=unlimited) else None


def _usable(key: object, name: str) -> "PublicKey":
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey  # noqa: PLC0415

    if isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP256R1):
        return key
    if not isinstance(key, RSAPublicKey):
        raise ValueError(f"{name} must be an RSA or a P-256 key: tokens are signed with RS256 or ES256")  # noqa: TRY004
    if key.key_size < MIN_KEY:
        raise ValueError(f"{name} has {key.key_size} bits; an RSA key needs at least {MIN_KEY}")
    return key


def _read_jwk(entry: Mapping[str, Any]) -> "PublicKey | None":
    """Return the key of an entry of a key set (RFC 7517), or None if it is for another purpose or algorithm."""
    from jwt import InvalidKeyError  # noqa: PLC0415
    from jwt.algorithms import ECAlgorithm, RSAAlgorithm  # noqa: PLC0415

    kinds: dict[str, tuple[str, Any]] = {"RSA": ("RS256", RSAAlgorithm), "EC": ("ES256", ECAlgorithm)}
    algorithm, reader = kinds.get(str(entry.get("kty")), ("", None))
    if reader is None or entry.get("alg", algorithm) != algorithm or entry.get("use", "sig") != "sig" or "d" in entry:
        return None
    try:
        return _usable(reader.from_jwk(dict(entry)), "the key")
    except (InvalidKeyError, ValueError, TypeError, KeyError):
        return None


def _der(text: str, name: str) -> tuple[str, bytes]:
    """Return the PEM label (empty: there was none) and the bytes behind it."""
    block = _PEM.search(text)
    label, encoded = (block[1], block[2]) if block else ("", text)
    if "PRIVATE" in label:
        raise ValueError(f"{name} holds a private key: give the public one, and make a new pair")
    try:
        der = base64.b64decode("".join(encoded.replace("\\n", "").split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError(f"{name} is neither PEM nor base64") from error
    if not der:
        raise ValueError(f"{name} is empty: BearerAuth needs it")
    return _der(der.decode("latin-1"), name) if der.startswith(b"-----BEGIN ") else (label, der)


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


def _is_timely(claims: Mapping[str, Any], now: float, *, unlimited: bool) -> bool:
    times = {name: claims[name] for name in ("exp", "nbf", "iat") if name in claims}
    if not all(isinstance(time, int | float) and not isinstance(time, bool) for time in times.values()):
        return False
    if times.get("exp", now) <= now - LEEWAY:
        return False
    if any(times.get(name, now) > now + LEEWAY for name in ("nbf", "iat")):
        return False
    # A token without `iat` may have been issued just now, by a clock that is ahead.
    return unlimited or ("exp" in times and times["exp"] - times.get("iat", now + LEEWAY) <= LONGEST_LIFE)
