"""Who may pass."""

import base64

import pytest
from charthouse.access.gate import PASSWORD_SECONDS, REMEMBERED, REMEMBERED_SECONDS, Gate
from charthouse.access.grants import Action
from charthouse.errors import Forbidden, Unauthorized, Unavailable
from charthouse.settings import Access

from tests.tokens import a_key, a_token, an_entry, public_pem

PULL, PUSH = Action.PULL, Action.PUSH
PASSWORD = "s3cret:\u00fc".encode()

BASIC_ON = Access(basic_user="ann", basic_secret="arn:secret")
BEARER_ON = Access(bearer_auth=True, realm="https://auth.example.com", service="charts", public_key=public_pem())
BOTH_ON = Access(
    bearer_auth=True, realm="r", service="s", public_key=public_pem(), basic_user="ann", basic_secret="arn:secret"
)


class Surroundings:
    """A clock that moves when told, and a secret that counts how often it is fetched."""

    def __init__(self, password: bytes = PASSWORD) -> None:
        self.now = 1_800_000_000.0
        self.password = password
        self.fetches = 0
        self.failing = False

    def fetch(self) -> bytes:
        if self.failing:
            raise Unavailable("the secret cannot be read now")
        self.fetches += 1
        return self.password

    def gate(self, access: Access) -> Gate:
        return Gate(access, self.fetch, lambda: self.now)


def basic(user: str = "ann", password: bytes = PASSWORD) -> str:
    return "Basic " + base64.b64encode(user.encode() + b":" + password).decode()


def a_gate(access: Access) -> Gate:
    return Surroundings().gate(access)


def test_with_nothing_configured_reads_are_open_and_writes_say_what_to_set() -> None:
    gate = a_gate(Access())

    gate.admit(PULL, "", None)
    with pytest.raises(Forbidden, match=r"BearerAuth.*AuthPublicKey.*BasicAuthUser.*BasicAuthPass.*AllowAnonymousPush"):
        gate.admit(PUSH, "", basic())


def test_anonymous_push_opens_writes_whatever_credentials_come() -> None:
    for access in (Access(anonymous_push=True), Access(basic_user="ann", basic_secret="arn", anonymous_push=True)):
        a_gate(access).admit(PUSH, "", None)
        a_gate(access).admit(PUSH, "", basic("ann", b"wrong"))


def test_anonymous_push_does_not_open_reads_that_are_closed() -> None:
    with pytest.raises(Unauthorized):
        a_gate(Access(basic_user="ann", basic_secret="arn", anonymous_push=True)).admit(PULL, "", None)


@pytest.mark.parametrize("authorization", [None, "Basic !", basic("ann", b"wrong"), "Bearer a.b.c"])
def test_anonymous_get_opens_reads_whatever_credentials_come(authorization: str | None) -> None:
    around = Surroundings()
    gate = around.gate(Access(basic_user="ann", basic_secret="arn", bearer_auth=True, anonymous_get=True))

    gate.admit(PULL, "org1", authorization)

    assert around.fetches == 0
    with pytest.raises(Unauthorized):
        gate.admit(PUSH, "org1", None)


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
        a_gate(access).admit(PUSH, "org1/repo1", None)

    assert refusal.value.challenge == challenge


def test_the_repository_without_a_name_is_repo_in_the_challenge() -> None:
    with pytest.raises(Unauthorized) as refusal:
        a_gate(BEARER_ON).admit(PULL, "", None)

    assert refusal.value.challenge.endswith('scope="artifact-repository:repo:pull"')


def test_no_name_breaks_out_of_the_challenge() -> None:
    with pytest.raises(Unauthorized) as refusal:
        a_gate(BEARER_ON).admit(PULL, 'x",realm="evil\r\nSet-Cookie: \\', None)

    assert refusal.value.challenge.endswith('scope="artifact-repository:x\\",realm=\\"evilSet-Cookie: \\\\:pull"')


