"""ChartMuseum's own table of requests and statuses, minus its defects, with every message a client may show.

The requests are those of ChartMuseum's server tests: one repository, one after the other, overwriting switched off.
"""

from dataclasses import dataclass
from typing import Any

import pytest

from tests.acceptance.conftest import ON_ARTIFACT_HUB
from tests.acceptance.deployment import Deployment, Deployments
from tests.acceptance.repository import Answer, Repository
from tests.builders import a_package, a_provenance, a_tar, an_archive, gzipped, member
from tests.events import a_form

PACKAGE = a_package("mychart", "0.1.0", files={"values.yaml": b"", "templates/pod.yaml": b"kind: Pod\n"})
PROVENANCE = a_provenance(PACKAGE)
BODIES = {"tgz": PACKAGE, "prov": PROVENANCE, "nothing": b""}

SAVED = {"saved": True}
DELETED = {"deleted": True}
UNKNOWN = "not found"
NO_CHART = "no chart name found"
NO_VERSION = "no chart version found for mychart-0.1.1"
FILE_EXISTS = "file already exists"
CHART_EXISTS = "chart already exists"


@dataclass(frozen=True, slots=True)
class Line:
    """One request and its answer."""

    method: str
    path: str
    """Below the repository's URL; `~` begins one below the API's."""
    status: int
    says: Any = None
    """The message of a refusal, or the whole JSON body; None: not looked at."""
    body: str = ""
    """`tgz`, or a form: `chart=tgz prov=prov`."""


