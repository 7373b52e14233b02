"""The routes that read: versions by constraint, templates, values, pages, HEAD, what is unknown, lists of any size."""

import base64
import gzip
import json
import random
import secrets
from collections.abc import Iterator
from urllib.parse import quote, urlsplit

import pytest
from charthouse.helm.index import Entry, Envelope, Index

from tests.acceptance.deployment import Deployment
from tests.acceptance.repository import Answer, Repository, ask, basic
from tests.builders import a_package

MAX_ANSWER = 4_500_000

NOT_FOUND = (404, "application/json; charset=utf-8", b'{"error":"not found"}')


@pytest.fixture(scope="session")
def filled(tenants: Deployment) -> Iterator[Repository]:
    """Return a repository with three charts that no test changes."""
    repository = tenants.repository("reading/filled")
    for version in ("0.9.0", "1.2.0", "1.2.9", "1.3.0-rc.1", "1.10.0", "2.0.0", "2.1.0-beta"):
        files = {
            "values.yaml": b"# how many\nreplicas: 3\n",
            "templates/one.yaml": b"kind: One\n",
            "templates/sub/two.txt": b"two",
            "charts/sub/Chart.yaml": b"{apiVersion: v2, name: sub, version: 1.0.0}\n",
            "charts/sub/templates/no.yaml": b"kind: No\n",
        }
        assert repository.upload(a_package("mychart", version, files=files), "mychart").status == 201
    for name in ("a-chart", "z-chart"):
        assert repository.upload(a_package(name, "1.0.0+build.1"), name).status == 201
    yield repository
    repository.remove_uploads()


def seen(answer: Answer) -> tuple[int, str, bytes]:
    return answer.status, str(answer.headers["Content-Type"]), answer.body


@pytest.mark.parametrize(
    ("wanted", "version"),
    [
        ("1.2.0", "1.2.0"),
        ("latest", "2.0.0"),
        ("", "2.0.0"),
        ("^1.2", "1.10.0"),
        ("~1.2", "1.2.9"),
        ("1.x", "1.10.0"),
        ("1", "1.10.0"),
        (">=1 <2", "1.10.0"),
        (">= 1.2, < 1.10 || 0.9", "1.2.9"),
        ("1.0 - 1.2", "1.2.9"),
        ("^1.2-0", "1.10.0"),
        (">2.0.0-0", "2.1.0-beta"),
        ("2.1.0-beta", "2.1.0-beta"),
    ],
)
def test_a_version_is_found_by_its_name_or_by_a_constraint(filled: Repository, wanted: str, version: str) -> None:
    answer = filled.call("GET", f"/charts/mychart/{quote(wanted, safe='')}")

    assert answer.status == 200
    assert answer.json()["version"] == version


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("none", "chart not found"),
        ("none/1.0.0", "no chart name found"),
        ("mychart/3.0.0", "no chart version found for mychart-3.0.0"),
        ("mychart/%5E3", "no chart version found for mychart-^3"),
        ("mychart/nonsense", "improper constraint: nonsense"),
        ("mychart/3.0.0/templates", "no chart version found for mychart-3.0.0"),
        ("none/1.0.0/values", "no chart name found"),
        ("a-chart/latest/values", "values.yaml not found"),
    ],
)
def test_what_is_not_there_is_404_in_helms_words(filled: Repository, path: str, error: str) -> None:
    answer = filled.call("GET", f"/charts/{path}")

    assert (answer.status, answer.error) == (404, error)


@pytest.mark.parametrize("version", ["1.0.0+build.1", "1.0.0%2Bbuild.1", "1.0.0", "latest"])
def test_build_metadata_survives_every_way_of_writing_it(filled: Repository, version: str) -> None:
    answer = filled.call("GET", f"/charts/a-chart/{version}")

    assert (answer.status, answer.json()["version"]) == (200, "1.0.0+build.1")


@pytest.mark.parametrize("file", ["a-chart-1.0.0+build.1.tgz", "a-chart-1.0.0%2Bbuild.1.tgz"])
def test_so_does_the_name_of_a_file(filled: Repository, file: str) -> None:
    assert filled.read(f"/charts/{file}").body == a_package("a-chart", "1.0.0+build.1")


def test_templates_and_values_of_a_version(filled: Repository) -> None:
    templates = filled.call("GET", "/charts/mychart/%5E1.2/templates")
    values = filled.call("GET", "/charts/mychart/latest/values")

    body = templates.json()
    found = {item["name"]: base64.b64decode(item["data"]) for item in body["templates"]}
    assert found == {"templates/one.yaml": b"kind: One\n", "templates/sub/two.txt": b"two"}
    assert body["values"] == {"replicas": 3}
    assert seen(values) == (200, "application/yaml", b"# how many\nreplicas: 3\n")


