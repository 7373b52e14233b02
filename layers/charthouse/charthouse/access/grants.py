"""What credentials allow: actions on repositories, granted by pattern or by a token's `access` claim."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

ENTRY_TYPE = "artifact-repository"
"""The `type` of the entries of the `access` claim that speak of chart repositories."""

_PLAIN = re.compile(r"[A-Za-z0-9._~@+=/-]*")
"""The names a repository can have: none ends a quoted string, so none becomes JMESPath syntax."""


class Action(StrEnum):
    """What a request does to a repository; none includes another."""

    PULL = "pull"
    PUSH = "push"
    """Upload."""
    DELETE = "delete"


EVERYTHING = frozenset(Action)
NOTHING: frozenset[Action] = frozenset()


@dataclass(frozen=True, slots=True)
class Grant:
    """Actions on all repositories whose name matches one of the patterns."""

    repositories: tuple[str, ...]
    actions: frozenset[Action]


def granted(grants: Iterable[Grant], repo: str) -> frozenset[Action]:
    """Return the actions that these grants together allow on the repository."""
    matching = (grant.actions for grant in grants if any(matches(pattern, repo) for pattern in grant.repositories))
    return NOTHING.union(*matching)


def is_pattern(pattern: str) -> bool:
    """Return whether `matches` can take this: `**` may stand for whole segments only."""
    return all(segment == "**" or "**" not in segment for segment in pattern.split("/"))


def matches(pattern: str, text: str) -> bool:
    """Return whether the pattern stands for the whole text, both divided into segments by `/`.

    `*` is any characters within one segment, `**` any number of segments, none included. The empty text has no
    segment: only the empty pattern and `**` match it. Takes time in proportion to the product of both lengths.
    """
    return _glob(_segments(pattern), _segments(text), "**", lambda one, other: _glob(one, other, "*", str.__eq__))


def _segments(text: str) -> list[str]:
    return text.split("/") if text else []


def _glob(pattern: Sequence[str], text: Sequence[str], star: str, fits: Callable[[str, str], bool]) -> bool:
    """Match item by item, `star` being any number of them.

    Only the last star is tried again with one item more: what an earlier one could take, the last one can take too.
    """
    at = position = 0
    after_star, covered = -1, 0
    while position < len(text):
        if at < len(pattern) and pattern[at] == star:
            at += 1
            after_star, covered = at, position
        elif at < len(pattern) and fits(pattern[at], text[position]):
            at += 1
            position += 1
        elif after_star >= 0:
            covered += 1
            at, position = after_star, covered
        else:
            return False
    return all(item == star for item in pattern[at:])


def namespace(repo: str) -> str:
    """Return the repository's name in tokens and challenges: `repo` stands for the root repository."""
    return repo or "repo"


def claimed(claims: Mapping[str, Any], repo: str, search_path: str = "") -> frozenset[Action] | None:
    """Return the actions these claims allow on the repository, or None if the claim `access` is missing.

    `access` is a list of `{"type": "artifact-repository", "name": <namespace>, "actions": ["pull", "push"]}`; a bare
    string is accepted for `actions`. `push` is ChartMuseum's and means upload and delete. `search_path` is a JMESPath
    expression that replaces this rule; the variables `$NAMESPACE` and `$ACCESS_ENTRY_TYPE` are replaced inside its
    quoted strings; what it does not find is not granted. Raises `ValueError` if it is not a JMESPath expression.
    """
    if search_path:
        found = _search(claims, repo, search_path)
    elif isinstance(claims.get("access"), list):
        found = _access(claims["access"], repo)
    else:
        return None
    words = [found] if isinstance(found, str) else found if isinstance(found, list) else []
    actions = frozenset(action for action in Action if action.value in words)
    return actions | {Action.DELETE} if Action.PUSH in actions else actions


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
