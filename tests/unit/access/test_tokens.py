"""Bearer tokens."""

import base64
import datetime as dt
import hmac
import json

import pytest
from charthouse.access.tokens import MAX_TOKEN, read_claims, read_key_set, read_public_key, read_unverified
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st
from jwt.algorithms import RSAAlgorithm

from tests.tokens import (
    NOW,
    a_jwk,
    a_key,
    a_raw_token,
    a_token,
    an_ec_key,
    an_entry,
    an_unsigned_token,
    private_pem,
    public_pem,
)

KEY = a_key().public_key()


def a_certificate() -> str:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "auth.example.com")])
    start = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(KEY).serial_number(1)
    dated = builder.not_valid_before(start).not_valid_after(start + dt.timedelta(days=1))
    return dated.sign(a_key(), SHA256()).public_bytes(Encoding.PEM).decode()


def der_of(pem: str) -> str:
    return "".join(pem.splitlines()[1:-1])


PKCS1 = KEY.public_bytes(Encoding.PEM, PublicFormat.PKCS1).decode()

FORMS = {
    "PEM": public_pem(),
    "PEM with Windows line ends": public_pem().replace("\n", "\r\n"),
    "PEM with spaces for newlines": public_pem().replace("\n", " "),
    "PEM with escaped newlines": public_pem().replace("\n", "\\n"),
    "PEM on one line": public_pem().replace("\n", ""),
    "base64 DER": der_of(public_pem()),
    "base64 of a PEM file": base64.b64encode(public_pem().encode()).decode(),
    "PKCS #1": PKCS1,
    "certificate": a_certificate(),
    "certificate as base64 DER": der_of(a_certificate()),
    "text around it": f"# the key\n{public_pem()}\n",
}


@pytest.mark.parametrize("text", FORMS.values(), ids=FORMS.keys())
def test_a_key_is_read_in_every_usual_form(text: str) -> None:
    assert read_public_key(text).public_numbers() == KEY.public_numbers()


