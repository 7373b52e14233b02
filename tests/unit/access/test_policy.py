"""The access policy, and the mistakes that can be made in it."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from charthouse.access.grants import Action, Grant
from charthouse.access.policy import MAX_DOCUMENT, Issuer, Policy, Rule
from charthouse.errors import InvalidPolicy
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from tests.policies import (
    FAST,
    ISSUER,
    SLOW,
    a_document,
    a_grant,
    a_policy_key,
    a_rule,
    a_user,
    an_issuer,
)
from tests.tokens import an_ec_key, private_pem

SCHEMA = json.loads((Path(__file__).parents[3] / "docs" / "access.schema.json").read_text())
PULL = a_grant("team-a", actions="pull")

WHOLE: dict[str, Any] = {
    "$schema": "access.schema.json",
    "anonymous": [a_grant("public/*", actions="pull")],
    "users": {
        "alice": a_user(a_grant("team-a", "team-a/*"), password=SLOW),
        "ci": a_user(a_grant("*", "", actions="pull push"), PULL),
    },
    "keys": {"2026-11": a_policy_key(a_grant("**")), "ec": a_policy_key(PULL, key=an_ec_key())},
    "issuers": {
        ISSUER: an_issuer(
            a_rule(a_grant("acme", actions="push"), repository_owner_id="12345", repository="acme/*"),
            a_rule(PULL, ref=["refs/heads/main", "refs/tags/**"], run_attempt=1, protected=True),
        ),
        "https://accounts.example.com:8443/a/": an_issuer(
            audience=["one", "two"], jwks_uri="https://keys.example.com/certs"
        ),
    },
}


def is_valid(document: object) -> bool:
    return bool(Draft202012Validator(SCHEMA).is_valid(document))


def test_a_whole_document_is_read() -> None:
    policy = Policy.parse(json.dumps(WHOLE).encode())

    assert policy.anonymous == (Grant(("public/*",), frozenset({Action.PULL})),)
    assert policy.users["alice"].password == SLOW
    assert policy.users["ci"].grants[0] == Grant(("*", ""), frozenset({Action.PULL, Action.PUSH}))
    assert policy.has_slow_passwords
    assert list(policy.keys) == ["2026-11", "ec"]
    assert policy.issuers[ISSUER].rules[1] == Rule(
        {"ref": ("refs/heads/main", "refs/tags/**"), "run_attempt": ("1",), "protected": ("true",)},
        (Grant(("team-a",), frozenset({Action.PULL})),),
    )
    assert policy.issuers["https://accounts.example.com:8443/a/"].audiences == ("one", "two")
    assert is_valid(WHOLE)


@pytest.mark.parametrize(
    "document", [b"{}", b"\xef\xbb\xbf{}", b' {"users":{},"keys":{},"issuers":{},"anonymous":[]}\n']
)
def test_an_empty_document_grants_nothing(document: bytes) -> None:
    assert Policy.parse(document) == Policy()


def test_hashes_stay_out_of_representations() -> None:
    assert FAST[-20:] not in repr(Policy.parse(json.dumps(WHOLE).encode()))


def changed(place: str, value: object) -> dict[str, Any]:
    """Return the whole document with another value at one place, `users/alice/password`; `...` removes it."""
    document: dict[str, Any] = json.loads(json.dumps(WHOLE))
    *steps, last = place.split("/")
    inside: Any = document
    for step in steps:
        key = ISSUER if step == "ISSUER" else int(step) if step.isdigit() else step
        inside = inside[key]
    if value is ...:
        del inside[last]
    else:
        inside[int(last) if isinstance(inside, list) else last] = value
    return document


MISTAKES: Mapping[str, tuple[str, object, str]] = {
    "a typo at the top": ("user", {}, r"the document: unknown member 'user'.*users"),
    "anonymous is no list": ("anonymous", {}, "anonymous: must be a list"),
    "a grant is a string": ("anonymous", ["pull"], r"anonymous\[0\]: must be an object"),
    "a typo in a grant": ("anonymous/0/repository", [], r"anonymous\[0\]: unknown member 'repository'"),
    "no repositories": ("anonymous/0/repositories", ..., "'repositories' is missing"),
    "no actions": ("anonymous/0/actions", ..., "'actions' is missing"),
    "repositories is a string": ("anonymous/0/repositories", "*", "repositories: must be a list of strings"),
    "empty repositories": ("anonymous/0/repositories", [], "not empty"),
    "empty actions": ("anonymous/0/actions", [], "not empty"),
    "an unknown action": ("anonymous/0/actions", ["pul"], r"'pul' is not an action"),
    "an action in capitals": ("anonymous/0/actions", ["PULL"], r"'PULL' is not an action"),
    "all actions": ("anonymous/0/actions", ["*"], r"'\*' is not an action"),
    "a number as a repository": ("anonymous/0/repositories", [1], "list of strings"),
    "a slash at the end": ("anonymous/0/repositories", ["a/"], "no repository can match 'a/'"),
    "a slash at the beginning": ("anonymous/0/repositories", ["/a"], "no repository can match"),
    "two slashes": ("anonymous/0/repositories", ["a//b"], "no repository can match"),
    "a blank": ("anonymous/0/repositories", ["a b"], "no repository can match"),
    "a question mark": ("anonymous/0/repositories", ["a?"], "no repository can match"),
    "a dot segment": ("anonymous/0/repositories", ["a/../b"], "no repository can match"),
    "half a wildcard": ("anonymous/0/repositories", ["a**"], "must be a whole segment"),
    "users is a list": ("users", [], "users: must be an object"),
    "a user with a colon": ("users/a:b", a_user(), r"users: the name 'a:b'"),
    "a user without a name": ("users/", a_user(), "users: the name ''"),
    "no password": ("users/alice/password", ..., "users.alice: the member 'password' is missing"),
    "no grants": ("users/alice/grants", ..., "users.alice: the member 'grants' is missing"),
    "a password in clear": ("users/alice/password", "sesame", "users.alice.password: must be a hash"),
    "a number as a password": ("users/alice/password", 1, "users.alice.password: must be a hash"),
    "a typo in a user": ("users/alice/grant", [], "users.alice: unknown member 'grant'"),
    "a private key": ("keys/2026-11/key", private_pem(), "must be a public key"),
    "no key at all": ("keys/2026-11/key", "secret", "keys.2026-11.key: must be a public key"),
    "a key without grants": ("keys/2026-11/grants", ..., "'grants' is missing"),
    "a kid with a newline": ("keys/a\nb", a_policy_key(), "keys: the name"),
    "plain HTTP": ("issuers/http:~~a.example.com", an_issuer(), "must be an https URL"),
    "an issuer with a query": ("issuers/https:~~a.example.com?x=y", an_issuer(), "must be an https URL"),
    "an issuer with a user": ("issuers/https:~~a@b.example.com", an_issuer(), "must be an https URL"),
    "no audience": ("issuers/ISSUER/audience", ..., "'audience' is missing"),
    "an empty audience": ("issuers/ISSUER/audience", "", "audience: must not be empty"),
    "an empty list of audiences": ("issuers/ISSUER/audience", [], "audience: must be a list of strings"),
    "no rules": ("issuers/ISSUER/rules", ..., "'rules' is missing"),
    "rules is an object": ("issuers/ISSUER/rules", {}, "rules: must be a list"),
    "keys over HTTP": ("issuers/ISSUER/jwks_uri", "http://a.example.com", "jwks_uri: must be an https URL"),
    "a rule without claims": ("issuers/ISSUER/rules/0/claims", {}, "every token of the issuer would match"),
    "a rule with no claims": ("issuers/ISSUER/rules/0/claims", ..., "'claims' is missing"),
    "claims is a list": ("issuers/ISSUER/rules/0/claims", [], "claims: must be an object"),
    "a claim that is null": ("issuers/ISSUER/rules/0/claims/ref", None, "claims.ref: must be a pattern"),
    "a claim that is an object": ("issuers/ISSUER/rules/0/claims/ref", {}, "claims.ref: must be a pattern"),
    "a claim with no values": ("issuers/ISSUER/rules/0/claims/ref", [], "claims.ref: must be a pattern"),
    "a list of lists": ("issuers/ISSUER/rules/0/claims/ref", [["x"]], "claims.ref: must be a pattern"),
    "half a wildcard in a claim": ("issuers/ISSUER/rules/0/claims/ref", "a**", "must be a whole segment"),
    "a rule without grants": ("issuers/ISSUER/rules/0/grants", ..., "'grants' is missing"),
    "schema is a number": ("$schema", 1, r"\$schema: must be a string"),
}


@pytest.mark.parametrize(("place", "value", "says"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_refused_with_its_place_and_by_the_schema_too(place: str, value: object, says: str) -> None:
    document = changed(place, value)
    if "~~" in place:
        document["issuers"][place.removeprefix("issuers/").replace("~~", "//")] = document["issuers"].pop(
            place.removeprefix("issuers/")
        )

    with pytest.raises(InvalidPolicy, match=says):
        Policy.parse(json.dumps(document).encode())
    assert not is_valid(document)


@pytest.mark.parametrize(
    ("document", "says"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"\xff", "not JSON"),
        (b"[]", "must be an object"),
        (b"null", "must be an object"),
        (b'{"users": {}, "users": {}}', "'users' is there twice"),
        (b'{"users": {"a": NaN}}', "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b" " * (MAX_DOCUMENT + 1), "more than"),
    ],
)
def test_what_is_no_document_is_refused(document: bytes, says: str) -> None:
    with pytest.raises(InvalidPolicy, match=says):
        Policy.parse(document)


def test_a_mistake_with_a_password_does_not_show_it() -> None:
    with pytest.raises(InvalidPolicy) as mistake:
        Policy.parse(json.dumps(changed("users/alice/password", "open sesame")).encode())

    assert "sesame" not in str(mistake.value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["", "a", "**", "pull", SLOW, ISSUER]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(
                ["users", "keys", "anonymous", "issuers", "grants", "repositories", "actions", "password", "key"]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)


@given(place=st.sampled_from([place for place, *_ in MISTAKES.values() if "~~" not in place]), value=JSON)
def test_the_schema_and_the_code_agree_on_any_document(place: str, value: object) -> None:
    document = changed(place, value)

    try:
        Policy.parse(json.dumps(document).encode())
    except InvalidPolicy:
        assert not is_valid(document)
    else:
        assert is_valid(document)


@given(JSON)
def test_any_json_is_a_policy_or_a_mistake(value: object) -> None:
    try:
        Policy.parse(json.dumps(value).encode())
    except InvalidPolicy:
        return


def a_rule_read(**claims: Any) -> Rule:
    document = a_document(issuers={ISSUER: an_issuer(a_rule(**claims))})
    return Policy.parse(document).issuers[ISSUER].rules[0]


@pytest.mark.parametrize(
    ("rule", "claims", "matches"),
    [
        ({"a": "x"}, {"a": "x", "b": "y"}, True),
        ({"a": "x"}, {"a": "y"}, False),
        ({"a": "x"}, {}, False),
        ({"a": "x", "b": "y"}, {"a": "x"}, False),
        ({"a": "x", "b": "y"}, {"a": "x", "b": "y"}, True),
        ({"a": ["x", "y"]}, {"a": "y"}, True),
        ({"a": ["x", "y"]}, {"a": "z"}, False),
        ({"a": "x"}, {"a": ["w", "x"]}, True),
        ({"a": "x"}, {"a": [["x"]]}, False),
        ({"a": "x"}, {"a": {"x": "x"}}, False),
        ({"a": "acme/*"}, {"a": "acme/app"}, True),
        ({"a": "acme/*"}, {"a": "acme/app/evil"}, False),
        ({"a": "acme/*"}, {"a": "acme-evil/app"}, False),
        ({"a": "12345"}, {"a": 12345}, True),
        ({"a": 12345}, {"a": "12345"}, True),
        ({"a": "1*"}, {"a": 12345}, True),
        ({"a": "12345"}, {"a": 12345.5}, False),
        ({"a": "1.5"}, {"a": 1.5}, True),
        ({"a": "true"}, {"a": True}, True),
        ({"a": True}, {"a": "true"}, True),
        ({"a": "True"}, {"a": True}, False),
        ({"a": "1"}, {"a": True}, False),
        ({"a": "null"}, {"a": None}, False),
        ({"a": "**"}, {"a": None}, False),
        ({"a": "**"}, {"a": ""}, True),
        ({"a": "*"}, {"a": ""}, False),
        ({"a": "**"}, {}, False),
        ({"a": "**"}, {"a": []}, False),
    ],
)
def test_a_rule_matches_every_one_of_its_claims(rule: dict[str, Any], claims: dict[str, Any], matches: bool) -> None:  # noqa: FBT001
    assert a_rule_read(**rule).matches(claims) is matches


def test_an_issuer_grants_what_all_matching_rules_grant() -> None:
    issuer = Issuer(
        ISSUER,
        ("charthouse",),
        tuple(
            Rule({"ref": (ref,)}, (Grant((repo,), frozenset({Action.PUSH})),))
            for ref, repo in [("main", "a"), ("*", "b"), ("tag", "c")]
        ),
    )

    assert [grant.repositories for grant in issuer.grants({"ref": "main"})] == [("a",), ("b",)]
    assert issuer.grants({}) == ()


PAGE = (Path(__file__).parents[3] / "docs" / "access.md").read_text()


def blocks(kind: str) -> list[str]:
    """Return the code blocks of one kind of the page for operators."""
    return re.findall(rf"```{kind}\n(.*?)```", PAGE, re.DOTALL)


def test_the_policies_on_the_page_can_be_pasted() -> None:
    filled = [
        text.replace("scrypt:...", SLOW)
        .replace("sha256:...", FAST)
        .replace('"-----BEGIN PUBLIC KEY-----\\n..."', json.dumps(a_policy_key()["key"]))
        for text in blocks("json")
    ]
    whole = [text for text in filled if text.startswith('{\n  "anonymous"')]
    issuers = [f'{{"issuers": {{{text}}}}}' for text in filled if text.startswith('"https://')]

    assert (len(whole), len(issuers)) == (1, 2)
    for text in whole + issuers:
        assert Policy.parse(text.encode()).issuers
        assert is_valid(json.loads(text))


def test_the_jobs_on_the_page_are_yaml_and_ask_for_the_audience_of_the_rule() -> None:
    github, gitlab = (yaml.safe_load(text) for text in blocks("yaml"))

    assert github["permissions"]["id-token"] == "write"
    assert "audience=charthouse" in github["jobs"]["push"]["steps"][-1]["run"]
    assert gitlab["push-chart"]["id_tokens"] == {"CHARTS_TOKEN": {"aud": "charthouse"}}
