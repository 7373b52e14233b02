"""What each function may do: exactly the rights in this list."""

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any

import pytest

from tests.template.parsed import FUNCTIONS, RESOURCES, exists, resources, values

PACKAGES = ("objects/*.tgz", "objects/*.tgz.prov")
INDEX = "objects/.charthouse/index/*"
VIEWS = "objects/.charthouse/views/*"
ANSWERS = "objects/.charthouse/answers/*"
ARTIFACTS = "objects/.charthouse/oci/*"
LIST = {("s3:ListBucket", "bucket")}
PASSWORD = {("secretsmanager:GetSecretValue", "BasicAuthSecret.Id")}
POLICY = {("s3:GetObject", "objects/.charthouse/access.json")}
DECRYPT = {("kms:Decrypt", "KmsKeyArn"), ("kms:Decrypt", "FormerKmsKeyArn")}
ENCRYPT = {("kms:GenerateDataKey", "KmsKeyArn")}


def _each(actions: str, *places: str) -> set[tuple[str, str]]:
    return {(action, place) for action in actions.split() for place in places}


ROWS = _each("dynamodb:GetItem dynamodb:Query", "Table.Arn", "table/index/*")
INDEX_WRITING = _each("s3:GetObject s3:PutObject s3:AbortMultipartUpload", INDEX, VIEWS)
PUBLISHING = (
    ROWS
    | _each("dynamodb:BatchGetItem dynamodb:PutItem dynamodb:UpdateItem", "Table.Arn", "table/index/*")
    | {("dynamodb:BatchWriteItem", "Table.Arn")}
    | INDEX_WRITING
    | _each("s3:GetObject s3:GetObjectVersion", *PACKAGES)
    | LIST
    | DECRYPT
    | ENCRYPT
)

RIGHTS = {
    "ReadFiles": _each("s3:GetObject", *PACKAGES, INDEX, VIEWS) | LIST | PASSWORD | POLICY | DECRYPT,
    "ListCharts": _each("s3:GetObject s3:GetObjectVersion", PACKAGES[0], INDEX)
    | _each("s3:GetObject s3:PutObject", ANSWERS)
    | ROWS
    | LIST
    | PASSWORD
    | POLICY
    | DECRYPT
    | ENCRYPT,
    "ShowHome": {("dynamodb:BatchGetItem", "Table.Arn")} | LIST | PASSWORD | POLICY | DECRYPT,
    "UploadCharts": PUBLISHING | _each("s3:PutObject s3:DeleteObject", *PACKAGES) | PASSWORD | POLICY,
    "DeleteCharts": PUBLISHING
    | _each("s3:DeleteObject", *PACKAGES)
    | {("s3:PutObject", PACKAGES[1])}
    | PASSWORD
    | POLICY,
    "PullArtifacts": _each("s3:GetObject s3:GetObjectVersion", *PACKAGES, ARTIFACTS)
    | {("s3:GetObject", VIEWS)}
    | _each("dynamodb:GetItem dynamodb:PutItem", "Table.Arn")
    | {("dynamodb:Query", "table/index/by-chart")}
    | LIST
    | PASSWORD
    | POLICY
    | DECRYPT,
    "PushArtifacts": PUBLISHING
    | _each("s3:PutObject s3:DeleteObject", *PACKAGES)
    | _each("s3:GetObject s3:PutObject s3:DeleteObject", ARTIFACTS)
    | PASSWORD
    | POLICY,
    "IndexObjects": PUBLISHING
    | _each("sqs:ReceiveMessage sqs:DeleteMessage sqs:GetQueueAttributes", "ObjectEvents.Arn"),
    "ReconcileRepositories": PUBLISHING
    | _each("s3:GetObject s3:PutObject s3:DeleteObject", ARTIFACTS)
    | {("dynamodb:Scan", "table/index/by-dirty"), ("lambda:InvokeFunction", "ReconcileRepositories.Arn")},
}

EACH = pytest.mark.parametrize("function", FUNCTIONS)


@EACH
def test_a_function_may_do_this_and_nothing_else(function: str) -> None:
    assert _rights(function) == RIGHTS[function]


@EACH
def test_no_right_is_a_wildcard(function: str) -> None:
    for action, place in _rights(function):
        assert "*" not in action
        assert place not in {"*", "objects/*"}


@EACH
def test_a_function_that_reads_objects_may_list_the_bucket(function: str) -> None:
    # Without the right to list, S3 answers 403 instead; a condition on s3:prefix would take it away again, since GET
    # and HEAD carry none. https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html#API_HeadObject_permissions
    reading = any(action == "s3:GetObject" for action, _ in _rights(function))
    listing = [one for one in _statements(function) if "s3:ListBucket" in _list(one["Action"])]

    assert not reading or listing
    assert not any("Condition" in one for one in listing)