def test_lists_have_every_version_newest_first(filled: Repository) -> None:
    charts = filled.call("GET", "/charts").json()

    assert list(charts) == ["a-chart", "mychart", "z-chart"]
    versions = [entry["version"] for entry in charts["mychart"]]
    assert versions == ["2.1.0-beta", "2.0.0", "1.10.0", "1.3.0-rc.1", "1.2.9", "1.2.0", "0.9.0"]
    assert filled.call("GET", "/charts/mychart").json() == charts["mychart"]
    assert filled.index()["entries"] == charts


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("?offset=1", ["mychart", "z-chart"]),  # ChartMuseum says {} without a limit
        ("?limit=1", ["a-chart"]),
        ("?offset=1&limit=1", ["mychart"]),
        ("?offset=2&limit=5", ["z-chart"]),
        ("?offset=3", []),
        ("?offset=10&limit=5", []),
    ],
)
def test_lists_come_in_pages_of_charts(filled: Repository, query: str, names: list[str]) -> None:
    assert list(filled.call("GET", f"/charts{query}").json()) == names


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ("?offset=-1&limit=5", "offset is not a valid non-negative integer"),
        ("?offset=x", "offset is not a valid non-negative integer"),
        ("?limit=0", "limit is not a valid positive integer"),
        ("?limit=", "limit is not a valid positive integer"),
    ],
)
def test_a_page_that_makes_no_sense_is_refused(filled: Repository, query: str, error: str) -> None:
    answer = filled.call("GET", f"/charts{query}")

    assert (answer.status, answer.error) == (400, error)


@pytest.mark.parametrize(
    "path",
    [
        "/api/reading/filled/charts",
        "/api/reading/filled/charts/mychart",
        "/api/reading/filled/charts/mychart/^1",
        "/api/reading/filled/charts/mychart/latest/templates",
        "/api/reading/filled/charts/mychart/latest/values",
        "/api/reading/filled/charts/none",
        "/api/reading/filled/charts/mychart/9.9.9",
        "/api/repositories",
        "/",
        "/health",
        "/info",
        "/metrics",
        "/reading/filled",
        "/teams/charts/artifacthub-repo.yml",
        "/nothing.yaml",
        "/reading/empty/index.yaml",
    ],
)
def test_head_is_wherever_get_is(tenants: Deployment, filled: Repository, path: str) -> None:
    robot = {"Authorization": basic("robot", str(tenants.parameters["BasicAuthPass"]))}
    del filled

    got, head = (ask(method, tenants.url + path, headers=robot) for method in ("GET", "HEAD"))

    assert (head.status, head.headers["Content-Type"]) == (got.status, got.headers["Content-Type"])
    assert (head.body, head.headers["Content-Length"]) == (b"", str(len(got.body)))


@pytest.mark.parametrize("path", ["/index.yaml", "/charts/mychart-1.2.0.tgz"])
def test_head_of_a_file_is_signed_for_head(filled: Repository, path: str) -> None:
    redirect = filled.head(path)

    assert redirect.status == 302
    assert ask("HEAD", redirect.location.geturl()).status == 200
    # A URL for one method is no good for the other.
    assert ask("GET", redirect.location.geturl()).status == 403


@pytest.mark.parametrize("method", ["PUT", "PATCH", "TRACE", "PROPFIND"])
@pytest.mark.parametrize("path", ["/index.yaml", "/charts", "/charts/mychart/1.2.0", "/nothing/at/all"])
def test_other_methods_are_no_routes(filled: Repository, method: str, path: str) -> None:
    assert seen(filled.call(method, path)) == NOT_FOUND


@pytest.mark.parametrize("path", ["/charts/mychart/1.2.0/nothing", "/charts/mychart/1.2.0/values/more", "/chart", ""])
def test_other_paths_are_no_routes(filled: Repository, path: str) -> None:
    assert seen(filled.call("GET", path)) == NOT_FOUND


def test_without_cors_options_is_no_route(small: Repository) -> None:
    assert seen(small.call("OPTIONS", "/charts")) == NOT_FOUND


def test_all_versions_of_a_chart_are_deleted_at_once(fresh: Repository) -> None:
    for version in ("1.0.0", "1.1.0", "2.0.0"):
        fresh.upload(a_package("mychart", version))
    fresh.upload(a_package("mychart-service", "1.0.0"))

    first, second = fresh.call("DELETE", "/charts/mychart"), fresh.call("DELETE", "/charts/mychart")

    assert (first.status, first.json()) == (200, {"deleted": True})
    assert (second.status, second.error) == (404, "chart not found")
    assert list(fresh.index()["entries"]) == ["mychart-service"]
    assert fresh.read("/charts/mychart-1.1.0.tgz").status == 404


