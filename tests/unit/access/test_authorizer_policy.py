"""Which requests are authorized by an access policy, alone and beside the template's parameters."""

import base64
import subprocess
import sys
from typing import Any

import pytest
from charthouse.access.authorizer import REMEMBERED_SECONDS, Authorizer, Sources
from charthouse.access.grants import Action
from charthouse.access.issuers import IssuerKeys
from charthouse.access.policies import CHECK_SECONDS, CurrentPolicy, Document
from charthouse.access.registry import LIFE_SECONDS, RegistryTokens
from charthouse.errors import Forbidden, InvalidPolicy, Unauthorized, Unavailable
from charthouse.settings import Access

from tests.policies import (
    GENERATED,
    ISSUER,
    PASSWORD,
    SLOW,
    a_document,
    a_grant,
    a_policy_key,
    a_rule,
    a_user,
    an_issuer,
)
from tests.tokens import NOW, PrivateKey, a_key, a_key_set, a_token, an_ec_key, an_entry, public_pem
from tests.unit.access.test_passwords import counted

PULL, PUSH, DELETE = Action
ON = Access(policy=True)
OWNER = Access(policy=True, basic_user="root", basic_secret="arn:secret")
BEARER = Access(policy=True, bearer_auth=True, public_key=public_pem(), realm="r", service="s")


class World:
    """A stored policy, an issuer, a token store, the owner's password and a clock set by the test."""

    def __init__(self, **members: Any) -> None:
        self.now = NOW
        self.document: bytes | None = a_document(**members)
        self.failing: Exception | None = None
        self.issuer_keys = a_key_set(one=a_key().public_key())
        self.fetched: list[str] = []
        self.problems: list[str] = []
        self.tokens: dict[str, tuple[str, int]] = {}

    def authorizer(self, access: Access = ON, *, dynamic: bool = False) -> Authorizer:
        sources = Sources(
            lambda: b"sesame",
            CurrentPolicy(self._read, lambda: self.now, self.problems.append),
            IssuerKeys(self._fetch, lambda: self.now, self.problems.append),
            RegistryTokens(self, lambda: self.now),
            self.problems.append,
        )
        return Authorizer(access, sources, lambda: self.now, dynamic=dynamic)

    def change(self, **members: Any) -> None:
        self.document = a_document(**members)
        self.now += CHECK_SECONDS

    def put(self, digest: str, record: str, expires: int) -> None:
        self.tokens[digest] = record, expires

    def get(self, digest: str) -> str | None:
        return self.tokens[digest][0] if digest in self.tokens else None

    def _read(self, etag: str) -> Document | None:
        if self.failing is not None:
            raise self.failing
        if self.document is None:
            raise InvalidPolicy("there is no document")
        found = str(hash(self.document))
        return None if found == etag else Document(found, self.document)

    def _fetch(self, url: str) -> bytes:
        self.fetched.append(url)
        if url.endswith("openid-configuration"):
            return a_document(issuer=ISSUER, jwks_uri=f"{ISSUER}/keys")
        return self.issuer_keys


def basic(user: str, password: str = GENERATED) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def allowed(authorizer: Authorizer, authorization: str | None, repo: str) -> set[Action]:
    """Return what the credentials may do; wrong ones are an error."""
    found = set()
    for action in Action:
        try:
            authorizer.authorize(action, repo, authorization)
            found.add(action)
        except Forbidden:
            pass
    return found


TEAMS: dict[str, Any] = {
    "anonymous": [a_grant("public/*", actions="pull")],
    "users": {
        "alice": a_user(a_grant("team-a", "team-a/*"), password=SLOW),
        "ci": a_user(a_grant("*", actions="pull push")),
        "reader": a_user(a_grant("**", actions="pull")),
        "cleaner": a_user(a_grant("**", actions="delete")),
        "nobody": a_user(),
    },
}


