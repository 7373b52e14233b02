"""Short-lived tokens for clients of the OCI routes, issued for credentials that were verified.

A token is 256 random bits; what it allows is stored under its digest, so neither the store nor a copy of it holds
anything that could be used or forged, and there is no secret to keep. What is stored is who the caller is and which
actions were asked for: rights are computed again from the policy in force whenever the token is used, and never exceed
what the caller had when it was issued.
"""

import base64
import hashlib
import json
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from charthouse.access.callers import Caller, Identity, Source
from charthouse.access.credentials import ANONYMOUS_TOKEN, REGISTRY_PREFIX
from charthouse.access.grants import Action

LIFE_SECONDS = 300
"""Long enough for one push or pull; the distribution spec's minimum is 60."""

_LENGTH = len(REGISTRY_PREFIX) + 43


class TokenStore(Protocol):
    """Where issued tokens are kept until they expire."""

    def put(self, digest: str, record: str, expires: int) -> None:
        """Store the record of a token; `expires` is in seconds since the epoch. Raises `Unavailable`."""

    def get(self, digest: str) -> str | None:
        """Return the record, seen by every process as soon as it is stored, or None. Raises `Unavailable`."""


@dataclass(frozen=True, slots=True)
class RegistryToken:
    """A token for the client."""

    text: str
    seconds: int
    """How long it lasts."""
    access: Mapping[str, frozenset[Action]]
    """What it allows: of what was asked for, what the caller may do."""


@dataclass(frozen=True, slots=True)
class Issued:
    """What was stored of a token."""

    identity: Identity
    access: Mapping[str, frozenset[Action]]
    expires: float


class RegistryTokens:
    """Issues and looks up tokens. `clock` returns seconds since the epoch."""

    def __init__(self, store: TokenStore, clock: Callable[[], float]) -> None:
        """Ask the store for nothing yet."""
        self._store = store
        self._clock = clock

    def issue(self, caller: Caller, wanted: Mapping[str, Iterable[Action]]) -> RegistryToken:
        """Return a token for what the caller may do of what it wants, by repository; raises `Unavailable`.

        An anonymous caller gets a token that proves nothing, and nothing is stored: what anonymous callers may do
        needs no credentials.
        """
        access = {repo: frozenset(actions) & caller.rights(repo) for repo, actions in wanted.items()}
        identity = caller.identity
        if identity.source is Source.ANONYMOUS:
            return RegistryToken(ANONYMOUS_TOKEN, LIFE_SECONDS, access)
        now = self._clock()
        # Never longer than the token it was issued for: otherwise one could be renewed for ever by the next.
        expires = now + LIFE_SECONDS if caller.expires is None else caller.expires
        seconds = max(0, int(min(LIFE_SECONDS, expires - now)))
        text = REGISTRY_PREFIX + base64.urlsafe_b64encode(os.urandom(32)).rstrip(b"=").decode()
        record = {
            "identity": [identity.source, identity.name, dict(identity.claims), identity.proof],
            "access": {repo: sorted(actions) for repo, actions in access.items()},
            "expires": int(now) + seconds,
        }
        self._store.put(_digest(text), json.dumps(record), int(now) + seconds)
        return RegistryToken(text, seconds, access)

    def find(self, text: str) -> Issued | None:
        """Return what was stored of a token that has not expired, else None; raises `Unavailable`."""
        if len(text) != _LENGTH:
            return None
        found = self._store.get(_digest(text))
        if found is None:
            return None
        record = json.loads(found)
        source, name, claims, proof = record["identity"]
        if record["expires"] <= self._clock():
            return None
        access = {repo: frozenset(map(Action, actions)) for repo, actions in record["access"].items()}
        return Issued(Identity(Source(source), name, claims, proof), access, record["expires"])


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