TABLE = [
    Line("GET", "/", 200),
    Line("GET", "/health", 200, {"healthy": True}),
    Line("GET", "/index.yaml", 302),
    Line("HEAD", "/index.yaml", 302),
    Line("GET", "/artifacthub-repo.yml", 200),
    Line("HEAD", "/artifacthub-repo.yml", 200),
    Line("GET", "/charts/mychart-0.1.0.tgz", 302),
    Line("GET", "/charts/mychart-0.1.0.tgz.prov", 302),
    # ChartMuseum answers 500 here.
    Line("GET", "/charts/fakechart-0.1.0.prov", 404, UNKNOWN),
    Line("GET", "~/charts", 200),
    Line("GET", "~/charts?offset=10&limit=5", 200, {}),
    Line("GET", "~/charts?offset=-1&limit=5", 400, "offset is not a valid non-negative integer"),
    Line("GET", "~/charts?offset=x", 400, "offset is not a valid non-negative integer"),
    Line("GET", "~/charts?limit=0", 400, "limit is not a valid positive integer"),
    Line("GET", "~/charts?limit=", 400, "limit is not a valid positive integer"),
    Line("GET", "~/charts/mychart", 200),
    Line("GET", "~/charts/fakechart", 404, "chart not found"),
    Line("HEAD", "~/charts/mychart", 200),
    Line("HEAD", "~/charts/fakechart", 404),
    Line("GET", "~/charts/mychart/0.1.0", 200),
    Line("GET", "~/charts/mychart/latest", 200),
    Line("GET", "~/charts/mychart/", 200),
    Line("GET", "~/charts/mychart/^0.1", 200),
    Line("GET", "~/charts/mychart/0.1.1", 404, NO_VERSION),
    Line("GET", "~/charts/mychart/not-a-version", 404, "improper constraint: not-a-version"),
    Line("GET", "~/charts/fakechart/0.1.0", 404, NO_CHART),
    Line("GET", "~/charts/mychart/0.1.0/templates", 200),
    Line("GET", "~/charts/mychart/latest/templates", 200),
    Line("GET", "~/charts/mychart/0.1.1/templates", 404, NO_VERSION),
    Line("GET", "~/charts/fakechart/0.1.0/templates", 404, NO_CHART),
    Line("GET", "~/charts/mychart/0.1.0/values", 200),
    Line("GET", "~/charts/mychart/latest/values", 200),
    Line("GET", "~/charts/mychart/0.1.1/values", 404, NO_VERSION),
    Line("GET", "~/charts/fakechart/0.1.0/values", 404, NO_CHART),
    Line("HEAD", "~/charts/mychart/0.1.0", 200),
    Line("HEAD", "~/charts/mychart/latest", 200),
    Line("HEAD", "~/charts/mychart/0.1.1", 404),
    Line("HEAD", "~/charts/fakechart/0.1.0", 404),
    Line("DELETE", "~/charts/mychart/0.1.0", 200, DELETED),
    Line("DELETE", "~/charts/mychart/0.1.0", 404, "chart version not found"),
    Line("GET", "/index.yaml", 302),
    Line("POST", "~/charts", 400, "EOF", "nothing"),
    # And here.
    Line("POST", "~/prov", 400, "invalid provenance file", "nothing"),
    Line("POST", "~/charts", 201, SAVED, "tgz"),
    Line("POST", "~/charts", 409, FILE_EXISTS, "tgz"),
    Line("POST", "~/charts?force", 409, FILE_EXISTS, "tgz"),
    Line("POST", "~/prov", 201, SAVED, "prov"),
    Line("POST", "~/prov", 409, FILE_EXISTS, "prov"),
    Line("POST", "~/prov?force", 409, FILE_EXISTS, "prov"),
    Line("DELETE", "~/charts/mychart/0.1.0", 200, DELETED),
    Line("POST", "~/charts", 201, SAVED, "chart=tgz"),
    Line("POST", "~/charts", 201, SAVED, "prov=prov"),
    Line("DELETE", "~/charts/mychart/0.1.0", 200, DELETED),
    Line("POST", "~/charts", 201, SAVED, "chart=tgz prov=prov"),
    Line("DELETE", "~/charts/mychart/0.1.0", 200, DELETED),
    Line("POST", "~/charts", 400, "no package or provenance file found in form fields chart and prov", "unknown=tgz"),
    Line("POST", "~/charts", 201, SAVED, "chart=tgz"),
    Line("POST", "~/charts", 409, CHART_EXISTS, "chart=tgz"),
    Line("POST", "~/charts?force", 409, CHART_EXISTS, "chart=tgz"),
    Line("POST", "~/charts", 201, SAVED, "prov=prov"),
    Line("POST", "~/charts", 409, CHART_EXISTS, "prov=prov"),
    Line("POST", "~/charts", 400, None, "chart=prov"),
    Line("POST", "~/charts", 400, "invalid provenance file", "prov=tgz"),
    Line("POST", "~/charts/mychart", 404, UNKNOWN, "tgz"),
    Line("PUT", "~/charts", 404, UNKNOWN, "tgz"),
    Line("GET", "~/prov", 404, UNKNOWN),
    # As ChartMuseum's acceptance tests do: the file's name decides, wherever it is split.
    Line("DELETE", "~/charts/mychart-0.1.0/1", 404, "chart version not found"),
    Line("DELETE", "~/charts/mychart", 200, DELETED),
    Line("DELETE", "~/charts/mychart", 404, "chart not found"),
    Line("GET", "~/charts", 200, {}),
]


@pytest.fixture(scope="module", params=["", "org/team/repo"])
def museum(request: pytest.FixtureRequest, any_depth: Deployment) -> Repository:
    """Return an empty repository of a deployment that never overwrites."""
    return any_depth.repository(request.param)


def test_every_request_of_chartmuseum_s_tests_is_answered_as_there(museum: Repository) -> None:
    museum.upload_form(("chart", PACKAGE), ("prov", PROVENANCE))

    answers = [send(museum, line) for line in TABLE]

    assert [describe(answer, line) for answer, line in zip(answers, TABLE, strict=True)] == TABLE


def test_each_repository_has_its_own_artifact_hub_id(museum: Repository) -> None:
    repo = museum.api.partition("/api")[2].strip("/")

    assert museum.get("/artifacthub-repo.yml").body.decode() == f"repositoryID: {ON_ARTIFACT_HUB[repo]}\n"


