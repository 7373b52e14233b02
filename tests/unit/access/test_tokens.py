"""Bearer tokens."""

import base64
import datetime as dt
import hmac
import json

import pytest
from charthouse.access.tokens import MAX_TOKEN, read_claims, read_public_key
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tokens import a_key, a_raw_token, a_token, an_entry, an_unsigned_token, private_pem, public_pem

NOW = 1_800_000_000.0
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


def ec_pem() -> str:
    public = ec.generate_private_key(ec.SECP256R1()).public_key()
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
        (ec_pem(), "RSA"),
        (public_pem(a_key("short", 1024)), "1024 bits"),
    ],
)
def test_a_key_of_no_use_is_refused_with_the_reason(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        read_public_key(text)


def test_a_signed_token_gives_its_claims() -> None:
    token = a_token(an_entry("org1", "pull"), exp=NOW + 60, sub="ci")

    assert read_claims(token, KEY, NOW) == {"access": [an_entry("org1", "pull")], "exp": NOW + 60, "sub": "ci"}


def test_a_token_needs_no_expiry_audience_or_issuer_as_in_chartmuseum() -> None:
    assert read_claims(a_token(), KEY, NOW) is not None
    assert read_claims(a_token(aud="somebody else", iss="https://elsewhere.example.com"), KEY, NOW) is not None


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
    token = a_raw_token(json.dumps(claims).encode())

    assert (read_claims(token, KEY, NOW) is not None) is good


@pytest.mark.parametrize("time", [b"NaN", b"Infinity", b"-Infinity"])
def test_a_time_that_json_does_not_know_is_wrong(time: bytes) -> None:
    assert read_claims(a_raw_token(b'{"exp":%b}' % time), KEY, NOW) is None


@pytest.mark.parametrize("algorithm", ["RS384", "RS512", "PS256", "PS512"])
def test_only_rs256_counts(algorithm: str) -> None:
    assert read_claims(a_token(algorithm=algorithm), KEY, NOW) is None


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
    assert read_claims(f"{text}.{text}.{text}", KEY, NOW) is None
