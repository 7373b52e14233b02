"""Decides whether a request may do what it asks of a repository."""

import hashlib
import hmac
import os
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from charthouse.access.callers import ANONYMOUS, Caller, Identity, Rights, Source
from charthouse.access.credentials import ANONYMOUS_TOKEN, REGISTRY_PREFIX, Basic, Bearer, parse_authorization
from charthouse.access.grants import EVERYTHING, NOTHING, Action, Grant, claimed, granted, namespace
from charthouse.access.tokens import read_claims, read_public_key, read_unverified
from charthouse.errors import Forbidden, Unauthorized, Unavailable
from charthouse.settings import Access

if TYPE_CHECKING:
    from charthouse.access.issuers import IssuerKeys
    from charthouse.access.policies import CurrentPolicy
    from charthouse.access.policy import Policy
    from charthouse.access.registry import RegistryToken, RegistryTokens
    from charthouse.access.tokens import PublicKey

REMEMBERED_SECONDS = 300
"""Seconds for which a verified credential is not verified again: a changed password or key takes effect after that."""

REMEMBERED = 256
"""Verified credentials kept in a process; the least recently used is dropped first."""

PASSWORD_SECONDS = 15
"""Seconds for which a fetched password is reused, so that guessing does not fetch it each time."""

NOTHING_CONFIGURED = (
    "uploads and deletes are off; to enable them set BearerAuth with AuthPublicKey, "
    "or BasicAuthUser with BasicAuthPass, or AccessPolicy, or AllowAnonymousPush"
)

PARAMETER_KEY = "AuthPublicKey"
"""The name of the key in the template parameter, where the policy's keys have their `kid`."""


@dataclass(frozen=True, slots=True)
class Sources:
    """What the authorizer fetches, each only when a credential needs it."""

    password: Callable[[], bytes]
    """The password of `BasicAuthUser`; raises `Unavailable`."""
    policy: "CurrentPolicy | None" = None
    """None: `AccessPolicy` is off."""
    issuers: "IssuerKeys | None" = None
    registry: "RegistryTokens | None" = None
    """None: no tokens are issued or accepted for the OCI routes."""
    note: Callable[[str], None] = field(default=lambda _reason: None)
    """Takes what is wrong with a key of the policy."""


class _NoPolicy:
    """A policy that grants nothing, for deployments without one: they do not pay for the import of the parser."""

    anonymous = ()
    users: Mapping[str, Any] = {}
    keys: Mapping[str, Any] = {}
    issuers: Mapping[str, Any] = {}
    has_slow_passwords = False


_NO_POLICY = cast("Policy", _NoPolicy())


