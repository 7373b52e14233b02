"""Views of the index: one chart as a repository of its own, and the gzip copy, by each decoder's own means."""

import gzip
import json
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.acceptance.helm import Helm
from tests.acceptance.repository import Repository, ask
from tests.builders import a_package


@pytest.mark.parametrize("major", [3, 4])
def test_a_chart_is_a_repository_for_helm(team: Repository, helm: Callable[[int], Helm], major: int) -> None:
    client = helm(major)
    view = Repository(f"{team.url}/-/mychart", team.api, team.authorization)

    client("repo", "add", "one", view.url, *view.helm_options)
    found = client("search", "repo", "one/", "--versions", "--devel")
    client("pull", "one/mychart", "--version", "0.1.0")

    assert found.count("one/mychart") == 3
    assert "signed" not in found
    assert (client.home / "mychart-0.1.0.tgz").is_file()


def test_its_index_has_its_entries_and_no_others(team: Repository) -> None:
    view = Repository(f"{team.url}/-/mychart", team.api, team.authorization)

    assert view.index()["entries"] == {"mychart": team.index()["entries"]["mychart"]}


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_chart_that_never_was_is_not_found(team: Repository, method: str) -> None:
    assert [team.ask(method, f"{team.url}/-/{name}/index.yaml").status for name in ("my", "mychart-0")] == [404, 404]


def test_reads_need_the_same_rights(team: Repository) -> None:
    anonymous = team.anonymous()

    assert [
        anonymous.get(path).status for path in ("/-/mychart/index.yaml", "/-/mychart/charts/mychart-0.1.0.tgz")
    ] == [
        401,
        401,
    ]


def test_a_change_is_in_all_views_when_it_is_answered(empty: Repository) -> None:
    for version in ("1.0.0", "2.0.0"):
        assert empty.upload(a_package("web", version)).status == 201
        assert empty.upload(a_package("other", version)).status == 201
    assert empty.delete("web", "1.0.0").status == 200
    seen = [versions_of(body) for body in (empty.read("/-/web/index.yaml").body, compressed(empty))]
    assert empty.delete("web", "2.0.0").status == 200
    gone = empty.read("/-/web/index.yaml")

    assert seen == [{"web": ["2.0.0"]}, {"web": ["2.0.0"], "other": ["2.0.0", "1.0.0"]}]
    assert (gone.status, gone.json()["entries"]) == (200, {})


@pytest.mark.parametrize("accepted", ["gzip", "deflate, gzip;q=0.5", "*", "identity;q=0, *"])
def test_the_gzip_copy_is_what_the_index_is(team: Repository, accepted: str) -> None:
    redirect = team.get("/index.yaml", Accept_Encoding=accepted)
    answer = ask("GET", redirect.location.geturl())

    assert redirect.headers["Vary"] == "Accept-Encoding"
    assert answer.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(answer.body) == team.index_bytes()


@pytest.mark.parametrize("accepted", ["identity", "gzip;q=0", "br", "gzip;q=0.5, identity"])
def test_others_get_the_plain_index(team: Repository, accepted: str) -> None:
    redirect = team.get("/index.yaml", Accept_Encoding=accepted)
    answer = ask("GET", redirect.location.geturl())

    assert answer.headers["Content-Encoding"] is None
    assert answer.body == team.index_bytes()


def test_a_head_is_redirected_to_the_same_object(team: Repository) -> None:
    redirect = team.head("/index.yaml", Accept_Encoding="gzip")
    answer = ask("HEAD", redirect.location.geturl())

    assert answer.headers["Content-Encoding"] == "gzip"


def test_curl_decodes_it_by_itself(team: Repository) -> None:
    curl = shutil.which("curl")
    if curl is None:
        pytest.skip("curl is not on PATH")

    done = run([curl, "-sfL", "--compressed", "-H", f"Authorization: {team.authorization}", f"{team.url}/index.yaml"])

    assert done == team.index_bytes()


def test_go_decodes_it_by_itself(team: Repository, tmp_path: Path) -> None:
    go = shutil.which("go")
    assert go, "Go's decoder is what Helm, Flux and Argo CD have: install Go"
    program = tmp_path / "fetch"
    run([go, "build", "-o", str(program), str(Path(__file__).with_name("fetch.go"))])

    assert run([str(program), f"{team.url}/index.yaml", team.authorization or ""]) == team.index_bytes()


def run(command: Sequence[str]) -> bytes:
    return subprocess.run(command, check=True, capture_output=True).stdout


def compressed(repository: Repository) -> bytes:
    redirect = repository.get("/index.yaml", Accept_Encoding="gzip")
    return gzip.decompress(ask("GET", redirect.location.geturl()).body)


def versions_of(body: bytes) -> dict[str, list[str]]:
    return {name: [entry["version"] for entry in entries] for name, entries in json.loads(body)["entries"].items()}
