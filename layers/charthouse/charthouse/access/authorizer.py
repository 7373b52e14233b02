"""Decides whether a request may do what it asks of a repository."""

import hmac
import os
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from charthouse.access.credentials import Basic, Bearer, parse_authorization
from charthouse.access.grants import Action, granted, namespace
from charthouse.access.tokens import read_claims, read_public_key
from charthouse.errors import Forbidden, Unauthorized
from charthouse.settings import Access

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

REMEMBERED_SECONDS = 300
"""Seconds for which a verified credential is not verified again: a changed password or key takes effect after that."""

REMEMBERED = 256
"""Verified credentials kept in a process; the least recently used is dropped first."""

PASSWORD_SECONDS = 15
"""Seconds for which a fetched password is reused, so that guessing does not fetch it each time."""

NOTHING_CONFIGURED = (
    "uploads and deletes are off; to enable them set BearerAuth with AuthPublicKey, "
    "or BasicAuthUser with BasicAuthPass, or AllowAnonymousPush"
)


class Authorizer:
    """Authorizes requests by Basic and Bearer credentials; where both are enabled, either is enough.

    `password` fetches the Basic password and is called only for a password not verified recently; `clock` returns
    seconds since the epoch. An incomplete configuration (user without password, Bearer without key) denies every
    request that is not anonymous.
    """

    def __init__(self, access: Access, password: Callable[[], bytes], clock: Callable[[], float]) -> None:
        """Store the configuration; nothing is fetched or parsed before a credential needs it."""
        self._access = access
        self._password = password
        self._clock = clock
        # Random per process, so that the digests kept here are of no use anywhere else.
        self._secret = os.urandom(32)
        self._remembered: OrderedDict[bytes, tuple[float, Mapping[str, Any] | None]] = OrderedDict()
        self._known_password: tuple[float, bytes] | None = None
        self._key: RSAPublicKey | None = None

    @property
    def has_basic(self) -> bool:
        """Whether Basic credentials are accepted."""
        return bool(self._access.basic_user or self._access.basic_secret)

    @property
    def has_bearer(self) -> bool:
        """Whether Bearer tokens are accepted."""
        return self._access.bearer_auth

    def authorize(self, action: Action, repo: str, authorization: str | None) -> None:
        """Return if the request may do this; `authorization` is the value of its header.

        Raises `Unauthorized` with the challenge if credentials are missing or wrong, `Forbidden` if they are right but
        do not allow it, and what `password` raises. Where anonymous access is enabled, credentials are ignored.
        """
        if self._is_open(action):
            return
        if not (self.has_basic or self.has_bearer):
            raise Forbidden(NOTHING_CONFIGURED)
        claims = self._verified(authorization or "", self._refusal(action, repo))
        if claims is None:
            return
        actions = granted(claims, repo, self._access.actions_search_path)
        if actions is None:
            raise self._refusal(action, repo)
        if action not in actions:
            raise Forbidden(f"the token does not allow {action} on {namespace(repo)}")

    def filter_allowed(self, action: Action, repos: Iterable[str], authorization: str | None) -> list[str]:
        """Return the repositories for which the request is authorized to do this.

        Raises `Unauthorized` if credentials are missing or wrong, as `authorize` would for any of them.
        """
        # The root repository stands for the credentials alone: they are verified even where the list is empty.
        self._is_allowed(action, "", authorization)
        return [name for name in repos if self._is_allowed(action, name, authorization)]

    def _is_allowed(self, action: Action, repo: str, authorization: str | None) -> bool:
        try:
            self.authorize(action, repo, authorization)
        except Forbidden:
            return False
        return True

    def _is_open(self, action: Action) -> bool:
        if action is Action.PUSH:
            return self._access.anonymous_push
        return self._access.anonymous_get or not (self.has_basic or self.has_bearer)

    def _refusal(self, action: Action, repo: str) -> Unauthorized:
        # One header value: payload 2.0 has room for one only. Basic first: Helm and browsers support no other.
        challenges = []
        if self.has_basic:
            challenges.append('Basic realm="ChartMuseum"')
        if self.has_bearer:
            scope = f"artifact-repository:{namespace(repo)}:{action}"
            parameters = {"realm": self._access.realm, "service": self._access.service, "scope": scope}
            challenges.append("Bearer " + ",".join(f"{name}={_quoted(value)}" for name, value in parameters.items()))
        return Unauthorized("unauthorized", ", ".join(challenges))

    def _verified(self, authorization: str, refusal: Unauthorized) -> Mapping[str, Any] | None:
        """Return the claims of a token, or None for Basic, which may do everything; raise the refusal."""
        digest = self._digest(authorization.encode("utf-8", "surrogatepass"))
        now = self._clock()
        until, claims = self._remembered.get(digest, (0.0, None))
        if now < until:
            self._remembered.move_to_end(digest)
            return claims
        credentials = parse_authorization(authorization)
        until = now + REMEMBERED_SECONDS
        if isinstance(credentials, Bearer) and self.has_bearer:
            claims = read_claims(credentials.token, self._public_key(), now)
            if claims is None:
                raise refusal
            until = min(until, claims.get("exp", until))
        elif isinstance(credentials, Basic) and self.has_basic and self._is_right(credentials, now):
            claims = None
        else:
            raise refusal
        self._remember(digest, until, claims)
        return claims

    def _remember(self, digest: bytes, until: float, claims: Mapping[str, Any] | None) -> None:
        self._remembered[digest] = (until, claims)
        self._remembered.move_to_end(digest)
        while len(self._remembered) > REMEMBERED:
            self._remembered.popitem(last=False)

    def _public_key(self) -> "RSAPublicKey":
        self._key = self._key or read_public_key(self._access.public_key)
        return self._key

    def _is_right(self, credentials: Basic, now: float) -> bool:
        if not (self._access.basic_user and self._access.basic_secret):
            return False
        known = self._known_password
        if known is not None and now - known[0] < PASSWORD_SECONDS:
            return self._matches(credentials, known[1])
        password = self._password()
        # An empty secret was never filled in, it is not a password: no digest equals the empty one.
        known = (now, self._digest(password) if password else b"")
        self._known_password = known
        return self._matches(credentials, known[1])

    def _matches(self, credentials: Basic, password: bytes) -> bool:
        # Digests have one length and `&` evaluates both: the time reveals neither length nor which of the two is wrong.
        user = hmac.compare_digest(self._digest(credentials.user), self._digest(self._access.basic_user.encode()))
        return user & hmac.compare_digest(self._digest(credentials.password), password)

    def _digest(self, data: bytes) -> bytes:
        return hmac.digest(self._secret, data, "sha256")


def _quoted(text: str) -> str:
    """Quote a header parameter (RFC 9110, section 5.6.4); characters not allowed in a header are removed."""
    visible = "".join(character for character in text if " " <= character <= "~")
    return '"' + visible.replace("\\", "\\\\").replace('"', '\\"') + '"'
