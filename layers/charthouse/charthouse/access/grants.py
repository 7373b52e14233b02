"""What a token allows: its `access` claim read for one repository."""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

ENTRY_TYPE = "artifact-repository"
"""The `type` of the entries of the `access` claim that speak of chart repositories."""

_PLAIN = re.compile(r"[A-Za-z0-9._~@+=/-]*")
"""The names a repository can have: none ends a quoted string, so none becomes JMESPath syntax."""


class Action(StrEnum):
    """What a request does to a repository; neither includes the other."""

    PULL = "pull"
    PUSH = "push"
    """Upload and delete."""


def namespace(repo: str) -> str:
    """Return the repository's name in tokens and challenges: `repo` stands for the root repository."""
    return repo or "repo"


def granted(claims: Mapping[str, Any], repo: str, search_path: str = "") -> frozenset[Action] | None:
    """Return the actions these claims allow on the repository, or None if the claim `access` is missing.

    `access` is a list of `{"type": "artifact-repository", "name": <namespace>, "actions": ["pull", "push"]}`; a bare
    string is accepted for `actions`. `search_path` is a JMESPath expression that replaces this rule; the variables
    `$NAMESPACE` and `$ACCESS_ENTRY_TYPE` are replaced inside its quoted strings; what it does not find is not granted.
    Raises `ValueError` if it is not a JMESPath expression.
    """
    if search_path:
        found = _search(claims, repo, search_path)
    elif isinstance(claims.get("access"), list):
        found = _access(claims["access"], repo)
    else:
        return None
    actions = [found] if isinstance(found, str) else found if isinstance(found, list) else []
    return frozenset(action for action in Action if action.value in actions)


def _access(entries: list[Any], repo: str) -> list[Any]:
    found: list[Any] = []
    for entry in entries:
        if isinstance(entry, dict) and entry.get("type") == ENTRY_TYPE and entry.get("name") == namespace(repo):
            actions = entry.get("actions")
            found.extend(actions if isinstance(actions, list) else [actions])
    return found


def _search(claims: Mapping[str, Any], repo: str, search_path: str) -> Any:
    # Only deployments with a search path pay for the import.
    import jmespath  # type: ignore[import-untyped]  # noqa: PLC0415
    from jmespath.exceptions import JMESPathError, ParseError  # type: ignore[import-untyped]  # noqa: PLC0415

    try:
        # Also shows that the variables are inside quotes: JMESPath has no `$` anywhere else.
        jmespath.compile(search_path)
    except ParseError as error:
        raise ValueError(f"AuthActionsSearchPath is not a JMESPath expression: {error}") from error
    if not _PLAIN.fullmatch(repo):
        return None
    expression = search_path.replace("$NAMESPACE", namespace(repo)).replace("$ACCESS_ENTRY_TYPE", ENTRY_TYPE)
    try:
        return jmespath.search(expression, claims)
    except JMESPathError:
        # The expression is valid but these claims have another shape than it expects: they grant nothing.
        return None
