"""The access policy: the document `.charthouse/access.json`, which says who may do what.

    {"anonymous": [<grant>, ...],
     "users":   {"<name>": {"password": "scrypt:...", "grants": [<grant>, ...]}},
     "keys":    {"<kid>":  {"key": "-----BEGIN PUBLIC KEY-----...", "grants": [<grant>, ...]}},
     "issuers": {"<url>":  {"audience": "...", "rules": [{"claims": {"<claim>": "<pattern>"}, "grants": [...]}]}}}

A grant is `{"repositories": ["<pattern>", ...], "actions": ["pull", "push", "delete"]}`. `docs/access.schema.json` is
the same shape as a JSON Schema.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from charthouse.access.grants import Action, Grant, is_pattern, matches
from charthouse.access.passwords import is_hash, is_slow
from charthouse.errors import InvalidPolicy

MAX_DOCUMENT = 262_144
"""Bytes of the document: it is parsed by every process that serves requests."""

_REPOSITORIES = re.compile(r"[A-Za-z0-9._~@+=*-]+(/[A-Za-z0-9._~@+=*-]+)*|")
_USER = re.compile(r"[^:\x00-\x1f\x7f]{1,128}")
_KID = re.compile(r"[ -~]{1,128}")
# No query, fragment or user: OpenID Connect Discovery 1.0, section 3, for `issuer`.
_ISSUER = re.compile(r"https://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9._~!$&'()*+,;=:@%/-]*)?")
_KEY = re.compile(r"\s*-----BEGIN (PUBLIC KEY|RSA PUBLIC KEY|CERTIFICATE)-----[A-Za-z0-9+/=\s]+-----END \1-----\s*")


@dataclass(frozen=True, slots=True)
class User:
    """A person or job with a password."""

    password: str = field(repr=False)
    """As `charthouse.access.passwords` stores it."""
    grants: tuple[Grant, ...]


@dataclass(frozen=True, slots=True)
class Key:
    """A public key whose tokens carry ChartMuseum's `access` claim, and what such a token may grant at most."""

    text: str
    """PEM."""
    grants: tuple[Grant, ...]


@dataclass(frozen=True, slots=True)
class Rule:
    """What a token of an issuer grants if its claims match."""

    claims: Mapping[str, tuple[str, ...]]
    """Claim → patterns, of which one has to match."""
    grants: tuple[Grant, ...]

    def matches(self, claims: Mapping[str, Any]) -> bool:
        """Return whether every claim of the rule is in the token with a value that matches."""
        return all(
            any(matches(pattern, text) for pattern in patterns for text in _texts(claims.get(name)))
            for name, patterns in self.claims.items()
        )


@dataclass(frozen=True, slots=True)
class Issuer:
    """An OpenID Connect issuer."""

    url: str
    audiences: tuple[str, ...]
    rules: tuple[Rule, ...]
    jwks_uri: str = ""
    """Where its keys are, if they are on another host than the issuer; empty: where its discovery document says."""

    def grants(self, claims: Mapping[str, Any]) -> tuple[Grant, ...]:
        """Return the grants of all rules that match."""
        return tuple(grant for rule in self.rules if rule.matches(claims) for grant in rule.grants)


@dataclass(frozen=True, slots=True)
class Policy:
    """A document that was checked."""

    anonymous: tuple[Grant, ...] = ()
    users: Mapping[str, User] = field(default_factory=dict)
    keys: Mapping[str, Key] = field(default_factory=dict)
    issuers: Mapping[str, Issuer] = field(default_factory=dict)
    has_slow_passwords: bool = False

    @classmethod
    def parse(cls, document: bytes) -> Self:
        """Check the document; raises `InvalidPolicy`, which names the place of the mistake but no password."""
        members = _object("the document", _json(document), optional="$schema anonymous users keys issuers")
        schema = members.get("$schema", "")
        if not isinstance(schema, str):
            raise InvalidPolicy("$schema: must be a string")
        users = {
            _name("users", name, _USER, "1 to 128 characters without colon"): _user(f"users.{name}", value)
            for name, value in _map("users", members.get("users", {}))
        }
        keys = {
            _name("keys", kid, _KID, "1 to 128 printable ASCII characters"): _key(f"keys.{kid}", value)
            for kid, value in _map("keys", members.get("keys", {}))
        }
        issuers = {url: _issuer(url, value) for url, value in _map("issuers", members.get("issuers", {}))}
        slow = any(is_slow(user.password) for user in users.values())
        return cls(_grants("anonymous", members.get("anonymous", [])), users, keys, issuers, slow)


def _json(document: bytes) -> Any:
    if len(document) > MAX_DOCUMENT:
        raise InvalidPolicy(f"the document has more than {MAX_DOCUMENT} bytes")
    try:
        text = document.decode("utf-8-sig")
        return json.loads(text, object_pairs_hook=_unique, parse_constant=_not_json)
    except (ValueError, RecursionError) as error:
        raise InvalidPolicy(f"the document is not JSON: {error}") from error