@EACH
def test_a_function_that_puts_an_object_under_a_condition_may_read_it(function: str) -> None:
    rights = _rights(function)

    assert {("s3:GetObject", place) for action, place in rights if action == "s3:PutObject"} <= rights


@EACH
def test_a_function_that_queries_the_table_may_query_its_indexes(function: str) -> None:
    rights = _rights(function)

    assert ("dynamodb:Query", "Table.Arn") not in rights or ("dynamodb:Query", "table/index/*") in rights


def test_no_function_writes_the_access_policy() -> None:
    writing = [
        (name, place)
        for name in FUNCTIONS
        for action, place in _rights(name)
        if action in {"s3:PutObject", "s3:DeleteObject"}
    ]

    assert writing
    assert not [found for found in writing if fnmatchcase("objects/.charthouse/access.json", found[1])]


def test_only_these_write_or_delete_packages() -> None:
    writing = {name for name in FUNCTIONS if ("s3:PutObject", PACKAGES[0]) in _rights(name)}
    deleting = {name for name in FUNCTIONS if ("s3:DeleteObject", PACKAGES[0]) in _rights(name)}

    assert writing == {"UploadCharts", "PushArtifacts"}
    assert deleting == {"UploadCharts", "DeleteCharts", "PushArtifacts"}


def test_home_may_do_nothing_without_metrics() -> None:
    roles = RESOURCES["ListObjects"]["Properties"]["Roles"]

    assert {"Fn::If": ["HasMetrics", {"Ref": "ShowHomeRole"}, {"Ref": "AWS::NoValue"}]} in roles
    assert not exists("ReadFigures", values())
    assert exists("ReadFigures", values({"EnableMetrics": "true"}))


@EACH
def test_a_bucket_of_another_account_is_denied(function: str) -> None:
    (denied,) = (one for one in _statements(function) if one["Effect"] == "Deny")

    assert (denied["Action"], denied["Resource"]) == ("s3:*", "*")
    assert denied["Condition"] == {
        "StringNotEquals": {"aws:ResourceAccount": {"Ref": "AWS::AccountId"}},
        "Null": {"aws:ResourceAccount": "false"},
    }


@EACH
def test_keys_are_used_through_s3_only(function: str) -> None:
    # https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-via-service
    using = [one for one in _statements(function) if str(_list(one["Action"])[0]).startswith("kms:")]

    for statement in using:
        assert statement["Condition"] == {
            "StringEquals": {"kms:ViaService": {"Fn::Sub": "s3.${AWS::Region}.${AWS::URLSuffix}"}}
        }


def test_a_former_key_is_used_to_decrypt_only() -> None:
    former = {"FormerKmsKeyArn": "arn:aws:kms:eu-central-1:123456789012:key/0a1b2c3d"}

    assert exists("ReadWithKey", values(former))
    assert not exists("WriteWithKey", values(former))
    assert not exists("ReadWithKey", values())


def _rights(function: str) -> set[tuple[str, str]]:
    """Return what the function may do with every option switched on."""
    return {
        (action, _place(resource))
        for statement in _statements(function)
        if statement["Effect"] == "Allow"
        for action in _list(statement["Action"])
        for resource in _list(statement["Resource"])
    }


def _statements(function: str) -> Iterator[dict[str, Any]]:
    for policy in FUNCTIONS[function]["Properties"].get("Policies", []):
        yield from policy["Statement"]
    for policy in resources("AWS::IAM::Policy").values():
        roles = [_chosen(role) for role in policy["Properties"]["Roles"]]
        if {"Ref": f"{function}Role"} in roles:
            yield from policy["Properties"]["PolicyDocument"]["Statement"]


def _chosen(value: Any) -> Any:
    """Return what `Fn::If` gives when its condition holds."""
    return value["Fn::If"][1] if isinstance(value, dict) and "Fn::If" in value else value


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _place(resource: Any) -> str:
    """Return an ARN as this file writes it."""
    ((function, value),) = _chosen(resource).items()
    match function, value:
        case "Ref", str():
            return str(value)
        case "Fn::GetAtt", list():
            return ".".join(value)
        case "Fn::Sub", ["arn:${AWS::Partition}:s3:::${Name}", _]:
            return "bucket"
        case "Fn::Sub", str():
            return str(value.replace("${Objects.Value}", "objects").replace("${Table.Arn}", "table"))
    raise ValueError(f"Unknown way to name a resource: {resource}")
