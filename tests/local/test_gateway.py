"""The gateway in front of the emulator has the limits and the behaviour of AWS's."""

import base64
import http.client
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from local.gateway import BODY_BYTES, EVENT_BYTES, Gateway
from local.progress import Trouble
from local.routes import Route, Routes

type Function = Callable[[bytes], bytes | None]


class Scripted:
    """One function for every route."""

    def __init__(self) -> None:
        self.function: Function = echo
        self.events: list[dict[str, Any]] = []

    def invoke(self, function: str, payload: bytes) -> bytes | None:
        assert function == "arn"
        self.events.append(json.loads(payload))
        return self.function(payload)


def echo(payload: bytes) -> bytes:
    event = json.loads(payload)
    headers = {"content-type": "text/x", "x-method": event["requestContext"]["http"]["method"]}
    return json.dumps({"statusCode": 200, "headers": headers, "body": event["rawPath"]}).encode()


@pytest.fixture
def functions() -> Scripted:
    return Scripted()


@pytest.fixture
def gateway(functions: Scripted) -> Iterator[Gateway]:
    with Gateway() as served:
        served.serve("api", Routes.of([Route("$default", "arn")]), functions, seconds=0.5)
        yield served


def ask(gateway: Gateway, method: str, target: str, body: object = None, **headers: str) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=20)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, target, body, named, encode_chunked=not isinstance(body, bytes | None))  # type: ignore[arg-type]
    response = connection.getresponse()
    response.body = response.read()  # type: ignore[attr-defined]
    connection.close()
    return response


def body(response: http.client.HTTPResponse) -> bytes:
    return bytes(response.body)  # type: ignore[attr-defined]


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "OPTIONS", "PUT", "PATCH"])
def test_every_method_reaches_the_function(gateway: Gateway, method: str) -> None:
    response = ask(gateway, method, "/a%2Fb")

    assert (response.status, body(response), response.headers["x-method"]) == (200, b"/a/b", method)
    assert len(response.headers["Apigw-Requestid"]) == 16


def test_a_head_answers_with_the_length_of_the_body_and_without_it(gateway: Gateway) -> None:
    response = ask(gateway, "HEAD", "/abc")

    assert (response.status, response.headers["Content-Length"], body(response)) == (200, "4", b"")


def test_a_head_answers_with_the_length_that_the_function_gives_for_a_body_it_leaves_out(
    gateway: Gateway, functions: Scripted
) -> None:
    functions.function = answering(200, {"Content-Length": "20000000", "Docker-Content-Digest": DIGEST})

    response = ask(gateway, "HEAD", f"/v2/team/app/blobs/{DIGEST}")
    other = ask(gateway, "GET", "/v2/")

    assert (response.headers["Content-Length"], response.headers["Docker-Content-Digest"]) == ("20000000", DIGEST)
    assert (response.headers["Content-Type"], body(response)) == ("text/plain; charset=utf-8", b"")
    # The length of a body that is sent is not the function's to say.
    assert other.headers["Content-Length"] == "0"


DIGEST = f"sha256:{'0' * 64}"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


def answering(status: int, headers: dict[str, str], text: str = "") -> Function:
    return lambda _: json.dumps({"statusCode": status, "headers": headers, "body": text}).encode()


@pytest.mark.parametrize("method", ["POST", "PATCH", "PUT"])
@pytest.mark.parametrize("chunks", [[b"\0\xff", b"", b"\x1f\x8b"], []], ids=["chunks", "nothing"])
def test_a_registry_s_client_may_send_chunks_of_bytes(
    gateway: Gateway, functions: Scripted, method: str, chunks: list[bytes]
) -> None:
    """Oras streams blobs, and pushes an empty one in chunks, too."""
    target = f"/v2/team/app/blobs/uploads/1-a_b?state=a%2Bb&digest={DIGEST.replace(':', '%3A')}"
    sent = {"Transfer_Encoding": "chunked", "Content_Type": "application/octet-stream", "Content_Range": "0-3"}

    response = ask(gateway, method, target, iter(chunks), **sent)

    (event,) = functions.events
    assert response.status == 200
    assert base64.b64decode(str(event.get("body", ""))) == b"".join(chunks)
    assert event["isBase64Encoded"] is bool(b"".join(chunks))
    assert event["rawPath"] == "/v2/team/app/blobs/uploads/1-a_b"
    assert event["rawQueryString"] == f"state=a%2Bb&digest={DIGEST.replace(':', '%3A')}"
    assert event["queryStringParameters"] == {"state": "a+b", "digest": DIGEST}
    assert event["headers"]["content-range"] == "0-3"


