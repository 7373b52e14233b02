"""Which requests are authorized, by the template's parameters."""

import base64
from dataclasses import replace

import pytest
from charthouse.access.authorizer import PASSWORD_SECONDS, REMEMBERED, REMEMBERED_SECONDS, Authorizer, Sources
from charthouse.access.callers import Caller, Identity, Source
from charthouse.access.grants import Action
from charthouse.errors import Forbidden, Unauthorized, Unavailable
from charthouse.settings import Access

from tests.tokens import NOW, a_key, a_token, an_entry, public_pem

PULL, PUSH, DELETE = Action
PASSWORD = "s3cret:\u00fc".encode()

BASIC_ON = Access(basic_user="ann", basic_secret="arn:secret")
BEARER_ON = Access(bearer_auth=True, realm="https://auth.example.com", service="charts", public_key=public_pem())
BOTH_ON = Access(
    bearer_auth=True, realm="r", service="s", public_key=public_pem(), basic_user="ann", basic_secret="arn:secret"
)


class Surroundings:
    """a clock set by the test, and a secret that counts how often it is fetched."""

    def __init__(self, password: bytes = PASSWORD) -> None:
        self.now = NOW
        self.password = password
        self.fetches = 0
        self.failing = False

    def fetch(self) -> bytes:
        if self.failing:
            raise Unavailable("the secret cannot be read now")
        self.fetches += 1
        return self.password

    def authorizer(self, access: Access) -> Authorizer:
        return Authorizer(access, Sources(self.fetch), lambda: self.now)


def basic(user: str = "ann", password: bytes = PASSWORD) -> str:
    return "Basic " + base64.b64encode(user.encode() + b":" + password).decode()


def an_authorizer(access: Access) -> Authorizer:
    return Surroundings().authorizer(access)


def test_with_nothing_configured_reads_are_open_and_writes_say_what_to_set() -> None:
    authorizer = an_authorizer(Access())

    authorizer.authorize(PULL, "", None)
    with pytest.raises(Forbidden, match=r"BearerAuth.*AuthPublicKey.*BasicAuthUser.*BasicAuthPass.*AllowAnonymousPush"):
        authorizer.authorize(PUSH, "", basic())


def test_anonymous_push_opens_writes_whatever_credentials_come() -> None:
    authorizer = an_authorizer(Access(anonymous_push=True))

    for authorization in (None, basic("ann", b"wrong"), "Bearer a.b.c"):
        for action in Action:
            assert authorizer.authorize(action, "", authorization).identity.facts() == {"caller": "anonymous"}


@pytest.mark.parametrize("access", [BASIC_ON, BEARER_ON, BOTH_ON, Access(policy=True)])
def test_anonymous_push_opens_nothing_beside_another_rule(access: Access) -> None:
    authorizer = an_authorizer(replace(access, anonymous_push=True))

    for action in Action:
        with pytest.raises(Unauthorized):
            authorizer.authorize(action, "", None)


def test_anonymous_push_does_not_open_reads_that_are_closed() -> None:
    with pytest.raises(Unauthorized):
        an_authorizer(Access(basic_user="ann", basic_secret="arn", anonymous_push=True)).authorize(PULL, "", None)


@pytest.mark.parametrize("authorization", [None, "Basic !", basic("ann", b"wrong"), "Bearer a.b.c"])
def test_anonymous_get_opens_reads_whatever_credentials_come(authorization: str | None) -> None:
    around = Surroundings()
    authorizer = around.authorizer(Access(basic_user="ann", basic_secret="arn", bearer_auth=True, anonymous_get=True))

    authorizer.authorize(PULL, "org1", authorization)

    assert around.fetches == 0
    with pytest.raises(Unauthorized):
        authorizer.authorize(PUSH, "org1", None)


@pytest.mark.parametrize(
    ("access", "challenge"),
    [
        (BASIC_ON, 'Basic realm="ChartMuseum"'),
        (
            BEARER_ON,
            'Bearer realm="https://auth.example.com",service="charts",scope="artifact-repository:org1/repo1:push"',
        ),
        (
            BOTH_ON,
            'Basic realm="ChartMuseum", Bearer realm="r",service="s",scope="artifact-repository:org1/repo1:push"',
        ),
    ],
)
def test_the_challenge_names_every_kind_in_one_value_basic_first(access: Access, challenge: str) -> None:
    with pytest.raises(Unauthorized, match=r"^unauthorized$") as refusal:
        an_authorizer(access).authorize(PUSH, "org1/repo1", None)

    assert refusal.value.challenge == challenge


def test_the_repository_without_a_name_is_repo_in_the_challenge() -> None:
    with pytest.raises(Unauthorized) as refusal:
        an_authorizer(BEARER_ON).authorize(PULL, "", None)

    assert refusal.value.challenge.endswith('scope="artifact-repository:repo:pull"')


