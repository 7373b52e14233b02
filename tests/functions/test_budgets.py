"""What a single request may cost, at any size of the repository: the table of docs/operations.md, route by route."""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from charthouse import wiring
from charthouse.aws.http import Answer
from charthouse.aws.presign import Signer
from charthouse.helm.index import Entry, Envelope, Index
from charthouse.oci.manifests import IMAGE
from charthouse.oci.names import Digest
from charthouse.registry import layout
from charthouse.registry.ports import Place
from charthouse.registry.registry import lookup_of
from charthouse.repository.ports import RepositoryState, Row, StoredFile, StoredIndex, StoredView
from charthouse.repository.repository import Ports
from charthouse.settings import Credentials
from charthouse.web.routes import Kind

from tests.builders import a_package, a_provenance
from tests.fakes import FakeArtifacts, FakeClock, FakeEvents, FakeIndexStore, World
from tests.fakes.costs import LargeCatalog, LargePackageStore
from tests.functions.conftest import Deployment
from tests.template.parsed import FUNCTIONS, ROOT
from tests.unit.registry.in_memory import Chart

SIZES = [10, 2_000, 20_000]
REPOSITORIES = 1_000
UPLOAD = "0123456789abcdef0123456789abcdef"
MOMENT = "2026-11-20T15:49:01Z"
PACKAGE = a_package("big", "0.0.1", files={"values.yaml": b"a: 1\n", "templates/x.yaml": b"x"})
PUSHED = Chart(a_package("big", "2.0.0"), "big", "2.0.0")
UNIT = 4096
"""Bytes of an item that a strongly consistent read unit covers."""