def test_a_manifest_arrives_byte_for_byte(gateway: Gateway, functions: Scripted) -> None:
    manifest = b'{"schemaVersion":2,"annotations":{"a":"\xc3\xa9"}}\n'

    ask(gateway, "PUT", "/v2/team/app/manifests/1.0.0_b.1", manifest, Content_Type=MANIFEST)

    (event,) = functions.events
    assert (event["isBase64Encoded"], base64.b64decode(str(event["body"]))) == (True, manifest)
    assert event["headers"]["content-type"] == MANIFEST


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (202, {"Location": "/v2/team/app/blobs/uploads/1?state=a%2Bb", "Range": "0-0", "Docker-Upload-UUID": "1"}),
        (201, {"Location": f"/v2/team/app/blobs/{DIGEST}", "Docker-Content-Digest": DIGEST, "OCI-Subject": DIGEST}),
        (307, {"Location": "http://localhost:1/b/k?X-Amz-Signature=" + "a" * 2000, "Cache-Control": "no-store"}),
        (401, {"WWW-Authenticate": 'Basic realm="a", Bearer realm="https://h/v2/token",service="h"'}),
        (
            200,
            {"Content-Type": MANIFEST, "Link": '</v2/x/tags/list?n=1&last=a>; rel="next"', "OCI-Filters-Applied": "x"},
        ),
        (206, {"Content-Range": "bytes 0-1/4", "Accept-Ranges": "bytes"}),
        (416, {"Content-Range": "bytes */4"}),
        (405, {"Docker-Distribution-API-Version": "registry/2.0"}),
    ],
    ids=lambda value: str(value) if isinstance(value, int) else "",
)
def test_what_a_registry_answers_passes_as_it_is(
    gateway: Gateway, functions: Scripted, status: int, headers: dict[str, str]
) -> None:
    functions.function = answering(status, headers, "{}")

    response = ask(gateway, "GET", "/v2/team/app/tags/list?n=1")

    assert (response.status, body(response)) == (status, b"{}")
    assert {name: response.headers[name] for name in headers} == headers


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("/v2/team%2Fapp/manifests/1.0.0%2Bb", "/v2/team/app/manifests/1.0.0+b"),
        ("/v2/a%252Fb/tags/list", "/v2/a%2Fb/tags/list"),
        ("/v2/", "/v2/"),
        ("/v2/a/manifests/1.0.0+b", "/v2/a/manifests/1.0.0+b"),
    ],
)
def test_a_path_is_decoded_once(gateway: Gateway, functions: Scripted, target: str, path: str) -> None:
    ask(gateway, "GET", target)

    assert functions.events[0]["rawPath"] == path


@pytest.mark.parametrize("target", ["//a//b", "/./../x", "/?force", "/%", "/%FF", "/a%20b"])
def test_strange_paths_arrive(gateway: Gateway, target: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=20)
    connection.connect()

    connection.sock.sendall(f"GET {target} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n".encode())
    raw = connection.sock.makefile("rb").read()

    connection.close()
    assert raw.startswith(b"HTTP/1.1 200")


def test_a_body_in_chunks_without_a_length_arrives(gateway: Gateway, functions: Scripted) -> None:
    response = ask(gateway, "POST", "/x", iter([b"ab", b"cd"]), Transfer_Encoding="chunked", Content_Type="text/plain")

    assert response.status == 200
    assert functions.events[0]["body"] == "abcd"


def test_a_client_that_asks_first_is_told_to_go_on(gateway: Gateway, functions: Scripted) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=20)
    connection.connect()
    connection.sock.sendall(
        b"POST / HTTP/1.1\r\nHost: h\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n"
        b"Expect: 100-continue\r\nConnection: close\r\n\r\n"
    )
    first = connection.sock.recv(25)

    connection.sock.sendall(b"hi")
    rest = connection.sock.makefile("rb").read()

    connection.close()
    assert first == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert rest.startswith(b"HTTP/1.1 200")
    assert functions.events[0]["body"] == "hi"


