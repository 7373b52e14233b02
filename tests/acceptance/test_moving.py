"""A bucket that ChartMuseum laid out: taken over where it is, and copied."""

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from local.emulator import Emulator
from tests.acceptance.deployment import Deployment, Deployments, eventually
from tests.acceptance.helm import Helm
from tests.acceptance.options.stacks import ADOPTED, MAX_INDEX, TENANTS
from tests.acceptance.repository import Repository, basic
from tests.builders import a_package, a_provenance

BUCKET = "museum-of-charts"
PREFIX = str(ADOPTED["StorageAmazonPrefix"])
SIGNED = a_package("mychart", "0.2.0")

MUSEUM: Mapping[str, bytes] = {
    "mychart-0.1.0.tgz": a_package("mychart", "0.1.0", apiVersion=None),
    "mychart-0.2.0.tgz": SIGNED,
    "mychart-0.2.0.tgz.prov": a_provenance(SIGNED, "mychart", "0.2.0"),
    "mychart2-0.1.0-SNAPSHOT-1.tgz": a_package("mychart2", "0.1.0-SNAPSHOT-1"),
    # ChartMuseum lists it as mychart 0.3.0 and cannot delete it.
    "wrongname-7.0.0.tgz": a_package("mychart", "0.3.0"),
    # It reads this one again every five minutes.
    "broken-1.0.0.tgz": b"nonsense",
    "index-cache.yaml": b"apiVersion: v1\nentries: {}\n",
}
"""What is in the folder of one repository."""

FORMERLY = "mychart-0.1.0.tgz"
"""The package that is encrypted with the key before `KmsKeyArn`."""

LISTED = {
    "mychart": {
        "0.2.0": hashlib.sha256(SIGNED).hexdigest(),
        "0.1.0": hashlib.sha256(MUSEUM["mychart-0.1.0.tgz"]).hexdigest(),
    },
    "mychart2": {"0.1.0-SNAPSHOT-1": hashlib.sha256(MUSEUM["mychart2-0.1.0-SNAPSHOT-1.tgz"]).hexdigest()},
}


@pytest.fixture(scope="module")
def key(emulator: Emulator) -> str:
    """Return the key that packages are to be encrypted with; the bucket itself knows nothing of it."""
    return str(emulator.client("kms").create_key()["KeyMetadata"]["Arn"])


@pytest.fixture(scope="module")
def former_key(emulator: Emulator) -> str:
    """Return the key that some packages in the bucket are encrypted with."""
    return str(emulator.client("kms").create_key()["KeyMetadata"]["Arn"])


@pytest.fixture(scope="module")
def adopted(emulator: Emulator, deployed: Deployments, key: str, former_key: str) -> Deployment:
    """Take a bucket over: without versions, its events sent to EventBridge."""
    s3 = emulator.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_bucket_notification_configuration(Bucket=BUCKET, NotificationConfiguration={"EventBridgeConfiguration": {}})
    for file, body in MUSEUM.items():
        encrypted = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": former_key} if file == FORMERLY else {}
        s3.put_object(Bucket=BUCKET, Key=f"{PREFIX}/team/{file}", Body=body, **encrypted)
    return deployed(**ADOPTED, BucketName=BUCKET, KmsKeyArn=key, FormerKmsKeyArn=former_key)


@pytest.fixture(scope="module")
def report(adopted: Deployment) -> Any:
    """Compare for the first time; return what was found."""
    return adopted.reconcile()


def listed(repository: Repository) -> dict[str, dict[str, str]]:
    """Return chart → version → digest as the index has it, in its order."""
    entries = repository.index()["entries"]
    return {name: {entry["version"]: entry["digest"] for entry in versions} for name, versions in entries.items()}


def test_the_stack_owns_nothing_of_an_adopted_bucket(adopted: Deployment) -> None:
    """BucketName."""
    assert adopted.bucket == BUCKET
    assert "AWS::S3::Bucket" not in adopted.stack.types.values()
    assert "AWS::S3::BucketPolicy" not in adopted.stack.types.values()


def test_the_first_reconcile_takes_every_package_in_and_names_what_it_cannot(adopted: Deployment, report: Any) -> None:
    repository = adopted.repository("team")

    assert listed(repository) == LISTED
    assert list(listed(repository)["mychart"]) == ["0.2.0", "0.1.0"]
    assert (report["done"], report["repositories"], report["versions"], report["unlisted"]) == (True, 1, 3, 2)
    rows = adopted.rows("team")
    assert "mychart-0.3.0.tgz" in rows["wrongname-7.0.0.tgz"]["problem"]["S"]
    assert rows["broken-1.0.0.tgz"]["problem"]["S"]


def test_what_is_in_the_bucket_stays_as_it_is(adopted: Deployment, report: Any) -> None:
    del report

    assert {file: adopted.stored(f"{PREFIX}/team/{file}") for file in MUSEUM} == MUSEUM
    others = [key for key in adopted.objects() if key.removeprefix(f"{PREFIX}/team/") not in MUSEUM]
    assert all(key.startswith(f"{PREFIX}/.charthouse/") for key in others)


