"""ChartUrl, and what becomes of an index whose lines it changes: rebuilt by a reconcile, or at the next change."""

import base64
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import urlsplit

from local.emulator import Emulator
from local.stack import create
from tests.acceptance.deployment import Deployment
from tests.acceptance.helm import Helm
from tests.acceptance.options.stacks import CONTEXT
from tests.acceptance.repository import Repository, basic
from tests.builders import a_package

FILES = {"values.yaml": b"replicas: 1\n", "templates/one.yaml": b"kind: One\n"}


def test_a_changed_chart_url_is_in_the_index_after_a_reconcile_or_the_next_change(
    emulator: Emulator, based: Deployment, helm: Callable[[int], Helm]
) -> None:
    repository = Repository(based.url, based.api, basic("robot", based.parameters["BasicAuthPass"]))
    name = f"chart-{secrets.token_hex(4)}"
    package = a_package(name, "1.0.0", files=FILES)
    assert repository.upload(package).status == 201
    before = repository.index_bytes()
    # The URL of this very API, so that Helm can go where the index sends it.
    chart_url = based.url.removesuffix(CONTEXT)
    absolute = f"{chart_url}{CONTEXT}/charts/{name}-1.0.0.tgz"

    with redeployed(emulator, based, {"ChartUrl": f"{chart_url}/"}):
        assert url_of(repository, name) == f"charts/{name}-1.0.0.tgz"
        report = based.reconcile()
        reconciled = repository.index_bytes()

        assert url_of(repository, name) == absolute
        # Nothing was wrong, so no alarm is raised, and one reconcile is enough.
        assert (report["differences"], based.reconcile()["differences"]) == (0, 0)
        assert repository.index_bytes() == reconciled
        assert repository.index()["serverInfo"] == {"contextPath": CONTEXT}
        check_lists_and_contents(repository, name, absolute)
        run = helm(3)
        run("repo", "add", "moved", repository.url)
        run("pull", f"moved/{name}", "--destination", run.folder("pulled"))
        assert (run.home / "pulled" / f"{name}-1.0.0.tgz").read_bytes() == package

    assert repository.upload(a_package(name, "2.0.0")).status == 201
    urls = [entry["urls"] for entry in repository.index()["entries"][name]]
    assert urls == [[f"charts/{name}-2.0.0.tgz"], [f"charts/{name}-1.0.0.tgz"]]
    assert repository.delete(name, "2.0.0").status == 200
    assert lines(repository.index_bytes()) == lines(before)


@contextmanager
def redeployed(emulator: Emulator, deployment: Deployment, changes: Mapping[str, str]) -> Iterator[None]:
    """Have some options changed for a while; the emulator ends a function that is at work when it is changed."""
    deployment.wait_until_quiet()
    create(emulator, deployment.stack.name, {**deployment.parameters, **changes})
    try:
        yield
    finally:
        deployment.wait_until_quiet()
        create(emulator, deployment.stack.name, {**deployment.parameters, **dict.fromkeys(changes, "")})


def url_of(repository: Repository, name: str) -> str:
    """Return the URL of the chart's newest version in the index."""
    (url,) = repository.index()["entries"][name][0]["urls"]
    return str(url)


def lines(index: bytes) -> list[bytes]:
    """Return the entries of an index, without the revision before and the time after them."""
    return index.splitlines()[1:-1]


def check_lists_and_contents(repository: Repository, name: str, url: str) -> None:
    """With `ChartUrl` ChartMuseum has no templates and no values; here both are as ever, and every list agrees."""
    entry = repository.call("GET", f"/charts/{name}/latest").json()
    assert entry["urls"] == [url]
    assert repository.call("GET", f"/charts/{name}").json() == [entry]
    assert repository.call("GET", "/charts").json()[name] == [entry]
    assert urlsplit(url).path.startswith(CONTEXT)
    templates = repository.call("GET", f"/charts/{name}/1.0.0/templates").json()
    assert base64.b64decode(templates["templates"][0]["data"]) == FILES["templates/one.yaml"]
    assert repository.call("GET", f"/charts/{name}/1.0.0/values").body == FILES["values.yaml"]
