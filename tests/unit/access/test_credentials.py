"""The Authorization header."""

import base64

import pytest
from charthouse.access.credentials import Basic, Bearer, parse_authorization
from hypothesis import given
from hypothesis import strategies as st


def basic(text: bytes) -> str:
    return base64.b64encode(text).decode()


@pytest.mark.parametrize("scheme", ["Basic", "basic", "BASIC", "  bAsIc "])
def test_the_scheme_is_case_insensitive(scheme: str) -> None:
    assert parse_authorization(f"{scheme} {basic(b'ann:secret')}") == Basic(b"ann", b"secret")


def test_only_the_first_colon_divides_user_and_password() -> None:
    assert parse_authorization(f"Basic {basic(b'ann:a:b:')}") == Basic(b"ann", b"a:b:")


def test_user_and_password_may_be_empty_or_any_bytes() -> None:
    assert parse_authorization(f"Basic {basic(b':')}") == Basic(b"", b"")
    assert parse_authorization(f"Basic {basic(bytes(range(256)).replace(b':', b'') + b':x')}") is not None


@pytest.mark.parametrize(
    "header",
    [None, "", " ", "Basic", "Basic !!!", "Basic YQ", "Basic YWJj", "Digest a=b", "a.b", "Bearer", "Bearer a b.c.d"],
)
def test_what_cannot_be_read_is_no_credentials(header: str | None) -> None:
    assert parse_authorization(header) is None


@pytest.mark.parametrize("header", ["Bearer a.b.c", "bearer a.b.c", "BEARER   a.b.c ", "a.b.c"])
def test_a_token_comes_with_or_without_its_scheme(header: str) -> None:
    assert parse_authorization(header) == Bearer("a.b.c")


def test_two_headers_joined_by_a_gateway_are_no_credentials() -> None:
    assert parse_authorization(f"Basic {basic(b'ann:secret')},Basic {basic(b'ann:secret')}") is None


def test_secrets_stay_out_of_representations() -> None:
    assert "secret" not in repr(parse_authorization(f"Basic {basic(b'ann:secret')}"))
    assert "a.b.c" not in repr(parse_authorization("Bearer a.b.c"))


@given(user=st.binary().filter(lambda user: b":" not in user), password=st.binary())
def test_whatever_is_encoded_is_read_back(user: bytes, password: bytes) -> None:
    assert parse_authorization(f"Basic {basic(user + b':' + password)}") == Basic(user, password)


@given(st.text())
def test_any_header_is_read_without_an_error(header: str) -> None:
    parse_authorization(header)
    parse_authorization(f"Basic {header}")
    parse_authorization(f"Bearer {header}")