HEAD = b"apiVersion: v2\nname: bad\nversion: 1.0.0\n"
BAD = {
    "garbage": (b"garbage", "gzip: invalid header"),
    "half a package": (PACKAGE[: len(PACKAGE) // 2], "unexpected EOF"),
    "no files": (gzipped(a_tar([])), "no files in chart archive"),
    "no Chart.yaml": (an_archive({"bad/values.yaml": b""}), "Chart.yaml file is missing"),
    "no folder": (an_archive({"Chart.yaml": HEAD}), "chart illegally contains content outside the base directory"),
    "the parent": (an_archive({"bad/Chart.yaml": HEAD, "bad/../../x": b""}), "chart illegally references parent"),
    "an absolute path": (an_archive({"bad/Chart.yaml": HEAD, "bad//etc/x": b""}), "chart illegally contains absolute"),
    "a drive": (an_archive({"bad/Chart.yaml": HEAD, "bad/C:/x": b""}), "chart contains illegally named files"),
    "a large file": (
        gzipped(a_tar([(member("bad/big", 5_242_881), bytes(5_242_881))])),
        'decompressed chart file "bad/big" is larger than the maximum file size 5242880',
    ),
    "broken YAML": (an_archive({"bad/Chart.yaml": b"a: [\n"}), "cannot load Chart.yaml"),
    "no name": (a_package(name=""), "validation: chart.metadata.name is required"),
    "a path for a name": (
        a_package("../../../../charts/org2/repo2/evil"),
        'validation: chart.metadata.name "../../../../charts/org2/repo2/evil" is invalid',
    ),
    "no version": (a_package(version=""), "validation: chart.metadata.version is required"),
    "no SemVer": (a_package(version="1.2.3.4"), 'validation: chart.metadata.version "1.2.3.4" is invalid'),
    "no such type": (a_package(type="thing"), "validation: chart.metadata.type must be application or library"),
    "a broken subchart": (
        a_package(files={"charts/x/Chart.yaml": b"name: x\n"}),
        "error unpacking subchart x in mychart",
    ),
    "a line that is too long": (a_package(description="x" * 70_000), ""),
}


@pytest.mark.parametrize("what", BAD)
def test_a_bad_package_is_refused_in_helm_s_words_and_not_stored(deployed: Deployments, what: str) -> None:
    deployment = deployed()
    repository = deployment.repository()
    body, words = BAD[what]
    before = deployment.objects()

    answers = [repository.upload(body), repository.upload_form(("chart", body))]

    assert [answer.status for answer in answers] == [400, 400]
    assert all(words in answer.error for answer in answers), answers
    assert deployment.objects() == before


BAD_PROVENANCE = [b"", b"garbage", PACKAGE, PROVENANCE.replace(b"\nname: ", b"\nnome: "), b"\n" + PROVENANCE]


@pytest.mark.parametrize("body", BAD_PROVENANCE)
def test_bad_provenance_is_refused_and_not_stored(deployed: Deployments, body: bytes) -> None:
    deployment = deployed()
    repository = deployment.repository()
    before = deployment.objects()

    answers = [repository.upload_provenance(body), repository.upload_form(("prov", body))]

    assert [(answer.status, answer.error) for answer in answers] == [(400, "invalid provenance file")] * 2
    assert deployment.objects() == before


def test_provenance_with_a_path_for_a_name_is_refused(deployed: Deployments) -> None:
    evil = a_provenance(PACKAGE, "../../../../charts/org2/repo2/evil")

    assert deployed().repository().upload_provenance(evil).status == 400


def send(repository: Repository, line: Line) -> Answer:
    """Send the request of a line."""
    below, path = (repository.api, line.path[1:]) if line.path.startswith("~") else (repository.url, line.path)
    if "=" not in line.body:
        return repository.ask(line.method, f"{below}{path}", BODIES.get(line.body))
    parts = [(field, BODIES[name]) for field, _, name in (part.partition("=") for part in line.body.split())]
    content_type, body = a_form(*parts)
    return repository.ask(line.method, f"{below}{path}", body, {"Content-Type": content_type})


def describe(answer: Answer, line: Line) -> Line:
    """Return the line as it would read had the answer been expected."""
    said = None if line.says is None else answer.error or answer.json()
    return Line(line.method, line.path, answer.status, said, line.body)
