"""What an HTTP API and S3 do around the functions; run against AWS, it shows where the emulator differs.

A test with `If it differs` asks what could not be tried without an account: see `tests/observations.py`.
"""

import http.client
import os
import secrets
from collections.abc import Callable, Iterator
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.acceptance.repository import Repository, ask
from tests.builders import a_package

pytestmark = pytest.mark.smoke

type Record = Callable[[str, object], None]
"""`record_property`: with the name `observed`, what AWS did."""

ORDINARY_LIMIT = 4_500_000
"""Bytes: the largest upload, unless the deployment says less."""

EVERY_KIND = [
    ("GET", "/", 200),
    ("GET", "/health", 200),
    ("GET", "/info", 200),
    ("GET", "/index.yaml", 302),
    ("HEAD", "/index.yaml", 302),
    ("GET", "/charts/none-1.0.0.tgz", 302),
    ("GET", "/charts/none-1.0.0.tgz.prov", 302),
    ("GET", "/no/such/page/index.html", 404),
    ("GET", "/favicon.ico", 404),
    ("PUT", "/index.yaml", 404),
    ("PATCH", "/charts/none-1.0.0.tgz", 404),
    ("OPTIONS", "/index.yaml", 404),
    ("POST", "/index.yaml", 404),
]
EVERY_KIND_OF_THE_API = [
    ("GET", "/charts", 200),
    ("HEAD", "/charts", 200),
    ("GET", "/charts/none", 404),
    ("POST", "/charts", 400),
    ("POST", "/prov", 400),
    ("DELETE", "/charts/none/1.0.0", 404),
    ("PUT", "/charts", 404),
    ("GET", "/prov", 404),
]


@pytest.fixture(scope="module", autouse=True)
def published(repository: Repository) -> None:
    """Make sure that there is an index: a repository that never had a chart answers for it itself."""
    name = f"smoke-{secrets.token_hex(4)}"
    repository.upload(a_package(name, "1.0.0"), name)


@pytest.mark.parametrize(("method", "path", "status"), EVERY_KIND)
def test_every_answer_has_status_and_request_id(repository: Repository, method: str, path: str, status: int) -> None:
    answer = repository.ask(method, f"{repository.url}{path}")

    assert answer.status == status
    assert len(answer.headers["X-Request-Id"]) == 36
    assert answer.headers["Content-Type"]


@pytest.mark.parametrize(("method", "path", "status"), EVERY_KIND_OF_THE_API)
def test_every_answer_of_the_api_has_status_and_request_id(
    repository: Repository, method: str, path: str, status: int
) -> None:
    answer = repository.call(method, path)

    assert answer.status == status
    assert len(answer.headers["X-Request-Id"]) == 36
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"


def test_a_request_id_that_was_sent_comes_back(repository: Repository) -> None:
    answer = repository.get("/health", X_Request_Id="my-own:7")

    assert answer.headers["X-Request-Id"] == "my-own:7"


def test_what_is_unknown_is_not_found_in_our_words(repository: Repository) -> None:
    answer = repository.get("/favicon.ico")

    assert (answer.status, answer.body) == (404, b'{"error":"not found"}')


@pytest.mark.parametrize("path", ["/health", "/info", "/", "/favicon.ico"])
def test_the_length_of_an_answer_to_head(repository: Repository, path: str, record_property: Record) -> None:
    """HEAD has the status, type and Content-Length of GET, and no body.

    If it differs: web/responses.py makes the answers; leave Content-Length to the gateway there, and say so in
    docs/api.md.
    """
    got, headed = repository.get(path), repository.head(path)
    record_property(
        "observed", f"Content-Length {headed.headers['Content-Length']} (GET {got.headers['Content-Length']})"
    )

    assert (headed.status, headed.body) == (got.status, b"")
    assert headed.headers["Content-Type"] == got.headers["Content-Type"]
    assert headed.headers["Content-Length"] == got.headers["Content-Length"] == str(len(got.body))


@pytest.mark.parametrize("path", ["/charts", "/charts/{}", "/charts/{}/1.0.0", "/charts/{}/latest", "/charts/none"])
def test_head_of_the_api_says_what_get_says_without_its_body(repository: Repository, chart: str, path: str) -> None:
    repository.upload(a_package(chart, "1.0.0"), chart)

    got, headed = (repository.call(method, path.format(chart)) for method in ("GET", "HEAD"))

    assert (headed.status, headed.body) == (got.status, b"")
    assert headed.headers["Content-Type"] == got.headers["Content-Type"]
    assert headed.headers["Content-Length"] == str(len(got.body))


def test_www_authenticate_as_clients_see_it(repository: Repository, record_property: Record) -> None:
    """A 401 has one header WWW-Authenticate, in upper or lower case, under no other name.

    If it differs: a REST API renames it to x-amzn-remapped-www-authenticate. Helm and curl send credentials unasked and
    go on working; OCI clients need the challenge: put CloudFront with a response headers policy before the API.
    """
    answer = repository.anonymous().call("DELETE", "/charts/none/1.0.0")
    names = [name for name in answer.headers if "authenticate" in name.lower()]
    record_property("observed", f"{answer.status} with {', '.join(names) or 'no challenge'}")

    assert (answer.status, answer.error) == (401, "unauthorized")
    assert [name.lower() for name in names] == ["www-authenticate"]
    assert answer.headers["WWW-Authenticate"].startswith(("Basic realm=", "Bearer realm="))


