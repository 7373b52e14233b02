"""Lists: their pages, and how large ones travel."""

import gzip
import os

import pytest
from charthouse.errors import BadRequest, TooLarge
from charthouse.settings import MAX_ANSWER
from charthouse.web.listing import Sender, page
from charthouse.web.requests import Request
from charthouse.web.responses import JSON

from tests.events import an_event

GZIP = {"Accept-Encoding": "gzip"}


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("", (0, None)),
        ("offset=0", (0, None)),
        ("limit=1", (0, 1)),
        ("offset=20&limit=10", (20, 10)),
        ("offset=007", (7, None)),
        ("limit=999999999999999999", (0, 999_999_999_999_999_999)),
    ],
)
def test_a_page_is_offset_and_limit_in_charts(query: str, wanted: tuple[int, int | None]) -> None:
    assert page(asked(query)) == wanted


@pytest.mark.parametrize("offset", ["-1", "x", "1.5", "", "+1", "%C2%B2", "1" * 19])
def test_an_offset_that_is_no_number_is_refused(offset: str) -> None:
    with pytest.raises(BadRequest, match=r"^offset is not a valid non-negative integer$"):
        page(asked(f"offset={offset}"))


@pytest.mark.parametrize("limit", ["0", "-1", "x", "", "%D9%A1", "1" * 19])
def test_a_limit_that_is_no_positive_number_is_refused(limit: str) -> None:
    with pytest.raises(BadRequest, match=r"^limit is not a valid positive integer$"):
        page(asked(f"limit={limit}"))


def test_what_fits_is_sent_unchanged_to_all() -> None:
    body = b" " * MAX_ANSWER

    response = Sender(never).send(asked(headers=GZIP), body, JSON)

    assert (response.status, response.body) == (200, body)
    assert "Content-Encoding" not in response.headers


def test_the_largest_body_fits_a_lambda_as_base64() -> None:
    """6 MB, of which base64 leaves three quarters: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html."""
    assert MAX_ANSWER * 4 / 3 < 6 * 1024 * 1024


@pytest.mark.parametrize("accepted", ["gzip", "deflate, GZIP;q=0.5", "*", "br, gzip ; q=1.0"])
def test_a_large_one_is_gzipped_for_clients_that_accept_it(accepted: str) -> None:
    body = b" " * (MAX_ANSWER + 1)

    response = Sender(never).send(asked(headers={"Accept-Encoding": accepted}), body, JSON)

    assert isinstance(response.body, bytes)
    assert (response.status, gzip.decompress(response.body)) == (200, body)
    assert response.headers == {"Content-Type": JSON, "Content-Encoding": "gzip", "Vary": "Accept-Encoding"}


@pytest.mark.parametrize("accepted", ["", "identity", "br", "gzip;q=0", "gzip; q=0.000", "x-gzip"])
def test_other_clients_are_sent_to_a_copy(accepted: str) -> None:
    body = b" " * (MAX_ANSWER + 1)
    offered: list[tuple[str, bytes, str]] = []

    def offer(name: str, body: bytes, content_type: str) -> str:
        offered.append((name, body, content_type))
        return f"https://storage.example.com/{name}"

    response = Sender(offer).send(asked(headers={"Accept-Encoding": accepted}), body, JSON)

    ((name, kept, content_type),) = offered
    assert (kept, content_type) == (body, JSON)
    assert len(name) == 64, "a name that only its content gives"
    assert (response.status, response.headers["Location"]) == (302, f"https://storage.example.com/{name}")
    assert response.headers["Cache-Control"] == "no-store"


def test_what_gzip_does_not_make_small_enough_goes_to_a_copy_too() -> None:
    response = Sender(lambda name, *_: f"https://storage.example.com/{name}").send(
        asked(headers=GZIP), os.urandom(MAX_ANSWER + 1), JSON
    )

    assert response.status == 302


def test_a_copy_has_the_name_of_its_content_so_that_asking_again_stores_nothing() -> None:
    """Ten requests left ten objects of 34 MB, and anonymous readers could go on."""
    sender = Sender(lambda name, *_: name)
    bodies = [b" " * (MAX_ANSWER + 1), b" " * (MAX_ANSWER + 1), b" " * (MAX_ANSWER + 2)]

    names = [sender.send(asked(), body, JSON).headers["Location"] for body in bodies]

    assert names[0] == names[1] != names[2]


def test_contents_too_large_name_the_package() -> None:
    url = "https://charts.example.com/charts/mychart-0.1.0.tgz"

    whole = Sender(never).send_contents(lambda: b" " * MAX_ANSWER, JSON, url)

    assert whole.status == 200
    with pytest.raises(TooLarge, match=f"it is in the package: {url}$"):
        Sender(never).send_contents(lambda: b" " * (MAX_ANSWER + 1), JSON, url)


def asked(query: str = "", headers: dict[str, str] | None = None) -> Request:
    return Request.read(an_event("GET", "/api/charts", query=query, headers=headers), "id")


def never(_name: str, _body: bytes, _content_type: str) -> str:
    raise AssertionError("nothing had to be stored")
