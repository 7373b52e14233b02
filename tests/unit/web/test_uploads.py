"""What an upload carries."""

import gzip

import pytest
from charthouse.errors import BadPackage, BadRequest, TooLarge
from charthouse.settings import MAX_UPLOAD_SIZE, Rules
from charthouse.web.requests import Request
from charthouse.web.uploads import Upload
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import a_package
from tests.events import a_form, an_event

PACKAGE = a_package("mychart", "0.1.0")
PROVENANCE = b"-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\nname: mychart\n"
NOTHING = "no package or provenance file found in form fields chart and prov"


def posted(body: bytes, content_type: str = "") -> Request:
    headers = {"content-type": content_type} if content_type else {}
    return Request.read(an_event("POST", "/api/charts", headers=headers, body=body), "id")


def form(*parts: tuple[str, bytes], file: str = "mychart-0.1.0.tgz") -> Request:
    content_type, body = a_form(*parts, file=file)
    return posted(body, content_type)


@pytest.mark.parametrize(
    "content_type", ["", "application/gzip", "application/x-www-form-urlencoded", "multipart/mixed", "image/png"]
)
def test_a_raw_body_is_the_package_whatever_its_type(content_type: str) -> None:
    assert Upload.read(posted(PACKAGE, content_type), Rules()) == Upload(package=PACKAGE)


@pytest.mark.parametrize("content_type", ["text/plain", "text/html; charset=utf-8", "application/json"])
def test_a_package_that_came_as_text_is_refused_naming_the_type(content_type: str) -> None:
    with pytest.raises(BadRequest, match=content_type):
        Upload.read(posted(PACKAGE, content_type), Rules())


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/pgp-signature", "application/octet-stream"])
def test_a_provenance_file_may_come_as_text_or_bytes(content_type: str) -> None:
    assert Upload.read_provenance(posted(PROVENANCE, content_type), Rules()) == Upload(provenance=PROVENANCE)


def test_an_empty_body_is_left_to_the_chart_loader() -> None:
    assert Upload.read(posted(b""), Rules()) == Upload(package=b"")
    assert Upload.read_provenance(posted(b""), Rules()) == Upload(provenance=b"")


def test_a_form_carries_package_provenance_or_both_in_any_order() -> None:
    assert Upload.read(form(("chart", PACKAGE)), Rules()) == Upload(PACKAGE)
    assert Upload.read(form(("prov", PROVENANCE)), Rules()) == Upload(None, PROVENANCE)
    assert Upload.read(form(("chart", PACKAGE), ("prov", PROVENANCE)), Rules()) == Upload(PACKAGE, PROVENANCE)
    assert Upload.read(form(("prov", PROVENANCE), ("x", b"1"), ("chart", PACKAGE)), Rules()) == Upload(
        PACKAGE, PROVENANCE
    )
    assert Upload.read_provenance(form(("prov", PROVENANCE)), Rules()) == Upload(None, PROVENANCE)


def test_the_configured_fields_count_beside_the_usual_ones() -> None:
    rules = Rules(chart_field="package", prov_field="sig")

    assert Upload.read(form(("package", PACKAGE), ("sig", PROVENANCE)), rules) == Upload(PACKAGE, PROVENANCE)
    assert Upload.read(form(("chart", PACKAGE), ("prov", PROVENANCE)), rules) == Upload(PACKAGE, PROVENANCE)
    with pytest.raises(BadRequest, match=NOTHING):
        Upload.read(form(("package", PACKAGE)), Rules())


def test_helm_cm_push_sends_a_path_as_file_name_and_a_bare_force() -> None:
    # As recorded: Go's multipart writer, chunked (so without Content-Length), the query is the word alone.
    boundary = "f1a5b0c6ac0c6a6a57bd4d0e1d1b0c8a1b7e0f2d3c4b5a69788796a5b4c3"
    content_type, body = a_form(("chart", PACKAGE), file="/tmp/helm-push-1234/mychart-0.1.0.tgz", boundary=boundary)  # noqa: S108
    headers = {
        "content-type": content_type,
        "user-agent": "Go-http-client/1.1",
        "accept-encoding": "gzip",
        "transfer-encoding": "chunked",
    }
    request = Request.read(an_event("POST", "/api/charts", query="force", headers=headers, body=body), "id")

    assert Upload.read(request, Rules()) == Upload(PACKAGE)
    assert request.has("force")