@pytest.mark.parametrize("path", ["/index.yaml", "/charts/{}-1.0.0.tgz", "/charts/{}-1.0.0.tgz.prov"])
def test_files_are_redirects_to_s3(repository: Repository, chart: str, path: str) -> None:
    answer = repository.get(path.format(chart))

    assert (answer.status, answer.body) == (302, b"")
    assert answer.headers["Cache-Control"] == "no-store"
    query = parse_qs(answer.location.query)
    assert query["X-Amz-Algorithm"] == ["AWS4-HMAC-SHA256"]
    assert query["X-Amz-Expires"] == ["300" if path == "/index.yaml" else "900"]
    assert "X-Amz-Security-Token" in query
    assert answer.location.hostname != urlsplit(repository.url).hostname


def test_a_large_package_is_as_small_a_redirect(repository: Repository, chart: str) -> None:
    package = a_package(chart, "1.0.0", files={"noise": os.urandom(3_000_000)})

    uploaded = repository.upload(package, chart)

    assert uploaded.status == 201
    redirect = repository.get(f"/charts/{chart}-1.0.0.tgz")
    assert (redirect.status, redirect.body) == (302, b"")
    assert repository.read(f"/charts/{chart}-1.0.0.tgz").body == package


def test_a_head_is_signed_for_a_head(repository: Repository, chart: str) -> None:
    package = a_package(chart, "1.0.0")
    repository.upload(package, chart)
    path = f"/charts/{chart}-1.0.0.tgz"

    headed, got = repository.head(path), repository.get(path)

    assert (headed.status, headed.body) == (302, b"")
    there = ask("HEAD", headed.location.geturl())
    assert (there.status, there.headers["Content-Length"]) == (200, str(len(package)))
    assert ask("HEAD", got.location.geturl()).status == 403
    assert ask("GET", headed.location.geturl()).status == 403
    assert ask("HEAD", repository.head("/index.yaml").location.geturl()).status == 200


def test_a_range_of_a_package_can_be_read(repository: Repository, chart: str) -> None:
    package = a_package(chart, "1.0.0")
    repository.upload(package, chart)

    url = repository.get(f"/charts/{chart}-1.0.0.tgz").location.geturl()

    part = ask("GET", url, headers={"Range": "bytes=10-19"})
    assert (part.status, part.body) == (206, package[10:20])


def test_what_is_not_there_is_the_storage_s_own_404(repository: Repository, chart: str) -> None:
    # 403 would mean that the role that signed may not list the bucket.
    assert repository.read(f"/charts/{chart}-1.0.0.tgz").status == 404


@pytest.mark.parametrize("plus", ["+", "%2B", "%2b"])
def test_a_plus_in_a_path(repository: Repository, chart: str, plus: str, record_property: Record) -> None:
    """A plus is one, whether the client escapes it or not.

    If it differs: web/routes.py reads rawPath; a plus that arrives as a blank has to be read as a plus there.
    """
    package = a_package(chart, "1.0.0+build.7")
    assert repository.upload(package, chart).status == 201

    read = repository.read(f"/charts/{chart}-1.0.0{plus}build.7.tgz")
    described = repository.call("GET", f"/charts/{chart}/1.0.0{plus}build.7")
    record_property("observed", f"package {read.status}, description {described.status}")
    assert read.body == package
    assert described.json()["version"] == "1.0.0+build.7"
    assert repository.call("DELETE", f"/charts/{chart}/1.0.0{plus}build.7").status == 200
    assert repository.versions(chart) == []


@pytest.mark.parametrize(
    "path",
    [
        "/charts/../index.yaml",
        "/%2e%2e/index.yaml",
        "//index.yaml",
        "/./index.yaml",
        "/charts/%252e%252e%252findex.yaml",
        "/charts/..%2f..%2f.charthouse%2findex%2findex.yaml",
        "/.charthouse/index/index.yaml",
    ],
)
def test_dots_and_double_slashes_in_a_path(repository: Repository, path: str, record_property: Record) -> None:
    """400, 403 or 404; or the gateway tidies the path, and the repository's own index is the answer.

    If it differs: a redirect out of the repository is a defect of web/routes.py (segments); any other status belongs
    into this list and docs/api.md.
    """
    answer = repository.get(path)
    leads = f" to {answer.location.path}" if answer.headers["Location"] else ""
    record_property("observed", f"{answer.status}{leads}")

    # What is in front of the function may have put a path right, but then it is the repository's own.
    if answer.status == 302:
        assert answer.location.path.endswith("/.charthouse/index/index.yaml")
        assert path.count("/") == 2
    else:
        assert answer.status in {400, 403, 404}