class Authorizer:
    """Authorizes requests by Basic and Bearer credentials; where both are enabled, either is enough.

    Two sets of rules stand side by side, and what either allows is allowed: the template's parameters and the access
    policy. An incomplete configuration (user without password, Bearer without key, a policy that was never read)
    denies every request that nothing else allows. `clock` returns seconds since the epoch. `dynamic` is `DepthDynamic`.
    """

    def __init__(self, access: Access, sources: Sources, clock: Callable[[], float], *, dynamic: bool = False) -> None:
        """Store the configuration; nothing is fetched or parsed before a credential needs it."""
        self._access = access
        self._sources = sources
        self._clock = clock
        self._dynamic = dynamic
        # Random per process, so that the digests kept here are of no use anywhere else.
        self._secret = os.urandom(32)
        self._remembered: OrderedDict[bytes, tuple[float, int, Caller]] = OrderedDict()
        self._known_password: tuple[float, bytes] | None = None
        self._keys: dict[str, PublicKey] = {}

    @property
    def has_basic(self) -> bool:
        """Whether Basic credentials are accepted."""
        return bool(self._access.basic_user or self._access.basic_secret or self._access.policy)

    @property
    def has_bearer(self) -> bool:
        """Whether Bearer tokens are accepted."""
        return self._access.bearer_auth or self._access.policy

    def is_open(self, action: Action) -> bool:
        """Return whether everyone may do this to every repository, by the template's parameters."""
        configured = self.has_basic or self.has_bearer
        if action is Action.PULL:
            return self._access.anonymous_get or not configured
        return self._access.anonymous_push and not configured

    def authorize(self, action: Action, repo: str, authorization: str | None, challenge: str | None = None) -> Caller:
        """Return who asks if the request may do this; `authorization` is the value of its header.

        Raises `Unauthorized` with the challenge (or the one given) if credentials are missing or wrong, `Forbidden` if
        they are right but do not allow it, and `Unavailable` if that cannot be decided now. Credentials are ignored
        for what anonymous callers may do.
        """
        if self.is_open(action):
            return self._anonymous(_NO_POLICY)
        if not (self.has_basic or self.has_bearer):
            raise Forbidden(NOTHING_CONFIGURED)
        generation, policy, missing = self._policy()
        if action in granted(policy.anonymous, repo):
            return self._anonymous(policy)
        caller = self._verified(authorization or "", generation, policy)
        if caller is not None and caller.may(action, repo):
            return caller
        if missing is not None:
            raise missing
        if caller is None:
            raise Unauthorized("unauthorized", challenge or self.challenge(action, repo))
        raise Forbidden(_not_enough(caller.identity, action, repo))

    def authenticate(self, authorization: str | None, challenge: str | None = None) -> Caller:
        """Return who the credentials prove, whatever it may do; without any, the anonymous caller.

        Raises `Unauthorized` with the challenge if they are wrong, `Unavailable` if that cannot be decided now.
        """
        generation, policy, missing = self._policy()
        if not authorization or authorization == f"Bearer {ANONYMOUS_TOKEN}":
            if missing is not None and not self.is_open(Action.PULL):
                raise missing
            return self._anonymous(policy)
        caller = self._verified(authorization, generation, policy)
        if caller is None:
            raise missing or Unauthorized("unauthorized", challenge or self.challenge(Action.PULL, ""))
        return caller

    def filter_allowed(self, action: Action, repos: Iterable[str], authorization: str | None) -> list[str]:
        """Return the repositories for which the request is authorized to do this.

        Without credentials they are those of anonymous callers. Raises `Unauthorized` if credentials are wrong, or
        missing where anonymous callers may do this nowhere.
        """
        if self.is_open(action):
            return list(repos)
        if not (self.has_basic or self.has_bearer):
            raise Forbidden(NOTHING_CONFIGURED)
        _, policy, missing = self._policy()
        anonymous = any(action in grant.actions for grant in policy.anonymous)
        if not authorization and not anonymous:
            raise missing or Unauthorized("unauthorized", self.challenge(action, ""))
        caller = self.authenticate(authorization, self.challenge(action, ""))
        return [repo for repo in repos if caller.may(action, repo) or action in granted(policy.anonymous, repo)]

    def issue(self, caller: Caller, wanted: Mapping[str, Iterable[Action]]) -> "RegistryToken":
        """Return a token of some minutes for what the caller may do of what it wants, by repository."""
        if self._sources.registry is None:
            raise Forbidden("this deployment issues no tokens")
        return self._sources.registry.issue(caller, wanted)

    def challenge(self, action: Action, repo: str) -> str:
        """Return the value of `WWW-Authenticate`.

        One value: payload 2.0 has room for one header of a name only. Basic first: Helm and browsers support no other.
        """
        challenges = []
        if self.has_basic:
            challenges.append('Basic realm="ChartMuseum"')
        if self.has_bearer:
            # Token servers for ChartMuseum know no `delete`: their `push` includes it.
            word = Action.PUSH if action is Action.DELETE else action
            scope = f"artifact-repository:{namespace(repo)}:{word}"
            parameters = {"realm": self._access.realm, "service": self._access.service, "scope": scope}
            challenges.append("Bearer " + ",".join(f"{name}={_quoted(value)}" for name, value in parameters.items()))
        return ", ".join(challenges)

    def _policy(self) -> "tuple[int, Policy, Unavailable | None]":
        """Return generation and policy in force; without one an empty policy, and why it cannot be had."""
        if self._sources.policy is None:
            return 0, _NO_POLICY, None
        try:
            return *self._sources.policy.get(), None
        except Unavailable as missing:
            return 0, _NO_POLICY, missing

    def _anonymous(self, policy: "Policy") -> Caller:
        opened = frozenset(action for action in Action if self.is_open(action))
        return Caller(ANONYMOUS, lambda repo: opened | granted(policy.anonymous, repo))

    def _verified(self, authorization: str, generation: int, policy: "Policy") -> Caller | None:
        """Return the caller whom the credentials prove, or None; remembered while the policy stays the same."""
        digest = self._digest(authorization.encode("utf-8", "surrogatepass"))
        now = self._clock()
        until, known, caller = self._remembered.get(digest, (0.0, 0, None))
        if caller is not None and now < until and known == generation:
            self._remembered.move_to_end(digest)
            return caller
        proof = self._prove(parse_authorization(authorization), policy, now)
        rights = self._rights(proof.identity, policy) if proof is not None else None
        if proof is None or rights is None:
            return None
        caller = Caller(proof.identity, _within(rights, proof.access), proof.expires)
        until = now + REMEMBERED_SECONDS if proof.expires is None else min(now + REMEMBERED_SECONDS, proof.expires)
        self._remember(digest, until, generation, caller)
        return caller

    def _remember(self, digest: bytes, until: float, generation: int, caller: Caller) -> None:
        self._remembered[digest] = (until, generation, caller)
        self._remembered.move_to_end(digest)
        while len(self._remembered) > REMEMBERED:
            self._remembered.popitem(last=False)

    def _prove(self, credentials: Basic | Bearer | None, policy: "Policy", now: float) -> "_Proof | None":
        if isinstance(credentials, Basic) and self.has_basic:
            return self._prove_by_password(credentials, policy, now)
        if not isinstance(credentials, Bearer):
            return None
        if self._sources.registry is not None and credentials.token.startswith(REGISTRY_PREFIX):
            issued = self._sources.registry.find(credentials.token)
            return _Proof(issued.identity, issued.expires, issued.access) if issued is not None else None
        return self._prove_by_token(credentials.token, policy, now) if self.has_bearer else None

    def _prove_by_password(self, credentials: Basic, policy: "Policy", now: float) -> "_Proof | None":
        if self._is_owner(credentials, now):
            return _Proof(Identity(Source.OWNER, self._access.basic_user))
        if not policy.users:
            return None
        # Only deployments with users pay for the import.
        from charthouse.access.passwords import is_right  # noqa: PLC0415

        name = credentials.user.decode("utf-8", "replace")
        user = policy.users.get(name)
        stored = user.password if user is not None else None
        if not is_right(stored, credentials.password, slow=policy.has_slow_passwords) or stored is None:
            return None
        return _Proof(Identity(Source.USER, name, proof=_fingerprint(stored)))

    def _prove_by_token(self, token: str, policy: "Policy", now: float) -> "_Proof | None":
        read = read_unverified(token)
        if read is None:
            return None
        # Unverified: they only choose which key has to have signed the token.
        kid, issuer = (given if isinstance(given, str) else "" for given in (read[0].get("kid"), read[1].get("iss")))
        if kid in policy.keys:
            text = policy.keys[kid].text
            claims = self._read_claims(token, self._policy_key(text, kid), now)
            identity = Identity(Source.KEY, kid, claims or {}, _fingerprint(text))
            return _proof(identity, claims)
        if self._access.bearer_auth:
            claims = self._read_claims(token, self._public_key(self._access.public_key, PARAMETER_KEY), now)
            if claims is not None:
                identity = Identity(Source.TOKEN, PARAMETER_KEY, claims, _fingerprint(self._access.public_key))
                return _proof(identity, claims)
        if issuer in policy.issuers and self._sources.issuers is not None:
            for key in self._sources.issuers.find(policy.issuers[issuer], kid or None):
                claims = self._read_claims(token, key, now)
                if claims is not None and "exp" in claims:
                    return _proof(Identity(Source.ISSUER, issuer, claims), claims)
        return None

    def _rights(self, identity: Identity, policy: "Policy") -> Rights | None:
        """Return what the identity may do under this policy, or None if it proves nothing (any more)."""
        name, claims = identity.name, identity.claims
        rights: Rights | None = None
        match identity.source:
            case Source.OWNER if self._access.basic_secret and name == self._access.basic_user:
                rights = _everything
            case Source.TOKEN if self._access.bearer_auth and identity.proof == _fingerprint(self._access.public_key):
                rights = self._claimed(claims, self._access.actions_search_path)
            case Source.USER if name in policy.users:
                user = policy.users[name]
                rights = _by(user.grants) if identity.proof == _fingerprint(user.password) else None
            case Source.KEY if name in policy.keys:
                key = policy.keys[name]
                own = self._claimed(claims) if identity.proof == _fingerprint(key.text) else None
                rights = own and _both(own, _by(key.grants))
            case Source.ISSUER if name in policy.issuers:
                issuer = policy.issuers[name]
                rights = (
                    _by(issuer.grants(claims)) if set(issuer.audiences) & set(_strings(claims.get("aud"))) else None
                )
        return rights

    def _claimed(self, claims: Mapping[str, Any], search_path: str = "") -> Rights | None:
        if claimed(claims, "", search_path) is None:
            return None

        def rights(repo: str) -> frozenset[Action]:
            # In a token `repo` is the root repository, so a repository of that name beside it has no name there.
            unnamed = self._dynamic and repo == namespace("")
            return NOTHING if unnamed else claimed(claims, repo, search_path) or NOTHING

        return rights

    def _read_claims(self, token: str, key: "PublicKey | None", now: float) -> dict[str, Any] | None:
        return read_claims(token, key, now, unlimited=self._access.unlimited_tokens) if key is not None else None

    def _public_key(self, text: str, name: str) -> "PublicKey":
        if text not in self._keys:
            self._keys[text] = read_public_key(text, name)
        return self._keys[text]

    def _policy_key(self, text: str, kid: str) -> "PublicKey | None":
        try:
            return self._public_key(text, f"the key {kid}")
        except ValueError as error:
            self._sources.note(str(error))
            return None

    def _is_owner(self, credentials: Basic, now: float) -> bool:
        if not (self._access.basic_user and self._access.basic_secret):
            return False
        known = self._known_password
        if known is not None and now - known[0] < PASSWORD_SECONDS:
            return self._matches(credentials, known[1])
        password = self._sources.password()
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


