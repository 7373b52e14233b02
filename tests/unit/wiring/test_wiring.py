"""The composition root: what each function is made of, on an AWS of one answer."""

import base64
import json
import threading
import time

import pytest
from charthouse.access.grants import Action
from charthouse.errors import Unauthorized, Unavailable
from charthouse.settings import Access, Layout, Settings, Storage
from charthouse.wiring import THREADS, SystemClock, authorizer, invoke_again, map_in_threads, offer, ports

from tests.fakes import FakeEvents
from tests.unit.wiring.conftest import Service

FUNCTION = "arn:aws:lambda:eu-central-1:123456789012:function:reconcile"


def test_repositories_have_the_layout_of_the_deployment() -> None:
    settings = Settings(Storage("bucket", "table", "eu-central-1"), layout=Layout("https://charts.example.com"))

    repository = ports(settings, FakeEvents()).repository("team")

    assert repository.envelope.base_url == "https://charts.example.com/team/"


def test_several_items_are_done_at_once() -> None:
    """Each waits for the others: one after the other would wait for ever."""
    together = threading.Barrier(THREADS, timeout=10)

    map_in_threads(lambda _: together.wait(), range(THREADS))

    assert not together.broken


def test_results_come_in_the_order_of_the_items() -> None:
    assert map_in_threads(lambda number: number * 2, range(50)) == [number * 2 for number in range(50)]


def test_what_a_step_raises_is_raised() -> None:
    def step(number: int) -> None:
        if number == 1:
            raise Unavailable("slow down")

    with pytest.raises(Unavailable):
        map_in_threads(step, range(3))


def test_the_clock_is_the_systems() -> None:
    clock, before = SystemClock(), time.time()

    clock.sleep(0.02)

    assert before + 0.02 <= clock.now() <= time.time()
    assert all(0 <= clock.jitter() < 1 for _ in range(100))


def test_tokens_are_32_hex_digits_and_never_repeat() -> None:
    tokens = {SystemClock().token() for _ in range(1000)}

    assert len(tokens) == 1000
    assert all(len(token) == 32 and int(token, 16) >= 0 for token in tokens)


def test_a_large_answer_is_stored_and_its_url_signed(service: Service) -> None:
    store = offer(Settings(Storage("bucket", region="eu-central-1", endpoint=service.endpoint)))

    url = store("0123abcd", b"[]", "application/json")

    (asked,) = service.asked
    key = f".charthouse/answers/{time.strftime('%Y-%m-%d', time.gmtime())}/0123abcd"
    assert (asked.method, asked.path) == ("PUT", f"/bucket/{key}")
    assert asked.headers["content-type"] == "application/json"
    assert url.startswith(f"{service.endpoint}/bucket/{key}?X-Amz-Algorithm=AWS4-HMAC-SHA256")


def test_a_function_is_invoked_again_with_what_is_left_without_waiting(service: Service) -> None:
    service.status = 202
    settings = Settings(Storage(region="eu-central-1", endpoint=service.endpoint))

    invoke_again(settings, FUNCTION, {"task": "reconcile", "repo": "team", "after": "x-1.0.0.tgz"})

    (asked,) = service.asked
    assert asked.path.startswith("/2015-03-31/functions/arn")
    assert asked.headers["x-amz-invocation-type"] == "Event"
    assert "/eu-central-1/lambda/" in asked.headers["authorization"]
    assert json.loads(asked.body) == {"task": "reconcile", "repo": "team", "after": "x-1.0.0.tgz"}


def test_the_password_is_fetched_once_when_it_is_first_needed(service: Service) -> None:
    service.body = json.dumps({"SecretString": "open sesame"}).encode()
    checks = authorizer(a_deployment(service), FakeEvents())
    assert service.asked == []

    for _ in range(3):
        checks.authorize(Action.PUSH, "", basic("ann", "open sesame"))

    (asked,) = service.asked
    assert asked.headers["x-amz-target"] == "secretsmanager.GetSecretValue"
    assert "/eu-central-1/secretsmanager/" in asked.headers["authorization"]
    assert json.loads(asked.body) == {"SecretId": "arn:secret"}


def test_another_password_is_refused(service: Service) -> None:
    service.body = json.dumps({"SecretString": "open sesame"}).encode()

    with pytest.raises(Unauthorized):
        authorizer(a_deployment(service), FakeEvents()).authorize(Action.PULL, "", basic("ann", "guessed"))


def test_a_request_without_a_password_costs_no_fetch(service: Service) -> None:
    with pytest.raises(Unauthorized):
        authorizer(a_deployment(service), FakeEvents()).authorize(Action.PULL, "", None)

    assert service.asked == []


def basic(user: str, password: str) -> str:
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


def a_deployment(service: Service) -> Settings:
    access = Access(basic_user="ann", basic_secret="arn:secret")
    return Settings(Storage(region="eu-central-1", endpoint=service.endpoint), access=access)