@pytest.mark.parametrize("query", ["?force", "?force=", "?force=true"])
def test_force_needs_no_value(repository: Repository, chart: str, query: str) -> None:
    repository.upload(a_package(chart, "1.0.0"), chart)
    other = a_package(chart, "1.0.0", description="other")

    forced = repository.upload(other, query=query)

    assert forced.status == 201
    assert repository.read(f"/charts/{chart}-1.0.0.tgz").body == other


def test_a_package_uploaded_in_chunks(repository: Repository, chart: str, record_property: Record) -> None:
    """The gateway collects the chunks: 201, and the bytes are the same.

    If it differs: say in docs/api.md that uploads need Content-Length (`curl --data-binary` sends it).
    """
    package = a_package(chart, "1.0.0", files={"noise": os.urandom(100_000)})

    uploaded = repository.upload(in_pieces(package), chart)
    record_property("observed", f"{uploaded.status} {uploaded.body[:80].decode(errors='replace')}")

    assert uploaded.status == 201
    assert repository.read(f"/charts/{chart}-1.0.0.tgz").body == package


def test_a_form_uploaded_in_chunks(repository: Repository, chart: str, record_property: Record) -> None:
    """The gateway collects the chunks, as `helm cm-push` sends them: 201.

    If it differs: `helm cm-push` does not work on AWS: say so in README and docs/api.md, with curl in its place.
    """
    package = a_package(chart, "1.0.0", files={"noise": os.urandom(100_000)})

    uploaded = repository.upload_form(("chart", package), name=chart, chunked=True)
    record_property("observed", f"{uploaded.status} {uploaded.body[:80].decode(errors='replace')}")

    assert (uploaded.status, uploaded.json()) == (201, {"saved": True})
    assert repository.read(f"/charts/{chart}-1.0.0.tgz").body == package


def test_a_client_that_asks_first_may_go_on(repository: Repository, chart: str) -> None:
    package = a_package(chart, "1.0.0")

    uploaded = repository.upload(package, chart, Expect="100-continue")

    assert uploaded.status == 201


@pytest.mark.parametrize(
    "content_type", ["", "application/gzip", "application/x-www-form-urlencoded", "application/x-tar", "image/png"]
)
def test_a_package_of_any_type_that_is_no_text_arrives(repository: Repository, chart: str, content_type: str) -> None:
    named = {"Content_Type": content_type} if content_type else {}

    uploaded = repository.upload(a_package(chart, "1.0.0"), chart, **named)

    assert uploaded.status == 201


def test_a_package_sent_as_text_is_refused_naming_the_type(repository: Repository, chart: str) -> None:
    refused = repository.upload(a_package(chart, "1.0.0"), chart, Content_Type="text/plain")

    assert refused.status == 400
    assert "Content-Type text/plain" in refused.error
    assert repository.versions(chart) == []


def test_the_largest_upload_arrives_and_a_larger_one_is_told_how_to_go_on(repository: Repository, chart: str) -> None:
    package = a_package(chart, "1.0.0", files={"noise": os.urandom(ORDINARY_LIMIT - 20_000)})
    assert ORDINARY_LIMIT - 20_000 < len(package) <= ORDINARY_LIMIT

    fits = repository.upload(package, chart)
    refused = repository.upload(bytes(ORDINARY_LIMIT + 1))

    assert fits.status == 201
    assert refused.status == 413
    assert refused.error.startswith("request too large: 4500001 bytes")
    assert "aws s3 cp" in refused.error


@pytest.mark.parametrize("size", [4_800_000, 11_000_000])
def test_the_gateway_s_own_413(repository: Repository, size: int, record_property: Record) -> None:
    """413 with {"message":"Request Entity Too Large"}, for what a function cannot take and for what the API cannot.

    If it differs: docs/api.md has the status and the message; local/gateway.py answers as AWS does.
    """
    answer = repository.upload(bytes(size))
    record_property("observed", f"{answer.status} {answer.body[:80].decode(errors='replace')}")

    assert (answer.status, answer.body) == (413, b'{"message":"Request Entity Too Large"}')


def test_a_redirect_fits_whatever_the_gateway_allows(repository: Repository) -> None:
    # A role's credentials make the longest URLs: about 1,500 bytes with a session token of AWS.
    path = f"/charts/{'x' * 180}-1.0.0.tgz"

    answer = repository.get(path)

    assert answer.status == 302
    assert answer.location.path.endswith(path.rpartition("/")[2])
    assert "X-Amz-Signature" in answer.location.query


def test_one_connection_serves_many_requests(repository: Repository) -> None:
    parts = urlsplit(repository.url)
    made = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = made(parts.netloc, timeout=60)

    statuses = []
    for _ in range(3):
        connection.request("GET", f"{parts.path}/health")
        response = connection.getresponse()
        statuses.append((response.status, response.read()))

    connection.close()
    assert statuses == [(200, b'{"healthy":true}')] * 3


def in_pieces(body: bytes) -> Iterator[bytes]:
    for start in range(0, len(body), 7000):
        yield body[start : start + 7000]
