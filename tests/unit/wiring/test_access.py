"""The authorizer of a function: the password comes from Secrets Manager, when a client sends one."""

import base64
import json

import pytest
from charthouse.access.grants import Action
from charthouse.errors import Unauthorized
from charthouse.settings import Access, Settings, Storage
from charthouse.wiring.access import make_authorizer

from tests.unit.wiring.conftest import Service


def test_the_password_is_fetched_once_when_it_is_first_needed(service: Service) -> None:
    service.body = json.dumps({"SecretString": "open sesame"}).encode()
    authorizer = make_authorizer(a_deployment(service))
    assert service.asked == []

    for _ in range(3):
        authorizer.authorize(Action.PUSH, "", basic("ann", "open sesame"))

    (asked,) = service.asked
    assert asked.headers["x-amz-target"] == "secretsmanager.GetSecretValue"
    assert "/eu-central-1/secretsmanager/" in asked.headers["authorization"]
    assert json.loads(asked.body) == {"SecretId": "arn:secret"}


def test_another_password_is_refused(service: Service) -> None:
    service.body = json.dumps({"SecretString": "open sesame"}).encode()

    with pytest.raises(Unauthorized):
        make_authorizer(a_deployment(service)).authorize(Action.PULL, "", basic("ann", "guessed"))


def test_who_sends_no_password_costs_no_fetch(service: Service) -> None:
    with pytest.raises(Unauthorized):
        make_authorizer(a_deployment(service)).authorize(Action.PULL, "", None)

    assert service.asked == []


def basic(user: str, password: str) -> str:
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


def a_deployment(service: Service) -> Settings:
    access = Access(basic_user="ann", basic_secret="arn:secret")
    return Settings(Storage(region="eu-central-1", endpoint=service.endpoint), access=access)