@pytest.mark.parametrize(
    ("who", "repo", "may"),
    [
        (basic("alice", PASSWORD), "team-a", set(Action)),
        (basic("alice", PASSWORD), "team-a/x", set(Action)),
        (basic("alice", PASSWORD), "team-b", set()),
        (basic("alice", PASSWORD), "", set()),
        (basic("alice", PASSWORD), "public/x", {PULL}),
        (basic("ci"), "team-b", {PULL, PUSH}),
        (basic("ci"), "team-b/x", set()),
        (basic("reader"), "", {PULL}),
        (basic("cleaner"), "team-a", {DELETE}),
        (basic("nobody"), "team-a", set()),
    ],
)
def test_users_may_do_what_their_grants_say(who: str, repo: str, may: set[Action]) -> None:
    assert allowed(World(**TEAMS).authorizer(), who, repo) == may


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Basic !",
        basic("alice", GENERATED),
        basic("alice", ""),
        basic("alice", SLOW),
        basic("ci", PASSWORD),
        basic("ci", GENERATED.upper()),
        basic("CI"),
        basic("mallory"),
        basic(""),
        f"Bearer {a_token(an_entry('team-a', 'pull'))}",
        "Bearer charthouse-" + "A" * 43,
    ],
)
def test_missing_or_wrong_credentials_get_the_challenges(authorization: str | None) -> None:
    with pytest.raises(Unauthorized) as refusal:
        World(**TEAMS).authorizer().authorize(DELETE, "team-a", authorization)

    # ChartMuseum's token servers have no `delete`.
    assert refusal.value.challenge == (
        'Basic realm="ChartMuseum", Bearer realm="",service="",scope="artifact-repository:team-a:push"'
    )
    assert str(refusal.value) == "unauthorized"


@pytest.mark.parametrize("authorization", [None, basic("alice", "wrong"), basic("alice", PASSWORD), "Bearer a.b.c"])
def test_what_anonymous_callers_may_do_looks_at_no_credentials(authorization: str | None) -> None:
    caller = World(**TEAMS).authorizer().authorize(PULL, "public/charts", authorization)

    assert caller.identity.facts() == {"caller": "anonymous"}


def test_a_refusal_says_what_is_missing() -> None:
    authorizer = World(**TEAMS).authorizer()

    with pytest.raises(Forbidden, match=r"^the access policy does not grant this user delete on team-b$"):
        authorizer.authorize(DELETE, "team-b", basic("ci"))
    with pytest.raises(Forbidden, match=r"pull on repo$"):
        authorizer.authorize(PULL, "", basic("ci"))


def test_with_a_policy_and_nothing_else_reads_are_closed() -> None:
    with pytest.raises(Unauthorized):
        World().authorizer().authorize(PULL, "", None)


def test_the_parameters_keep_their_meaning_beside_the_policy() -> None:
    world = World(**TEAMS)
    owner, bearer = world.authorizer(OWNER), world.authorizer(BEARER)
    opened = world.authorizer(Access(policy=True, anonymous_get=True))

    assert allowed(owner, basic("root", "sesame"), "team-b/x") == set(Action)
    assert allowed(owner, basic("ci"), "team-b") == {PULL, PUSH}
    assert allowed(bearer, f"Bearer {a_token(an_entry('team-b', 'push'))}", "team-b") == {PUSH, DELETE}
    assert allowed(bearer, basic("ci"), "team-b") == {PULL, PUSH}
    assert opened.authorize(PULL, "team-b", None).identity.facts() == {"caller": "anonymous"}
    with pytest.raises(Unauthorized):
        opened.authorize(PUSH, "team-b", None)


def test_the_owner_and_a_user_may_have_one_name() -> None:
    world = World(users={"root": a_user(a_grant("a", actions="pull"))})
    authorizer = world.authorizer(OWNER)

    assert allowed(authorizer, basic("root", "sesame"), "b") == set(Action)
    assert allowed(authorizer, basic("root"), "a") == {PULL}
    assert allowed(authorizer, basic("root"), "b") == set()


# --- keys ---


def test_a_token_of_a_listed_key_stays_within_its_claim_and_the_keys_grants() -> None:
    world = World(keys={"2026-11": a_policy_key(a_grant("team-*", actions="pull push"))})
    token = a_token(an_entry("team-a", "push"), an_entry("other", "pull"), header={"kid": "2026-11"}, sub="robot")
    authorizer = world.authorizer()

    # The claim's push means upload and delete, the key's grants leave the upload.
    assert allowed(authorizer, f"Bearer {token}", "team-a") == {PUSH}
    assert allowed(authorizer, f"Bearer {token}", "team-b") == set()
    assert allowed(authorizer, f"Bearer {token}", "other") == set()
    caller = authorizer.authorize(PUSH, "team-a", f"Bearer {token}")
    assert caller.identity.facts() == {"key": "2026-11", "subject": "robot"}


