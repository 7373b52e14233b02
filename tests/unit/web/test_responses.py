"""Responses and refusals as the gateway expects them."""

import base64
import json
from typing import Any

import pytest
from charthouse import errors
from charthouse.web.problems import STATUSES, internal_error, problem
from charthouse.web.responses import Response, bytes_response, change_response, json_response, redirect, text_response
from hypothesis import given
from hypothesis import strategies as st


def test_json_is_compact_utf_8_and_safe_in_html_as_gos() -> None:
    event = json_response(201, {"saved": True, "text": "<a&b> ü 🚢\u2028"}).event()

    assert event["statusCode"] == 201
    assert event["headers"] == {"Content-Type": "application/json; charset=utf-8"}
    assert event["body"] == '{"saved":true,"text":"\\u003ca\\u0026b\\u003e ü 🚢\\u2028"}'
    assert event["isBase64Encoded"] is False


@given(
    st.recursive(st.none() | st.integers() | st.text(), lambda inner: st.dictionaries(st.text(), inner), max_leaves=5)
)
def test_json_means_the_value_it_was_made_of(value: Any) -> None:
    body = json_response(200, value).event()["body"]

    assert json.loads(body) == json.loads(json.dumps(value).encode("utf-8", "replace"))
    assert not set("<>&\n") & set(body)


def test_lone_surrogates_do_not_break_an_answer() -> None:
    assert json_response(404, "\ud800").event()["body"] == '"?"'
    assert text_response(200, "\udcff").event()["body"] == "?"


def test_bytes_travel_as_base64() -> None:
    event = bytes_response(200, bytes(range(256)), "application/yaml").event()

    assert event["isBase64Encoded"] is True
    assert base64.b64decode(event["body"]) == bytes(range(256))
    assert event["headers"]["Content-Type"] == "application/yaml"


def test_a_redirect_is_neither_stored_nor_referred() -> None:
    event = redirect("https://bucket.s3.eu-central-1.amazonaws.com/a-1.0.0%2Bb.tgz?X-Amz-Signature=1").event()

    assert event["statusCode"] == 302
    assert event["headers"]["Location"].endswith("/a-1.0.0%2Bb.tgz?X-Amz-Signature=1")
    assert event["headers"]["Cache-Control"] == "no-store"
    assert event["headers"]["Referrer-Policy"] == "no-referrer"
    assert "Content-Type" in event["headers"]


def test_every_response_names_its_type() -> None:
    assert Response(204).event()["headers"] == {"Content-Type": "text/plain; charset=utf-8"}


def test_a_header_stays_one_line() -> None:
    assert redirect("https://x/\r\nSet-Cookie: a=ü").event()["headers"]["Location"] == "https://x/??Set-Cookie: a=?"


def test_a_published_change_is_answered_as_chartmuseum_does() -> None:
    response = change_response(201, "saved", published=True)

    assert (response.status, json.loads(response.body)) == (201, {"saved": True})
    assert "Warning" not in response.headers


def test_a_change_that_the_index_has_not_yet_says_so() -> None:
    response = change_response(200, "deleted", published=False)

    assert (response.status, json.loads(response.body)) == (202, {"deleted": True})
    assert response.headers["Warning"] == '199 charthouse "stored; the index follows within minutes"'


REFUSALS = [
    (errors.BadRequest("m"), 400),
    (errors.BadPackage("m"), 400),
    (errors.BadProvenance("m"), 400),
    (errors.Unauthorized("m", 'Basic realm="ChartMuseum"'), 401),
    (errors.Forbidden("m"), 403),
    (errors.NotFound("m"), 404),
    (errors.Unreadable("m"), 404),
    (errors.ChartVersionExists("m"), 409),
    (errors.TooLarge("m"), 413),
    (errors.Unavailable("m"), 503),
    (errors.StorageLimitReached("m"), 507),
]


@pytest.mark.parametrize(("refusal", "status"), REFUSALS)
def test_a_refusal_has_its_status_and_its_message(refusal: errors.Refusal, status: int) -> None:
    event = problem(refusal).event()

    assert (event["statusCode"], event["body"]) == (status, '{"error":"m"}')
    assert event["headers"]["Cache-Control"] == "no-store"


def test_a_message_that_quotes_the_request_stays_below_what_a_lambda_may_answer() -> None:
    """A package of 1.3 KB whose name has 600,000 characters was answered with 7.2 MB."""
    event = problem(errors.BadPackage("\u2028<" * 600_000)).event()

    assert len(event["body"]) < 30_000


def test_a_challenge_and_a_delay_go_into_their_headers() -> None:
    headers = {type(refusal): problem(refusal).headers for refusal, _ in REFUSALS}

    assert headers[errors.Unauthorized]["WWW-Authenticate"] == 'Basic realm="ChartMuseum"'
    assert headers[errors.Unavailable]["Retry-After"] == "2"
    assert [kind for kind, sent in headers.items() if "WWW-Authenticate" in sent] == [errors.Unauthorized]
    assert [kind for kind, sent in headers.items() if "Retry-After" in sent] == [errors.Unavailable]


def test_every_refusal_there_is_has_a_status() -> None:
    def below(kind: type[errors.Refusal]) -> set[type[errors.Refusal]]:
        return {kind}.union(*(below(child) for child in kind.__subclasses__()))

    kinds = {kind for kind in below(errors.Refusal) if kind.__module__ == errors.__name__} - {errors.Refusal}

    assert kinds == {type(refusal) for refusal, _ in REFUSALS}
    assert all(any(parent in STATUSES for parent in kind.__mro__) for kind in kinds)


def test_a_bug_is_answered_without_detail() -> None:
    event = internal_error().event()

    assert (event["statusCode"], event["body"]) == (500, '{"error":"internal server error"}')
