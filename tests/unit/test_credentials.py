"""The credentials requests are signed with, as Lambda puts them into the environment."""

import pytest
from charthouse.settings import Credentials, credentials


def test_credentials_are_read_anew_each_time() -> None:
    environ = {"AWS_ACCESS_KEY_ID": "first", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_SESSION_TOKEN": "token"}
    before = credentials(environ)
    environ["AWS_ACCESS_KEY_ID"] = "second"

    assert before == Credentials("first", "secret", "token")
    assert credentials(environ) == Credentials("second", "secret", "token")


def test_a_key_of_a_user_comes_without_a_token() -> None:
    environ = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}

    assert credentials(environ) == Credentials("key", "secret")


def test_a_missing_variable_is_named() -> None:
    with pytest.raises(KeyError, match="AWS_ACCESS_KEY_ID"):
        credentials({})


def test_neither_secret_nor_token_is_shown() -> None:
    shown = repr(Credentials("key", "open sesame", "long token"))

    assert "sesame" not in shown
    assert "token" not in shown.replace("token=", "")
