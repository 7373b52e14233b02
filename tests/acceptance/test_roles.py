"""Every function has a role of its own, and may do what it needs and nothing else."""

from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.acceptance.deployment import Deployment, Deployments

type Try = Callable[[Deployment, Callable[[str], Any]], object]

PACKAGE, PROVENANCE = "roles-1.0.0.tgz", "roles-1.0.0.tgz.prov"
INDEX, ANSWER, OTHER = ".charthouse/index/roles.yaml", ".charthouse/answers/roles", "other.txt"
VIEW = ".charthouse/views/-/roles"
KEY = {"repo": {"S": "/roles"}, "file": {"S": "roles-1.0.0.tgz"}}


def getting(key: str) -> Try:
    return lambda deployment, client: client("s3").get_object(Bucket=deployment.bucket, Key=key)


def putting(key: str) -> Try:
    return lambda deployment, client: client("s3").put_object(Bucket=deployment.bucket, Key=key, Body=b"roles")


def deleting(key: str) -> Try:
    return lambda deployment, client: client("s3").delete_object(Bucket=deployment.bucket, Key=key)


def of_table(operation: str, **arguments: object) -> Try:
    return lambda deployment, client: getattr(client("dynamodb"), operation)(
        TableName=deployment.stack.table, **arguments
    )


TRIES: dict[str, Try] = {
    "list": lambda deployment, client: client("s3").list_objects_v2(Bucket=deployment.bucket),
    "get package": getting(PACKAGE),
    "get index": getting(INDEX),
    "get view": getting(VIEW),
    "get answer": getting(ANSWER),
    "get other": getting(OTHER),
    "put package": putting(PACKAGE),
    "put provenance": putting(PROVENANCE),
    "put index": putting(INDEX),
    "put answer": putting(ANSWER),
    "put other": putting(OTHER),
    "delete package": deleting(PACKAGE),
    "delete index": deleting(INDEX),
    "delete other": deleting(OTHER),
    "get row": of_table("get_item", Key=KEY),
    "put row": of_table("put_item", Item=KEY),
    "delete row": of_table("delete_item", Key=KEY),
    "scan rows": of_table("scan"),
    "scan dirty": of_table("scan", IndexName="by-dirty"),
    "delete table": lambda deployment, client: client("dynamodb").delete_table(TableName=f"{deployment.stack.table}-x"),
    "receive": lambda deployment, client: client("sqs").receive_message(
        QueueUrl=deployment.stack.outputs["QueueUrl"], VisibilityTimeout=0
    ),
    "purge": lambda deployment, client: client("sqs").purge_queue(QueueUrl=deployment.stack.outputs["DeadLettersUrl"]),
    "invoke upload": lambda deployment, client: client("lambda").invoke(
        FunctionName=deployment.stack.functions["UploadCharts"], InvocationType="DryRun"
    ),
    "make user": lambda _, client: client("iam").create_user(UserName="roles"),
}

ROWS = {"get row", "put row"}
READS = {"list", "get package", "get index"}
PUBLISHES = READS | ROWS | {"get view", "put index"}
MAY = {
    "ReadFiles": READS | {"get view"},
    "ListCharts": READS | {"get answer", "put answer", "get row"},
    # Without EnableMetrics there is nothing it needs.
    "ShowHome": set(),
    "PullArtifacts": ROWS | {"list", "get package", "get view"},
    "PushArtifacts": PUBLISHES | {"put package", "put provenance", "delete package"},
    "UploadCharts": PUBLISHES | {"put package", "put provenance", "delete package"},
    "DeleteCharts": PUBLISHES | {"put provenance", "delete package"},
    "IndexObjects": PUBLISHES | {"receive"},
    "ReconcileRepositories": PUBLISHES | {"scan dirty"},
}


@pytest.mark.parametrize("function", MAY)
def test_a_function_may_do_what_it_needs_and_nothing_else(deployed: Deployments, function: str) -> None:
    deployment = deployed(BearerAuth=False)
    client = clients_of(deployment, function)
    for key in [PACKAGE, PROVENANCE, INDEX, VIEW, ANSWER, OTHER]:
        deployment.put(key, b"roles")

    may = {what for what, attempt in TRIES.items() if is_allowed(attempt, deployment, client)}

    assert may == MAY[function]


def test_every_function_is_looked_at_and_has_a_role_of_its_own(deployed: Deployments) -> None:
    deployment = deployed(BearerAuth=False)
    client = deployment.stack.client("lambda")

    roles = {
        function: client.get_function_configuration(FunctionName=name)["Role"]
        for function, name in deployment.stack.functions.items()
    }

    assert set(roles) == set(MAY)
    assert len(set(roles.values())) == len(MAY)


def clients_of(deployment: Deployment, function: str) -> Callable[[str], Any]:
    """Return what makes clients with credentials of the function's role."""
    emulator = deployment.stack.emulator
    name = deployment.stack.functions[function]
    role = emulator.client("lambda").get_function_configuration(FunctionName=name)["Role"]
    taken = emulator.client("sts").assume_role(RoleArn=role, RoleSessionName="roles")["Credentials"]
    session: Any = boto3.Session(
        taken["AccessKeyId"], taken["SecretAccessKey"], taken["SessionToken"], region_name="us-east-1"
    )
    return lambda service: session.client(service, endpoint_url=emulator.endpoint)


def is_allowed(attempt: Try, deployment: Deployment, client: Callable[[str], Any]) -> bool:
    try:
        attempt(deployment, client)
    except ClientError as error:
        if "AccessDenied" not in error.response["Error"]["Code"]:
            raise
        return False
    return True