@pytest.mark.parametrize("major", [3, 4])
def test_helm_pulls_from_it(major: int, helm: Callable[[int], Helm], adopted: Deployment, report: Any) -> None:
    del report
    run = helm(major)

    run("repo", "add", "museum", adopted.repository("team").url)
    run("pull", "museum/mychart", "--prov", "--destination", run.folder("pulled"))

    assert (run.home / "pulled" / "mychart-0.2.0.tgz").read_bytes() == SIGNED
    assert (run.home / "pulled" / "mychart-0.2.0.tgz.prov").exists()


def test_it_is_written_to_and_encrypted_with_the_key(adopted: Deployment, report: Any, key: str) -> None:
    """StorageAmazonSse=aws:kms with KmsKeyArn, in a bucket without versions."""
    del report
    repository = adopted.repository("team")
    package = a_package("written", "1.0.0")

    assert repository.upload(package).status == 201
    assert repository.upload(package).status == 409
    forced = repository.upload(a_package("written", "1.0.0", description="forced"), query="?force")

    assert forced.status == 201
    assert repository.index()["entries"]["written"][0]["description"] == "forced"
    for file in ("team/written-1.0.0.tgz", ".charthouse/index/team/index.yaml"):
        head = adopted.s3.head_object(Bucket=BUCKET, Key=f"{PREFIX}/{file}")
        assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", key)
    assert repository.delete("written", "1.0.0").status == 200
    assert "written" not in repository.index()["entries"]


def test_a_repository_whose_index_is_full_takes_no_more(adopted: Deployment, report: Any) -> None:
    """MaxIndexSize."""
    del report
    repository = adopted.repository("full")
    packages = (a_package("big", f"1.0.{number}", description="x" * 60_000) for number in range(20))

    answers = [repository.upload(package) for package in packages]

    statuses = [answer.status for answer in answers]
    assert statuses == [201] * 17 + [507] * 3
    assert "MaxIndexSize" in answers[-1].error
    assert MAX_INDEX <= len(repository.index_bytes()) < MAX_INDEX + 65_536
    assert repository.upload(a_package("big", "1.0.0", description="other")).status == 409
    assert repository.delete("big", "1.0.3").status == 200
    assert repository.upload(a_package("small", "1.0.0")).status == 201


def test_a_package_encrypted_with_the_former_key_stays_readable(
    adopted: Deployment, report: Any, key: str, former_key: str
) -> None:
    """FormerKmsKeyArn. The emulator asks no role for the right to decrypt, so the policies are looked at as well."""
    del report
    head = adopted.s3.head_object(Bucket=BUCKET, Key=f"{PREFIX}/team/{FORMERLY}")

    answer = adopted.repository("team").read(f"/charts/{FORMERLY}")

    assert head["SSEKMSKeyId"] == former_key
    assert answer.body == MUSEUM[FORMERLY]
    iam, role = adopted.stack.client("iam"), adopted.stack.resources["ReadFilesRole"]
    (statement,) = iam.get_role_policy(RoleName=role, PolicyName="read-with-key")["PolicyDocument"]["Statement"]
    assert (statement["Action"], set(statement["Resource"])) == ("kms:Decrypt", {key, former_key})


def test_what_others_put_into_it_and_take_out_is_seen_by_eventbridge(adopted: Deployment, report: Any) -> None:
    del report
    repository = adopted.repository("team")
    file = f"{PREFIX}/team/copied-1.0.0+x.tgz"

    adopted.put(file, a_package("copied", "1.0.0+x"))
    there = eventually(repository.index, lambda seen: "copied" in seen["entries"])
    adopted.remove(file)
    gone = eventually(repository.index, lambda seen: "copied" not in seen["entries"])

    assert [entry["version"] for entry in there["entries"]["copied"]] == ["1.0.0+x"]
    assert "copied" not in gone["entries"]


def test_a_copy_of_it_is_listed_without_a_reconcile(deployed: Deployments) -> None:
    tenants = deployed(**TENANTS)
    robot = basic(tenants.parameters["BasicAuthUser"], tenants.parameters["BasicAuthPass"])
    repository = Repository(f"{tenants.url}/moved/team", f"{tenants.api}/moved/team", robot)

    for file, body in MUSEUM.items():
        tenants.put(f"moved/team/{file}", body)
    found = eventually(lambda: listed(repository), lambda seen: seen == LISTED)

    assert found == LISTED
    assert repository.read("/charts/mychart-0.2.0.tgz.prov").body == MUSEUM["mychart-0.2.0.tgz.prov"]
    # The way ChartMuseum's own acceptance test splits this name.
    assert repository.delete("mychart2-0.1.0-SNAPSHOT", "1").status == 200
    assert listed(repository) == {"mychart": LISTED["mychart"]}