@dataclass
class Meter:
    """What a request has cost."""

    calls: Counter[str] = field(default_factory=Counter)
    read_units: int = 0
    read_bytes: int = 0

    def __call__(self, call: str) -> None:
        """Be the step of the fakes: count calls. Those that read many items count their own."""
        self.calls[call] += ":" not in call and not call.startswith("clock.") and call != "catalog.states"

    def rows(self, rows: list[Row]) -> list[Row]:
        """Count the read units of rows read one after the other."""
        self.read_units += -(-sum(len(row.line or "") + 300 for row in rows) // UNIT) or 1
        return rows


class MeteredCatalog(LargeCatalog):
    """Counts read units."""

    __slots__ = ()

    def get(self, repo: str, file: str) -> Row | None:
        """Read one item."""
        row = super().get(repo, file)
        self.meter.rows([row] if row else [])
        return row

    def chart(self, repo: str, name: str, limit: int | None = None) -> list[Row]:
        """Read the items of a chart."""
        return self.meter.rows(super().chart(repo, name, limit))

    def states(self, repos: Any) -> list[RepositoryState]:
        """Read an item for each repository."""
        found = super().states(repos)
        self.meter.read_units += len(found)
        self.meter.calls["catalog.states"] += -(-len(found) // 100)
        return found

    @property
    def meter(self) -> Meter:
        """The step of every fake is the meter."""
        assert isinstance(self.step, Meter)
        return self.step


class MeteredIndexes(FakeIndexStore):
    """Counts bytes."""

    __slots__ = ()

    def read(self, repo: str, *, lazily: bool = False) -> StoredIndex | None:
        """Read an index."""
        stored = FakeIndexStore.read(self, repo, lazily=lazily)
        assert isinstance(self.step, Meter)
        self.step.read_bytes += len(stored.body) if stored else 0
        return stored

    def read_view(self, repo: str, name: str) -> StoredView | None:
        """Read the index of a chart; the gzip copy is small beside the index it is spliced with."""
        view = FakeIndexStore.read_view(self, repo, name)
        assert isinstance(self.step, Meter)
        self.step.read_bytes += len(view.body) if view and name else 0
        return view


class MeteredPackages(LargePackageStore):
    """Counts bytes."""

    __slots__ = ()

    def read(self, stored: StoredFile) -> bytes:
        """Read a package."""
        body = LargePackageStore.read(self, stored)
        assert isinstance(self.step, Meter)
        self.step.read_bytes += len(body)
        return body


def a_world(versions: int) -> World:
    """Return a published repository whose chart `big` has so many versions, and many repositories beside it."""
    world = World()
    entries = []
    for number in range(versions):
        version, file = f"0.0.{number}", f"big-0.0.{number}.tgz"
        about = f'"description":"{"x" * 400}","digest":"{"a" * 64}","name":"big","urls":["charts/{file}"]'
        line = f'{{"apiVersion":"v2","created":"{MOMENT}",{about},"version":"{version}"}}'
        world.put_object(file, PACKAGE)
        etag = world.objects[file][-1].etag
        row = Row("", file, 1, etag, chart="big", version=version, line=line, digest="a" * 64, size=len(PACKAGE))
        world.rows["", file] = row
        entries.append(Entry("big", version, line))
    world.digests["", "big", "a" * 64] = "big-0.0.1.tgz"
    index = Index.fold(Envelope(), entries)
    world.indexes[""] = index.data
    FakeIndexStore(world).write_view("", "big", StoredView(0, "", index.data), None)
    world.states[""] = RepositoryState("", MOMENT, 1, versions)
    for number in range(REPOSITORIES):
        world.indexes[f"team-{number}"] = b"{}"
        world.states[f"team-{number}"] = RepositoryState(f"team-{number}", MOMENT, 1, 1)
    return world


def push_blobs(world: World) -> None:
    """Store what the manifest of `PUSHED` names, and an upload that has begun."""
    store, place = FakeArtifacts(world), Place("", "big")
    for body in (PUSHED.package, PUSHED.config):
        store.write(place, layout.blob(Digest.of(body)), body)
    store.write(place, layout.upload(UPLOAD, layout.SESSION), b"")


@pytest.fixture(scope="module")
def worlds() -> dict[int, World]:
    return {size: a_world(size) for size in SIZES}


@dataclass(frozen=True)
class Asked:
    """A request, and the function that answers it."""

    function: str
    method: str
    path: str
    body: Callable[[int], bytes] = lambda _size: b""
    query: str = ""
    media_type: str = "application/octet-stream"


REQUESTS = {
    "INDEX": Asked("read_files", "GET", "/index.yaml"),
    "PACKAGE": Asked("read_files", "GET", "/charts/big-0.0.1.tgz"),
    "PROVENANCE": Asked("read_files", "GET", "/charts/big-0.0.1.tgz.prov"),
    "HOME": Asked("show_home", "GET", "/"),
    "HEALTH": Asked("show_home", "GET", "/health"),
    "INFO": Asked("show_home", "GET", "/info"),
    "ARTIFACT_HUB": Asked("show_home", "GET", "/artifacthub-repo.yml"),
    "METRICS": Asked("show_home", "GET", "/metrics"),
    "REPOSITORIES": Asked("list_charts", "GET", "/api/repositories"),
    "CHARTS": Asked("list_charts", "GET", "/api/charts"),
    "CHART": Asked("list_charts", "GET", "/api/charts/big"),
    "VERSION": Asked("list_charts", "GET", "/api/charts/big/0.0.1"),
    "VERSION latest": Asked("list_charts", "GET", "/api/charts/big/latest"),
    "VERSION missing": Asked("list_charts", "GET", "/api/charts/big/9.9.9"),
    "VERSION constraint": Asked("list_charts", "GET", "/api/charts/big/<0.0.3"),
    "TEMPLATES": Asked("list_charts", "GET", "/api/charts/big/0.0.1/templates"),
    "VALUES": Asked("list_charts", "GET", "/api/charts/big/0.0.1/values"),
    "UPLOAD": Asked("upload_charts", "POST", "/api/charts", lambda size: a_package("big", f"1.0.{size}")),
    "UPLOAD_PROVENANCE": Asked(
        "upload_charts", "POST", "/api/prov", lambda size: a_provenance(PACKAGE, "big", f"1.{size}.0")
    ),
    "DELETE_VERSION": Asked("delete_charts", "DELETE", "/api/charts/big/0.0.7"),
    "DELETE_CHART": Asked("delete_charts", "DELETE", "/api/charts/none"),
    "OCI_ROOT": Asked("show_home", "GET", "/v2/"),
    "OCI_TOKEN": Asked("pull_artifacts", "GET", "/v2/token"),
    "OCI_TAGS": Asked("pull_artifacts", "GET", "/v2/big/tags/list"),
    "OCI_MANIFEST": Asked("pull_artifacts", "GET", "/v2/big/manifests/0.0.1"),
    "OCI_MANIFEST pushed": Asked(
        "push_artifacts",
        "PUT",
        "/v2/big/manifests/2.0.0",
        lambda _size: PUSHED.manifest,
        media_type=IMAGE,
    ),
    "OCI_MANIFEST deleted": Asked("push_artifacts", "DELETE", "/v2/big/manifests/0.0.8"),
    "OCI_BLOB": Asked("pull_artifacts", "GET", f"/v2/big/blobs/sha256:{'a' * 64}"),
    "OCI_UPLOADS": Asked(
        "push_artifacts", "POST", "/v2/big/blobs/uploads/", lambda _size: b"blob", f"digest={Digest.of(b'blob')}"
    ),
    "OCI_UPLOAD": Asked("push_artifacts", "PATCH", f"/v2/big/blobs/uploads/{UPLOAD}", lambda _size: b"chunk"),
    "OCI_REFERRERS": Asked("pull_artifacts", "GET", f"/v2/big/referrers/sha256:{'a' * 64}"),
}
"""Kind of route, and the case where one kind has several, to a request."""


def budgets() -> dict[str, tuple[int, int, float]]:
    """Return the table: calls, read units, and how many times the index is read, by case."""
    text = (ROOT / "docs" / "operations.md").read_text().split("## Budgets")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `([A-Z_]+(?: \w+)?)` \|.*?\| (\d+) \| (\d+) \| (\d+) \|$", text, re.MULTILINE)
    return {name: (int(calls), int(units), int(indexes)) for name, calls, units, indexes in rows}


def test_every_route_has_a_budget() -> None:
    assert {name.partition(" ")[0] for name in budgets()} == {kind.name for kind in Kind}
    assert set(budgets()) == set(REQUESTS)


def test_every_function_of_the_api_has_its_seconds_and_memory_in_the_table() -> None:
    text = (ROOT / "docs" / "operations.md").read_text().split("## Budgets")[1].split("\n## ")[0]
    stated = dict(re.findall(r"`(\w+)` (\d+) MB", text))

    memory = {name: str(FUNCTIONS[name]["Properties"]["MemorySize"]) for name in stated}
    assert len(stated) == 5
    assert stated == memory


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("case", REQUESTS)
def test_a_request_stays_within_its_budget_at_any_size(
    case: str, size: int, worlds: dict[int, World], deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, meter = REQUESTS[case], Meter()
    world = worlds[size]
    app = deployment.load(
        asked.function, ENABLE_METRICS="true", ARTIFACT_HUB_REPO_ID="an-id", AUTH_ANONYMOUS_GET="true"
    )
    ports = metered(world, meter)
    app.__dict__["ports"] = ports
    monkeypatch.setattr(wiring, "ports", lambda *_: ports)
    if hasattr(app, "files"):
        app.__dict__["files"] = replace(app.files, signer=SIGNER, send=counted(meter))
    artifacts = FakeArtifacts(world, meter)
    app.__dict__["store"] = artifacts
    app.__dict__["lookup"] = lambda place: lookup_of(place, artifacts, ports.repository(place.repo))
    push_blobs(world)

    headers = {"Content-Type": asked.media_type}
    answer = deployment.ask(app, asked.method, asked.path, query=asked.query, body=asked.body(size), headers=headers)

    assert answer.status < 400 or case in {"VERSION missing", "DELETE_CHART"}, answer.body
    calls, units, indexes = budgets()[case]
    assert meter.calls.total() <= calls
    assert meter.read_units <= units
    assert meter.read_bytes <= indexes * len(world.indexes[""]) + 10_000


SIGNER = Signer("s3", "eu-central-1", lambda: Credentials("AKIDEXAMPLE", "secret"))


def metered(world: World, meter: Meter) -> Ports:
    """Return ports whose calls, read units and bytes are counted."""
    return Ports(
        MeteredPackages(world, meter),
        MeteredIndexes(world, meter),
        MeteredCatalog(world, meter),
        FakeClock(world),
        FakeEvents(),
    )


def counted(meter: Meter) -> Callable[..., Answer]:
    """Return the wire of the read function."""

    def send(method: str, *_: object) -> Answer:
        meter.calls[f"{method} index"] += 1
        return Answer(200, b"")

    return send