def test_a_listed_key_may_sign_with_es256() -> None:
    world = World(keys={"ec": a_policy_key(a_grant("**"), key=an_ec_key())})
    token = a_token(an_entry("a", "pull"), key=an_ec_key(), algorithm="ES256", header={"kid": "ec"})

    assert allowed(world.authorizer(), f"Bearer {token}", "a") == {PULL}


@pytest.mark.parametrize(
    "token",
    [
        a_token(an_entry("a", "pull")),
        a_token(an_entry("a", "pull"), header={"kid": "other"}),
        a_token(an_entry("a", "pull"), header={"kid": "one"}, key=a_key("somebody else's")),
        a_token(an_entry("a", "pull"), header={"kid": "one"}, exp=NOW - 60),
        a_token(an_entry("a", "pull"), header={"kid": "one"}, exp=None),
        a_token(an_entry("a", "pull"), header={"kid": "one"}, exp=NOW + 90_000),
        a_token(access=None, header={"kid": "one"}),
    ],
)
def test_any_other_token_is_wrong(token: str) -> None:
    world = World(keys={"one": a_policy_key(a_grant("**"))})

    with pytest.raises(Unauthorized):
        world.authorizer().authorize(PULL, "a", f"Bearer {token}")


def test_a_kid_that_is_not_listed_is_the_business_of_the_parameter() -> None:
    world = World(keys={"one": a_policy_key(a_grant("team-a"), key=a_key("the policy's"))})
    authorizer = world.authorizer(BEARER)

    assert allowed(authorizer, f"Bearer {a_token(an_entry('b', 'pull'), header={'kid': 'x'})}", "b") == {PULL}
    with pytest.raises(Unauthorized):
        authorizer.authorize(PULL, "b", f"Bearer {a_token(an_entry('b', 'pull'), header={'kid': 'one'})}")


def test_a_key_that_cannot_be_used_is_reported_and_admits_nobody() -> None:
    broken = a_policy_key(a_grant("**")) | {"key": "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"}
    world = World(keys={"broken": broken}, users={"ci": a_user(a_grant("**"))})
    authorizer = world.authorizer()

    with pytest.raises(Unauthorized):
        authorizer.authorize(PULL, "a", f"Bearer {a_token(an_entry('a', 'pull'), header={'kid': 'broken'})}")
    assert world.problems == ["the key broken cannot be read: it must be a public key or a certificate"]
    assert allowed(authorizer, basic("ci"), "a") == set(Action)


def test_tokens_without_expiry_count_where_the_parameter_says_so() -> None:
    world = World(keys={"one": a_policy_key(a_grant("**"))})
    tokens = [
        f"Bearer {a_token(an_entry('a', 'pull'), header={'kid': kid}, exp=exp)}"
        for kid in ("one", "x")
        for exp in (None, NOW + 10 * 86_400)
    ]
    strict = world.authorizer(BEARER)
    lenient = world.authorizer(Access(policy=True, bearer_auth=True, public_key=public_pem(), unlimited_tokens=True))

    for token in tokens:
        assert allowed(lenient, token, "a") == {PULL}
        with pytest.raises(Unauthorized):
            strict.authorize(PULL, "a", token)


# --- issuers ---

ACME = {
    ISSUER: an_issuer(
        a_rule(
            a_grant("acme", actions="push"), repository_owner_id="12345", repository="acme/*", ref="refs/heads/main"
        ),
        a_rule(a_grant("acme", actions="pull"), repository_owner_id="12345"),
    )
}