def _unique(members: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in members:
        if name in found:
            raise ValueError(f"the member {name!r} is there twice")
        found[name] = value
    return found


def _not_json(constant: str) -> float:
    raise ValueError(f"{constant} is not JSON")


def _object(place: str, value: Any, required: str = "", optional: str = "") -> dict[str, Any]:
    """Return an object with these members only, named in one string each."""
    if not isinstance(value, dict):
        raise InvalidPolicy(f"{place}: must be an object")
    known = f"{required} {optional}".split()
    for name in value:
        if name not in known:
            raise InvalidPolicy(f"{place}: unknown member {name!r}; known are {', '.join(known)}")
    for name in required.split():
        if name not in value:
            raise InvalidPolicy(f"{place}: the member {name!r} is missing")
    return value


def _map(place: str, value: Any) -> Iterable[tuple[str, Any]]:
    if not isinstance(value, dict):
        raise InvalidPolicy(f"{place}: must be an object")
    return value.items()


def _name(place: str, name: str, form: re.Pattern[str], says: str) -> str:
    if not form.fullmatch(name):
        raise InvalidPolicy(f"{place}: the name {name!r} must be {says}")
    return name


def _strings(place: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not value or not all(isinstance(item, str) for item in value):
        raise InvalidPolicy(f"{place}: must be a list of strings, and not empty")
    return tuple(value)


def _user(place: str, value: Any) -> User:
    members = _object(place, value, required="password grants")
    password = members["password"]
    # The message must not quote it: a password in clear text is the likely mistake.
    if not isinstance(password, str) or not is_hash(password):
        raise InvalidPolicy(f"{place}.password: must be a hash as `make user` writes it, sha256:... or scrypt:...")
    return User(password, _grants(f"{place}.grants", members["grants"]))


def _key(place: str, value: Any) -> Key:
    members = _object(place, value, required="key grants")
    text = members["key"]
    # Whether it can be used is checked when the document is stored and at the first token: reading a key loads
    # `cryptography`, which a function must not do for every document.
    if not isinstance(text, str) or not _KEY.fullmatch(text):
        raise InvalidPolicy(f"{place}.key: must be a public key or certificate in PEM")
    return Key(text, _grants(f"{place}.grants", members["grants"]))


def _issuer(url: str, value: Any) -> Issuer:
    place = f"issuers.{url}"
    if not _ISSUER.fullmatch(url):
        raise InvalidPolicy(f"issuers: {url!r} must be an https URL without query, as in the tokens' claim `iss`")
    members = _object(place, value, required="audience rules", optional="jwks_uri")
    audience = members["audience"]
    audiences = _strings(f"{place}.audience", [audience] if isinstance(audience, str) else audience)
    if "" in audiences:
        raise InvalidPolicy(f"{place}.audience: must not be empty")
    jwks_uri = members.get("jwks_uri", "")
    if "jwks_uri" in members and not (isinstance(jwks_uri, str) and _ISSUER.fullmatch(jwks_uri)):
        raise InvalidPolicy(f"{place}.jwks_uri: must be an https URL without query")
    rules = members["rules"]
    if not isinstance(rules, list):
        raise InvalidPolicy(f"{place}.rules: must be a list")
    return Issuer(url, audiences, _each(f"{place}.rules", rules, _rule), jwks_uri)


def _rule(place: str, value: Any) -> Rule:
    members = _object(place, value, required="claims grants")
    claims = {
        name: _claim(f"{place}.claims.{name}", given) for name, given in _map(f"{place}.claims", members["claims"])
    }
    if not claims:
        raise InvalidPolicy(f"{place}.claims: must name a claim: without one every token of the issuer would match")
    return Rule(claims, _grants(f"{place}.grants", members["grants"]))


def _claim(place: str, value: Any) -> tuple[str, ...]:
    values = value if isinstance(value, list) else [value]
    if not values or not all(isinstance(item, str | bool | int | float) for item in values):
        raise InvalidPolicy(f"{place}: must be a pattern, a number, true or false, or a list of these, and not empty")
    patterns = tuple(text for item in values for text in _texts(item))
    for pattern in patterns:
        if not is_pattern(pattern):
            raise InvalidPolicy(f"{place}: in {pattern!r} the wildcard ** must be a whole segment between slashes")
    return patterns


def _grants(place: str, value: Any) -> tuple[Grant, ...]:
    if not isinstance(value, list):
        raise InvalidPolicy(f"{place}: must be a list of grants")
    return _each(place, value, _grant)


def _grant(place: str, value: Any) -> Grant:
    members = _object(place, value, required="repositories actions")
    repositories = _strings(f"{place}.repositories", members["repositories"])
    for pattern in repositories:
        if not _REPOSITORIES.fullmatch(pattern) or {".", ".."} & set(pattern.split("/")):
            raise InvalidPolicy(f"{place}.repositories: no repository can match {pattern!r}")
        if not is_pattern(pattern):
            raise InvalidPolicy(f"{place}.repositories: in {pattern!r} the wildcard ** must be a whole segment")
    for action in _strings(f"{place}.actions", members["actions"]):
        if action not in list(Action):
            raise InvalidPolicy(f"{place}.actions: {action!r} is not an action: pull, push, delete")
    return Grant(repositories, frozenset(map(Action, members["actions"])))


def _each[T](place: str, values: list[Any], read: Callable[[str, Any], T]) -> tuple[T, ...]:
    return tuple(read(f"{place}[{index}]", value) for index, value in enumerate(values))


def _texts(value: object) -> list[str]:
    """Return the values of a claim as they are compared: numbers and booleans as their JSON text."""
    match value:
        case str():
            return [value]
        case bool() | int() | float():
            return [json.dumps(value)]
        case list():
            return [text for item in value if not isinstance(item, list) for text in _texts(item)]
    return []