def test_curl_quotes_and_capitals_are_understood() -> None:
    _, body = a_form(("chart", PACKAGE), boundary="----X")
    body = body.replace(b"Content-Disposition", b"CONTENT-disposition").replace(b'; filename="mychart-0.1.0.tgz"', b"")

    assert Upload.read(posted(body, 'Multipart/Form-Data; charset=utf-8; boundary="----X"'), Rules()) == Upload(PACKAGE)


@pytest.mark.parametrize("parts", [(), (("unknown", PACKAGE),), (("", PACKAGE),), (("Chart", PACKAGE),)])
def test_a_form_without_a_known_field_is_refused(parts: tuple[tuple[str, bytes], ...]) -> None:
    content_type, body = a_form(*parts)
    with pytest.raises(BadRequest):
        Upload.read(posted(body, content_type), Rules())


@pytest.mark.parametrize(
    "content_type", ["multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data;"]
)
def test_a_form_without_a_boundary_has_no_fields(content_type: str) -> None:
    _, body = a_form(("chart", PACKAGE))

    with pytest.raises(BadRequest, match=NOTHING):
        Upload.read(posted(body, content_type), Rules())


@pytest.mark.parametrize("fields", [("chart", "chart"), ("chart", "package"), ("prov", "prov")])
def test_two_files_of_a_kind_are_refused(fields: tuple[str, str]) -> None:
    files = [(field, PROVENANCE if field == "prov" else PACKAGE) for field in fields]

    with pytest.raises(BadRequest, match="more than one"):
        Upload.read(form(*files), Rules(chart_field="package"))


def test_a_form_that_stops_anywhere_is_refused() -> None:
    content_type, body = a_form(("chart", PACKAGE), ("prov", PROVENANCE))

    # The last line break is no part of the closing boundary (RFC 2046).
    for end in range(0, len(body) - 2, 7):
        with pytest.raises(BadRequest):
            Upload.read(posted(body[:end], content_type), Rules())


def test_a_form_under_another_boundary_is_refused() -> None:
    _, body = a_form(("chart", PACKAGE), boundary="one")

    for boundary in ("two", "x" * 5000, "ü", "\u1234"):
        with pytest.raises(BadRequest):
            Upload.read(posted(body, f"multipart/form-data; boundary={boundary}"), Rules())


def test_the_limit_is_inclusive_and_counts_decoded_bytes_of_the_whole_body() -> None:
    content_type, body = a_form(("chart", PACKAGE))

    assert Upload.read(posted(PACKAGE), Rules(max_upload_size=len(PACKAGE))).package == PACKAGE
    assert Upload.read(posted(body, content_type), Rules(max_upload_size=len(body))).package == PACKAGE
    with pytest.raises(TooLarge, match=rf"{len(PACKAGE)} bytes.*{len(PACKAGE) - 1}.*aws s3 cp"):
        Upload.read(posted(PACKAGE), Rules(max_upload_size=len(PACKAGE) - 1))
    with pytest.raises(TooLarge):
        Upload.read(posted(body, content_type), Rules(max_upload_size=len(body) - 1))
    with pytest.raises(TooLarge):
        Upload.read_provenance(posted(PROVENANCE), Rules(max_upload_size=10))
    with pytest.raises(TooLarge):
        Upload.read(posted(gzip.compress(b"") + b"x" * MAX_UPLOAD_SIZE), Rules())


def test_what_is_no_package_at_first_sight_is_refused_with_a_hint() -> None:
    with pytest.raises(BadPackage, match=r"helm package"):
        Upload.read(posted(b"PK\x03\x04"), Rules())
    with pytest.raises(BadPackage, match=r"/prov"):
        Upload.read(posted(PROVENANCE), Rules())
    with pytest.raises(BadPackage, match=r"form field prov"):
        Upload.read(form(("chart", PROVENANCE)), Rules())


@given(
    st.lists(st.tuples(st.sampled_from(["chart", "prov", "other", "ü"]), st.binary()), max_size=4),
    st.binary(max_size=20),
)
def test_any_form_is_read_or_refused(parts: list[tuple[str, bytes]], noise: bytes) -> None:
    content_type, body = a_form(*[(name, b"\x1f\x8b" + data) for name, data in parts])
    for sent in (body, noise + body, body + noise, body.replace(noise or b"\x00", b"")):
        try:
            upload = Upload.read(posted(sent, content_type), Rules())
        except BadRequest:
            continue
        assert upload != Upload()
    names = [name for name, _ in parts if name in {"chart", "prov"}]
    if names and len(set(names)) == len(names):
        files = dict(parts)
        expected = [b"\x1f\x8b" + files[name] if name in files else None for name in ("chart", "prov")]
        assert Upload.read(posted(body, content_type), Rules()) == Upload(*expected)