def a_job(key: PrivateKey | None = None, kid: str | None = "one", **claims: Any) -> str:
    """Return the token of a job on GitHub."""
    job: dict[str, Any] = {
        "iss": ISSUER,
        "aud": "charthouse",
        "sub": "repo:acme/app:ref:refs/heads/main",
        "iat": NOW,
        "exp": NOW + 300,
        "repository_owner_id": "12345",
        "repository": "acme/app",
        "ref": "refs/heads/main",
    }
    header = {"kid": kid} if kid is not None else None
    token = a_token(access=None, key=key, header=header, **(job | claims))
    return f"Bearer {token}"


@pytest.mark.parametrize(
    ("job", "may"),
    [
        (a_job(), {PULL, PUSH}),
        (a_job(aud=["other", "charthouse"]), {PULL, PUSH}),
        (a_job(kid=None), {PULL, PUSH}),
        (a_job(repository_owner_id=12345), {PULL, PUSH}),
        (a_job(ref="refs/heads/evil"), {PULL}),
        (a_job(repository="acme/app/evil"), {PULL}),
        (a_job(repository="evil/app", repository_owner_id="666"), set()),
        (a_job(repository_owner_id=None), set()),
        (a_job(nbf=NOW + 60, iat=NOW + 60), {PULL, PUSH}),
    ],
)
def test_a_job_may_do_what_the_rules_that_match_grant(job: str, may: set[Action]) -> None:
    assert allowed(World(issuers=ACME).authorizer(), job, "acme") == may


@pytest.mark.parametrize(
    "job",
    [
        a_job(key=a_key("somebody else's")),
        a_job(kid="unknown"),
        a_job(iss="https://evil.example.com"),
        a_job(iss=f"{ISSUER}/"),
        a_job(iss=None),
        a_job(aud=None),
        a_job(aud="sts.amazonaws.com"),
        a_job(aud="charthous"),
        a_job(aud=["other"]),
        a_job(aud={"charthouse": 1}),
        a_job(exp=None),
        a_job(exp=NOW - 60),
        a_job(exp=NOW + 86_401),
        a_job(nbf=NOW + 61),
        a_job(iat=NOW + 61),
    ],
)
def test_a_token_that_is_not_the_issuers_for_us_and_now_is_wrong(job: str) -> None:
    with pytest.raises(Unauthorized):
        World(issuers=ACME).authorizer().authorize(PULL, "acme", job)


def test_an_issuers_token_needs_an_expiry_whatever_the_parameter_says() -> None:
    authorizer = World(issuers=ACME).authorizer(Access(policy=True, unlimited_tokens=True))

    with pytest.raises(Unauthorized):
        authorizer.authorize(PULL, "acme", a_job(exp=None))


def test_an_issuers_token_signed_with_es256_by_an_issuers_key() -> None:
    world = World(issuers=ACME)
    world.issuer_keys = a_key_set(one=a_key().public_key(), ec=an_ec_key().public_key())
    token = a_token(
        key=an_ec_key(),
        algorithm="ES256",
        header={"kid": "ec"},
        iss=ISSUER,
        aud="charthouse",
        repository_owner_id="12345",
    )

    assert allowed(world.authorizer(), f"Bearer {token}", "acme") == {PULL}


def test_who_the_job_was_is_known_and_a_refusal_says_that_no_rule_matched() -> None:
    authorizer = World(issuers=ACME).authorizer()

    caller = authorizer.authorize(PUSH, "acme", a_job())

    assert caller.identity.facts() == {"issuer": ISSUER, "subject": "repo:acme/app:ref:refs/heads/main"}
    assert caller.identity.label == f"issuer:{ISSUER} sub:repo:acme/app:ref:refs/heads/main"
    with pytest.raises(Forbidden, match=r"^no rule of the access policy grants this token delete on acme$"):
        authorizer.authorize(DELETE, "acme", a_job())


def test_a_token_of_an_issuer_that_is_not_configured_fetches_nothing() -> None:
    world = World(issuers=ACME)
    with pytest.raises(Unauthorized):
        world.authorizer().authorize(PULL, "acme", a_job(iss="https://evil.example.com"))

    assert world.fetched == []


def test_an_issuer_whose_keys_cannot_be_fetched_is_no_wrong_token() -> None:
    world = World(issuers=ACME, users={"ci": a_user(a_grant("**"))})
    world.issuer_keys = b"no keys"
    authorizer = world.authorizer()

    with pytest.raises(Unavailable):
        authorizer.authorize(PULL, "acme", a_job())
    assert allowed(authorizer, basic("ci"), "acme") == set(Action)


