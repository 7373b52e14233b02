"""How passwords are stored in the access policy: as a fast hash of a generated one, a slow hash of a chosen one.

`sha256:<hex>` is the SHA-256 of the password: for a generated one, whose 128 bits or more cannot be searched. A
password that a person chose has far fewer, so each guess must be expensive: `scrypt:16384:8:1:<salt>:<hash>`, salt and
hash in hex (RFC 7914; 16 MiB of memory and about 50 ms). There is one set of parameters: with several, the time of a
refusal would reveal which one a user has.
"""

import base64
import hashlib
import hmac
import os
import re
import threading

from charthouse.errors import Unavailable

SLOW_AT_ONCE = 2
"""Slow hashes in progress in a process: more would only take memory and processor from each other."""
WAIT = 2.0
"""Seconds a request waits for its turn."""

_SHA256 = re.compile(r"sha256:([0-9a-f]{64})")
_SCRYPT = re.compile(r"scrypt:16384:8:1:([0-9a-f]{32}):([0-9a-f]{64})")
_MEMORY = 32 * 1024 * 1024
# Of no password: their digests are random, and new in every process.
_NO_SHA256 = os.urandom(32)
_NO_SCRYPT = os.urandom(16), os.urandom(32)

_turns = threading.BoundedSemaphore(SLOW_AT_ONCE)


def generate_password() -> str:
    """Return a new password with 160 random bits: 32 lower-case letters and digits, to be quoted nowhere."""
    return base64.b32encode(os.urandom(20)).decode().lower()


def fast_hash(password: str) -> str:
    """Return the stored form of a generated password."""
    return f"sha256:{hashlib.sha256(password.encode()).hexdigest()}"


def slow_hash(password: str) -> str:
    """Return the stored form of a password that a person chose."""
    salt = os.urandom(16)
    return f"scrypt:16384:8:1:{salt.hex()}:{_scrypt(password.encode(), salt).hex()}"


def is_hash(stored: str) -> bool:
    """Return whether this is a stored form that `is_right` can compare with."""
    return bool(_SHA256.fullmatch(stored) or _SCRYPT.fullmatch(stored))


def is_slow(stored: str) -> bool:
    """Return whether this is the stored form of a chosen password."""
    return stored.startswith("scrypt:")


def is_right(stored: str | None, password: bytes, *, slow: bool) -> bool:
    """Return whether this is the password; `stored` is None for a user who does not exist.

    With `slow` every wrong password costs one slow hash, whatever the user has, so that the time of a refusal tells
    neither whether the user exists nor which hash it has. Raises `Unavailable` if too many are in progress.
    """
    fast = _SHA256.fullmatch(stored or "")
    expected = bytes.fromhex(fast[1]) if fast else _NO_SHA256
    if hmac.compare_digest(hashlib.sha256(password).digest(), expected):
        return True
    if not slow:
        return False
    found = _SCRYPT.fullmatch(stored or "")
    salt, expected = (bytes.fromhex(found[1]), bytes.fromhex(found[2])) if found else _NO_SCRYPT
    if not _turns.acquire(timeout=WAIT):
        raise Unavailable("too many passwords are being verified, try again later")
    try:
        return hmac.compare_digest(_scrypt(password, salt), expected)
    finally:
        _turns.release()


def _scrypt(password: bytes, salt: bytes) -> bytes:
    return hashlib.scrypt(password, salt=salt, n=16384, r=8, p=1, maxmem=_MEMORY, dklen=32)
