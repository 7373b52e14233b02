"""The password: fetched when needed, fresh for five minutes, kept while Secrets Manager fails."""

import json
from collections.abc import Callable, Mapping

import pytest
from charthouse.aws.http import Answer, UnexpectedAnswer
from charthouse.aws.presign import Signer
from charthouse.aws.secrets import FRESH_SECONDS, KEPT_SECONDS, RETRY_SECONDS, Secret
from charthouse.errors import Unavailable
from charthouse.settings import Credentials, Storage

from tests.fakes import FakeClock, FakeEvents, World

ARN = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:password-AbCdEf"


def test_the_secret_is_requested_by_its_arn() -> None:
    asked: list[tuple[str, str, Mapping[str, str], bytes]] = []

    def answer(method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        asked.append((method, url, headers, body))
        return holding("open sesame")

    assert a_secret(World(), answer).text() == "open sesame"
    ((method, url, headers, body),) = asked
    assert (method, url) == ("POST", "https://secretsmanager.eu-central-1.amazonaws.com/")
    assert headers["X-Amz-Target"] == "secretsmanager.GetSecretValue"
    assert json.loads(body) == {"SecretId": ARN}


def test_the_secret_is_fetched_once_while_it_is_fresh() -> None:
    world, answers = World(), [holding("first"), holding("second")]
    secret = a_secret(world, lambda *_: answers.pop(0))

    secret.text()
    world.time += FRESH_SECONDS - 1

    assert secret.text() == "first"


def test_a_new_secret_is_seen_after_five_minutes() -> None:
    world, answers = World(), [holding("first"), holding("second")]
    secret = a_secret(world, lambda *_: answers.pop(0))

    secret.text()
    world.time += FRESH_SECONDS

    assert secret.text() == "second"


def test_the_last_good_secret_is_kept_while_secrets_manager_does_not_answer() -> None:
    world, events = World(), FakeEvents()
    answers: list[Answer | Unavailable] = [holding("first"), Unavailable("busy"), holding("second")]
    secret = a_secret(world, lambda *_: the_next(answers), events)
    secret.text()

    world.time += FRESH_SECONDS
    kept = [secret.text(), secret.text()]
    world.time += RETRY_SECONDS

    assert kept == ["first", "first"]
    assert events.names == ["secret_not_refreshed"]
    assert secret.text() == "second"


def test_it_is_kept_for_an_hour_at_most() -> None:
    world = World()
    answers: list[Answer | Unavailable] = [holding("first"), *[Unavailable("busy")] * 1000]
    secret = a_secret(world, lambda *_: the_next(answers))
    secret.text()
    end = world.time + KEPT_SECONDS

    while world.time < end:
        assert secret.text() == "first"
        world.time += RETRY_SECONDS

    with pytest.raises(Unavailable):
        secret.text()


@pytest.mark.parametrize(
    "refusal", ['{"__type":"AccessDeniedException"}', '{"__type":"ResourceNotFoundException"}'], ids=str
)
def test_a_withdrawn_secret_admits_nobody_once_that_is_known(refusal: str) -> None:
    world = World()
    answers: list[Answer | Unavailable] = [holding("first"), *[Answer(400, refusal.encode())] * 3, holding("back")]
    secret = a_secret(world, lambda *_: the_next(answers))
    secret.text()
    world.time += FRESH_SECONDS

    for _ in range(3):
        with pytest.raises(UnexpectedAnswer):
            secret.text()

    assert secret.text() == "back"


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Answer(400, b'{"__type":"ResourceNotFoundException"}'), UnexpectedAnswer),
        (Answer(400, b'{"__type":"ThrottlingException"}'), Unavailable),
        (Answer(200, b'{"SecretBinary":"AA=="}'), UnexpectedAnswer),
    ],
    ids=str,
)
def test_without_a_first_secret_the_failure_propagates(answer: Answer, error: type[Exception]) -> None:
    with pytest.raises(error):
        a_secret(World(), lambda *_: answer).text()


def test_a_secret_does_not_show_in_its_own_description() -> None:
    secret = a_secret(World(), lambda *_: holding("open sesame"))
    secret.text()

    assert "sesame" not in repr(secret)


def a_secret(
    world: World, send: Callable[[str, str, Mapping[str, str], bytes], Answer], events: FakeEvents | None = None
) -> Secret:
    clock = FakeClock(world)
    signer = Signer("secretsmanager", "eu-central-1", lambda: Credentials("AKIDEXAMPLE", "secret"), clock.now)
    return Secret(ARN, Storage(region="eu-central-1"), signer, events or FakeEvents(), clock.now, send)


def holding(text: str) -> Answer:
    return Answer(200, json.dumps({"SecretString": text}).encode())


def the_next(answers: list[Answer | Unavailable]) -> Answer:
    answer = answers.pop(0)
    if isinstance(answer, Unavailable):
        raise answer
    return answer
