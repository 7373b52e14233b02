"""Keys and tokens, as an authorization server for ChartMuseum makes them."""

import base64
import functools
import json
import time
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

NOW = float(int(time.time()))
"""When the tests began, in seconds since the epoch."""

type PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey
type PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@functools.cache
def an_ec_key(name: str = "the deployment's") -> ec.EllipticCurvePrivateKey:
    """Return a private key for ES256, always the same for one name."""
    del name
    return ec.generate_private_key(ec.SECP256R1())


@functools.cache
def a_key(name: str = "the deployment's", bits: int = 2048) -> rsa.RSAPrivateKey:
    """Return a private key, always the same for one name."""
    del name
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def public_pem(key: PrivateKey | None = None) -> str:
    """Return the public half in PEM."""
    public = (key or a_key()).public_key()
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def private_pem(key: rsa.RSAPrivateKey | None = None) -> str:
    """Return the private half in PEM, which nobody should configure."""
    return (key or a_key()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def an_entry(repo: str = "repo", *actions: str) -> dict[str, Any]:
    """Return an entry of the `access` claim."""
    return {"type": "artifact-repository", "name": repo, "actions": list(actions)}


def a_token(
    *entries: dict[str, Any],
    key: PrivateKey | str | None = None,
    algorithm: str = "RS256",
    header: dict[str, Any] | None = None,
    **claims: Any,
) -> str:
    """Return a signed token whose `access` claim has these entries, and other claims as given; None leaves one out.

    Unless another time is given it is valid for as long as any test takes.
    """
    payload = {"access": list(entries), "exp": NOW + 36_000} | claims
    payload = {name: value for name, value in payload.items() if value is not None}
    return jwt.encode(payload, key if key is not None else a_key(), algorithm=algorithm, headers=header)


def a_raw_token(payload: bytes, key: PrivateKey | None = None, header: dict[str, Any] | None = None) -> str:
    """Return a token over these bytes, whatever they are, signed with RS256."""
    return jwt.PyJWS().encode(payload, key or a_key(), algorithm="RS256", headers=header)


def an_unsigned_token(*entries: dict[str, Any]) -> str:
    """Return a token that claims to need no signature."""
    parts = ({"alg": "none", "typ": "JWT"}, {"access": list(entries)})
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts) + "."


def a_jwk(key: PublicKey, **members: Any) -> dict[str, Any]:
    """Return the key as an entry of a JSON Web Key Set, with other members as given."""
    if isinstance(key, RSAPublicKey):
        return RSAAlgorithm.to_jwk(key, as_dict=True) | members
    return ECAlgorithm.to_jwk(key, as_dict=True) | members


def a_key_set(**keys: PublicKey) -> bytes:
    """Return a JSON Web Key Set with these keys by their `kid`."""
    return json.dumps({"keys": [a_jwk(key, kid=kid) for kid, key in keys.items()]}).encode()