def test_no_name_breaks_out_of_the_challenge() -> None:
    with pytest.raises(Unauthorized) as refusal:
        an_authorizer(BEARER_ON).authorize(PULL, 'x",realm="evil\r\nSet-Cookie: \\', None)

    assert refusal.value.challenge.endswith('scope="artifact-repository:x\\",realm=\\"evilSet-Cookie: \\\\:pull"')


@pytest.mark.parametrize("access", [BASIC_ON, BOTH_ON])
def test_the_right_user_and_password_may_do_everything(access: Access) -> None:
    for action in Action:
        an_authorizer(access).authorize(action, "any/repository", basic())


@pytest.mark.parametrize(
    "authorization",
    [
        basic("bob"),
        basic("ann", b"wrong"),
        basic("ann", b""),
        basic("", PASSWORD),
        basic("ann", PASSWORD + b"x"),
        basic("ann", PASSWORD[:-1]),
        basic("\u00e4nn"),
        "Basic",
        "Basic !!!!",
        "",
        None,
    ],
)
@pytest.mark.parametrize("access", [BASIC_ON, BOTH_ON])
def test_wrong_or_missing_credentials_get_the_challenge(access: Access, authorization: str | None) -> None:
    with pytest.raises(Unauthorized):
        an_authorizer(access).authorize(PULL, "", authorization)


@pytest.mark.parametrize("access", [BEARER_ON, BOTH_ON])
def test_a_token_admits_to_what_it_grants(access: Access) -> None:
    authorization = f"Bearer {a_token(an_entry('org1/repo1', 'pull'), an_entry('org1/repo2', 'push'))}"
    authorizer = an_authorizer(access)

    authorizer.authorize(PULL, "org1/repo1", authorization)
    authorizer.authorize(PUSH, "org1/repo2", authorization)
    # ChartMuseum's push includes delete.
    authorizer.authorize(DELETE, "org1/repo2", authorization)
    for action, repo in (
        (PUSH, "org1/repo1"),
        (DELETE, "org1/repo1"),
        (PULL, "org1/repo2"),
        (PULL, "org1"),
        (PULL, ""),
    ):
        with pytest.raises(Forbidden, match=f"does not allow {action} on {repo or 'repo'}"):
            authorizer.authorize(action, repo, authorization)


def test_a_token_without_a_scheme_is_taken_as_one() -> None:
    an_authorizer(BEARER_ON).authorize(PULL, "", a_token(an_entry("repo", "pull")))


@pytest.mark.parametrize(
    "token",
    [
        a_token(an_entry("repo", "pull"), key=a_key("somebody else's")),
        a_token(an_entry("repo", "pull"), exp=1),
        a_token(access=None),
        a_token(an_entry("repo", "pull"), algorithm="RS512"),
        "a.b.c",
        "garbage",
    ],
)
def test_a_wrong_token_gets_the_challenge_and_so_does_one_without_the_claim(token: str) -> None:
    with pytest.raises(Unauthorized):
        an_authorizer(BEARER_ON).authorize(PULL, "", f"Bearer {token}")


def test_a_kind_of_credentials_that_is_off_is_wrong() -> None:
    with pytest.raises(Unauthorized):
        an_authorizer(BASIC_ON).authorize(PULL, "", f"Bearer {a_token(an_entry('repo', 'pull'))}")
    around = Surroundings()
    with pytest.raises(Unauthorized):
        around.authorizer(BEARER_ON).authorize(PULL, "", basic())
    assert around.fetches == 0


@pytest.mark.parametrize(
    "access", [Access(basic_user="ann"), Access(basic_secret="arn"), Access(basic_user="ann", basic_secret="arn")]
)
def test_half_a_configuration_denies_everything(access: Access) -> None:
    authorizer = Surroundings(password=b"").authorizer(access)

    for authorization in (None, basic("ann", b""), basic("", b"")):
        for action in Action:
            with pytest.raises(Unauthorized):
                authorizer.authorize(action, "", authorization)


def test_bearer_without_a_key_is_the_operators_mistake_and_opens_nothing() -> None:
    authorizer = an_authorizer(Access(bearer_auth=True))

    with pytest.raises(Unauthorized):
        authorizer.authorize(PULL, "", None)
    with pytest.raises(ValueError, match="AuthPublicKey"):
        authorizer.authorize(PULL, "", f"Bearer {a_token(an_entry('repo', 'pull'))}")


def test_a_search_path_replaces_the_access_claim() -> None:
    authorizer = an_authorizer(
        Access(bearer_auth=True, public_key=public_pem(), actions_search_path='may."$NAMESPACE"')
    )
    authorization = f"Bearer {a_token(may={'org1': ['pull']})}"

    authorizer.authorize(PULL, "org1", authorization)
    with pytest.raises(Forbidden):
        authorizer.authorize(PUSH, "org1", authorization)
    with pytest.raises(Forbidden):
        authorizer.authorize(PULL, "org2", authorization)
    assert authorizer.filter_allowed(PULL, ["org1", "org2"], authorization) == ["org1"]


