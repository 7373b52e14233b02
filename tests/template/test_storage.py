"""Bucket, table and queue: nothing lost, nothing public, nothing of an adopted bucket touched."""

from typing import Any

import pytest
from charthouse.repository.maintenance import FULL_BATCH

from tests.template.parsed import FUNCTIONS, RESOURCES, exists, resources, values

BUCKET = RESOURCES["Bucket"]["Properties"]
TABLE = RESOURCES["Table"]["Properties"]
QUEUE = RESOURCES["ObjectEvents"]["Properties"]
EVENTS = {"s3:ObjectCreated:*", "s3:ObjectRemoved:*", "s3:LifecycleExpiration:DeleteMarkerCreated"}


@pytest.mark.parametrize("name", ["Bucket", "Table"])
def test_bucket_and_table_outlive_the_stack_but_not_a_first_deployment_that_failed(name: str) -> None:
    assert RESOURCES[name]["DeletionPolicy"] == "RetainExceptOnCreate"
    assert RESOURCES[name]["UpdateReplacePolicy"] == "Retain"


def test_every_stateful_resource_says_what_becomes_of_it() -> None:
    kinds = ("AWS::S3::Bucket", "AWS::DynamoDB::Table", "AWS::SQS::Queue", "AWS::Logs::LogGroup", "AWS::SNS::Topic")
    stateful = [one for kind in (*kinds, "AWS::SecretsManager::Secret") for one in resources(kind).values()]

    assert all({"DeletionPolicy", "UpdateReplacePolicy"} <= set(one) for one in stateful)


