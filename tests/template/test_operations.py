"""Logs, alarms, builds and the deployment's own settings."""

import json
import re
import tomllib
from fnmatch import fnmatchcase
from typing import Any

import pytest

from tests.template.parsed import (
    FUNCTIONS,
    GLOBALS,
    PARAMETERS,
    RESOURCES,
    ROOT,
    TEMPLATE,
    exists,
    resources,
    values,
    walk,
)

ALARMS = resources("AWS::CloudWatch::Alarm")


def test_no_concurrency_is_reserved() -> None:
    # An account with the small default quota could not deploy it.
    assert not any("ReservedConcurrentExecutions" in node for node in walk(TEMPLATE) if isinstance(node, dict))


def test_layer_and_functions_are_for_one_architecture() -> None:
    assert GLOBALS["Architectures"] == [{"Ref": "Architecture"}]
    assert RESOURCES["Layer"]["Metadata"]["BuildArchitecture"] == {"Ref": "Architecture"}
    assert RESOURCES["Layer"]["Properties"]["CompatibleArchitectures"] == [{"Ref": "Architecture"}]
    assert not any("Architectures" in function["Properties"] for function in FUNCTIONS.values())
    assert PARAMETERS["Architecture"]["Default"] == "arm64"


def test_the_layer_is_named_after_its_stack() -> None:
    assert RESOURCES["Layer"]["Properties"]["LayerName"] == {"Ref": "AWS::StackName"}


def test_layer_and_functions_run_on_the_same_python() -> None:
    version = (ROOT / ".python-version").read_text().strip()

    assert GLOBALS["Runtime"] == f"python{version}" == RESOURCES["Layer"]["Metadata"]["BuildMethod"]
    assert RESOURCES["Layer"]["Properties"]["CompatibleRuntimes"] == [f"python{version}"]


def test_build_and_deploy_are_given_the_same_architecture_and_no_region_or_profile() -> None:
    config = tomllib.loads((ROOT / "samconfig.toml").read_text())["default"]

    build, deploy = config["build"]["parameters"], config["deploy"]["parameters"]
    everything = {key for section in config.values() for key in section["parameters"]}

    assert build["parameter_overrides"] == deploy["parameter_overrides"] == "Architecture=arm64"
    assert deploy["resolve_s3"] is True
    assert deploy["capabilities"] == "CAPABILITY_IAM"
    assert config["global"]["parameters"]["stack_name"] == "charthouse"
    assert not everything & {"region", "profile", "s3_bucket"}


def test_logs_are_structured_and_end() -> None:
    assert GLOBALS["LoggingConfig"]["LogGroup"] == {"Ref": "Logs"}
    assert GLOBALS["LoggingConfig"]["LogFormat"] == "JSON"
    for group in resources("AWS::Logs::LogGroup").values():
        assert group["Properties"]["RetentionInDays"] == {"Ref": "LogRetention"}


def test_every_log_level_has_lambdas_name() -> None:
    levels = TEMPLATE["Mappings"]["LogLevels"]["Lambda"]

    assert set(levels) == set(PARAMETERS["LogLevel"]["AllowedValues"])
    assert set(levels.values()) <= {"TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"}


def test_the_access_log_is_one_line_of_json_without_query_or_headers() -> None:
    _, settings, _ = RESOURCES["Stage"]["Properties"]["AccessLogSettings"]["Fn::If"]

    line = json.loads(settings["Format"])

    assert len(settings["Format"]) < 3 * 1024
    # The gateway's own reason for 413, 429 and 503.
    # https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-logging-variables.html
    assert line["error"] == "$context.error.message"
    assert list(line.values())[-2:] == ["$context.path", "$context.identity.userAgent"]
    assert line["status"] == "$context.status"
    assert not any("authorizer" in value or "querystring" in value.lower() for value in line.values())


@pytest.mark.parametrize(
    ("namespace", "metric", "dimension", "threshold"),
    [
        ("AWS/SQS", "ApproximateNumberOfMessagesVisible", {"Fn::GetAtt": ["DeadLetters", "QueueName"]}, 0),
        ("charthouse", "OldestUnpublishedSeconds", {"Ref": "AWS::StackName"}, 300),
        ("charthouse", "Differences", {"Ref": "AWS::StackName"}, 0),
        ("AWS/Lambda", "Errors", {"Ref": "IndexObjects"}, 0),
        ("AWS/Lambda", "Errors", {"Ref": "ReconcileRepositories"}, 0),
    ],
)
def test_a_failure_raises_an_alarm(namespace: str, metric: str, dimension: Any, threshold: int) -> None:
    (alarm,) = (
        alarm["Properties"]
        for alarm in ALARMS.values()
        if (alarm["Properties"]["Namespace"], alarm["Properties"]["MetricName"]) == (namespace, metric)
        and alarm["Properties"]["Dimensions"][0]["Value"] == dimension
    )

    assert alarm["ComparisonOperator"] == "GreaterThanThreshold"
    assert alarm["Threshold"] == threshold