@pytest.mark.parametrize("access", [BASIC_ON, BOTH_ON])
def test_the_right_user_and_password_may_do_everything(access: Access) -> None:
    for action in Action:
        a_gate(access).admit(action, "any/repository", basic())


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
        a_gate(access).admit(PULL, "", authorization)


@pytest.mark.parametrize("access", [BEARER_ON, BOTH_ON])
def test_a_token_admits_to_what_it_grants(access: Access) -> None:
    authorization = f"Bearer {a_token(an_entry('org1/repo1', 'pull'), an_entry('org1/repo2', 'push'))}"
    gate = a_gate(access)

    gate.admit(PULL, "org1/repo1", authorization)
    gate.admit(PUSH, "org1/repo2", authorization)
    for action, repo in ((PUSH, "org1/repo1"), (PULL, "org1/repo2"), (PULL, "org1"), (PULL, "")):
        with pytest.raises(Forbidden, match=f"does not allow {action} on {repo or 'repo'}"):
            gate.admit(action, repo, authorization)


def test_a_token_without_a_scheme_is_taken_as_one() -> None:
    a_gate(BEARER_ON).admit(PULL, "", a_token(an_entry("repo", "pull")))


@pytest.mark.parametrize(
    "token",
    [
        a_token(an_entry("repo", "pull"), key=a_key("somebody else's")),
        a_token(an_entry("repo", "pull"), exp=1),
        a_token(an_entry("repo", "pull"), access=None),
        a_token(an_entry("repo", "pull"), algorithm="RS512"),
        "a.b.c",
        "garbage",
    ],
)
def test_a_wrong_token_gets_the_challenge_and_so_does_one_without_the_claim(token: str) -> None:
    with pytest.raises(Unauthorized):
        a_gate(BEARER_ON).admit(PULL, "", f"Bearer {token}")


def test_a_kind_of_credentials_that_is_off_is_wrong() -> None:
    with pytest.raises(Unauthorized):
        a_gate(BASIC_ON).admit(PULL, "", f"Bearer {a_token(an_entry('repo', 'pull'))}")
    around = Surroundings()
    with pytest.raises(Unauthorized):
        around.gate(BEARER_ON).admit(PULL, "", basic())
    assert around.fetches == 0


@pytest.mark.parametrize(
    "access", [Access(basic_user="ann"), Access(basic_secret="arn"), Access(basic_user="ann", basic_secret="arn")]
)
def test_half_a_configuration_shuts_the_gate(access: Access) -> None:
    gate = Surroundings(password=b"").gate(access)

    for authorization in (None, basic("ann", b""), basic("", b"")):
        for action in Action:
            with pytest.raises(Unauthorized):
                gate.admit(action, "", authorization)


def test_bearer_without_a_key_is_the_operators_mistake_and_opens_nothing() -> None:
    gate = a_gate(Access(bearer_auth=True))

    with pytest.raises(Unauthorized):
        gate.admit(PULL, "", None)
    with pytest.raises(ValueError, match="AuthPublicKey"):
        gate.admit(PULL, "", f"Bearer {a_token(an_entry('repo', 'pull'))}")


def test_a_search_path_replaces_the_access_claim() -> None:
    gate = a_gate(Access(bearer_auth=True, public_key=public_pem(), actions_search_path='may."$NAMESPACE"'))
    authorization = f"Bearer {a_token(may={'org1': ['pull']})}"

    gate.admit(PULL, "org1", authorization)
    with pytest.raises(Forbidden):
        gate.admit(PUSH, "org1", authorization)
    with pytest.raises(Forbidden):
        gate.admit(PULL, "org2", authorization)
    assert gate.admitted(PULL, ["org1", "org2"], authorization) == ["org1"]


def test_of_many_repositories_those_are_seen_that_the_credentials_admit_to() -> None:
    repos = ["", "org1", "org2"]
    token = f"Bearer {a_token(an_entry('org1', 'pull'), an_entry('org2', 'push'))}"

    assert a_gate(BOTH_ON).admitted(PULL, repos, token) == ["org1"]
    assert a_gate(BOTH_ON).admitted(PULL, repos, basic()) == repos
    assert a_gate(Access()).admitted(PULL, repos, None) == repos
    assert a_gate(BOTH_ON).admitted(PULL, repos, f"Bearer {a_token()}") == []
    for authorization in (None, basic("ann", b"wrong"), f"Bearer {a_token(access=None)}"):
        with pytest.raises(Unauthorized):
            a_gate(BOTH_ON).admitted(PULL, [], authorization)


