"""Reconcile makes rows and index of whatever is in the bucket, and repairs what was damaged."""

import re
from collections.abc import Callable

import pytest

from local.account import DeployedStack
from local.reconcile import Reconciliation
from tests.acceptance.deployment import Deployment
from tests.builders import a_package, a_provenance

NOTHING = {"synced": 0, "unlisted": 0, "differences": 0, "failed": 0}
VERSIONS = ["0.1.0", "0.2.0", "1.0.0-rc.1", "1.0.0+b"]
FILES = [f"mychart-{version}.tgz" for version in VERSIONS]
REPOS = ["moved", "moved/here"]
REPO = REPOS[1]


@pytest.fixture(scope="module")
def deployment(any_depth: Deployment) -> Deployment:
    """Return a deployment with repositories of its own, full of packages, without rows and without an index.

    They lie as ChartMuseum laid them out, its own cache of the index among them.
    """
    for repo in REPOS:
        for version, file in zip(VERSIONS, FILES, strict=True):
            package = a_package("mychart", version)
            any_depth.put(f"{repo}/{file}", package)
            any_depth.put(f"{repo}/{file}.prov", a_provenance(package, "mychart", version))
        any_depth.put(f"{repo}/index-cache.yaml", b"apiVersion: v1\nentries: {}\n")
        any_depth.put(f"{repo}/broken-1.0.0.tgz", b"no chart")
    any_depth.wait_until_quiet(*REPOS)
    return any_depth


def forget(deployment: Deployment) -> None:
    for repo in REPOS:
        for file in deployment.rows(repo):
            drop_row(deployment, repo, file)
        deployment.remove(f".charthouse/index/{repo}/index.yaml")


def test_an_empty_table_is_filled_from_a_full_bucket(deployment: Deployment) -> None:
    forget(deployment)
    objects = [key for repo in REPOS for key in deployment.objects(f"{repo}/")]

    report = deployment.reconcile()

    assert report["done"] is True
    assert (report["versions"], report["synced"], report["unlisted"]) == (8, 10, 2)
    for repo in REPOS:
        repository = deployment.repository(repo)
        assert list(repository.index()["entries"]) == ["mychart"]
        assert repository.versions("mychart") == ["1.0.0+b", "1.0.0-rc.1", "0.2.0", "0.1.0"]
        assert repository.read("/charts/mychart-0.1.0.tgz").body == a_package("mychart", "0.1.0")
        assert repository.read("/charts/mychart-0.1.0.tgz.prov").status == 200
        assert repository.call("GET", "/charts/mychart").json()[0]["version"] == "1.0.0+b"
    assert [key for repo in REPOS for key in deployment.objects(f"{repo}/")] == objects
    assert {name: deployment.reconcile()[name] for name in NOTHING} == NOTHING | {"unlisted": 2}


def lose_a_row(deployment: Deployment) -> None:
    drop_row(deployment, REPO, FILES[0])


def lose_all_rows(deployment: Deployment) -> None:
    for file in deployment.rows(REPO):
        drop_row(deployment, REPO, file)


def invent_a_row(deployment: Deployment) -> None:
    row = deployment.rows(REPO)[FILES[0]]
    line = row["line"]["S"].replace("0.1.0", "7.7.7")
    invented = row | {"file": {"S": "mychart-7.7.7.tgz"}, "version": {"S": "7.7.7"}, "line": {"S": line}}
    deployment.stack.client("dynamodb").put_item(TableName=deployment.stack.table, Item=invented)


def falsify_a_row(deployment: Deployment) -> None:
    row = deployment.rows(REPO)[FILES[0]]
    line = row["line"]["S"].replace(row["digest"]["S"], "0" * 64)
    falsified = row | {"line": {"S": line}, "etag": {"S": "0" * 32}}
    deployment.stack.client("dynamodb").put_item(TableName=deployment.stack.table, Item=falsified)


def lose_the_index(deployment: Deployment) -> None:
    deployment.remove(INDEX)


