"""Requests read from events."""

import base64

import pytest
from charthouse.errors import BadRequest
from charthouse.web.requests import Request
from hypothesis import given
from hypothesis import strategies as st

from tests.events import an_event

OWN_ID = "0b9a6a4e-8a5c-4c43-a3b5-2b1e44a1c0aa"


def read(*args: object, **kwargs: object) -> Request:
    return Request.read(an_event(*args, **kwargs), OWN_ID)  # type: ignore[arg-type]


def test_method_path_headers_and_host_are_read() -> None:
    request = read("POST", "/api/charts", headers={"Content-Type": "application/gzip", "AUTHORIZATION": "Basic eA=="})

    assert (request.method, request.path) == ("POST", "/api/charts")
    assert request.content_type == "application/gzip"
    assert request.authorization == "Basic eA=="
    assert request.base_url() == "https://charts.example.com"
    assert request.base_url("/ctx") == "https://charts.example.com/ctx"


def test_the_path_is_left_as_the_gateway_decoded_it() -> None:
    assert read("GET", "/a%2e/b+c d").path == "/a%2e/b+c d"


@pytest.mark.parametrize("query", ["force", "force=", "force=true", "force=false", "a=1&force", "force&force=2"])
def test_force_counts_by_its_presence(query: str) -> None:
    assert read("POST", "/api/charts", query=query).has("force")


@pytest.mark.parametrize("query", ["", "Force", "forced=1", "a=force", "&&", "="])
def test_other_names_are_not_force(query: str) -> None:
    assert not read("POST", "/api/charts", query=query).has("force")


def test_queries_are_decoded_once_and_the_first_value_counts() -> None:
    query = read(query="offset=1&offset=2&limit=&x=a%2Bb+c&%66oo=%C3%BC").query

    assert query == {"offset": "1", "limit": "", "x": "a+b c", "foo": "ü"}


def test_a_body_in_base64_comes_byte_for_byte() -> None:
    every_byte = bytes(range(256))

    request = read("POST", "/api/charts", body=every_byte)

    assert (request.body, request.encoded) == (every_byte, True)


def test_the_flag_decides_about_base64_and_not_the_type() -> None:
    event = an_event("POST", "/api/charts", headers={"content-type": "application/gzip"}) | {
        "body": "aGk=",
        "isBase64Encoded": False,
    }
    assert Request.read(event, OWN_ID).body == b"aGk="

    event = an_event("POST", "/api/charts", headers={"content-type": "text/plain"}) | {
        "body": "aGk=",
        "isBase64Encoded": True,
    }
    assert Request.read(event, OWN_ID).body == b"hi"


def test_text_comes_as_its_bytes() -> None:
    request = read("POST", "/api/prov", headers={"content-type": "text/plain"}, body="ü".encode())

    assert (request.body, request.encoded) == ("ü".encode(), False)


@pytest.mark.parametrize("body", ["!", "YQ", "aGk=\n!", "ü"])
def test_a_body_that_is_not_the_base64_it_claims_is_refused(body: str) -> None:
    with pytest.raises(BadRequest, match="base64"):
        Request.read(an_event("POST") | {"body": body, "isBase64Encoded": True}, OWN_ID)


@pytest.mark.parametrize(
    "given_id", ["abc-123", OWN_ID, "1-67891233-abcdef012345678912345678", "Root=1-2;3".replace(";", ":")]
)
def test_a_clients_request_id_is_kept(given_id: str) -> None:
    assert read(headers={"X-Request-Id": given_id}).request_id == given_id


@pytest.mark.parametrize("given_id", ["", " ", "a b", "x\r\nSet-Cookie: y", "ü", "a" * 129, '"><script>'])
def test_a_request_id_unfit_for_header_and_log_is_replaced(given_id: str) -> None:
    assert read(headers={"X-Request-Id": given_id}).request_id == OWN_ID


@pytest.mark.parametrize(
    ("host", "seen"),
    [
        ("charts.example.com", "charts.example.com"),
        ("127.0.0.1:8080", "127.0.0.1:8080"),
        ("[::1]:8080", "[::1]:8080"),
        ('"><script>', "a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com"),
        ("a b", "a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com"),
        ("", "a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com"),
    ],
)
def test_the_host_is_the_one_that_was_called_or_the_apis_own(host: str, seen: str) -> None:
    event = an_event(headers={"host": host})
    event["requestContext"]["domainName"] = "a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com"

    assert Request.read(event, OWN_ID).host == seen


def test_the_scheme_is_https_unless_the_gateway_says_http() -> None:
    assert read(headers={"x-forwarded-proto": "http"}).base_url() == "http://charts.example.com"
    assert read(headers={"x-forwarded-proto": "javascript"}).base_url() == "https://charts.example.com"


@pytest.mark.parametrize(
    ("prefer", "asked"),
    [
        ("respond-async", True),
        ("return=minimal, Respond-Async; wait=1", True),
        ("", False),
        ("respond-asynchronously", False),
    ],
)
def test_a_client_may_ask_not_to_wait(prefer: str, *, asked: bool) -> None:
    assert read(headers={"Prefer": prefer}).prefers_async is asked


@given(st.binary())
def test_any_body_is_read_back(body: bytes) -> None:
    event = an_event("POST") | {"body": base64.b64encode(body).decode(), "isBase64Encoded": True}

    assert Request.read(event, OWN_ID).body == body


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
KEYS = ["rawPath", "rawQueryString", "headers", "requestContext", "body", "isBase64Encoded"]


@given(st.dictionaries(st.sampled_from(KEYS), JUNK))
def test_any_event_is_read_or_refused(event: dict[str, object]) -> None:
    try:
        Request.read(event, OWN_ID)
    except BadRequest:
        assert event["isBase64Encoded"] is True


@pytest.mark.parametrize(
    "accepted",
    [
        "gzip",
        "GZIP",
        "deflate, gzip;q=0.5",
        "gzip ; q=0.001",
        "*",
        "br;q=1, *;q=0.1",
        "gzip, identity",
        "gzip;q=0.8, identity;q=0.8",
        "identity;q=0, *",
        "gzip, *;q=0",
        "gzip;q=1.000",
    ],
)
def test_gzip_is_sent_where_it_is_at_least_as_welcome_as_the_plain_body(accepted: str) -> None:
    assert read("GET", "/index.yaml", headers={"Accept-Encoding": accepted}).prefers_gzip


@pytest.mark.parametrize(
    "accepted",
    [
        "",
        "identity",
        "br, deflate",
        "gzip;q=0",
        "gzip;q=0.000, *",
        "*;q=0",
        "gzip;q=0.5, identity",
        "gzip;q=0.1, *;q=0.5",
        "gzip;q=2",
        "gzip;q=x",
        "gzip;level=9",
        "x-gzip",
        ",;,",
    ],
)
def test_a_plain_body_is_sent_otherwise(accepted: str) -> None:
    assert not read("GET", "/index.yaml", headers={"Accept-Encoding": accepted}).prefers_gzip


def test_without_a_preference_the_body_is_plain() -> None:
    assert not read("GET", "/index.yaml").prefers_gzip
