"""StorageAmazonPrefix, StorageAmazonSse, KeepOldVersionsDays and RequireTls: what is asked of S3."""

import secrets

from tests.acceptance.deployment import Deployment, eventually
from tests.acceptance.options.stacks import PREFIX
from tests.acceptance.repository import Repository, ask, basic
from tests.builders import a_package, a_provenance


def test_everything_is_below_the_prefix(based: Deployment) -> None:
    """StorageAmazonPrefix."""
    repository = Repository(based.url, based.api, basic("robot", based.parameters["BasicAuthPass"]))
    name = f"chart-{secrets.token_hex(4)}"
    package = a_package(name, "1.0.0")

    repository.upload_form(("chart", package), ("prov", a_provenance(package, name, "1.0.0")))

    assert based.stored(f"{PREFIX}/{name}-1.0.0.tgz") == package
    assert f"{PREFIX}/{name}-1.0.0.tgz.prov" in based.objects()
    assert f"{PREFIX}/.charthouse/index/index.yaml" in based.objects()
    assert all(key.startswith(f"{PREFIX}/") for key in based.objects())


def test_what_is_put_below_the_prefix_is_listed_and_what_is_beside_it_is_not(based: Deployment) -> None:
    repository = Repository(based.url, based.api)
    inside, outside = (f"chart-{secrets.token_hex(4)}" for _ in range(2))

    based.put(f"{outside}-1.0.0.tgz", a_package(outside, "1.0.0"))
    based.put(f"{PREFIX}foo/{outside}-1.0.0.tgz", a_package(outside, "1.0.0"))
    based.put(f"{PREFIX}/{inside}-1.0.0.tgz", a_package(inside, "1.0.0"))
    index = eventually(repository.index, lambda seen: inside in seen["entries"])

    assert inside in index["entries"]
    assert outside not in index["entries"]
    for key in (f"{outside}-1.0.0.tgz", f"{PREFIX}foo/{outside}-1.0.0.tgz", f"{PREFIX}/{inside}-1.0.0.tgz"):
        based.remove(key)


def test_every_object_is_encrypted_as_asked(based: Deployment) -> None:
    """StorageAmazonSse=AES256."""
    repository = Repository(based.url, based.api, basic("robot", based.parameters["BasicAuthPass"]))
    name = f"chart-{secrets.token_hex(4)}"
    assert repository.upload(a_package(name, "1.0.0")).status == 201

    written = [f"{PREFIX}/{name}-1.0.0.tgz", f"{PREFIX}/.charthouse/index/index.yaml"]
    heads = [based.s3.head_object(Bucket=based.bucket, Key=key) for key in written]

    assert [head["ServerSideEncryption"] for head in heads] == ["AES256", "AES256"]


def test_old_versions_are_kept_as_long_as_said(operated: Deployment) -> None:
    """KeepOldVersionsDays; the emulator applies no lifecycle rules, so the configured rules are looked at."""
    cloudformation = operated.stack.client("cloudformation")
    (stack,) = cloudformation.describe_stacks(StackName=operated.stack.name)["Stacks"]
    template = cloudformation.get_template(StackName=operated.stack.name, TemplateStage="Processed")["TemplateBody"]

    given = {item["ParameterKey"]: item["ParameterValue"] for item in stack["Parameters"]}
    rules = template["Resources"]["Bucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
    (rule,) = (rule for rule in rules if rule["Id"] == "old-versions")

    assert given["KeepOldVersionsDays"] == "30"
    assert rule["NoncurrentVersionExpiration"] == {"NoncurrentDays": {"Ref": "KeepOldVersionsDays"}}


def test_plain_http_is_refused_where_tls_is_required(operated: Deployment, limits: Deployment) -> None:
    """RequireTls: true here, false in every other stack, since the emulator speaks nothing but plain HTTP."""
    refused, let_in = (stack.repository("small" if stack is limits else "") for stack in (operated, limits))

    answers = [ask("GET", one.get("/charts/mychart-1.0.0.tgz").location.geturl()) for one in (refused, let_in)]

    assert [answer.status for answer in answers] == [403, 404]
