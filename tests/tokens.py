"""Keys and tokens, as an authorization server for ChartMuseum makes them."""

import base64
import functools
import json
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat


@functools.cache
def a_key(name: str = "the deployment's", bits: int = 2048) -> rsa.RSAPrivateKey:
    """Return a private key, always the same for one name."""
    del name
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def public_pem(key: rsa.RSAPrivateKey | None = None) -> str:
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
    key: rsa.RSAPrivateKey | str | None = None,
    algorithm: str = "RS256",
    header: dict[str, Any] | None = None,
    **claims: Any,
) -> str:
    """Return a signed token whose `access` claim has these entries, and whatever other claims are given."""
    payload = {"access": list(entries)} | claims
    return jwt.encode(payload, key if key is not None else a_key(), algorithm=algorithm, headers=header)


def a_raw_token(payload: bytes, key: rsa.RSAPrivateKey | None = None, header: dict[str, Any] | None = None) -> str:
    """Return a token over these bytes, whatever they are, signed with RS256."""
    return jwt.PyJWS().encode(payload, key or a_key(), algorithm="RS256", headers=header)


def an_unsigned_token(*entries: dict[str, Any]) -> str:
    """Return a token that claims to need no signature."""
    parts = ({"alg": "none", "typ": "JWT"}, {"access": list(entries)})
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts) + "."