def test_a_token_of_the_parameters_key_may_name_a_listed_issuer() -> None:
    world = World(issuers=ACME)
    token = a_token(an_entry("b", "pull"), iss=ISSUER)

    assert allowed(world.authorizer(BEARER), f"Bearer {token}", "b") == {PULL}
    assert world.fetched == []


# --- changes ---


def test_a_removed_user_ends_within_a_minute_although_it_was_remembered() -> None:
    world = World(**TEAMS)
    authorizer = world.authorizer()
    authorizer.authorize(PULL, "team-b", basic("ci"))
    world.now += CHECK_SECONDS - 1
    authorizer.authorize(PULL, "team-b", basic("ci"))

    world.document = a_document(users={})
    world.now += 1
    with pytest.raises(Unauthorized):
        authorizer.authorize(PULL, "team-b", basic("ci"))


@pytest.mark.parametrize(
    ("members", "error"),
    [
        ({"users": {"ci": a_user(a_grant("team-b"), password=SLOW)}}, Unauthorized),
        ({"users": {"ci": a_user(a_grant("other"))}}, Forbidden),
        ({"keys": {"one": a_policy_key(a_grant("team-b"))}}, Unauthorized),
    ],
)
def test_what_was_verified_under_an_older_document_is_verified_again(
    members: dict[str, Any], error: type[Exception]
) -> None:
    world = World(**TEAMS)
    authorizer = world.authorizer()
    authorizer.authorize(PULL, "team-b", basic("ci"))

    world.change(**members)

    with pytest.raises(error):
        authorizer.authorize(PULL, "team-b", basic("ci"))


def test_a_key_that_was_exchanged_ends_its_tokens() -> None:
    world = World(keys={"one": a_policy_key(a_grant("**"))})
    token = f"Bearer {a_token(an_entry('a', 'pull'), header={'kid': 'one'})}"
    authorizer = world.authorizer()
    authorizer.authorize(PULL, "a", token)

    world.change(keys={"one": a_policy_key(a_grant("**"), key=a_key("the next"))})

    with pytest.raises(Unauthorized):
        authorizer.authorize(PULL, "a", token)


def test_a_slow_password_is_verified_once_while_the_document_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(**TEAMS)
    authorizer = world.authorizer()

    with counted(monkeypatch) as hashes:
        for _ in range(5):
            authorizer.authorize(PULL, "team-a", basic("alice", PASSWORD))
        assert len(hashes) == 1
        # A user who does not exist costs the same as a wrong password.
        for user in ("alice", "ci", "mallory"):
            with pytest.raises(Unauthorized):
                authorizer.authorize(PULL, "team-a", basic(user, "guess"))
        assert len(hashes) == 4
        world.now += REMEMBERED_SECONDS
        authorizer.authorize(PULL, "team-a", basic("alice", PASSWORD))
        assert len(hashes) == 5


# --- a policy that cannot be read ---


def without_policy() -> World:
    world = World(**TEAMS)
    world.failing = Unavailable("the storage does not answer")
    return world


@pytest.mark.parametrize("authorization", [None, basic("ci"), basic("ci", "wrong"), "Bearer a.b.c", "Basic !"])
def test_a_process_without_a_policy_lets_nobody_pass_by_it(authorization: str | None) -> None:
    world = World(**TEAMS)
    for failing in (Unavailable("busy"), InvalidPolicy("denied")):
        world.failing = failing
        authorizer = world.authorizer()
        for repo in ("team-b", "public/x"):
            with pytest.raises(Unavailable):
                authorizer.authorize(PULL, repo, authorization)
        with pytest.raises(Unavailable):
            authorizer.filter_allowed(PULL, ["public/x"], authorization)
        with pytest.raises(Unavailable):
            authorizer.authenticate(authorization)


