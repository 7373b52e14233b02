"""The key pair that signs and verifies bearer tokens, and the tokens."""

import base64
import os
import re
import time
from collections.abc import Sequence
from pathlib import Path

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from local.progress import Trouble

UNNAMED = "repo"
"""What ChartMuseum's access claim calls the repository without a name."""

SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def make_key(path: Path) -> None:
    """Write a fresh private key that only its owner may read; leaves one that is there alone."""
    if path.exists():
        return
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(pem)


def public_line(path: Path) -> str:
    """Return the public half as base64 DER on one line, as the parameter AuthPublicKey takes it."""
    der = (
        _private_key(path)
        .public_key()
        .public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    return base64.b64encode(der).decode()


def make_token(
    path: Path, repo: str = "", actions: Sequence[str] = ("pull", "push"), seconds: int = 600, kid: str = ""
) -> str:
    """Return a token with ChartMuseum's access claim for one repository, signed with the private key at the path.

    `kid` names a key of the access policy; without it the token is for `AuthPublicKey`.
    """
    now = int(time.time())
    grant = {"type": "artifact-repository", "name": repo or UNNAMED, "actions": list(actions)}
    key = _private_key(path)
    algorithm = "RS256" if isinstance(key, rsa.RSAPrivateKey) else "ES256"
    claims = {"iat": now, "exp": now + seconds, "access": [grant]}
    return jwt.encode(claims, key, algorithm=algorithm, headers={"kid": kid} if kid else None)


def duration(text: str) -> int:
    """Read `90s`, `10m`, `2h` or `1d` as seconds; raises `Trouble`."""
    found = re.fullmatch(r"(\d+)([smhd])", text.strip(), re.ASCII)
    if not found:
        raise Trouble(f"TTL={text} is no duration: write it as 90s, 10m, 2h or 1d.")
    return int(found[1]) * SECONDS[found[2]]


def _private_key(path: Path) -> rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey:
    if not path.is_file():
        raise Trouble(
            f"There is no private key at {path}: `make run` makes one for the local stack, `make keys` for AWS."
        )
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (ValueError, TypeError) as error:
        raise Trouble(f"{path} is no private key in PEM without a passphrase.") from error
    if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1):
        return key
    if not isinstance(key, rsa.RSAPrivateKey):
        raise Trouble(f"{path} is neither an RSA nor a P-256 key, and tokens are signed with RS256 or ES256.")
    return key
