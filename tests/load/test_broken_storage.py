"""Index or table damaged from outside: the next change, or reconcile, repairs it."""

import time
from collections.abc import Callable

import pytest

from tests.acceptance.deployment import Deployment
from tests.acceptance.repository import Repository
from tests.builders import a_package
from tests.contract.clouds import make_table
from tests.load.watching import files, is_whole, listed, read_index

type Damage = Callable[[Deployment, str], None]

CHARTMUSEUM = b"""apiVersion: v1
entries:
  long-gone:
  - apiVersion: v2
    created: "2020-01-01T00:00:00Z"
    digest: 0000000000000000000000000000000000000000000000000000000000000000
    name: long-gone
    urls:
    - charts/long-gone-1.0.0.tgz
    version: 1.0.0
generated: "2020-01-01T00:00:00Z"
serverInfo: {}
"""


def index_key(repo: str) -> str:
    return f".charthouse/index/{repo}/index.yaml"


def remove_index(deployment: Deployment, repo: str) -> None:
    deployment.remove(index_key(repo))


def write_garbage(deployment: Deployment, repo: str) -> None:
    deployment.put(index_key(repo), b"\x00\xff no index { at all")


def write_nothing(deployment: Deployment, repo: str) -> None:
    deployment.put(index_key(repo), b"")


def write_chartmuseums(deployment: Deployment, repo: str) -> None:
    deployment.put(index_key(repo), CHARTMUSEUM)


def cut_index_short(deployment: Deployment, repo: str) -> None:
    body = deployment.stored(index_key(repo)) or b""
    deployment.put(index_key(repo), body[: len(body) * 2 // 3])


def replace_table(deployment: Deployment, repo: str) -> None:
    """By an empty one: of no repository anything is known any more."""
    assert deployment.rows(repo)
    dynamodb = deployment.stack.client("dynamodb")
    dynamodb.delete_table(TableName=deployment.stack.table)
    make_table(dynamodb, deployment.stack.table)


def delete_row(deployment: Deployment, repo: str) -> None:
    deployment.stack.client("dynamodb").delete_item(
        TableName=deployment.stack.table, Key={"repo": {"S": f"/{repo}"}, "file": {"S": "app-1.0.0.tgz"}}
    )


def put_old_index_back(deployment: Deployment, repo: str) -> None:
    body = deployment.stored(index_key(repo)) or b""
    repository = deployment.repository(repo)
    assert repository.upload(a_package("app", "3.0.0")).status == 201
    # The event of the upload may publish its row once more, and with that what is missing.
    repository.settled_index()
    deployment.put(index_key(repo), body)


OF_THE_WHOLE = [remove_index, write_garbage, write_nothing, write_chartmuseums, cut_index_short, replace_table]
"""Damage that the next publication finds."""
OF_A_PART = [delete_row, put_old_index_back]
"""Damage that only a comparison finds."""


def upload(repository: Repository) -> None:
    assert repository.upload(a_package("app", "4.0.0")).status == 201


def delete(repository: Repository) -> None:
    assert repository.delete("app", "1.0.0").status == 200


@pytest.mark.parametrize("change", [upload, delete])
@pytest.mark.parametrize("damage", OF_THE_WHOLE)
def test_the_next_change_makes_it_whole(
    deployment: Deployment, damage: Damage, change: Callable[[Repository], None]
) -> None:
    repo = f"broken/{damage.__name__}-{change.__name__}"
    repository = filled(deployment, repo)
    damage(deployment, repo)

    change(repository)

    assert_right(deployment, repo)


def test_reconcile_makes_all_of_them_whole(deployment: Deployment) -> None:
    repos = {f"broken/{damage.__name__}": damage for damage in OF_THE_WHOLE}
    for repo in repos:
        filled(deployment, repo)
    for repo, damage in repos.items():
        damage(deployment, repo)

    assert deployment.reconcile()["done"]

    for repo in repos:
        assert_right(deployment, repo)


@pytest.mark.parametrize("damage", OF_A_PART)
def test_reconcile_finds_what_no_publication_notices(deployment: Deployment, damage: Damage) -> None:
    repo = f"broken/{damage.__name__}"
    filled(deployment, repo)
    damage(deployment, repo)

    report = deployment.reconcile()

    assert report["synced"] + report["differences"] > 0
    assert_right(deployment, repo)


def test_a_version_whose_row_is_gone_is_deleted_all_the_same(deployment: Deployment) -> None:
    repository = filled(deployment, "broken/gone")
    delete_row(deployment, "broken/gone")

    assert repository.delete("app", "1.0.0").status == 200

    assert_right(deployment, "broken/gone")
    assert repository.versions("app") == ["2.0.0"]


def test_a_client_waits_for_a_lease_whose_holder_died(deployment: Deployment) -> None:
    repository = filled(deployment, "broken/lease")
    hold_lease(deployment, "broken/lease", 3)
    started = time.monotonic()

    assert repository.upload(a_package("app", "3.0.0")).status == 201

    assert time.monotonic() - started > 2
    assert_right(deployment, "broken/lease")


def test_what_waited_too_long_for_a_dead_holder_is_published_with_the_next_change(deployment: Deployment) -> None:
    repository = filled(deployment, "broken/leases")
    hold_lease(deployment, "broken/leases", 10)

    answer = repository.upload(a_package("app", "3.0.0"))

    assert (answer.status, answer.json()) == (202, {"saved": True})
    assert repository.upload(a_package("app", "4.0.0")).status == 201
    assert_right(deployment, "broken/leases")
    assert repository.versions("app") == ["4.0.0", "3.0.0", "2.0.0", "1.0.0"]


def filled(deployment: Deployment, repo: str) -> Repository:
    """Return a repository with two versions of a chart."""
    repository = deployment.repository(repo)
    for version in ["1.0.0", "2.0.0"]:
        assert repository.upload(a_package("app", version)).status == 201
    return repository


def hold_lease(deployment: Deployment, repo: str, seconds: float) -> None:
    """Write what a publisher leaves behind that dies holding the lease."""
    deployment.stack.client("dynamodb").update_item(
        TableName=deployment.stack.table,
        Key={"repo": {"S": f"/{repo}"}, "file": {"S": "#repository"}},
        UpdateExpression="SET lease_owner = :owner, lease_until = :until",
        ExpressionAttributeValues={":owner": {"S": "dead"}, ":until": {"N": str(time.time() + seconds)}},
    )


def assert_right(deployment: Deployment, repo: str) -> None:
    """Assert that index and lists show what the bucket holds."""
    repository = deployment.repository(repo)
    index = read_index(repository)
    assert is_whole(deployment, repo), listed(index)
    listing = repository.call("GET", "/charts/app").json()
    assert {f"app-{entry['version']}.tgz" for entry in listing} == files(index)
