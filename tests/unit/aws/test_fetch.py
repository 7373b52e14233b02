"""A page of an issuer: over HTTPS that is verified, without redirects, bounded in time and size."""

import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler

import pytest
from charthouse.access.issuers import IssuerKeys
from charthouse.access.policy import Issuer
from charthouse.aws import http
from charthouse.aws.http import MAX_PAGE, fetch
from charthouse.errors import Unavailable

from tests.issuer import Authority, RunningIssuer, an_issuer_at_work
from tests.tokens import a_key


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.make(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def issuer(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningIssuer]:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.certificate))
    http._page_tls.cache_clear()
    with an_issuer_at_work(authority) as running:
        yield running
    http._page_tls.cache_clear()


def test_a_page_is_fetched_over_https(issuer: RunningIssuer) -> None:
    issuer.pages["/a"] = b"page"

    assert fetch(f"{issuer.url}/a") == b"page"


def test_keys_are_found_by_discovery_over_https(issuer: RunningIssuer) -> None:
    issuer.publish(one=a_key().public_key())
    reasons: list[str] = []

    (key,) = IssuerKeys(fetch, time.time, reasons.append).find(Issuer(issuer.url, ("charthouse",), ()), "one")

    assert key.public_numbers() == a_key().public_key().public_numbers()
    assert reasons == []


def test_a_host_without_a_trusted_certificate_is_not_asked(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    http._page_tls.cache_clear()
    with an_issuer_at_work(authority) as running, pytest.raises(Unavailable, match="CERTIFICATE_VERIFY_FAILED"):
        fetch(f"{running.url}/a")
    http._page_tls.cache_clear()
    assert running.asked == []


def test_a_certificate_of_another_host_is_not_enough(issuer: RunningIssuer) -> None:
    with pytest.raises(Unavailable, match="CERTIFICATE_VERIFY_FAILED"):
        fetch(issuer.url.replace("localhost", "127.0.0.1") + "/a")


@pytest.mark.parametrize("status", [301, 302, 307, 308])
@pytest.mark.parametrize("to", ["/b", "https://elsewhere.example.com/b", "http://localhost/b"])
def test_redirects_are_not_followed(issuer: RunningIssuer, status: int, to: str) -> None:
    def redirect(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        request.send_header("Location", to)
        request.send_header("Content-Length", "0")
        request.end_headers()

    issuer.pages |= {"/a": redirect, "/b": b"page"}

    with pytest.raises(Unavailable, match=f"answered with {status}"):
        fetch(f"{issuer.url}/a")
    assert issuer.asked == ["/a"]


@pytest.mark.parametrize("url", ["http://localhost/a", "file:///etc/passwd", "ftp://localhost/a", "localhost/a", ""])
def test_nothing_but_https_is_fetched(url: str) -> None:
    with pytest.raises(Unavailable, match="not an https URL"):
        fetch(url)


@pytest.mark.parametrize(
    "url", ["https://localhost:1/a", "https://local host/a", "https://localhost:x/a", "https:///a"]
)
def test_a_host_that_cannot_be_reached_is_unavailable(url: str) -> None:
    with pytest.raises(Unavailable):
        fetch(url)


def test_a_page_is_bounded_in_size(issuer: RunningIssuer) -> None:
    def endless(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.end_headers()
        for _ in range(100):
            request.wfile.write(bytes(65_536))

    issuer.pages |= {"/largest": bytes(MAX_PAGE), "/larger": bytes(MAX_PAGE + 1), "/endless": endless}

    assert len(fetch(f"{issuer.url}/largest")) == MAX_PAGE
    for path in ("/larger", "/endless"):
        with pytest.raises(Unavailable, match="more than"):
            fetch(f"{issuer.url}{path}")


def test_a_page_is_bounded_in_time_however_slowly_it_comes(
    issuer: RunningIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def drip(request: BaseHTTPRequestHandler) -> None:
        request.wfile.write(b"HTTP/1.1 200 OK\r\n")
        for _ in range(50):
            request.wfile.write(b"X-A: b\r\n")
            time.sleep(0.1)

    monkeypatch.setattr(http, "PAGE_SECONDS", 0.5)
    issuer.pages["/a"] = drip
    started = time.monotonic()

    with pytest.raises(Unavailable, match="no answer within"):
        fetch(f"{issuer.url}/a")
    assert time.monotonic() - started < 2