def test_a_password_is_fetched_when_the_first_one_comes_and_remembered_for_five_minutes() -> None:
    around = Surroundings()
    gate = around.gate(BASIC_ON)
    assert around.fetches == 0

    for _ in range(3):
        gate.admit(PULL, "", basic())
    assert around.fetches == 1

    around.now += REMEMBERED_SECONDS
    gate.admit(PULL, "", basic())
    assert around.fetches == 2


def test_a_changed_password_counts_after_five_minutes_at_the_latest_and_the_new_one_at_once() -> None:
    around = Surroundings()
    gate = around.gate(BASIC_ON)
    gate.admit(PULL, "", basic())
    around.password = b"new"
    around.now += PASSWORD_SECONDS

    gate.admit(PULL, "", basic("ann", b"new"))
    gate.admit(PULL, "", basic())
    around.now += REMEMBERED_SECONDS

    gate.admit(PULL, "", basic("ann", b"new"))
    with pytest.raises(Unauthorized):
        gate.admit(PULL, "", basic())


def test_guessing_passwords_does_not_fetch_the_secret_each_time() -> None:
    around = Surroundings()
    gate = around.gate(BASIC_ON)

    for guess in range(50):
        with pytest.raises(Unauthorized):
            gate.admit(PULL, "", basic("ann", b"%d" % guess))

    assert around.fetches == 1


def test_a_secret_that_cannot_be_fetched_is_no_wrong_password() -> None:
    around = Surroundings()
    around.failing = True
    gate = around.gate(BASIC_ON)

    with pytest.raises(Unavailable):
        gate.admit(PULL, "", basic())
    around.failing = False
    gate.admit(PULL, "", basic())


def test_a_remembered_token_ends_with_its_own_expiry() -> None:
    around = Surroundings()
    gate = around.gate(BEARER_ON)
    authorization = f"Bearer {a_token(an_entry('repo', 'pull'), exp=around.now + 30)}"
    gate.admit(PULL, "", authorization)

    # 60 seconds of leeway are the verifier's, and it is asked again.
    around.now += 30 + 59
    gate.admit(PULL, "", authorization)
    around.now += 1
    with pytest.raises(Unauthorized):
        gate.admit(PULL, "", authorization)


def test_a_remembered_token_still_grants_only_what_it_says() -> None:
    gate = a_gate(BEARER_ON)
    authorization = f"Bearer {a_token(an_entry('org1', 'pull'))}"
    gate.admit(PULL, "org1", authorization)

    with pytest.raises(Forbidden):
        gate.admit(PUSH, "org1", authorization)
    with pytest.raises(Forbidden):
        gate.admit(PULL, "org2", authorization)


def test_what_was_refused_is_not_remembered_and_memory_is_bounded() -> None:
    around = Surroundings()
    gate = around.gate(BOTH_ON)
    with pytest.raises(Unauthorized):
        gate.admit(PULL, "", basic("ann", b"wrong"))
    assert len(gate._remembered) == 0

    for number in range(REMEMBERED + 5):
        gate._remember(b"%d" % number, around.now + 1, None)
    assert len(gate._remembered) == REMEMBERED


def test_neither_passwords_nor_tokens_are_kept_in_clear() -> None:
    gate = a_gate(BOTH_ON)
    token = a_token(an_entry("repo", "pull"))
    gate.admit(PULL, "", basic())
    gate.admit(PULL, "", f"Bearer {token}")

    kept = repr((gate._remembered, gate._known_password))

    assert "s3cret" not in kept
    assert base64.b64encode(b"ann:" + PASSWORD).decode() not in kept
    assert token not in kept