def put_garbage_for_the_index(deployment: Deployment) -> None:
    deployment.put(INDEX, b"\0garbage")


def put_chartmuseum_s_index(deployment: Deployment) -> None:
    deployment.put(INDEX, b"apiVersion: v1\nentries:\n  other:\n  - name: other\n    version: 1.0.0\ngenerated: x\n")


def drop_a_line_of_the_index(deployment: Deployment) -> None:
    lines = (deployment.stored(INDEX) or b"").splitlines(keepends=True)
    deployment.put(INDEX, b"".join(line for line in lines if b'"0.2.0"' not in line))


def falsify_a_line_of_the_index(deployment: Deployment) -> None:
    deployment.put(INDEX, re.sub(rb'"digest":"\w{8}', b'"digest":"00000000', deployment.stored(INDEX) or b"", count=1))


INDEX = f".charthouse/index/{REPO}/index.yaml"
DAMAGE = [
    lose_a_row,
    lose_all_rows,
    invent_a_row,
    falsify_a_row,
    lose_the_index,
    put_garbage_for_the_index,
    put_chartmuseum_s_index,
    drop_a_line_of_the_index,
    falsify_a_line_of_the_index,
]


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_found_and_repaired(deployment: Deployment, damage: Callable[[Deployment], None]) -> None:
    deployment.reconcile()
    whole = entries(deployment)
    assert b'"version":"0.2.0"' in whole
    damage(deployment)

    report = deployment.reconcile()

    assert report["synced"] + report["differences"] > 0
    assert entries(deployment) == whole
    assert {name: deployment.reconcile()[name] for name in NOTHING} == NOTHING | {"unlisted": 2}


def test_a_repository_never_reconciled_is_listed_at_its_first_change(deployment: Deployment) -> None:
    forget(deployment)

    uploaded = deployment.repository(REPO).upload(a_package("mychart", "3.0.0"))

    assert uploaded.status == 201
    assert deployment.repository(REPO).versions("mychart") == ["3.0.0", "1.0.0+b", "1.0.0-rc.1", "0.2.0", "0.1.0"]
    assert deployment.repository(REPO).delete("mychart", "3.0.0").status == 200


def test_the_sweep_publishes_what_was_left(deployment: Deployment) -> None:
    deployment.reconcile()
    whole = entries(deployment)
    row = deployment.rows(REPO)[FILES[0]]
    left = row | {"dirty": {"S": "2026-01-01T00:00:00Z"}, "rev": {"N": str(int(row["rev"]["N"]) + 1)}}
    deployment.stack.client("dynamodb").put_item(TableName=deployment.stack.table, Item=left)

    swept = deployment.sweep()

    assert swept["oldest_seconds"] > 0
    assert "dirty" not in deployment.rows(REPO)[FILES[0]]
    assert entries(deployment) == whole


def entries(deployment: Deployment) -> bytes:
    """Return the index but for what is new with every publication."""
    index = deployment.repository(REPO).index_bytes()
    return re.sub(rb'"generated":"[^"]*"|"charthouse.dev/revision":"[^"]*"', b"", index)


def drop_row(deployment: Deployment, repo: str, file: str) -> None:
    key = {"repo": {"S": f"/{repo}"}, "file": {"S": file}}
    deployment.stack.client("dynamodb").delete_item(TableName=deployment.stack.table, Key=key)


def test_make_reconcile_follows_a_run_to_its_end(deployment: Deployment, capsys: pytest.CaptureFixture[str]) -> None:
    deployment.remove(f".charthouse/index/{REPO}/index.yaml")
    run = Reconciliation(DeployedStack.get(deployment.stack.name, deployment.stack.client))

    run.start()
    counts = run.follow()

    assert counts["repositories"] >= len(REPOS)
    assert counts["failed_repositories"] == []
    # The index that was removed is published again, and its absence is a difference.
    assert f"index_published repository={REPO}" in capsys.readouterr().err
    assert counts["differences"] >= 1