def test_of_many_repositories_those_are_seen_that_the_credentials_admit_to() -> None:
    repos = ["", "org1", "org2"]
    token = f"Bearer {a_token(an_entry('org1', 'pull'), an_entry('org2', 'push'))}"

    assert an_authorizer(BOTH_ON).filter_allowed(PULL, repos, token) == ["org1"]
    assert an_authorizer(BOTH_ON).filter_allowed(PULL, repos, basic()) == repos
    assert an_authorizer(Access()).filter_allowed(PULL, repos, None) == repos
    assert an_authorizer(BOTH_ON).filter_allowed(PULL, repos, f"Bearer {a_token()}") == []
    for authorization in (None, basic("ann", b"wrong"), f"Bearer {a_token(access=None)}"):
        with pytest.raises(Unauthorized):
            an_authorizer(BOTH_ON).filter_allowed(PULL, [], authorization)


def test_a_password_is_fetched_when_the_first_one_comes_and_remembered_for_five_minutes() -> None:
    around = Surroundings()
    authorizer = around.authorizer(BASIC_ON)
    assert around.fetches == 0

    for _ in range(3):
        authorizer.authorize(PULL, "", basic())
    assert around.fetches == 1

    around.now += REMEMBERED_SECONDS
    authorizer.authorize(PULL, "", basic())
    assert around.fetches == 2


def test_a_changed_password_counts_after_five_minutes_at_the_latest_and_the_new_one_at_once() -> None:
    around = Surroundings()
    authorizer = around.authorizer(BASIC_ON)
    authorizer.authorize(PULL, "", basic())
    around.password = b"new"
    around.now += PASSWORD_SECONDS

    authorizer.authorize(PULL, "", basic("ann", b"new"))
    authorizer.authorize(PULL, "", basic())
    around.now += REMEMBERED_SECONDS

    authorizer.authorize(PULL, "", basic("ann", b"new"))
    with pytest.raises(Unauthorized):
        authorizer.authorize(PULL, "", basic())


def test_guessing_passwords_does_not_fetch_the_secret_each_time() -> None:
    around = Surroundings()
    authorizer = around.authorizer(BASIC_ON)

    for guess in range(50):
        with pytest.raises(Unauthorized):
            authorizer.authorize(PULL, "", basic("ann", b"%d" % guess))

    assert around.fetches == 1


def test_a_secret_that_cannot_be_fetched_is_no_wrong_password() -> None:
    around = Surroundings()
    around.failing = True
    authorizer = around.authorizer(BASIC_ON)

    with pytest.raises(Unavailable):
        authorizer.authorize(PULL, "", basic())
    around.failing = False
    authorizer.authorize(PULL, "", basic())


def test_a_remembered_token_ends_with_its_own_expiry() -> None:
    around = Surroundings()
    authorizer = around.authorizer(BEARER_ON)
    authorization = f"Bearer {a_token(an_entry('repo', 'pull'), exp=around.now + 30)}"
    authorizer.authorize(PULL, "", authorization)

    # 60 seconds of leeway are the verifier's, and it is asked again.
    around.now += 30 + 59
    authorizer.authorize(PULL, "", authorization)
    around.now += 1
    with pytest.raises(Unauthorized):
        authorizer.authorize(PULL, "", authorization)


def test_a_remembered_token_still_grants_only_what_it_says() -> None:
    authorizer = an_authorizer(BEARER_ON)
    authorization = f"Bearer {a_token(an_entry('org1', 'pull'))}"
    authorizer.authorize(PULL, "org1", authorization)

    with pytest.raises(Forbidden):
        authorizer.authorize(PUSH, "org1", authorization)
    with pytest.raises(Forbidden):
        authorizer.authorize(PULL, "org2", authorization)


def test_what_was_refused_is_not_remembered_and_memory_is_bounded() -> None:
    around = Surroundings()
    authorizer = around.authorizer(BOTH_ON)
    with pytest.raises(Unauthorized):
        authorizer.authorize(PULL, "", basic("ann", b"wrong"))
    assert len(authorizer._remembered) == 0

    for number in range(REMEMBERED + 5):
        authorizer._remember(b"%d" % number, around.now + 1, 0, Caller(Identity(Source.OWNER)))
    assert len(authorizer._remembered) == REMEMBERED


def test_neither_passwords_nor_tokens_are_kept_in_clear() -> None:
    authorizer = an_authorizer(BOTH_ON)
    token = a_token(an_entry("repo", "pull"))
    authorizer.authorize(PULL, "", basic())
    authorizer.authorize(PULL, "", f"Bearer {token}")

    kept = repr((authorizer._remembered, authorizer._known_password))

    assert "s3cret" not in kept
    assert base64.b64encode(b"ann:" + PASSWORD).decode() not in kept
    assert token not in kept