@pytest.mark.parametrize("size", [BODY_BYTES + 1, EVENT_BYTES * 3 // 4])
def test_a_body_too_large_for_the_gateway_or_the_event_never_reaches_the_function(
    gateway: Gateway, functions: Scripted, size: int
) -> None:
    response = ask(gateway, "POST", "/api/charts", b"\0" * size)

    assert (response.status, body(response)) == (413, b'{"message":"Request Entity Too Large"}')
    assert functions.events == []


def test_a_body_of_four_and_a_half_megabytes_arrives(gateway: Gateway, functions: Scripted) -> None:
    response = ask(gateway, "POST", "/api/charts", b"\0" * 4_500_000, Authorization="x" * 9_000)

    assert response.status == 200
    assert len(functions.events) == 1


def test_more_than_ten_thousand_bytes_of_headers_are_refused(gateway: Gateway) -> None:
    assert ask(gateway, "GET", "/", Authorization="x" * 10_000).status == 200
    assert ask(gateway, "GET", "/", Authorization="x" * 10_240).status == 431


def test_a_failed_function_is_an_internal_server_error(gateway: Gateway, functions: Scripted) -> None:
    functions.function = lambda _: None

    response = ask(gateway, "GET", "/")

    assert (response.status, body(response)) == (500, b'{"message":"Internal Server Error"}')


def test_a_slow_function_is_unavailable(gateway: Gateway, functions: Scripted) -> None:
    def slow(payload: bytes) -> bytes:
        time.sleep(0.8)
        return echo(payload)

    functions.function = slow

    response = ask(gateway, "GET", "/")

    assert (response.status, body(response)) == (503, b'{"message":"Service Unavailable"}')


def test_an_answer_over_six_megabytes_is_an_internal_server_error(gateway: Gateway, functions: Scripted) -> None:
    functions.function = lambda _: json.dumps({"statusCode": 200, "body": "x" * EVENT_BYTES}).encode()

    assert ask(gateway, "GET", "/").status == 500


def test_a_redirect_passes_as_it_is(gateway: Gateway, functions: Scripted) -> None:
    location = "http://localhost:1/b/k?X-Amz-Signature=" + "a" * 2000
    functions.function = lambda _: json.dumps({"statusCode": 302, "headers": {"Location": location}}).encode()

    response = ask(gateway, "GET", "/index.yaml")

    assert (response.status, response.headers["Location"], body(response)) == (302, location, b"")


OWN = {"Host": "127.0.0.1:8080"}


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:9999"},
        {"Origin": "https://127.0.0.1:8080", "Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        # The page's own name, which it let resolve to this machine.
        {"Host": "evil.example:8080", "Origin": "http://evil.example:8080", "Sec-Fetch-Site": "same-origin"},
    ],
    ids=str,
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "OPTIONS"])
def test_a_page_of_another_site_is_refused(functions: Scripted, method: str, headers: dict[str, str]) -> None:
    with Gateway() as gateway:
        gateway.serve("api", Routes.of([Route("$default", "arn")]), functions, allowed_origin="https://ui.example")

        response = ask(gateway, method, "/api/charts", **(OWN | headers))

    assert (response.status, body(response)) == (403, b'{"message":"Forbidden"}')
    assert functions.events == []


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Sec-Fetch-Site": "none"},
        {"Sec-Fetch-Site": "same-origin"},
        {"Origin": "http://127.0.0.1:8080", "Sec-Fetch-Site": "same-origin"},
        {"Host": "localhost:8080", "Origin": "http://localhost:8080"},
        {"Host": "host.docker.internal:8080"},
        {"Origin": "https://ui.example", "Sec-Fetch-Site": "cross-site"},
    ],
    ids=str,
)
def test_its_own_pages_those_of_the_configured_origin_and_everything_that_is_no_page_get_through(
    functions: Scripted, headers: dict[str, str]
) -> None:
    with Gateway() as gateway:
        gateway.serve("api", Routes.of([Route("$default", "arn")]), functions, allowed_origin="https://ui.example")

        assert ask(gateway, "POST", "/api/charts", **(OWN | headers)).status == 200


def test_a_port_in_use_is_said_in_one_sentence() -> None:
    with Gateway() as first:
        first.serve("api", Routes.of([]), Scripted())

        with pytest.raises(Trouble, match=rf"Port {first.port} is in use: .* CHARTHOUSE_PORT\."):
            Gateway(first.port)
