"""The keys of OpenID Connect issuers."""

import json

import pytest
from charthouse.access.issuers import FRESH_SECONDS, RETRY_SECONDS, STALE_SECONDS, IssuerKeys
from charthouse.access.policy import Issuer
from charthouse.access.tokens import PublicKey
from charthouse.errors import Unavailable

from tests.tokens import a_key, a_key_set, an_ec_key

URL = "https://issuer.example.com"
DISCOVERY = f"{URL}/.well-known/openid-configuration"
JWKS = f"{URL}/keys"
RSA, EC = a_key().public_key(), an_ec_key().public_key()


class Web:
    """What issuers answer, what was asked, and a clock set by the test."""

    def __init__(self, **keys: PublicKey) -> None:
        self.now = 1_800_000_000.0
        self.pages = {
            DISCOVERY: json.dumps({"issuer": URL, "jwks_uri": JWKS}).encode(),
            JWKS: a_key_set(**(keys or {"one": RSA})),
        }
        self.asked: list[str] = []
        self.problems: list[str] = []

    def fetch(self, url: str) -> bytes:
        self.asked.append(url)
        if url not in self.pages:
            raise Unavailable(f"{url} was answered with 404")
        return self.pages[url]

    def keys(self) -> IssuerKeys:
        return IssuerKeys(self.fetch, lambda: self.now, self.problems.append)


def an_issuer(url: str = URL, jwks_uri: str = "") -> Issuer:
    return Issuer(url, ("charthouse",), (), jwks_uri)


def numbers(keys: list[PublicKey]) -> list[object]:
    return [key.public_numbers() for key in keys]


def test_keys_are_found_by_discovery_and_kept() -> None:
    web = Web(one=RSA, two=EC)
    keys = web.keys()

    for _ in range(3):
        assert numbers(keys.find(an_issuer(), "one")) == [RSA.public_numbers()]
        assert numbers(keys.find(an_issuer(), "two")) == [EC.public_numbers()]
        assert len(keys.find(an_issuer(), None)) == 2

    assert web.asked == [DISCOVERY, JWKS]


def test_an_issuer_may_have_a_path_and_a_slash_at_its_end() -> None:
    web = Web()
    url = "https://auth.example.com/realms/main/"
    web.pages = {
        f"{url}.well-known/openid-configuration": json.dumps(
            {"issuer": url, "jwks_uri": "https://auth.example.com/k"}
        ).encode(),
        "https://auth.example.com/k": a_key_set(one=RSA),
    }

    assert web.keys().find(an_issuer(url), "one")


def test_the_policy_may_say_where_the_keys_are() -> None:
    web = Web()
    web.pages = {"https://elsewhere.example.com/certs": a_key_set(one=RSA)}

    assert web.keys().find(an_issuer(jwks_uri="https://elsewhere.example.com/certs"), "one")
    assert web.asked == ["https://elsewhere.example.com/certs"]


@pytest.mark.parametrize(
    "document",
    [
        {"issuer": "https://other.example.com", "jwks_uri": JWKS},
        {"issuer": f"{URL}/", "jwks_uri": JWKS},
        {"jwks_uri": JWKS},
        {"issuer": URL},
        {"issuer": URL, "jwks_uri": 1},
        {"issuer": URL, "jwks_uri": "http://issuer.example.com/keys"},
        {"issuer": URL, "jwks_uri": "https://evil.example.com/keys"},
        {"issuer": URL, "jwks_uri": "https://issuer.example.com.evil.com/keys"},
        {"issuer": URL, "jwks_uri": "https://issuer.example.com@evil.com/keys"},
        {"issuer": URL, "jwks_uri": "https://issuer.example.com:444/keys"},
        {"issuer": URL, "jwks_uri": "https://issuer.example.com?/keys"},
        [],
        None,
    ],
)
def test_keys_come_from_the_configured_issuer_only(document: object) -> None:
    web = Web()
    web.pages[DISCOVERY] = json.dumps(document).encode()

    with pytest.raises(Unavailable):
        web.keys().find(an_issuer(), "one")
    assert web.asked == [DISCOVERY]
    assert len(web.problems) == 1


@pytest.mark.parametrize("body", [b"", b"x", b"[" * 100_000, b"[]", b'{"keys": 1}', b"\xff"])
@pytest.mark.parametrize("url", [DISCOVERY, JWKS])
def test_an_answer_that_cannot_be_read_is_no_keys(url: str, body: bytes) -> None:
    web = Web()
    web.pages[url] = body

    with pytest.raises(Unavailable, match="issuer cannot be fetched"):
        web.keys().find(an_issuer(), "one")


def test_an_unknown_kid_fetches_at_most_once_a_minute_and_issuer() -> None:
    web = Web()
    keys = web.keys()
    keys.find(an_issuer(), "one")
    web.pages[JWKS] = a_key_set(one=RSA, new=EC)

    for number in range(50):
        assert keys.find(an_issuer(), f"made-up-{number}") == []
        web.now += 1
    assert keys.find(an_issuer(), "new") == []
    assert len(web.asked) == 2

    web.now += RETRY_SECONDS - 50
    assert keys.find(an_issuer(), "new")
    assert len(web.asked) == 4


def test_an_issuer_that_does_not_answer_is_asked_at_most_once_a_minute() -> None:
    web = Web()
    pages, web.pages = web.pages, {}
    keys = web.keys()
    for _ in range(10):
        with pytest.raises(Unavailable):
            keys.find(an_issuer(), "one")
    assert len(web.asked) == 1

    web.pages = pages
    web.now += RETRY_SECONDS
    assert keys.find(an_issuer(), "one")


def test_withdrawn_keys_end_and_an_issuer_that_is_away_does_not_end_its_keys_at_once() -> None:
    web = Web(one=RSA, two=EC)
    keys = web.keys()
    keys.find(an_issuer(), "one")

    web.pages[JWKS] = a_key_set(two=EC)
    web.now += FRESH_SECONDS
    assert keys.find(an_issuer(), "one") == []

    web.pages = {}
    web.now += STALE_SECONDS - 1
    assert keys.find(an_issuer(), "two")
    web.now += 1
    with pytest.raises(Unavailable):
        keys.find(an_issuer(), "two")


def test_one_issuer_does_not_vouch_for_another() -> None:
    web = Web()
    other = "https://other.example.com"
    web.pages[f"{other}/.well-known/openid-configuration"] = json.dumps(
        {"issuer": other, "jwks_uri": f"{other}/keys"}
    ).encode()
    web.pages[f"{other}/keys"] = a_key_set(one=EC)
    keys = web.keys()

    assert numbers(keys.find(an_issuer(), "one")) == [RSA.public_numbers()]
    assert numbers(keys.find(an_issuer(other), "one")) == [EC.public_numbers()]
