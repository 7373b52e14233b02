"""What a token allows: its `access` claim read for one repository."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

ENTRY_TYPE = "artifact-repository"
"""The `type` of the entries of the `access` claim that speak of chart repositories."""


class Action(StrEnum):
    """What a request does to a repository; neither includes the other."""

    PULL = "pull"
    PUSH = "push"
    """Upload and delete."""


def namespace(repo: str) -> str:
    """Return the name by which tokens and challenges know the repository: `repo` stands for the one without a name."""
    return repo or "repo"


def granted(claims: Mapping[str, Any], repo: str, search_path: str = "") -> frozenset[Action] | None:
    """Return the actions these claims allow on the repository, or None if the claim `access` is missing.

    `access` is a list of `{"type": "artifact-repository", "name": <namespace>, "actions": ["pull", "push"]}`; a bare
    string is accepted for `actions`. `search_path` is a JMESPath expression that replaces this rule; the variables
    `$NAMESPACE` and `$ACCESS_ENTRY_TYPE` stand in its quoted strings; what it does not find is not granted. Raises
    `ValueError` if it is no JMESPath.
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
    from jmespath.parser import ParsedResult  # type: ignore[import-untyped]  # noqa: PLC0415

    try:
        parsed = jmespath.compile(search_path).parsed
    except ParseError as error:
        raise ValueError(f"AuthActionsSearchPath is no JMESPath expression: {error}") from error
    variables = {"$NAMESPACE": namespace(repo), "$ACCESS_ENTRY_TYPE": ENTRY_TYPE}
    try:
        return ParsedResult(search_path, _filled(parsed, variables)).search(claims)
    except JMESPathError:
        # The expression is right but these claims have another shape than it expects: they grant nothing.
        return None


def _filled(node: Any, variables: Mapping[str, str]) -> Any:
    """Put the variables into the strings of a parsed expression.

    After parsing, not before: whatever a repository is called, its name stays one string and cannot become syntax.
    """
    if isinstance(node, list):
        return [_filled(child, variables) for child in node]
    if not isinstance(node, dict):
        return node
    filled = {key: _filled(value, variables) for key, value in node.items()}
    value = filled.get("value")
    if filled.get("type") in {"literal", "field"} and isinstance(value, str):
        for variable, text in variables.items():
            value = value.replace(variable, text)
        filled["value"] = value
    return filled