def test_what_the_parameters_allow_needs_no_policy() -> None:
    world = without_policy()

    assert allowed(world.authorizer(OWNER), basic("root", "sesame"), "team-b") == set(Action)
    world.authorizer(BEARER).authorize(PULL, "b", f"Bearer {a_token(an_entry('b', 'pull'))}")
    world.authorizer(Access(policy=True, anonymous_get=True)).authorize(PULL, "b", None)
    with pytest.raises(Unavailable):
        world.authorizer(OWNER).authorize(PULL, "b", basic("root", "wrong"))
    opened = world.authorizer(Access(policy=True, anonymous_get=True)).authenticate(None)
    assert opened.may(PULL, "b")
    assert not opened.may(PUSH, "b")


def test_users_are_verified_as_soon_as_the_policy_is_there() -> None:
    world = without_policy()
    authorizer = world.authorizer(OWNER)
    with pytest.raises(Unavailable):
        authorizer.authorize(PULL, "team-b", basic("ci"))
    authorizer.authorize(PULL, "team-b", basic("root", "sesame"))

    world.failing = None
    world.now += CHECK_SECONDS

    authorizer.authorize(PULL, "team-b", basic("ci"))
    authorizer.authorize(PULL, "team-b", basic("root", "sesame"))


# --- lists ---


def test_lists_show_what_the_caller_may_pull() -> None:
    authorizer = World(**TEAMS).authorizer()
    repos = ["", "team-a", "team-a/x", "public/x", "public/x/y"]

    def seen(authorization: str | None) -> list[str]:
        return authorizer.filter_allowed(PULL, repos, authorization)

    assert seen(None) == ["public/x"]
    assert seen("") == ["public/x"]
    assert seen(basic("alice", PASSWORD)) == ["team-a", "team-a/x", "public/x"]
    assert seen(basic("ci")) == ["team-a", "public/x"]
    assert seen(basic("nobody")) == ["public/x"]
    assert seen(basic("reader")) == repos
    for wrong in (basic("alice", "wrong"), "Bearer a.b.c"):
        with pytest.raises(Unauthorized):
            seen(wrong)


def test_without_anonymous_pulls_a_list_needs_credentials() -> None:
    for anonymous in ([], [a_grant("drop", actions="push")]):
        authorizer = World(anonymous=anonymous, users=TEAMS["users"]).authorizer()
        with pytest.raises(Unauthorized):
            authorizer.filter_allowed(PULL, ["a"], None)
        assert authorizer.filter_allowed(PULL, ["a"], basic("ci")) == ["a"]


def test_callers_are_known_whatever_they_may_do() -> None:
    authorizer = World(**TEAMS).authorizer()

    assert authorizer.authenticate(basic("nobody")).identity.facts() == {"user": "nobody"}
    anonymous = authorizer.authenticate(None)
    assert anonymous.may(PULL, "public/x")
    assert not anonymous.may(PUSH, "public/x")
    with pytest.raises(Unauthorized) as refusal:
        authorizer.authenticate(basic("nobody", "wrong"), challenge='Basic realm="x"')
    assert refusal.value.challenge == 'Basic realm="x"'


# --- the tenant called repo ---


@pytest.mark.parametrize("access", [BEARER, ON])
def test_the_tenant_called_repo_is_not_the_root(access: Access) -> None:
    world = World(keys={"one": a_policy_key(a_grant("**"))})
    token = f"Bearer {a_token(an_entry('repo', 'pull', 'push'), header={'kid': 'one'} if access is ON else None)}"

    assert allowed(world.authorizer(access, dynamic=True), token, "") == set(Action)
    assert allowed(world.authorizer(access, dynamic=True), token, "repo") == set()
    assert allowed(world.authorizer(access), token, "repo") == set(Action)


def test_a_search_path_does_not_make_the_tenant_repo_the_root_either() -> None:
    access = Access(bearer_auth=True, public_key=public_pem(), actions_search_path='may."$NAMESPACE"')
    authorizer = Authorizer(access, Sources(bytes), lambda: NOW, dynamic=True)
    token = f"Bearer {a_token(may={'repo': ['pull']})}"

    assert allowed(authorizer, token, "") == {PULL}
    assert allowed(authorizer, token, "repo") == set()


