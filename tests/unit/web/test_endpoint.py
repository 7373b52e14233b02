"""What every function does around its own work."""

import base64
import json
import logging
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from charthouse.access.authorizer import Authorizer, Sources
from charthouse.access.callers import Identity, Source
from charthouse.errors import ChartVersionExists, ConditionFailed, StorageLimitReached, Unavailable
from charthouse.settings import Access, Paths, Settings, Site
from charthouse.telemetry import Telemetry
from charthouse.web.endpoint import Endpoint
from charthouse.web.requests import Request
from charthouse.web.responses import Response, bytes_response, json_response
from charthouse.web.routes import Kind, Route
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests.events import an_event
from tests.tokens import NOW, a_token, an_entry, public_pem

PRIVATE = Settings(access=Access(basic_user="ann", basic_secret="arn"))
OPEN = Settings(access=Access(anonymous_push=True))
KINDS = {Kind.INDEX, Kind.UPLOAD, Kind.VERSION}


class Lines(logging.Handler):
    """The records of one logger."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


class Function:
    """A function behind the endpoint, with the routes it got, and what was logged and measured."""

    def __init__(
        self,
        settings: Settings = OPEN,
        work: Callable[[Request, Route], Response] | None = None,
        *,
        kinds: set[Kind] = KINDS,
    ) -> None:
        self.asked: list[Route] = []
        self.lines = Lines()
        self.measured: list[dict[str, float]] = []
        # A logger of its own, not one of the process: nothing is shared between tests.
        log = logging.Logger("test", logging.INFO)  # noqa: LOG001
        log.addHandler(self.lines)
        authorizer = Authorizer(settings.access, Sources(lambda: b"secret"), lambda: NOW)
        ticks = iter(range(1000000))

        def answer(request: Request, route: Route) -> Response:
            self.asked.append(route)
            return work(request, route) if work else json_response(201, {"saved": True})

        telemetry = Telemetry(log, lambda values: self.measured.append(dict(values)))
        self._handler = Endpoint(settings, authorizer, kinds, telemetry, lambda: next(ticks) / 4)(answer)

    def __call__(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        return self._handler(an_event(*args, **kwargs), None)

    def send(self, event: Any) -> dict[str, Any]:
        return self._handler(event, None)

    @property
    def logged(self) -> list[dict[str, Any]]:
        usual = set(vars(logging.makeLogRecord({})))
        return [{k: v for k, v in vars(record).items() if k not in usual} for record in self.lines.records]


def error(answer: dict[str, Any]) -> str:
    return str(json.loads(answer["body"])["error"])


def test_a_route_of_the_function_is_answered_by_it() -> None:
    function = Function()

    answer = function("POST", "/api/charts")

    assert (answer["statusCode"], answer["body"]) == (201, '{"saved":true}')
    assert [route.kind for route in function.asked] == [Kind.UPLOAD]


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/nothing/here.txt"), ("PUT", "/api/charts"), ("GET", "/api/charts")]
)
def test_everything_else_is_404_before_credentials_are_checked(method: str, path: str) -> None:
    function = Function(PRIVATE)

    answer = function(method, path)

    assert (answer["statusCode"], error(answer)) == (404, "not found")
    assert function.asked == []


def test_credentials_are_checked_before_the_work() -> None:
    function = Function(PRIVATE)
    credentials = "Basic " + base64.b64encode(b"ann:secret").decode()

    refused = function("POST", "/api/charts")
    accepted = function("POST", "/api/charts", headers={"Authorization": credentials})

    assert (refused["statusCode"], error(refused)) == (401, "unauthorized")
    assert refused["headers"]["WWW-Authenticate"] == 'Basic realm="ChartMuseum"'
    assert accepted["statusCode"] == 201
    assert len(function.asked) == 1


def test_with_nothing_configured_a_write_is_403_and_a_read_is_served() -> None:
    function = Function(Settings())

    assert function("POST", "/api/charts")["statusCode"] == 403
    assert function("GET", "/index.yaml")["statusCode"] == 201


@pytest.mark.parametrize("path", ["/", "/health", "/info"])
def test_every_function_answers_for_the_site(path: str) -> None:
    assert Function(kinds={Kind.INDEX})("GET", path)["statusCode"] == 200


def test_a_private_site_answers_health_but_not_its_home_page_without_credentials() -> None:
    assert Function(PRIVATE)("GET", "/")["statusCode"] == 401
    assert Function(PRIVATE)("GET", "/health")["statusCode"] == 200
    assert Function(PRIVATE)("GET", "/info")["statusCode"] == 200


def test_a_function_may_answer_a_kind_of_the_site_itself() -> None:
    function = Function(kinds={Kind.HOME})

    assert function("GET", "/")["statusCode"] == 201


def test_a_refusal_becomes_its_status() -> None:
    def work(_request: Request, _route: Route) -> Response:
        raise ChartVersionExists("file already exists")

    answer = Function(work=work)("POST", "/api/charts")

    assert (answer["statusCode"], error(answer)) == (409, "file already exists")


def test_unavailable_says_when_to_try_again() -> None:
    def work(_request: Request, _route: Route) -> Response:
        raise Unavailable("throttled")

    answer = Function(work=work)("POST", "/api/charts")

    assert (answer["statusCode"], answer["headers"]["Retry-After"]) == (503, "2")


@pytest.mark.parametrize("bug", [ZeroDivisionError("inside"), ConditionFailed("inside"), KeyError("inside")])
def test_a_bug_is_a_500_without_detail_and_is_logged_once_with_its_traceback(bug: Exception) -> None:
    def work(_request: Request, _route: Route) -> Response:
        raise bug

    function = Function(work=work)

    answer = function("POST", "/api/charts", headers={"X-Request-Id": "abc"})

    assert (answer["statusCode"], answer["body"]) == (500, '{"error":"internal server error"}')
    assert answer["headers"]["X-Request-Id"] == "abc"
    (record,) = function.lines.records
    assert record.levelno == logging.ERROR
    assert record.exc_info is not None
    assert record.exc_info[1] is bug
    assert function.logged[0]["request_id"] == "abc"


def test_a_body_that_is_not_base64_as_announced_is_400() -> None:
    answer = Function().send(an_event("POST", "/api/charts") | {"body": "!", "isBase64Encoded": True})

    assert answer["statusCode"] == 400


@pytest.mark.parametrize("path", ["/", "/nothing.txt", "/index.yaml", "/api/charts/a/1"])
def test_the_request_id_is_on_every_answer(path: str) -> None:
    answers = [Function(PRIVATE)("GET", path), Function()("GET", path)]

    assert all(len(answer["headers"]["X-Request-Id"]) == 36 for answer in answers)
    assert Function()("GET", path, headers={"X-Request-Id": "mine"})["headers"]["X-Request-Id"] == "mine"


def test_head_is_answered_as_get_with_its_body() -> None:
    assert Function()("HEAD", "/health")["body"] == Function()("GET", "/health")["body"] != ""


def test_a_preflight_is_answered_before_credentials_where_an_origin_is_allowed() -> None:
    settings = Settings(access=PRIVATE.access, site=Site(cors_allow_origin="https://ui.example.com"))
    headers = {"Origin": "https://ui.example.com", "Access-Control-Request-Method": "DELETE"}

    answer = Function(settings)("OPTIONS", "/api/charts/a/1", headers=headers)

    assert answer["statusCode"] == 204
    assert answer["headers"]["Access-Control-Allow-Origin"] == "https://ui.example.com"
    assert {"GET", "HEAD", "POST", "DELETE"} <= set(answer["headers"]["Access-Control-Allow-Methods"].split(", "))
    assert {"Authorization", "Content-Type"} <= set(answer["headers"]["Access-Control-Allow-Headers"].split(", "))


def test_the_origin_is_named_on_every_answer_errors_included() -> None:
    settings = Settings(access=PRIVATE.access, site=Site(cors_allow_origin="https://ui.example.com"))

    for method, path in (("GET", "/health"), ("GET", "/index.yaml"), ("GET", "/nothing.txt"), ("POST", "/api/charts")):
        headers = Function(settings)(method, path)["headers"]
        assert headers["Access-Control-Allow-Origin"] == "https://ui.example.com"
        assert "WWW-Authenticate" in headers["Access-Control-Expose-Headers"]


def test_without_an_origin_options_is_404_without_headers_of_cors() -> None:
    answer = Function()("OPTIONS", "/api/charts")

    assert answer["statusCode"] == 404
    assert not any(name.startswith("Access-Control") for name in answer["headers"])


def test_one_line_says_what_was_requested_and_how_it_ended() -> None:
    function = Function()

    function(
        "GET", "/api/charts/mychart/0.1.0", query="token=secret", headers={"X-Request-Id": "abc", "Cookie": "secret"}
    )

    assert function.logged == [
        {
            "request_id": "abc",
            "caller": "anonymous",
            "method": "GET",
            "kind": "version",
            "chart": "mychart",
            "version": "0.1.0",
            "status": 201,
            "seconds": 0.25,
        }
    ]
    assert "secret" not in repr(vars(function.lines.records[0]))


def test_a_refusal_is_logged_with_its_reason() -> None:
    function = Function(PRIVATE)

    function("GET", "/index.yaml", headers={"Authorization": "Basic c2VjcmV0"})

    assert function.logged[0]["status"] == 401
    assert function.logged[0]["problem"] == "unauthorized"
    assert "c2VjcmV0" not in repr(vars(function.lines.records[0]))


def test_who_did_it_is_logged_and_known_to_the_function() -> None:
    asked: list[Request] = []

    def work(request: Request, _route: Route) -> Response:
        asked.append(request)
        return Response(201)

    function = Function(PRIVATE, work)
    function("GET", "/index.yaml", headers={"Authorization": "Basic " + base64.b64encode(b"ann:secret").decode()})

    assert asked[0].caller == Identity(Source.OWNER, "ann")
    assert function.logged[0]["user"] == "ann"
    assert "secret" not in repr(function.logged)


def test_a_request_that_is_refused_names_no_caller_of_an_earlier_one() -> None:
    function = Function(PRIVATE)

    function("GET", "/index.yaml", headers={"Authorization": "Basic " + base64.b64encode(b"ann:secret").decode()})
    function("GET", "/index.yaml")

    assert "user" not in function.logged[1]


@pytest.mark.parametrize(("path", "status"), [("/", 401), ("/team/", 401)])
def test_the_page_above_all_repositories_needs_credentials_too(path: str, status: int) -> None:
    function = Function(replace(PRIVATE, paths=Paths(1)))

    assert function("GET", path)["statusCode"] == status


def test_the_page_above_all_repositories_is_for_everyone_who_may_come_in() -> None:
    settings = replace(PRIVATE, paths=Paths(1), access=Access(bearer_auth=True, public_key=public_pem()))
    token = a_token(an_entry("team", "pull"))

    assert Function(settings)("GET", "/", headers={"Authorization": f"Bearer {token}"})["statusCode"] == 200
    assert Function(settings)("GET", "/other/", headers={"Authorization": f"Bearer {token}"})["statusCode"] == 403


def test_health_is_logged_only_if_configured() -> None:
    quiet, loud = Function(), Function(Settings(site=Site(log_health=True)))

    quiet("GET", "/health")
    loud("GET", "/health")

    assert quiet.logged == []
    assert loud.logged[0]["kind"] == "health"


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
PATHS = st.sampled_from(["/", "/index.yaml", "/api/charts", "/charts/a-1.tgz", "/health", "/a/b"]) | st.text()
EVENTS = st.fixed_dictionaries(
    {},
    optional={
        "rawPath": PATHS | JUNK,
        "rawQueryString": st.text() | JUNK,
        "headers": st.dictionaries(
            st.sampled_from(["Authorization", "Content-Type", "X-Request-Id", "Host", "x-forwarded-proto"]), st.text()
        )
        | JUNK,
        "requestContext": st.fixed_dictionaries(
            {"http": st.fixed_dictionaries({"method": st.sampled_from(["GET", "HEAD", "POST", "OPTIONS"]) | JUNK})}
        )
        | JUNK,
        "body": st.text() | JUNK,
        "isBase64Encoded": JUNK,
    },
)


@hypothesis_settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    EVENTS | JUNK,
    st.sampled_from(
        [
            OPEN,
            PRIVATE,
            Settings(),
            Settings(site=Site(cors_allow_origin="*")),
            Settings(access=Access(bearer_auth=True)),
        ]
    ),
    st.sampled_from([None, lambda _request, _route: bytes_response(200, b"\xff", "application/x-tar")]),
)
def test_any_event_gets_a_valid_answer(
    event: object, settings: Settings, work: Callable[[Request, Route], Response] | None
) -> None:
    answer = Function(settings, work).send(event)

    assert set(answer) == {"statusCode", "headers", "body", "isBase64Encoded"}
    assert type(answer["statusCode"]) is int
    assert 200 <= answer["statusCode"] < 600
    assert answer["headers"]["Content-Type"]
    assert answer["headers"]["X-Request-Id"]
    assert all(isinstance(v, str) and v.isascii() and v.isprintable() for v in answer["headers"].values())
    body = base64.b64decode(answer["body"]) if answer["isBase64Encoded"] else answer["body"].encode()
    if answer["statusCode"] >= 400:
        assert json.loads(body)["error"]


def test_the_endpoint_loads_nothing_heavy() -> None:
    heavy = {
        "boto3",
        "botocore",
        "jwt",
        "cryptography",
        "jinja2",
        "python_multipart",
        "jmespath",
        "aws_lambda_powertools",
        "yaml",
    }
    code = f"import sys, charthouse.web.endpoint; print(*sorted({heavy!r} & set(sys.modules)))"

    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert loaded.stdout.split() == []


def test_the_request_id_is_bound_before_the_work_begins() -> None:
    lines = Lines()
    log = logging.Logger("test", logging.INFO)  # noqa: LOG001
    log.addHandler(lines)
    telemetry = Telemetry(log, lambda _values: None)

    @Endpoint(Settings(), Authorizer(Access(), Sources(bytes), float), {Kind.INDEX}, telemetry)
    def handler(_request: Request, _route: Route) -> Response:
        telemetry.record("index_published", rows=1)
        return Response(200)

    answer = handler(an_event("GET", "/index.yaml"), None)

    assert {vars(record)["request_id"] for record in lines.records} == {answer["headers"]["X-Request-Id"]}
    assert [record.getMessage() for record in lines.records] == ["index_published", "answered"]


@pytest.mark.parametrize(
    ("status", "refusals", "failures"),
    [(200, 0, 0), (302, 0, 0), (404, 1, 0), (499, 1, 0), (500, 0, 1), (503, 0, 1), (507, 1, 0)],
)
def test_a_request_counts_by_the_class_of_its_status(status: int, refusals: int, failures: int) -> None:
    function = Function(Settings(site=Site(enable_metrics=True)), lambda _request, _route: Response(status))

    function("GET", "/index.yaml")

    assert function.measured == [{"requests": 1, "refusals": refusals, "failures": failures, "request_seconds": 0.25}]


def test_a_full_repository_is_no_failure() -> None:
    """Its uploads are refused until something is deleted; that is nothing to wake the operator for."""

    def work(_request: Request, _route: Route) -> Response:
        raise StorageLimitReached("repository of 10 packages is full")

    function = Function(Settings(access=OPEN.access, site=Site(enable_metrics=True)), work)

    answer = function("POST", "/api/charts")

    assert answer["statusCode"] == 507
    assert [(one["refusals"], one["failures"]) for one in function.measured] == [(1, 0)]


def test_every_answer_is_counted_where_metrics_are_on_and_none_where_they_are_off() -> None:
    on, off = Function(Settings(site=Site(enable_metrics=True))), Function()

    for function in (on, off):
        function("GET", "/health")
        function("GET", "/nowhere.yaml")

    assert [one["refusals"] for one in on.measured] == [0, 1]
    assert off.measured == []


BASIC = {"Authorization": "Basic " + base64.b64encode(b"ann:secret").decode()}
FORM = {"Content-Type": "multipart/form-data; boundary=x"}


@pytest.mark.parametrize(
    ("headers", "allowed", "admitted"),
    [
        ({}, "", True),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "https://charts.example.com"}, "", True),
        ({"Sec-Fetch-Site": "none"}, "", True),
        ({"Origin": "https://charts.example.com"}, "", True),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}, "", False),
        ({"Sec-Fetch-Site": "same-site", "Origin": "https://evil.example.com"}, "", False),
        ({"Sec-Fetch-Site": "cross-site"}, "", False),
        ({"Origin": "https://evil.example"}, "", False),
        ({"Origin": "null"}, "", False),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "https://ui.example"}, "https://ui.example", True),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}, "https://ui.example", False),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}, "*", False),
    ],
)
@pytest.mark.parametrize(("method", "path"), [("POST", "/api/charts"), ("DELETE", "/api/charts/a/1.0.0")])
def test_a_page_of_another_site_changes_nothing_with_a_password_that_the_browser_remembers(
    headers: dict[str, str], allowed: str, method: str, path: str, *, admitted: bool
) -> None:
    """A form with `multipart/form-data` needs no preflight, and `?force` is in its URL."""
    settings = Settings(access=PRIVATE.access, site=Site(cors_allow_origin=allowed))
    function = Function(settings, kinds={Kind.UPLOAD, Kind.DELETE_VERSION})

    answer = function(method, path, query="force", headers=BASIC | FORM | headers)

    # A DELETE is never sent without a preflight, which grants no remembered credentials to `*`.
    admitted = admitted or (allowed == "*" and method == "DELETE")
    assert answer["statusCode"] == (201 if admitted else 403)
    assert len(function.asked) == admitted


def test_any_origin_may_send_what_no_form_can_where_all_origins_are_allowed() -> None:
    """The browser asks first, and sends no remembered credentials to an answer of `*`."""
    function = Function(Settings(access=PRIVATE.access, site=Site(cors_allow_origin="*")))
    page = {"Sec-Fetch-Site": "cross-site", "Origin": "https://ui.example"}

    statuses = [
        function("POST", "/api/charts", headers=BASIC | page | {"Content-Type": media_type})["statusCode"]
        for media_type in ("application/gzip", "text/plain", "")
    ]

    assert statuses == [201, 403, 403]


def test_reads_from_any_site_are_answered() -> None:
    assert Function()("GET", "/index.yaml", headers={"Sec-Fetch-Site": "cross-site"})["statusCode"] == 201


@pytest.mark.parametrize("path", ["/", "/health", "/nothing.txt", "/index.yaml", "/api/charts/a/1"])
def test_no_answer_is_sniffed_or_served_from_a_cache_unasked(path: str) -> None:
    for function in (Function(), Function(PRIVATE)):
        headers = function("GET", path)["headers"]

        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cache-Control"] in {"private, no-cache", "no-store"}


@pytest.mark.parametrize(
    ("host", "scheme", "strict"),
    [
        ("charts.example.com", "https", True),
        ("charts.example.com", "http", False),
        ("a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com", "https", False),
        ("a1b2c3d4e5.execute-api.cn-north-1.amazonaws.com.cn", "https", False),
    ],
)
def test_at_its_own_domain_a_deployment_is_reached_by_https_only(host: str, scheme: str, *, strict: bool) -> None:
    """https://www.rfc-editor.org/rfc/rfc6797#section-7.2: never over plain HTTP."""
    headers = Function()("GET", "/health", headers={"host": host, "x-forwarded-proto": scheme})["headers"]

    assert ("Strict-Transport-Security" in headers) is strict
