"""Helm 3 and 4, as their getter asks; Terraform's provider and Argo CD's downloads are this same code."""

import hashlib
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urljoin, urlsplit

import pytest

from tests.acceptance.helm import Helm
from tests.acceptance.repository import Answer, Repository, ask, basic

CHART = "application/gzip,application/octet-stream"
"""What Helm says it accepts for a chart, and for its provenance file."""

HEX64 = re.compile(r"[0-9a-f]{64}")


def getter(url: str, user: tuple[str, str] | None, accept: str = "") -> list[Answer]:
    """GET as Go's client does; return every answer on the way.

    `Authorization` goes along only to the same host name or one below it, whatever the port.
    """
    headers = {"User-Agent": "Helm/4.1.4"} | ({"Accept": accept} if accept else {})
    first, answers = urlsplit(url).hostname or "", list[Answer]()
    authorization = basic(*user) if user else ""
    while True:
        host = urlsplit(url).hostname or ""
        authorization = authorization if host == first or host.endswith(f".{first}") else ""
        sent = headers | ({"Authorization": authorization} if authorization else {})
        answers.append(ask("GET", url, headers=sent))
        if answers[-1].status != 302:
            return answers
        url = urljoin(url, answers[-1].location.geturl())


def test_an_index_is_one_get_and_one_redirect_away(team: Repository, user: tuple[str, str]) -> None:
    redirect, index = getter(f"{team.url}/index.yaml", user)

    assert redirect.headers["Cache-Control"] == "no-store"
    assert index.status == 200
    # Helm undoes no encoding.
    assert index.headers["Content-Encoding"] is None
    assert index.body.startswith(b'{"apiVersion":"v1",')


def test_the_storage_host_is_another_host_and_gets_no_credentials(team: Repository, user: tuple[str, str]) -> None:
    redirect, _ = getter(f"{team.url}/index.yaml", user)

    storage, api = redirect.location.hostname or "", urlsplit(team.url).hostname or ""

    assert storage != api
    assert not storage.endswith(f".{api}")
    # Were they sent, S3 would refuse: a presigned URL takes no second way of authentication.
    assert "X-Amz-Signature=" in redirect.location.query


def test_a_chart_and_its_provenance_are_where_the_index_says(team: Repository, user: tuple[str, str]) -> None:
    for name, entries in team.index()["entries"].items():
        for entry in entries:
            (url,) = entry["urls"]
            *_, chart = getter(f"{team.url}/{url}", user, CHART)
            *_, provenance = getter(f"{team.url}/{url}.prov", user, CHART)

            # The file gets the last part of this URL for a name, and provenance is compared with that.
            assert url == f"charts/{name}-{entry['version']}.tgz"
            assert chart.status == 200
            assert chart.headers["Content-Encoding"] is None
            assert hashlib.sha256(chart.body).hexdigest() == entry["digest"]
            assert provenance.status == (200 if name == "signed" else 404)


def test_what_helm_4_and_strict_parsers_need_is_in_every_entry(team: Repository) -> None:
    for entries in team.index()["entries"].values():
        for entry in entries:
            assert HEX64.fullmatch(entry["digest"])
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", str(entry["created"]))
            assert all(isinstance(entry[key], str) for key in ("name", "version", "apiVersion", "created", "digest"))
            assert isinstance(entry.get("appVersion", ""), str)


def test_the_query_of_a_repositorys_url_does_no_harm(team: Repository, user: tuple[str, str]) -> None:
    """Helm and Argo CD append it to the URL of every chart, too."""
    *_, index = getter(f"{team.url}/index.yaml?ref=main", user)
    *_, chart = getter(f"{team.url}/charts/mychart-0.1.0.tgz?ref=main", user, CHART)

    assert index.body == team.index_bytes()
    assert hashlib.sha256(chart.body).hexdigest() == team.index()["entries"]["mychart"][-1]["digest"]


def test_an_empty_repository_can_be_added(empty: Repository, user: tuple[str, str]) -> None:
    (index,) = getter(f"{empty.url}/index.yaml", user)

    assert index.status == 200
    assert index.headers["Content-Type"] == "application/x-yaml"
    assert index.json()["entries"] == {}


@dataclass
class Recorded:
    """What a client sent through a door that notes it: method, path, headers."""

    url: str
    requests: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)


@pytest.fixture
def door(team: Repository) -> Iterator[Recorded]:
    """Return a door to the repository's API that only looks at what goes through."""
    base = team.url.removesuffix(urlsplit(team.url).path)
    recorded = Recorded("")

    class Door(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            headers = dict(self.headers.items())
            recorded.requests.append((self.command, self.path, headers))
            answer = ask(self.command, base + self.path, headers={k: v for k, v in headers.items() if k != "Host"})
            self.send_response(answer.status)
            for name in ("Content-Type", "Location", "WWW-Authenticate"):
                if answer.headers[name]:
                    self.send_header(name, answer.headers[name])
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

        do_HEAD = do_POST = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Door) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        recorded.url = f"http://127.0.0.1:{server.server_port}{urlsplit(team.url).path}"
        yield recorded
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("major", [3, 4])
def test_the_real_helm_asks_in_the_recorded_shape(
    major: int, helm: Callable[[int], Helm], door: Recorded, user: tuple[str, str]
) -> None:
    run = helm(major)

    run("repo", "add", "team", door.url, "--username", user[0], "--password", user[1])
    run("pull", "team/signed", "--version", "1.0.0+build.7", "--prov", "--destination", run.folder("pulled"))

    path = urlsplit(door.url).path
    assert [(method, target) for method, target, _ in door.requests] == [
        ("GET", f"{path}/index.yaml"),
        ("GET", f"{path}/charts/signed-1.0.0+build.7.tgz"),
        ("GET", f"{path}/charts/signed-1.0.0+build.7.tgz.prov"),
    ]
    for _, _, headers in door.requests:
        assert headers["Authorization"] == basic(*user)
        assert headers["User-Agent"].startswith("Helm/")
        assert "Accept-Encoding" not in headers
    assert [headers.get("Accept") for _, _, headers in door.requests] == [None, CHART, CHART]
    assert (run.home / "pulled" / "signed-1.0.0+build.7.tgz.prov").exists()


@pytest.mark.parametrize("command", ["pull", "template"])
def test_terraform_and_argo_cd_name_the_repository_every_time(
    helm: Callable[[int], Helm], door: Recorded, user: tuple[str, str], command: str
) -> None:
    """`--repo` with user and password: the index and the chart again, at every plan and at every sync."""
    run = helm(3)
    arguments = ["mychart", "--repo", door.url, "--version", "^0.1", "--username", user[0], "--password", user[1]]

    for turn in ("plan", "apply"):
        if command == "pull":
            run("pull", *arguments, "--destination", run.folder(turn))
        else:
            run("template", "release", *arguments)

    path = urlsplit(door.url).path
    asked = [target for _, target, _ in door.requests]
    assert asked == [f"{path}/index.yaml", f"{path}/charts/mychart-0.1.0.tgz"] * 2