def p384_pem() -> str:
    public = ec.generate_private_key(ec.SECP384R1()).public_key()
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "empty"),
        ("no key", "neither PEM nor base64"),
        ("AAAA", "cannot be read"),
        (public_pem().replace("A", "B"), "cannot be read"),
        (private_pem(), "private key"),
        (base64.b64encode(private_pem().encode()).decode(), "private key"),
        (p384_pem(), "RSA or a P-256"),
        (public_pem(a_key("short", 1024)), "1024 bits"),
    ],
)
def test_a_key_of_no_use_is_refused_with_the_reason(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        read_public_key(text)


def test_a_signed_token_gives_its_claims() -> None:
    token = a_token(an_entry("org1", "pull"), exp=NOW + 60, sub="ci")

    assert read_claims(token, KEY, NOW) == {"access": [an_entry("org1", "pull")], "exp": NOW + 60, "sub": "ci"}


def test_audience_and_issuer_do_not_count_as_in_chartmuseum() -> None:
    assert read_claims(a_token(aud="somebody else", iss="https://elsewhere.example.com"), KEY, NOW) is not None


@pytest.mark.parametrize(
    "claims",
    [
        {},
        {"iat": NOW},
        {"exp": NOW + 86_401, "iat": NOW},
        {"exp": NOW + 100, "iat": NOW - 86_301},
        {"exp": NOW + 100, "iat": 0},
        # Without `iat` it may have been issued just now, by a clock a minute ahead.
        {"exp": NOW + 86_461},
    ],
)
def test_a_token_without_expiry_or_with_a_distant_one_counts_only_if_allowed(claims: dict[str, object]) -> None:
    token = a_raw_token(json.dumps(claims).encode())

    assert read_claims(token, KEY, NOW) is None
    assert read_claims(token, KEY, NOW, unlimited=True) == claims


@pytest.mark.parametrize("claims", [{"exp": NOW + 86_400, "iat": NOW}, {"exp": NOW + 86_460}])
def test_a_token_may_live_for_a_day(claims: dict[str, object]) -> None:
    assert read_claims(a_raw_token(json.dumps(claims).encode()), KEY, NOW) == claims


@pytest.mark.parametrize(
    ("claims", "good"),
    [
        ({"exp": NOW + 1}, True),
        ({"exp": NOW - 59}, True),
        ({"exp": NOW - 60}, False),
        ({"exp": 0}, False),
        ({"nbf": NOW + 60}, True),
        ({"nbf": NOW + 61}, False),
        ({"iat": NOW + 60}, True),
        ({"iat": NOW + 61}, False),
        ({"exp": str(int(NOW + 100))}, False),
        ({"exp": None}, False),
        ({"exp": True}, False),
        ({"iat": [1]}, False),
        ({"nbf": "x"}, False),
    ],
)
def test_times_are_kept_to_within_a_minute(claims: dict[str, object], good: bool) -> None:  # noqa: FBT001
    # PyJWT refuses to sign some of these times itself.
    token = a_raw_token(json.dumps({"exp": NOW + 600} | claims).encode())

    for unlimited in (False, True):
        assert (read_claims(token, KEY, NOW, unlimited=unlimited) is not None) is good


@pytest.mark.parametrize("time", [b"NaN", b"Infinity", b"-Infinity"])
def test_a_time_that_json_does_not_know_is_wrong(time: bytes) -> None:
    assert read_claims(a_raw_token(b'{"exp":%b}' % time), KEY, NOW) is None


@pytest.mark.parametrize("algorithm", ["RS384", "RS512", "PS256", "PS512"])
def test_only_rs256_counts(algorithm: str) -> None:
    assert read_claims(a_token(algorithm=algorithm), KEY, NOW) is None


EC_KEY = an_ec_key().public_key()


def test_a_p256_key_verifies_es256() -> None:
    token = a_token(an_entry("org1", "pull"), key=an_ec_key(), algorithm="ES256")

    assert read_public_key(public_pem_of(EC_KEY)).public_numbers() == EC_KEY.public_numbers()
    assert read_claims(token, EC_KEY, NOW) is not None
    assert read_claims(token, an_ec_key("somebody else's").public_key(), NOW) is None


def test_the_algorithm_is_the_keys_whatever_the_token_says() -> None:
    lying = base64.urlsafe_b64encode(b'{"alg":"ES256"}').rstrip(b"=") + b".e30"
    signature = a_key().sign(lying, PKCS1v15(), SHA256())
    tokens = [a_token(), a_token(key=an_ec_key(), algorithm="ES256")]
    tokens += [(lying + b"." + base64.urlsafe_b64encode(signature).rstrip(b"=")).decode()]

    by_rsa, by_ec = (
        [read_claims(token, key, NOW, unlimited=True) is not None for token in tokens] for key in (KEY, EC_KEY)
    )

    assert by_rsa == [True, False, False]
    assert by_ec == [False, True, False]


def public_pem_of(key: ec.EllipticCurvePublicKey) -> str:
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def test_a_key_set_gives_the_keys_that_verify_tokens() -> None:
    entries = [a_jwk(KEY, kid="rsa", use="sig", alg="RS256"), a_jwk(EC_KEY, kid="ec"), a_jwk(KEY)]

    keys = read_key_set(json.dumps({"keys": entries, "other": 1}).encode())

    assert [kid for kid, _ in keys] == ["rsa", "ec", None]
    assert read_claims(a_token(), keys[0][1], NOW) is not None
    assert read_claims(a_token(key=an_ec_key(), algorithm="ES256"), keys[1][1], NOW) is not None


@pytest.mark.parametrize(
    "entry",
    [
        a_jwk(KEY, use="enc"),
        a_jwk(KEY, alg="RS512"),
        a_jwk(KEY, alg="HS256"),
        a_jwk(EC_KEY, alg="RS256"),
        a_jwk(a_key("short", 1024).public_key()),
        a_jwk(ec.generate_private_key(ec.SECP384R1()).public_key()),
        RSAAlgorithm.to_jwk(a_key(), as_dict=True),
        {"kty": "oct", "k": "c2VjcmV0"},
        {"kty": ["RSA"]},
        {"kty": "RSA", "n": "AQAB"},
        {"kty": "RSA", "n": 1, "e": 2},
        {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"},
        {"kty": "EC", "crv": "P-256", "x": None, "y": []},
        {},
        "x",
        None,
    ],
)
def test_a_key_for_something_else_is_left_out(entry: object) -> None:
    assert read_key_set(json.dumps({"keys": [entry, a_jwk(KEY, kid="good")]}).encode())[0][0] == "good"


@pytest.mark.parametrize("document", [b"", b"x", b"[]", b"{}", b'{"keys": {}}', b"\xff"])
def test_what_is_not_a_key_set_is_an_error(document: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 (of json or our own)
        read_key_set(document)


@pytest.mark.parametrize(
    "token", ["", "a.b.c", "e30.e30", "W10.e30.x", "e30.W10.x", "e30.eyJhIjoxLCJhIjoyfQ.x", "é.e30.x"]
)
def test_a_token_is_read_before_it_is_verified_or_not_at_all(token: str) -> None:
    assert read_unverified(token) in (None, ({}, {}))


def test_an_unsigned_token_is_wrong() -> None:
    assert read_claims(an_unsigned_token(an_entry("repo", "push")), KEY, NOW) is None


def test_the_public_key_is_no_shared_secret() -> None:
    header, payload = (base64.urlsafe_b64encode(part).rstrip(b"=") for part in (b'{"alg":"HS256"}', b'{"access":[]}'))
    signature = hmac.digest(public_pem().encode(), header + b"." + payload, "sha256")
    token = b".".join([header, payload, base64.urlsafe_b64encode(signature).rstrip(b"=")]).decode()

    assert read_claims(token, KEY, NOW) is None


def test_another_key_is_another_signer() -> None:
    assert read_claims(a_token(key=a_key("somebody else's")), KEY, NOW) is None


def test_a_changed_token_is_wrong() -> None:
    header, _, signature = a_token(an_entry("repo", "pull")).split(".")
    payload = a_token(an_entry("repo", "push")).split(".")[1]

    assert read_claims(f"{header}.{payload}.{signature}", KEY, NOW) is None


@pytest.mark.parametrize("header", [{"crit": ["exp"]}, {"crit": []}, {"b64": False, "crit": ["b64"]}])
def test_headers_that_change_the_meaning_are_refused(header: dict[str, object]) -> None:
    assert read_claims(a_raw_token(b'{"access":[]}', header=header), KEY, NOW) is None


def test_keys_named_by_the_token_itself_are_not_fetched() -> None:
    token = a_token(
        header={"jku": "https://evil.example.com/keys", "kid": "../../etc/passwd"}, key=a_key("somebody else's")
    )

    assert read_claims(token, KEY, NOW) is None


@pytest.mark.parametrize(
    "payload",
    [b"", b"[]", b"1", b"null", b"{", b"\xff", b'{"access":[],"access":[]}', b'{"access":[{"name":"a","name":"b"}]}'],
)
def test_a_payload_that_is_no_clear_object_is_wrong(payload: bytes) -> None:
    assert read_claims(a_raw_token(payload), KEY, NOW) is None


def test_a_token_longer_than_headers_can_be_is_not_read() -> None:
    assert read_claims(a_token(filler="x" * MAX_TOKEN), KEY, NOW) is None
    assert read_claims(a_token(filler="x" * 5000), KEY, NOW) is not None


def test_deeply_nested_headers_are_wrong_and_no_crash() -> None:
    header = base64.urlsafe_b64encode(b"[" * 5000).decode()

    assert read_claims(f"{header}.e30.AAAA", KEY, NOW) is None


@settings(max_examples=50)
@given(
    st.text(alphabet=st.characters(codec="ascii"))
    | st.binary().map(lambda data: base64.urlsafe_b64encode(data).decode())
)
def test_any_text_is_a_wrong_token(text: str) -> None:
    assert read_claims(text, KEY, NOW) is None
    read_unverified(f"{text}.{text}.{text}")
    assert read_claims(f"{text}.{text}.{text}", KEY, NOW) is None
