"""Flux, Argo CD, Artifact Hub, browsers and load balancers: the shape of what they ask, and what they need of it."""

import gzip
import hashlib
import json
from typing import Any

import pytest
import yaml

from tests.acceptance.deployment import Deployment
from tests.acceptance.repository import Answer, Repository, ask, basic
from tests.builders import a_package

TOP = {"apiVersion", "annotations", "entries", "generated", "serverInfo", "publicKeys"}
ENTRY = {
    *(
        "name",
        "home",
        "sources",
        "version",
        "description",
        "keywords",
        "maintainers",
        "icon",
        "apiVersion",
        "condition",
    ),
    *("tags", "appVersion", "deprecated", "annotations", "kubeVersion", "dependencies", "type", "urls", "created"),
    *("removed", "digest", "checksum", "engine", "tillerVersion", "url"),
}
"""All that Helm's strict parser knows; one key more and the whole repository is refused."""


def read(url: str, **headers: str) -> Answer:
    """GET, and follow to the storage host without the credentials."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = ask("GET", url, headers=sent)
    kept = {name: value for name, value in sent.items() if name != "Authorization"}
    return ask("GET", answer.location.geturl(), headers=kept) if answer.status == 302 else answer


class _Strict(yaml.CSafeLoader):
    """YAML without a key given twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> Any:  # noqa: FBT001, FBT002  PyYAML's
        keys = [key.value for key, _ in node.value]
        assert len(keys) == len(set(keys))
        return super().construct_mapping(node, deep)


def test_flux_sees_one_revision_while_nothing_changes(tenants: Deployment, user: tuple[str, str]) -> None:
    """The revision is the digest of the bytes; doubled and late events, sweeps and reconciles must not touch them."""
    repo = "flux/stable"
    repository = Repository(f"{tenants.url}/{repo}", f"{tenants.api}/{repo}", basic(*user))
    assert repository.upload(a_package("mychart", "1.0.0")).status == 201
    assert repository.upload(a_package("gone", "1.0.0")).status == 201
    assert repository.delete("gone", "1.0.0").status == 200
    tenants.wait_until_quiet(repo)
    before = repository.index_bytes()

    for name in ("ObjectCreated:Put", "ObjectRemoved:DeleteMarkerCreated") * 2:
        for file in ("mychart-1.0.0.tgz", "gone-1.0.0.tgz"):
            tenants.send({"Records": [{"eventName": name, "s3": {"object": {"key": f"{repo}/{file}"}}}]})
    # An upload of an existing version is refused.
    assert repository.upload(a_package("mychart", "1.0.0", description="other")).status == 409
    tenants.wait_until_quiet(repo)
    tenants.sweep()
    tenants.reconcile()

    assert hashlib.sha256(repository.index_bytes()).digest() == hashlib.sha256(before).digest()
    # And what changes makes a new one.
    assert repository.upload(a_package("mychart", "2.0.0")).status == 201
    assert repository.index_bytes() != before


def test_flux_reads_it_as_json_without_a_null_among_the_versions(team: Repository) -> None:
    index = json.loads(team.index_bytes())

    assert index["apiVersion"] == "v1"
    assert all(entries and all(entries) for entries in index["entries"].values())
    assert all(entry["created"] for entries in index["entries"].values() for entry in entries)


@pytest.mark.parametrize("credentials", [("robot", ""), ("", "password")])
def test_argo_cd_sends_basic_with_half_of_it_too(team: Repository, credentials: tuple[str, str]) -> None:
    answer = read(f"{team.url}/index.yaml", Authorization=basic(*credentials), Accept_Encoding="gzip")

    assert answer.status == 401


def test_argo_cd_asks_for_gzip_and_gets_it(team: Repository, user: tuple[str, str]) -> None:
    answer = read(
        f"{team.url}/index.yaml",
        Authorization=basic(*user),
        Accept_Encoding="gzip",
        User_Agent="argocd-repo-server: v3.2.0 (linux/amd64)",
    )

    assert answer.status == 200
    assert answer.headers["Content-Encoding"] == "gzip"
    body = gzip.decompress(answer.body)
    entries = yaml.safe_load(body)["entries"]
    assert [entry["version"] for entry in entries["mychart"]] == ["1.0.0-rc.1", "0.2.0", "0.1.0"]
    assert b"\\ud8" not in body


def test_artifact_hub_reads_strict_yaml_and_twice_the_same(team: Repository, user: tuple[str, str]) -> None:
    first, second = (
        read(f"{team.url}/index.yaml", Authorization=basic(*user), User_Agent="ArtifactHub") for _ in range(2)
    )

    index = yaml.load(first.body, _Strict)  # noqa: S506  a safe loader, and stricter
    assert first.body == second.body
    assert set(index) <= TOP
    for entries in index["entries"].values():
        assert all(set(entry) <= ENTRY and entry["digest"] for entry in entries)
    annotations = index["entries"]["mychart"][0]["annotations"]
    assert annotations["artifacthub.io/changes"] == "- kind: added\n  description: größer\n"
    assert annotations["artifacthub.io/prerelease"] == "true"


def test_artifact_hub_asks_for_packages_provenance_and_itself(team: Repository, user: tuple[str, str]) -> None:
    def asked(path: str) -> Answer:
        return read(f"{team.url}/{path}", Authorization=basic(*user), Accept_Encoding="identity")

    signed, unsigned = asked("charts/signed-1.0.0+build.7.tgz.prov"), asked("charts/mychart-0.1.0.tgz.prov")

    assert (signed.status, b"PGP SIGNATURE" in signed.body) == (200, True)
    assert unsigned.status == 404
    assert asked("charts/mychart-0.1.0.tgz").status == 200
    # Any status but 200 and 404 is an error in its log.
    assert [asked(f"artifacthub-repo.{ending}").status for ending in ("yml", "yaml")] == [404, 404]


def test_a_load_balancer_needs_no_credentials(tenants: Deployment) -> None:
    got, head = ask("GET", f"{tenants.url}/health"), ask("HEAD", f"{tenants.url}/health")

    assert (got.status, got.json()) == (200, {"healthy": True})
    assert (head.status, head.headers["Content-Length"]) == (200, str(len(got.body)))


def test_a_browser_is_shown_what_to_type(team: Repository, user: tuple[str, str]) -> None:
    refused = ask("GET", team.url)
    page = ask("GET", team.url, headers={"Authorization": basic(*user), "Accept": "text/html"})

    # A browser asks its user for the first scheme it knows.
    assert refused.status == 401
    assert str(refused.headers["WWW-Authenticate"]).startswith('Basic realm="ChartMuseum"')
    assert (page.status, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert f"helm repo add {team.url.rpartition('/')[2]} {team.url}".encode() in page.body
    assert ask("GET", f"{team.url}/favicon.ico").status == 404


def test_a_head_of_the_index_and_of_a_package_ends_in_200(team: Repository) -> None:
    for path, size in (("/index.yaml", len(team.index_bytes())), ("/charts/mychart-0.1.0.tgz", 0)):
        redirect = team.head(path)
        answer = ask("HEAD", redirect.location.geturl())

        assert answer.status == 200
        assert int(str(answer.headers["Content-Length"])) >= size > -1
