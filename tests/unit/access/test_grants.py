"""The `access` claim."""

from typing import Any

import pytest
from charthouse.access.grants import Action, claimed
from hypothesis import given
from hypothesis import strategies as st

from tests.tokens import an_entry

CHARTMUSEUM = "access[?name=='$NAMESPACE' && type=='$ACCESS_ENTRY_TYPE'].actions[]"

PATHS = ["", CHARTMUSEUM]

ALPHABET = "ABCXYZabcxyz0189._~@+=/-"
"""Characters of a repository's name."""


@pytest.mark.parametrize("path", PATHS)
def test_actions_are_granted_for_the_repository_they_name(path: str) -> None:
    claims = {"access": [an_entry("org1/repo1", "pull", "push"), an_entry("org1/repo2", "pull")]}

    assert claimed(claims, "org1/repo1", path) == frozenset(Action)
    assert claimed(claims, "org1/repo2", path) == frozenset({Action.PULL})
    assert claimed(claims, "org1/repo3", path) == frozenset()
    assert claimed(claims, "org1", path) == frozenset()


@pytest.mark.parametrize("path", PATHS)
def test_push_does_not_imply_pull(path: str) -> None:
    assert claimed({"access": [an_entry("org1", "push")]}, "org1", path) == frozenset({Action.PUSH, Action.DELETE})


@pytest.mark.parametrize("path", PATHS)
def test_the_repository_without_a_name_is_called_repo(path: str) -> None:
    assert claimed({"access": [an_entry("repo", "pull")]}, "", path) == frozenset({Action.PULL})


@pytest.mark.parametrize("path", PATHS)
def test_entries_of_one_repository_add_up(path: str) -> None:
    claims = {"access": [an_entry("a", "pull"), an_entry("a", "push")]}

    assert claimed(claims, "a", path) == frozenset(Action)


@pytest.mark.parametrize("path", PATHS)
def test_a_bare_string_is_one_action(path: str) -> None:
    assert claimed({"access": [an_entry("a") | {"actions": "pull"}]}, "a", path) == frozenset({Action.PULL})


@pytest.mark.parametrize("path", PATHS)
def test_wildcards_other_types_and_unknown_actions_grant_nothing(path: str) -> None:
    claims = {
        "access": [
            an_entry("*", "pull"),
            an_entry("a", "*", "PULL", "pu"),
            an_entry("a", "pull") | {"type": "repository"},
        ]
    }

    assert claimed(claims, "a", path) == frozenset()


@pytest.mark.parametrize("claims", [{}, {"access": None}, {"access": {}}, {"access": 1}, {"access": "pull"}])
def test_without_a_list_of_access_nothing_can_be_said(claims: dict[str, Any]) -> None:
    assert claimed(claims, "a") is None
    assert claimed(claims, "a", CHARTMUSEUM) == frozenset()


@pytest.mark.parametrize("path", PATHS)
def test_odd_entries_are_passed_over(path: str) -> None:
    odd: list[object] = [
        1,
        None,
        "x",
        [],
        {},
        {"name": "a"},
        an_entry("a") | {"actions": None},
        an_entry("a") | {"actions": [{}, ["pull"]]},
    ]

    assert claimed({"access": [*odd, an_entry("a", "pull")]}, "a", path) == frozenset({Action.PULL})


def test_a_search_path_finds_the_actions_elsewhere() -> None:
    claims = {"charts": {"org1/repo1": {"may": ["pull"]}}}

    assert claimed(claims, "org1/repo1", 'charts."$NAMESPACE".may') == frozenset({Action.PULL})
    assert claimed(claims, "org1/repo2", 'charts."$NAMESPACE".may') == frozenset()


def test_a_variable_may_be_part_of_a_string() -> None:
    claims = {"roles": ["charts:org1:pull"]}

    path = "contains(roles, 'charts:$NAMESPACE:pull') && `[\"pull\"]`"

    assert claimed(claims, "org2", path) == frozenset()
    assert claimed(claims, "org1", path) == frozenset({Action.PULL})


@pytest.mark.parametrize(
    "repo",
    [
        "x' || name=='admin",
        "x'].actions[] || access[?name=='admin",
        "x\\' || `true` || '",
        "' || '1'=='1",
        "`",
        '"',
        "x`]`",
    ],
)
def test_a_repository_name_cannot_become_syntax(repo: str) -> None:
    claims = {"access": [an_entry("admin", "pull", "push")]}

    assert claimed(claims, repo, CHARTMUSEUM) == frozenset()
    assert claimed({"access": [an_entry(repo, "pull")]}, repo, CHARTMUSEUM) == frozenset()


@pytest.mark.parametrize("path", ["access[?", "access.$NAMESPACE", "$NAMESPACE", "access[?name==$NAMESPACE]"])
def test_an_invalid_search_path_is_an_error_of_the_operator(path: str) -> None:
    with pytest.raises(ValueError, match="AuthActionsSearchPath"):
        claimed({}, "admin", path)


@given(repo=st.text(alphabet=ALPHABET, max_size=40))
def test_every_name_a_repository_can_have_stays_one_string(repo: str) -> None:
    claims = {"access": [an_entry(repo or "repo", "pull"), an_entry("other/repository!", "push")]}

    assert claimed(claims, repo, CHARTMUSEUM) == frozenset({Action.PULL})


def test_claims_of_a_shape_the_search_path_does_not_expect_grant_nothing() -> None:
    assert claimed({"roles": 7}, "a", "contains(roles, 'x') && `[\"pull\"]`") == frozenset()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.just("pull"),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["type", "name", "actions", "x"]), inner)
    ),
    max_leaves=10,
)


@given(access=JSON)
def test_both_rules_agree_on_any_claim(access: Any) -> None:
    assert (claimed({"access": access}, "") or frozenset()) == claimed({"access": access}, "", CHARTMUSEUM)
