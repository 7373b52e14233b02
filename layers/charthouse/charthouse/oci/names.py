"""Names, tags and digests as the distribution spec writes them."""

import hashlib
import hmac
import re
from dataclasses import dataclass
from typing import Self

from charthouse.oci.errors import DigestInvalid

MAX_NAME = 255
"""Characters of a repository's name: many clients allow no more, with the host in it."""

MAX_TAG = 128

# https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pulling-manifests
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_NAME = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_TAG = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}")


def is_name(text: str) -> bool:
    """Return whether OCI can express this name: lower case, digits, and single separators between them."""
    return len(text) <= MAX_NAME and _NAME.fullmatch(text) is not None


def is_tag(text: str) -> bool:
    """Return whether a manifest can have this tag."""
    return _TAG.fullmatch(text) is not None


def version_of(tag: str) -> str:
    """Return the chart version that has this tag: no version has a `_`, no tag a `+`, so Helm swaps them."""
    return tag.replace("_", "+")


def tag_of(version: str) -> str | None:
    """Return the tag of a chart version; None for a version too long for one."""
    tag = version.replace("+", "_")
    return tag if is_tag(tag) else None


@dataclass(frozen=True, slots=True)
class Digest:
    """A digest that is well-formed and of an algorithm the registry knows."""

    algorithm: str
    hex: str

    @classmethod
    def parse(cls, text: object) -> Self:
        """Read `<algorithm>:<hex>`; raises `DigestInvalid`."""
        if not isinstance(text, str) or not _DIGEST.fullmatch(text):
            raise DigestInvalid(f"{str(text)[:80]!r} is no sha256 or sha512 digest")
        algorithm, _, digits = text.partition(":")
        return cls(algorithm, digits)

    @classmethod
    def of(cls, body: bytes, algorithm: str = "sha256") -> Self:
        """Return the digest of the bytes."""
        return cls(algorithm, hashlib.new(algorithm, body).hexdigest())

    def check(self, body: bytes) -> None:
        """Raise `DigestInvalid` if these are not the bytes it was made of."""
        actual = Digest.of(body, self.algorithm)
        if not hmac.compare_digest(actual.hex, self.hex):
            raise DigestInvalid(f"the content has the digest {actual}, not {self}")

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.hex}"
