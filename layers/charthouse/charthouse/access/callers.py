"""Who sent a request: the identity that credentials proved, and what it may do."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from urllib.parse import quote

from charthouse.access.grants import NOTHING, Action

LONGEST_LABEL = 500
"""Characters: S3 keeps 2 KB of metadata with an object."""


class Source(StrEnum):
    """By what an identity was proved."""

    ANONYMOUS = "anonymous"
    """Nothing."""
    OWNER = "owner"
    """`BasicAuthUser` and its password."""
    TOKEN = "token"  # noqa: S105
    """A token signed with the key of `AuthPublicKey`."""
    USER = "user"
    """The password of a user of the policy."""
    KEY = "key"
    """A token signed with a key of the policy."""
    ISSUER = "issuer"
    """A token of an OpenID Connect issuer of the policy."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What a caller proved: all that its rights are computed from, for one policy document after the other."""

    source: Source
    name: str = ""
    """Name of the user, `kid` of the key or URL of the issuer."""
    claims: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """Of the token."""
    proof: str = field(default="", repr=False)
    """Digest of the password hash or key it was verified with: another one makes it another identity."""

    @property
    def subject(self) -> str:
        """The token's `sub`, or an empty string."""
        subject = self.claims.get("sub")
        return subject if isinstance(subject, str) else ""

    def facts(self) -> dict[str, str]:
        """Return what a log line says of the caller: user, key or issuer, and the subject of a token."""
        words = {Source.OWNER: "user", Source.USER: "user", Source.TOKEN: "key", Source.KEY: "key"}
        if self.source is Source.ANONYMOUS:
            return {"caller": "anonymous"}
        return {words.get(self.source, "issuer"): self.name, **({"subject": self.subject} if self.subject else {})}

    @property
    def label(self) -> str:
        """The same in one line of visible ASCII, as `user:alice` or `issuer:https://... sub:...`."""
        facts = self.facts()
        texts = {"sub" if name == "subject" else name: value for name, value in facts.items() if name != "caller"}
        parts = [f"{name}:{quote(value, safe=_VISIBLE)}" for name, value in texts.items()]
        return " ".join(parts)[:LONGEST_LABEL] or "anonymous"


_VISIBLE = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) != "%")

type Rights = Callable[[str], frozenset[Action]]
"""Repository → what is allowed there."""


@dataclass(frozen=True, slots=True)
class Caller:
    """An identity with its rights under the policy in force."""

    identity: Identity
    rights: Rights = field(default=lambda _repo: NOTHING, repr=False, compare=False)
    expires: float | None = field(default=None, compare=False)
    """When the token that proved it ends, in seconds since the epoch; None: it was no token."""

    def may(self, action: Action, repo: str) -> bool:
        """Return whether it may do this to the repository."""
        return action in self.rights(repo)


ANONYMOUS = Identity(Source.ANONYMOUS)