@dataclass(frozen=True, slots=True)
class _Proof:
    """Credentials that were found right."""

    identity: Identity
    expires: float | None = None
    """When the token ends, in seconds since the epoch; None: it was no token, or one without end."""
    access: Mapping[str, frozenset[Action]] | None = None
    """What a token was issued for, by repository; None: for whatever the identity may do."""


def _proof(identity: Identity, claims: Mapping[str, Any] | None) -> _Proof | None:
    return None if claims is None else _Proof(identity, claims.get("exp"))


def _everything(_repo: str) -> frozenset[Action]:
    return EVERYTHING


def _by(grants: Iterable[Grant]) -> Rights:
    return lambda repo: granted(grants, repo)


def _both(one: Rights, other: Rights) -> Rights:
    return lambda repo: one(repo) & other(repo)


def _within(rights: Rights, access: Mapping[str, frozenset[Action]] | None) -> Rights:
    return rights if access is None else _both(rights, lambda repo: access.get(repo, NOTHING))


def _not_enough(identity: Identity, action: Action, repo: str) -> str:
    where = namespace(repo)
    if identity.source is Source.USER:
        return f"the access policy does not grant this user {action} on {where}"
    if identity.source is Source.ISSUER:
        return f"no rule of the access policy grants this token {action} on {where}"
    return f"the token does not allow {action} on {where}"


def _strings(value: object) -> list[str]:
    return [item for item in (value if isinstance(value, list) else [value]) if isinstance(item, str)]


def _fingerprint(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _quoted(text: str) -> str:
    """Quote a header parameter (RFC 9110, section 5.6.4); characters not allowed in a header are removed."""
    visible = "".join(character for character in text if " " <= character <= "~")
    return '"' + visible.replace("\\", "\\\\").replace('"', '\\"') + '"'