def test_the_bucket_is_versioned_encrypted_and_private() -> None:
    assert BUCKET["VersioningConfiguration"] == {"Status": "Enabled"}
    assert "BucketEncryption" in BUCKET
    assert set(BUCKET["PublicAccessBlockConfiguration"].values()) == {True}
    assert BUCKET["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}


def test_the_bucket_refuses_plain_http_unless_an_emulator_speaks_nothing_else() -> None:
    (statement,) = RESOURCES["BucketTls"]["Properties"]["PolicyDocument"]["Statement"]

    assert (statement["Effect"], statement["Principal"], statement["Action"]) == ("Deny", "*", "s3:*")
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert exists("BucketTls", values())
    assert not exists("BucketTls", values({"RequireTls": "false"}))


def test_current_packages_never_expire() -> None:
    rules = BUCKET["LifecycleConfiguration"]["Rules"]

    expiring = [rule["Id"] for rule in rules if "ExpirationInDays" in rule]
    everywhere = [rule for rule in rules if "Prefix" not in rule]

    assert expiring == ["answers"]
    assert all("NoncurrentVersionExpiration" in rule for rule in everywhere)


def test_the_rules_for_our_own_objects_apply_to_no_others() -> None:
    rules = {rule["Id"]: rule for rule in BUCKET["LifecycleConfiguration"]["Rules"]}

    for name, below in (("old-indexes", ".charthouse/index/"), ("answers", ".charthouse/answers/")):
        prefixed = {"Fn::Sub": f"${{StorageAmazonPrefix}}/{below}"}
        assert rules[name]["Prefix"] == {"Fn::If": ["HasPrefix", prefixed, below]}


def test_every_change_of_a_package_is_sent_to_the_queue() -> None:
    configurations = BUCKET["NotificationConfiguration"]["QueueConfigurations"]

    rules = {(one["Event"], *_suffixes(one)) for one in configurations}
    assert rules == {(event, suffix) for event in EVENTS for suffix in (".tgz", ".tgz.prov")}
    assert len(configurations) == len(rules)
    for one in configurations:
        assert one["Queue"] == {"Fn::GetAtt": ["ObjectEvents", "Arn"]}


def _suffixes(configuration: dict[str, Any]) -> list[str]:
    return [rule["Value"] for rule in configuration["Filter"]["S3Key"]["Rules"] if rule["Name"] == "suffix"]


def test_the_queue_admits_the_bucket_by_the_name_the_bucket_has() -> None:
    (statement,) = RESOURCES["ObjectEventsPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    own = statement["Fn::If"][1]
    name, parts = BUCKET["BucketName"]["Fn::Sub"]

    source = own["Condition"]["ArnEquals"]["aws:SourceArn"]["Fn::Sub"]

    assert source == [f"arn:${{AWS::Partition}}:s3:::{name}", parts]
    assert RESOURCES["Bucket"]["DependsOn"] == "ObjectEventsPolicy"
    for sender in statement["Fn::If"][1:]:
        assert sender["Condition"]["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
        assert sender["Action"] == "sqs:SendMessage"


def test_nothing_of_an_adopted_bucket_belongs_to_the_stack() -> None:
    adopted = values({"BucketName": "old-charts"})

    assert not exists("Bucket", adopted)
    assert not exists("BucketTls", adopted)
    assert exists("AdoptedBucketEvents", adopted)
    assert not exists("AdoptedBucketEvents", values())


def test_an_adopted_bucket_is_heard_through_eventbridge() -> None:
    pattern = RESOURCES["AdoptedBucketEvents"]["Properties"]["EventPattern"]

    assert pattern["detail-type"] == ["Object Created", "Object Deleted"]
    assert pattern["detail"]["bucket"] == {"name": [{"Ref": "BucketName"}]}
    for suffix, one in zip((".tgz", ".tgz.prov"), pattern["detail"]["object"]["key"], strict=True):
        _, below, everywhere = one["Fn::If"]
        assert below == {"wildcard": {"Fn::Sub": f"${{StorageAmazonPrefix}}/*{suffix}"}}
        assert everywhere == {"suffix": suffix}


def test_a_browser_is_let_into_the_bucket_only_with_cors_and_then_from_any_origin() -> None:
    # After a redirect to another origin a browser sends "Origin: null", which only * matches.
    condition, rules, otherwise = BUCKET["CorsConfiguration"]["Fn::If"]

    assert condition == "HasCors"
    assert rules["CorsRules"][0]["AllowedOrigins"] == ["*"]
    assert set(rules["CorsRules"][0]["AllowedMethods"]) == {"GET", "HEAD"}
    assert otherwise == {"Ref": "AWS::NoValue"}


def test_the_table_has_the_keys_and_indexes_the_code_names() -> None:
    def keys(schema: list[dict[str, str]]) -> dict[str, str]:
        return {key["KeyType"]: key["AttributeName"] for key in schema}

    indexes = {index["IndexName"]: index for index in TABLE["LocalSecondaryIndexes"]}

    assert keys(TABLE["KeySchema"]) == {"HASH": "repo", "RANGE": "file"}
    assert set(indexes) == {"by-chart", "by-dirty"}
    assert keys(indexes["by-chart"]["KeySchema"]) == {"HASH": "repo", "RANGE": "chart"}
    assert keys(indexes["by-dirty"]["KeySchema"]) == {"HASH": "repo", "RANGE": "dirty"}
    assert indexes["by-chart"]["Projection"] == {"ProjectionType": "ALL"}
    assert indexes["by-dirty"]["Projection"] == {"ProjectionType": "KEYS_ONLY"}
    assert TABLE["TimeToLiveSpecification"] == {"AttributeName": "expires", "Enabled": True}


def test_the_table_costs_nothing_at_rest_and_can_be_set_back() -> None:
    assert TABLE["BillingMode"] == "PAY_PER_REQUEST"
    assert TABLE["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert "TableName" not in TABLE


def test_a_message_comes_back_only_after_its_function_must_have_ended() -> None:
    # https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html: six times the timeout, five attempts
    assert QUEUE["VisibilityTimeout"] >= 6 * FUNCTIONS["IndexObjects"]["Properties"]["Timeout"]
    assert QUEUE["RedrivePolicy"]["maxReceiveCount"] >= 5
    assert QUEUE["RedrivePolicy"]["deadLetterTargetArn"] == {"Fn::GetAtt": ["DeadLetters", "Arn"]}


def test_a_sync_of_thousands_neither_starves_readers_nor_publishes_thousands_of_times() -> None:
    mapping = RESOURCES["IndexObjectsQueue"]["Properties"]

    assert mapping["EventSourceArn"] == {"Fn::GetAtt": ["ObjectEvents", "Arn"]}
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    # https://docs.aws.amazon.com/lambda/latest/api/API_ScalingConfig.html: 2 is the least
    assert mapping["ScalingConfig"] == {"MaximumConcurrency": 2}


def test_one_message_waits_for_no_others() -> None:
    # With a batching window and little traffic Lambda may wait up to 20 seconds; more than ten messages a batch need a
    # window. https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
    mapping = RESOURCES["IndexObjectsQueue"]["Properties"]

    assert mapping["MaximumBatchingWindowInSeconds"] == 0
    assert mapping["BatchSize"] == FULL_BATCH == 10


def test_the_password_is_kept_only_when_there_is_one() -> None:
    assert not exists("BasicAuthSecret", values())
    assert not exists("ReadBasicAuthPass", values())
    assert exists("BasicAuthSecret", values({"BasicAuthUser": "admin", "BasicAuthPass": "0123456789abcdef"}))


def test_what_would_replace_bucket_table_or_api_is_as_first_deployed() -> None:
    # docs/decisions/final-with-the-first-deployment.md. Not to be changed together with the template.
    uuid = {"Fn::Split": ["-", {"Fn::Select": [2, {"Fn::Split": ["/", {"Ref": "AWS::StackId"}]}]}]}
    name, parts = BUCKET["BucketName"]["Fn::Sub"]
    final = {
        ("Table", "KeySchema"): [
            {"AttributeName": "repo", "KeyType": "HASH"},
            {"AttributeName": "file", "KeyType": "RANGE"},
        ],
        ("Api", "ProtocolType"): "HTTP",
        ("Stage", "StageName"): "$default",
        ("Stage", "ApiId"): {"Ref": "Api"},
        ("Domain", "DomainName"): {"Ref": "DomainName"},
        ("AccessLog", "LogGroupName"): {"Fn::Sub": "/aws/vendedlogs/${AWS::StackName}/access"},
    }

    assert name == "charthouse-${AWS::AccountId}-${Head}${Tail}"
    assert parts == {"Head": {"Fn::Select": [0, uuid]}, "Tail": {"Fn::Select": [4, uuid]}}
    assert {key: RESOURCES[key[0]]["Properties"][key[1]] for key in final} == final
    # A name of our own would be one more thing that cannot change.
    for resource, own in [("Table", "TableName"), ("ObjectEvents", "QueueName"), ("Logs", "LogGroupName")]:
        assert own not in RESOURCES[resource]["Properties"]
    assert not any("FunctionName" in function["Properties"] for function in FUNCTIONS.values())


def test_the_longest_bucket_name_fits() -> None:
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html: 3 to 63 characters
    name = BUCKET["BucketName"]["Fn::Sub"][0]

    assert (
        len(name.replace("${AWS::AccountId}", "1" * 12).replace("${Head}", "a" * 8).replace("${Tail}", "b" * 12)) == 44
    )