def test_an_answer_with_5xx_raises_an_alarm_but_507_does_not() -> None:
    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html: * is a wildcard in strings
    metric_filter, alarm = RESOURCES["ApiErrors"]["Properties"], ALARMS["ApiErrorsAlarm"]["Properties"]
    (transformation,) = metric_filter["MetricTransformations"]
    _, settings, _ = RESOURCES["Stage"]["Properties"]["AccessLogSettings"]["Fn::If"]

    assert json.loads(settings["Format"])["status"] == "$context.status"
    assert metric_filter["LogGroupName"] == {"Ref": "AccessLog"}
    counted = [
        status for status in range(100, 600) if _matches(metric_filter["FilterPattern"], {"status": f"{status}"})
    ]
    assert counted == [status for status in range(500, 600) if status != 507]
    assert alarm["Namespace"]["Fn::If"] == ["HasAccessLogs", transformation["MetricNamespace"], "AWS/ApiGateway"]
    assert alarm["MetricName"]["Fn::If"] == ["HasAccessLogs", transformation["MetricName"], "5xx"]
    # A metric filter without dimensions: an alarm that names one would look at another metric.
    assert alarm["Dimensions"]["Fn::If"][1] == {"Ref": "AWS::NoValue"}
    assert alarm["Dimensions"]["Fn::If"][2] == [{"Name": "ApiId", "Value": {"Ref": "Api"}}]
    assert (alarm["Statistic"], alarm["Threshold"]) == ("Sum", 0)


def test_our_metrics_are_looked_for_where_the_functions_write_them() -> None:
    variables = GLOBALS["Environment"]["Variables"]
    ours = [alarm["Properties"] for alarm in ALARMS.values() if alarm["Properties"]["Namespace"] == "charthouse"]

    assert variables["POWERTOOLS_METRICS_NAMESPACE"] == "charthouse"
    for alarm in ours:
        assert alarm["Dimensions"] == [{"Name": "service", "Value": variables["POWERTOOLS_SERVICE_NAME"]}]


def test_every_alarm_goes_to_the_topic_and_the_address() -> None:
    none = {"Ref": "AWS::NoValue"}
    receivers = [
        {"Fn::If": ["HasAlarmTopic", {"Ref": "AlarmTopic"}, none]},
        {"Fn::If": ["HasAlarmEmail", {"Ref": "Alarms"}, none]},
    ]

    assert all(alarm["Properties"]["AlarmActions"] == receivers for alarm in ALARMS.values())


def test_refused_credentials_raise_an_alarm() -> None:
    metric_filter, alarm = RESOURCES["Refused"]["Properties"], ALARMS["GuessingAlarm"]["Properties"]
    (transformation,) = metric_filter["MetricTransformations"]

    assert metric_filter["LogGroupName"] == GLOBALS["LoggingConfig"]["LogGroup"]
    lines = [{"message": name, "status": status} for name in ("answered", "failed") for status in (200, 401, 403)]
    assert [line for line in lines if _matches(metric_filter["FilterPattern"], line)] == [lines[1]]
    assert (alarm["Namespace"], alarm["MetricName"]) == (
        transformation["MetricNamespace"],
        transformation["MetricName"],
    )
    assert "Dimensions" not in alarm
    assert not exists("GuessingAlarm", values({"AlarmEmail": "me@example.com", "LogLevel": "WARNING"}))


@pytest.mark.parametrize("given", [{"AlarmEmail": "me@example.com"}, {"AlarmTopic": "arn:aws:sns:eu-central-1:1:t"}])
def test_alarms_and_their_metrics_exist_only_where_a_person_receives_them(given: dict[str, str]) -> None:
    costing = [*ALARMS, *resources("AWS::Logs::MetricFilter")]

    assert not any(exists(name, values({"AccessPolicy": "true"})) for name in costing)
    assert all(exists(name, values(given | {"AccessPolicy": "true"})) for name in costing)
    assert not exists("AccessPolicyAlarm", values(given))
    assert GLOBALS["Environment"]["Variables"]["CHARTHOUSE_ALARMS"] == {"Fn::If": ["HasAlarms", "true", ""]}
    assert exists("ApiErrorsAlarm", values(given | {"AccessLogs": "false"}))
    assert not exists("ApiErrors", values(given | {"AccessLogs": "false"}))


def test_reconcile_starts_by_itself_and_is_found_by_its_output() -> None:
    events = FUNCTIONS["ReconcileRepositories"]["Properties"]["Events"]
    tasks = {
        json.loads(event["Properties"]["Input"])["task"]: event["Properties"]["Schedule"] for event in events.values()
    }

    assert tasks == {"sweep": "rate(5 minutes)", "reconcile": "rate(1 day)"}
    assert TEMPLATE["Outputs"]["ReconcileFunction"]["Value"] == {"Ref": "ReconcileRepositories"}


def test_the_outputs_are_there_and_say_what_they_are() -> None:
    outputs = TEMPLATE["Outputs"]

    assert {"RepositoryUrl", "BucketName", "TableName", "QueueUrl", "ReconcileFunction", "ApiId"} <= set(outputs)
    assert all(output["Description"] for output in outputs.values())


def test_every_check_that_is_skipped_has_its_reason_beside_it() -> None:
    skips = [
        skip
        for resource in RESOURCES.values()
        for skip in resource.get("Metadata", {}).get("checkov", {}).get("skip", [])
    ]
    lines = (ROOT / ".checkov.yaml").read_text().splitlines()
    beside = [lines[number - 1] for number, line in enumerate(lines) if line.startswith("  - CKV")]

    assert skips
    assert all(len(skip["comment"]) > 20 for skip in skips)
    assert beside
    assert all(line.startswith("  # ") for line in beside)


def _matches(pattern: str, line: dict[str, Any]) -> bool:
    """Tell whether a metric filter of CloudWatch counts a line: as much of its language as the template uses.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
    """
    terms = pattern.removeprefix("{ ").removesuffix(" }").split(" && ")

    def holds(term: str) -> bool:
        found = re.fullmatch(r'\(\$\.(\w+) (=|!=) (?:"([^"]+)"|(\d+))\)', term)
        assert found, term
        name, operator, text, number = found.groups()
        value = line[name]
        same = fnmatchcase(value, text) if text and isinstance(value, str) else value == int(number or -1)
        return same is (operator == "=")

    return all(map(holds, terms))
