"""helm cm-push: chunked forms without a length, a path for a file name, a bare `force`, errors as JSON."""

import json
from urllib.parse import urlsplit

import yaml

from tests.acceptance.deployment import Deployment
from tests.acceptance.repository import Answer, Repository, ask, basic
from tests.builders import a_package
from tests.events import a_form

DISK = "/tmp/helm-push-2938471/mychart-1.0.0.tgz"  # noqa: S108  of the client's machine


def pushed(url: str, package: bytes, authorization: str, *, force: bool = False) -> Answer:
    """Do what the plugin does with the URL of a repository: read the context path, make the upload's URL, POST."""
    parts = urlsplit(url)
    index = read_index(url, authorization)
    context = (yaml.safe_load(index).get("serverInfo") or {}).get("contextPath", "")
    target = f"{parts.scheme}://{parts.netloc}{context}/api{parts.path.removeprefix(context)}/charts"
    content_type, body = a_form(("chart", package), file=DISK, boundary="5f1d0e7f3a6f42f3b3d4c2f0a1e9")
    headers = {
        "Content-Type": content_type,
        "User-Agent": "Go-http-client/1.1",
        "Accept-Encoding": "gzip",
        "Authorization": authorization,
    }
    pieces = (body[start : start + 512] for start in range(0, len(body), 512))
    return ask("POST", f"{target}?force" if force else target, pieces, headers)


def read_index(url: str, authorization: str) -> bytes:
    """GET the index as Go does: the redirect to another host without the credentials."""
    answer = ask("GET", f"{url}/index.yaml", headers={"Authorization": authorization})
    return answer.body if answer.status == 200 else ask("GET", answer.location.geturl()).body


def test_a_push_is_201_and_stored_under_the_name_the_chart_has(empty: Repository, user: tuple[str, str]) -> None:
    package = a_package("mychart", "1.0.0")

    answer = pushed(empty.url, package, basic(*user))

    assert (answer.status, answer.json()) == (201, {"saved": True})
    assert empty.read("/charts/mychart-1.0.0.tgz").body == package


def test_a_second_push_is_409_with_an_error_to_show_and_a_bare_force_replaces(
    empty: Repository, user: tuple[str, str]
) -> None:
    first, second = a_package("mychart", "1.0.0"), a_package("mychart", "1.0.0", description="second")
    pushed(empty.url, first, basic(*user))

    refused, forced = pushed(empty.url, second, basic(*user)), pushed(empty.url, second, basic(*user), force=True)

    assert (refused.status, refused.error) == (409, "chart already exists")
    assert forced.status == 201
    assert empty.read("/charts/mychart-1.0.0.tgz").body == second


def test_a_token_pushes_as_well(tenants: Deployment, empty: Repository) -> None:
    repo = empty.url.split("/", 3)[3]

    assert pushed(empty.url, a_package(), f"Bearer {tenants.token(repo)}").status == 201


def test_every_refusal_is_json_with_an_error(empty: Repository, user: tuple[str, str]) -> None:
    url, admitted = f"{empty.api}/charts", basic(*user)
    form, body = a_form(("chart", b"nonsense"))
    headers = {"Authorization": admitted, "Content-Type": form}

    refusals = [
        ask("POST", url, body, headers),
        ask("POST", url, a_form(("file", a_package()))[1], headers),
        ask("POST", url, body, {"Content-Type": form}),
        ask("POST", f"{url}/nowhere", body, headers),
        ask("POST", url, b"\x1f\x8b" + bytes(4_500_000), {"Authorization": admitted}),
    ]

    assert [answer.status for answer in refusals] == [400, 400, 401, 404, 413]
    for answer in refusals:
        assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
        assert json.loads(answer.body)["error"]
