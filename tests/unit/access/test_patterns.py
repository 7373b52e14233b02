"""Patterns of repositories and claims."""

import re
import time

import pytest
from charthouse.access.grants import Action, Grant, granted, is_pattern, matches
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        ("", [""], ["a", "a/b"]),
        ("*", ["a", "team-a"], ["", "a/b"]),
        ("**", ["", "a", "a/b", "a/b/c"], []),
        ("team-a", ["team-a"], ["", "team", "team-ab", "team-a/b", "x/team-a", "Team-a"]),
        ("team-a/*", ["team-a/b"], ["team-a", "team-a/b/c", "team-ab/c"]),
        ("team-a/**", ["team-a", "team-a/b", "team-a/b/c"], ["", "team-ab", "team"]),
        ("team-*", ["team-", "team-a"], ["team-a/b", "xteam-a"]),
        ("*-charts", ["a-charts", "-charts"], ["a-charts-b", "a/b-charts"]),
        ("a*b*c", ["abc", "axbxc", "abbcc"], ["ab", "acb", "abcd", "a/bc"]),
        ("**/charts", ["charts", "a/charts", "a/b/charts"], ["", "charts/a", "a-charts"]),
        ("a/**/b", ["a/b", "a/x/b", "a/x/y/b", "a/b/b"], ["a", "a/b/c", "b"]),
        ("**/a/**", ["a", "x/a", "a/x", "x/a/x"], ["", "x", "ab"]),
        ("*/*", ["a/b"], ["a", "a/b/c"]),
        ("*/**", ["a", "a/b"], [""]),
        ("refs/heads/*", ["refs/heads/main"], ["refs/heads/a/b", "refs/tags/main"]),
        ("repo:acme/*", ["repo:acme/x:ref:main"], ["repo:acme", "repo:acmee/x", "repo:acme/x:ref:refs/heads/main"]),
        ("a.c", ["a.c"], ["abc"]),
    ],
)
def test_a_pattern_stands_for_these_names_and_no_others(pattern: str, yes: list[str], no: list[str]) -> None:
    assert is_pattern(pattern)
    assert [text for text in yes + no if matches(pattern, text)] == yes


@pytest.mark.parametrize("pattern", ["a**", "**a", "a/b**/c", "***", "a/***"])
def test_two_stars_stand_for_whole_segments_only(pattern: str) -> None:
    assert not is_pattern(pattern)


SEGMENT = st.text(alphabet="ab*.-", min_size=1, max_size=4).filter(lambda segment: "**" not in segment)
PATTERN = st.lists(SEGMENT | st.just("**"), max_size=4).map("/".join)
NAME = st.lists(st.text(alphabet="ab.-", min_size=1, max_size=4), max_size=5).map("/".join)


def slow_match(pattern: list[str], text: list[str]) -> bool:
    """Match what remains of the pattern with what remains of the text, in every possible way."""
    if not pattern:
        return not text
    if pattern[0] == "**":
        return any(slow_match(pattern[1:], text[taken:]) for taken in range(len(text) + 1))
    segment = re.escape(pattern[0]).replace(r"\*", ".*")
    return bool(text) and re.fullmatch(segment, text[0]) is not None and slow_match(pattern[1:], text[1:])


@given(pattern=PATTERN, name=NAME)
def test_patterns_match_as_they_are_defined(pattern: str, name: str) -> None:
    assert matches(pattern, name) == slow_match(pattern.split("/") if pattern else [], name.split("/") if name else [])


@given(name=NAME)
def test_a_name_matches_itself_and_everything(name: str) -> None:
    assert matches(name, name)
    assert matches("**", name)
    assert matches("*", name) == (name != "" and "/" not in name)


def test_no_pattern_takes_long() -> None:
    started = time.process_time()

    assert not matches("/".join(["**", "*a" * 60] * 20), "/".join(["a" * 100] * 20 + ["b"]))
    assert not matches("*a" * 200 + "b", "a" * 500)

    assert time.process_time() - started < 1


def test_grants_add_up_and_no_action_includes_another() -> None:
    grants = [
        Grant(("team-a", "team-a/*"), frozenset({Action.PULL})),
        Grant(("team-a",), frozenset({Action.PUSH})),
        Grant(("**",), frozenset({Action.DELETE})),
    ]

    assert granted(grants, "team-a") == frozenset(Action)
    assert granted(grants, "team-a/x") == {Action.PULL, Action.DELETE}
    assert granted(grants, "") == {Action.DELETE}
    assert granted([], "team-a") == frozenset()