def test_users_of_the_policy_reach_the_tenant_called_repo_by_its_name() -> None:
    authorizer = World(users={"ci": a_user(a_grant("repo"))}).authorizer(dynamic=True)

    assert allowed(authorizer, basic("ci"), "repo") == set(Action)
    assert allowed(authorizer, basic("ci"), "") == set()


# --- tokens for the OCI routes ---


def issued(authorizer: Authorizer, who: str | None, *actions: Action, repo: str = "team-b") -> str:
    return f"Bearer {authorizer.issue(authorizer.authenticate(who), {repo: actions}).text}"


def test_an_issued_token_allows_what_was_asked_for_and_allowed() -> None:
    world = World(**TEAMS)
    authorizer = world.authorizer()

    token = issued(authorizer, basic("ci"), PULL, DELETE)

    assert allowed(authorizer, token, "team-b") == {PULL}
    assert allowed(authorizer, token, "team-a") == set()
    # Another process knows it too.
    assert allowed(world.authorizer(), token, "team-b") == {PULL}
    assert world.authorizer().authorize(PULL, "team-b", token).identity.label == "user:ci"
    assert token.removeprefix("Bearer ") not in repr(world.tokens)


def test_an_issued_token_ends_after_minutes() -> None:
    world = World(**TEAMS)
    authorizer = world.authorizer()
    token = issued(authorizer, basic("ci"), PULL)
    world.now += LIFE_SECONDS - 1
    authorizer.authorize(PULL, "team-b", token)

    world.now += 1
    for other in (authorizer, world.authorizer()):
        with pytest.raises(Unauthorized):
            other.authorize(PULL, "team-b", token)


@pytest.mark.parametrize(
    ("members", "may"),
    [
        (TEAMS, {PULL, PUSH}),
        ({"users": {"ci": a_user(a_grant("team-b", actions="pull"))}}, {PULL}),
        ({"users": {"ci": a_user(a_grant("**"))}}, {PULL, PUSH}),
        ({"users": {"ci": a_user(a_grant("team-b"), password=SLOW)}}, None),
        ({"users": {}}, None),
    ],
)
def test_an_issued_token_never_exceeds_the_policy_in_force(members: dict[str, Any], may: set[Action] | None) -> None:
    world = World(**TEAMS)
    authorizer = world.authorizer()
    token = issued(authorizer, basic("ci"), PULL, PUSH)
    authorizer.authorize(PULL, "team-b", token)

    world.change(**members)

    for other in (authorizer, world.authorizer()):
        if may is None:
            with pytest.raises(Unauthorized):
                other.authorize(PULL, "team-b", token)
        else:
            assert allowed(other, token, "team-b") == may


def test_a_token_issued_for_a_job_ends_with_the_jobs_own() -> None:
    world = World(issuers=ACME)
    authorizer = world.authorizer()
    caller = authorizer.authenticate(a_job(exp=NOW + 100))

    made = authorizer.issue(caller, {"acme": [PUSH, DELETE]})

    assert made.seconds == 100
    assert made.access == {"acme": {PUSH}}
    assert allowed(authorizer, f"Bearer {made.text}", "acme") == {PUSH}
    # The rule that let the job in is gone.
    world.change(issuers={ISSUER: an_issuer(a_rule(a_grant("acme"), repository_owner_id="1"))})
    assert allowed(authorizer, f"Bearer {made.text}", "acme") == set()
    world.change(issuers={ISSUER: an_issuer(audience="another")})
    with pytest.raises(Unauthorized):
        authorizer.authorize(PULL, "acme", f"Bearer {made.text}")


def test_tokens_are_issued_for_the_parameters_callers_too() -> None:
    world = World()
    for access, who, may in [
        (OWNER, basic("root", "sesame"), set(Action)),
        (BEARER, f"Bearer {a_token(an_entry('team-b', 'pull'))}", {PULL}),
    ]:
        authorizer = world.authorizer(access)
        token = issued(authorizer, who, *Action)
        assert allowed(authorizer, token, "team-b") == may
    # Of another key: the parameter was changed.
    changed = Access(policy=True, bearer_auth=True, public_key=public_pem(a_key("the next")))
    with pytest.raises(Unauthorized):
        world.authorizer(changed).authorize(PULL, "team-b", token)


