"""Access policies, as an operator writes them."""

import json
from typing import Any

from charthouse.access.passwords import fast_hash, slow_hash

from tests.tokens import PrivateKey, public_pem

ISSUER = "https://token.actions.githubusercontent.com"
PASSWORD = "correct horse battery"
"""Of the users whose hash is slow."""
GENERATED = "gzqz4dkyv5ywm3b2tdfxvv3qm2ynr6yn"
"""Of the users whose hash is fast."""

SLOW, FAST = slow_hash(PASSWORD), fast_hash(GENERATED)


def a_grant(*repositories: str, actions: str = "pull push delete") -> dict[str, Any]:
    """Return a grant on the repositories."""
    return {"repositories": list(repositories), "actions": actions.split()}


def a_user(*grants: dict[str, Any], password: str = FAST) -> dict[str, Any]:
    """Return a user with the password `GENERATED`, or another hash."""
    return {"password": password, "grants": list(grants)}


def a_policy_key(*grants: dict[str, Any], key: PrivateKey | None = None) -> dict[str, Any]:
    """Return a key with what its tokens may grant at most."""
    return {"key": public_pem(key), "grants": list(grants)}


def a_rule(*grants: dict[str, Any], **claims: Any) -> dict[str, Any]:
    """Return a rule for tokens with these claims."""
    return {"claims": claims, "grants": list(grants)}


def an_issuer(*rules: dict[str, Any], audience: str | list[str] = "charthouse", **members: str) -> dict[str, Any]:
    """Return an issuer with its rules."""
    return {"audience": audience, "rules": list(rules), **members}


def a_document(**members: Any) -> bytes:
    """Return a document with these members."""
    return json.dumps(members).encode()
