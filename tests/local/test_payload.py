"""Events and answers are made as AWS makes them."""

import base64
import json

import pytest

from local.payload import Request, Response, event
from local.routes import Match, Route

MATCH = Match(Route("ANY /{proxy+}", "arn"), {"proxy": "x"})


def a_request(target: str = "/x", body: bytes = b"", *headers: tuple[str, str], method: str = "POST") -> Request:
    return Request(method, target, [("Host", "127.0.0.1:8080"), *headers], body)


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("/a%2Fb", "/a/b"),
        ("/a%252Fb", "/a%2Fb"),
        ("/a%20b+c", "/a b+c"),
        ("/%C3%BC", "/ü"),
        ("/a%3Fb", "/a"),
        ("//a/../b/", "//a/../b/"),
    ],
)
def test_the_path_is_decoded_once(target: str, path: str) -> None:
    made = event(a_request(target), MATCH, "api")

    assert made["rawPath"] == path
    assert made["requestContext"]["http"]["path"] == path


def test_the_query_stays_as_it_came_and_is_parsed_beside() -> None:
    made = event(a_request("/x?force&a=1&a=b+c%2B"), MATCH, "api")

    assert made["rawQueryString"] == "force&a=1&a=b+c%2B"
    assert made["queryStringParameters"] == {"force": "", "a": "1,b c+"}


def test_header_names_are_lower_case_and_values_joined() -> None:
    made = event(a_request("/x", b"", ("X-One", "1"), ("x-one", "2"), ("Cookie", "a=1; b=2")), MATCH, "api")

    assert made["headers"]["x-one"] == "1,2"
    assert "cookie" not in made["headers"]
    assert made["cookies"] == ["a=1", "b=2"]


def test_headers_of_the_connection_stay_behind() -> None:
    made = event(a_request("/x", b"a", ("Transfer-Encoding", "chunked"), ("Expect", "100-continue")), MATCH, "api")

    assert not {"transfer-encoding", "expect"} & set(made["headers"])


@pytest.mark.parametrize("kind", ["text/plain", "application/json; charset=utf-8", "APPLICATION/XML"])
def test_a_body_of_a_text_type_comes_as_text(kind: str) -> None:
    made = event(a_request("/x", "ü".encode(), ("Content-Type", kind)), MATCH, "api")

    assert (made["body"], made["isBase64Encoded"]) == ("ü", False)


@pytest.mark.parametrize(
    "kind", ["application/octet-stream", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded", ""]
)
def test_every_other_body_comes_in_base64(kind: str) -> None:
    made = event(a_request("/x", b"\x1f\x8b", ("Content-Type", kind)), MATCH, "api")

    assert (base64.b64decode(made["body"]), made["isBase64Encoded"]) == (b"\x1f\x8b", True)


def test_a_request_without_a_body_has_none_in_its_event() -> None:
    made = event(a_request(method="GET"), MATCH, "api")

    assert "body" not in made
    assert made["isBase64Encoded"] is False


def test_the_context_tells_route_host_and_request() -> None:
    request = a_request()

    context = event(request, MATCH, "api")["requestContext"]

    assert context["routeKey"] == "ANY /{proxy+}"
    assert context["stage"] == "$default"
    assert context["domainName"] == "127.0.0.1:8080"
    assert context["requestId"] == request.request_id


def answer(**fields: object) -> Response:
    return Response.of(json.dumps(fields).encode())


def test_an_answer_without_a_type_is_plain_text() -> None:
    response = answer(statusCode=200, body="hi")

    assert response == Response(200, [("content-type", "text/plain; charset=utf-8")], b"hi")


def test_cookies_become_headers_and_the_gateway_keeps_its_own() -> None:
    response = answer(statusCode=204, headers={"Date": "x", "Content-Type": "a/b", "X-N": 1}, cookies=["a=1", "b=2"])

    assert response.headers == [("Content-Type", "a/b"), ("X-N", "1"), ("set-cookie", "a=1"), ("set-cookie", "b=2")]


def test_a_body_in_base64_goes_out_as_bytes() -> None:
    assert answer(statusCode=200, body="H4s=", isBase64Encoded=True).body == b"\x1f\x8b"


def test_an_answer_without_a_status_is_json() -> None:
    assert answer(hello=1) == Response(200, [("content-type", "application/json")], b'{"hello": 1}')


@pytest.mark.parametrize(
    "payload",
    [
        b"{",
        b'{"statusCode": 200.0}',
        b'{"statusCode": true}',
        b'{"statusCode": 99}',
        b'{"statusCode": 200, "headers": []}'.replace(b"[]", b'["a"]'),
        b'{"statusCode": 200, "body": "?", "isBase64Encoded": true}',
    ],
)
def test_an_answer_that_makes_no_sense_is_a_500(payload: bytes) -> None:
    response = Response.of(payload)

    assert (response.status, response.body) == (500, b'{"message":"Internal Server Error"}')