def test_an_anonymous_caller_gets_a_token_that_proves_nothing_and_nothing_is_stored() -> None:
    world = World(**TEAMS)
    authorizer = world.authorizer()

    made = authorizer.issue(authorizer.authenticate(None), {"public/x": Action, "team-a": Action})

    assert made.access == {"public/x": {PULL}, "team-a": set()}
    assert world.tokens == {}
    authorizer.authorize(PULL, "public/x", f"Bearer {made.text}")
    assert authorizer.authenticate(f"Bearer {made.text}").identity.facts() == {"caller": "anonymous"}
    with pytest.raises(Unauthorized):
        authorizer.authorize(PULL, "team-a", f"Bearer {made.text}")


def test_an_issued_token_can_only_issue_less() -> None:
    world = World(**TEAMS)
    authorizer = world.authorizer()
    first = issued(authorizer, basic("ci"), PULL)

    second = issued(authorizer, first, PULL, PUSH)

    assert allowed(authorizer, second, "team-b") == {PULL}


@pytest.mark.parametrize("keys", [{}, {"one": a_policy_key(a_grant("**"), key=a_key("the next"))}])
def test_a_token_issued_for_a_keys_token_ends_with_that_key(keys: dict[str, Any]) -> None:
    world = World(keys={"one": a_policy_key(a_grant("**"))})
    authorizer = world.authorizer()
    who = f"Bearer {a_token(an_entry('team-b', 'pull'), header={'kid': 'one'})}"
    token = issued(authorizer, who, PULL)
    authorizer.authorize(PULL, "team-b", token)

    world.change(keys=keys)

    with pytest.raises(Unauthorized):
        authorizer.authorize(PULL, "team-b", token)


def test_an_issued_token_cannot_be_renewed_for_ever() -> None:
    world = World(**TEAMS)
    authorizer = world.authorizer()
    token = issued(authorizer, basic("ci"), PULL)
    world.now += LIFE_SECONDS - 10

    made = authorizer.issue(authorizer.authenticate(token), {"team-b": [PULL]})

    assert made.seconds == 10
    world.now += 10
    for late in (token, f"Bearer {made.text}"):
        with pytest.raises(Unauthorized):
            authorizer.authorize(PULL, "team-b", late)


@pytest.mark.parametrize("text", ["charthouse-", "charthouse-x", "charthouse-" + "A" * 42, "charthouse-" + "A" * 44])
def test_a_token_of_another_length_is_not_looked_up(text: str) -> None:
    world = World(**TEAMS)
    authorizer = world.authorizer()
    world.get = pytest.fail  # type: ignore[method-assign, assignment]

    with pytest.raises(Unauthorized):
        authorizer.authorize(PULL, "team-b", f"Bearer {text}")


def test_neither_passwords_nor_tokens_are_kept_in_clear() -> None:
    world = World(**TEAMS)
    authorizer = world.authorizer()
    token = issued(authorizer, basic("ci"), PULL)
    authorizer.authorize(PULL, "team-a", basic("alice", PASSWORD))
    authorizer.authorize(PULL, "team-b", token)

    kept = repr((vars(authorizer), world.tokens))

    for secret in (PASSWORD, GENERATED, token.removeprefix("Bearer "), basic("ci").removeprefix("Basic ")):
        assert secret not in kept


def test_only_a_bearer_token_loads_the_cryptography_for_it() -> None:
    """Most callers of the read function send a password, or nothing, and meet a cold function."""
    program = f"""
import sys
from charthouse.access.authorizer import Authorizer, Sources
from charthouse.access.grants import Action
from charthouse.access.policies import CurrentPolicy, Document
from charthouse.settings import Access

policy = CurrentPolicy(lambda _etag: Document("one", {a_document(**TEAMS)!r}), lambda: {NOW}, print)
authorizer = Authorizer(Access(policy=True), Sources(bytes, policy), lambda: {NOW})
authorizer.authorize(Action.PULL, "public/x", None)
authorizer.authorize(Action.PULL, "team-a", {basic("alice", PASSWORD)!r})
print(sorted({{"jwt", "cryptography", "jmespath", "ssl"}} & set(sys.modules)))
"""

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