def test_a_delete_whose_version_is_empty_deletes_nothing(fresh: Repository) -> None:
    fresh.upload(a_package("mychart", "1.0.0"))

    answer = fresh.call("DELETE", "/charts/mychart/")

    assert seen(answer) == NOT_FOUND
    assert fresh.versions("mychart") == ["1.0.0"]


def test_a_caller_sees_the_repositories_it_may_read(tenants: Deployment) -> None:
    team = f"seen-{secrets.token_hex(4)}"
    repos = [f"{team}/a", f"{team}/b"]
    for repo in repos:
        tenants.repository(repo).upload(a_package("mychart", "1.0.0"))
    url = f"{tenants.api}/repositories"
    tokens = {
        "reader of a": f"Bearer {tenants.token(repos[0], 'pull')}",
        "writer of b": f"Bearer {tenants.token(repos[1], 'push')}",
        "robot": basic("robot", str(tenants.parameters["BasicAuthPass"])),
        "stranger": basic("robot", "wrong"),
    }

    answers = {who: ask("GET", url, headers={"Authorization": value}) for who, value in tokens.items()}

    assert answers["reader of a"].json() == [repos[0]]
    assert answers["writer of b"].json() == []
    assert set(repos) <= set(answers["robot"].json())
    assert answers["robot"].json() == sorted(answers["robot"].json())
    assert answers["stranger"].status == ask("GET", url).status == 401


@pytest.fixture
def big(tenants: Deployment) -> Iterator[Repository]:
    """Return a repository whose list is 10 MB, of which a list of one chart is small; published, but never uploaded."""
    noise = random.Random(1)  # noqa: S311  only has to be incompressible
    entries = [_an_entry("small", "1.0.0", "")]
    entries += [_an_entry("noise", f"1.0.{number}", noise.randbytes(25_000).hex()) for number in range(200)]
    key = ".charthouse/index/reading/big/index.yaml"
    tenants.put(key, Index.fold(Envelope(), entries).data)
    yield tenants.repository("reading/big")
    tenants.remove(key)


def _an_entry(name: str, version: str, description: str) -> Entry:
    entry = {"name": name, "urls": [f"charts/{name}-{version}.tgz"], "description": description, "version": version}
    return Entry(name, version, json.dumps(entry, separators=(",", ":")))


def test_a_list_larger_than_a_lambda_can_answer_gets_through(big: Repository) -> None:
    gzipped = big.call("GET", "/charts", Accept_Encoding="gzip")
    plain = big.call("GET", "/charts")
    page = big.call("GET", "/charts?offset=1")

    assert plain.status == 302
    assert plain.headers["Cache-Control"] == "no-store"
    copy = ask("GET", plain.location.geturl())
    assert (copy.status, copy.headers["Content-Type"]) == (200, "application/json; charset=utf-8")
    assert len(copy.body) > 2 * MAX_ANSWER
    assert copy.json()["noise"][0]["version"] == "1.0.199"
    # Hex gzips to a little more than half: 5 MB are too many still.
    assert gzipped.status == 302
    assert list(page.json()) == ["small"]


def test_a_list_that_fits_when_gzipped_is_gzipped_for_those_who_take_it(tenants: Deployment) -> None:
    entries = [_an_entry("mychart", f"1.0.{number}", "easy " * 5000) for number in range(250)]
    key = ".charthouse/index/reading/wide/index.yaml"
    tenants.put(key, Index.fold(Envelope(), entries).data)
    repository = tenants.repository("reading/wide")

    taken = repository.call("GET", "/charts", Accept_Encoding="br, gzip;q=0.8")
    refused = repository.call("GET", "/charts", Accept_Encoding="gzip;q=0")
    tenants.remove(key)

    assert (taken.status, taken.headers["Content-Encoding"]) == (200, "gzip")
    assert taken.headers["Vary"] == "Accept-Encoding"
    assert len(taken.body) < MAX_ANSWER < len(gzip.decompress(taken.body))
    assert refused.status == 302
    assert ask("GET", refused.location.geturl()).body == gzip.decompress(taken.body)


def test_contents_larger_than_a_lambda_can_answer_are_in_the_package(fresh: Repository) -> None:
    wide = {"values.yaml": b"text: " + b"x" * MAX_ANSWER, "templates/a": b"a" * 3_500_000}
    package = a_package("wide", "1.0.0", files=wide)
    assert fresh.upload(package).status == 201

    for part in ("values", "templates"):
        answer = fresh.call("GET", f"/charts/wide/1.0.0/{part}")
        url = answer.error.rpartition(" ")[2]
        path = urlsplit(url).path.removeprefix(urlsplit(fresh.url).path)
        assert answer.status == 413
        assert url == f"{fresh.url}/charts/wide-1.0.0.tgz"
        assert fresh.read(path).body == package
