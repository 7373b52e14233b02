"""The keys of OpenID Connect issuers: found by discovery, over HTTPS, kept in the process."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from charthouse.access.tokens import read_key_set
from charthouse.errors import Unavailable

if TYPE_CHECKING:
    from charthouse.access.policy import Issuer
    from charthouse.access.tokens import PublicKey

FRESH_SECONDS = 600
"""Age at which keys are fetched again, so that a key its issuer withdraws ends."""
STALE_SECONDS = 3600
"""Age up to which keys are used while the issuer does not answer."""
RETRY_SECONDS = 60
"""Least time between two fetches from an issuer, however many tokens with an unknown `kid` are sent."""

type Fetch = Callable[[str], bytes]
"""HTTPS URL → body of its 200; raises `Unavailable` with the reason for everything else, redirects included."""


@dataclass(slots=True)
class _Known:
    keys: list[tuple[str | None, "PublicKey"]] = field(default_factory=list)
    fetched: float = float("-inf")
    tried: float = float("-inf")


class IssuerKeys:
    """Keys by issuer and `kid`. `clock` returns seconds since the epoch; `note` takes why a fetch failed."""

    def __init__(self, fetch: Fetch, clock: Callable[[], float], note: Callable[[str], None]) -> None:
        """Fetch nothing yet."""
        self._fetch = fetch
        self._clock = clock
        self._note = note
        self._known: dict[str, _Known] = {}

    def find(self, issuer: "Issuer", kid: str | None) -> list["PublicKey"]:
        """Return the issuer's keys with this `kid`, or all of them for a token that names none.

        Raises `Unavailable` if the issuer's keys are not known and cannot be fetched now.
        """
        now = self._clock()
        known = self._known.setdefault(f"{issuer.url} {issuer.jwks_uri}", _Known())
        found = _with_id(known.keys, kid)
        if (not found or now - known.fetched >= FRESH_SECONDS) and now - known.tried >= RETRY_SECONDS:
            known.tried = now
            try:
                known.keys, known.fetched = self._fetch_keys(issuer), now
            except Unavailable as failure:
                self._note(f"{issuer.url}: {failure}")
            found = _with_id(known.keys, kid)
        if now - known.fetched >= STALE_SECONDS:
            raise Unavailable("the keys of the token's issuer cannot be fetched, try again later")
        return found

    def _fetch_keys(self, issuer: "Issuer") -> list[tuple[str | None, "PublicKey"]]:
        try:
            return read_key_set(self._fetch(issuer.jwks_uri or self._discover(issuer)))
        except (ValueError, RecursionError) as error:
            raise Unavailable(f"its keys cannot be read: {error}") from error

    def _discover(self, issuer: "Issuer") -> str:
        """Return where the keys are (OpenID Connect Discovery 1.0, section 4)."""
        document = json.loads(self._fetch(f"{issuer.url.rstrip('/')}/.well-known/openid-configuration"))
        if not isinstance(document, dict) or document.get("issuer") != issuer.url:
            raise ValueError("its discovery document is about another issuer")
        jwks_uri = document.get("jwks_uri")
        # Only from the issuer itself: for keys elsewhere the policy names the place.
        if not isinstance(jwks_uri, str) or _origin(jwks_uri) != _origin(issuer.url):
            raise ValueError("its jwks_uri is on another host; set jwks_uri in the policy if that is right")
        return jwks_uri


def _with_id(keys: list[tuple[str | None, "PublicKey"]], kid: str | None) -> list["PublicKey"]:
    return [key for known, key in keys if kid is None or known == kid]


def _origin(url: str) -> str:
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.partition('/')[0].lower().removesuffix(':443')}"
