"""DomainName and its certificates, HostedZoneId, TruststoreUri, TruststoreVersion, DisableApi, alarms and logs."""

from typing import Any

import pytest

from local.build import host_architecture
from tests.acceptance.deployment import Deployment
from tests.acceptance.options.stacks import DOMAIN
from tests.builders import a_package, a_provenance


@pytest.fixture
def domain(operated: Deployment) -> Any:
    """Return the custom domain as API Gateway knows it."""
    return operated.stack.client("apigatewayv2").get_domain_name(DomainName=DOMAIN)


def test_the_domain_leads_to_the_api_without_a_mapping_key(operated: Deployment, domain: Any) -> None:
    """DomainName, CertificateArn and OwnershipVerificationCertificateArn."""
    gateway = operated.stack.client("apigatewayv2")

    (mapping,) = gateway.get_api_mappings(DomainName=DOMAIN)["Items"]

    assert (mapping["ApiId"], mapping["Stage"], mapping.get("ApiMappingKey", "")) == (
        operated.stack.api_id,
        "$default",
        "",
    )
    (configuration,) = domain["DomainNameConfigurations"]
    assert configuration["CertificateArn"] == operated.parameters["CertificateArn"]
    owning = operated.parameters["OwnershipVerificationCertificateArn"]
    assert configuration["OwnershipVerificationCertificateArn"] == owning
    assert operated.stack.outputs["RepositoryUrl"] == f"https://{DOMAIN}"


def test_mutual_tls_switches_the_default_endpoint_off(operated: Deployment, tenants: Deployment, domain: Any) -> None:
    """TruststoreUri and TruststoreVersion."""
    gateway = operated.stack.client("apigatewayv2")

    assert domain["MutualTlsAuthentication"]["TruststoreUri"] == operated.parameters["TruststoreUri"]
    assert domain["MutualTlsAuthentication"]["TruststoreVersion"] == operated.parameters["TruststoreVersion"]
    assert gateway.get_api(ApiId=operated.stack.api_id)["DisableExecuteApiEndpoint"] is True
    assert not gateway.get_api(ApiId=tenants.stack.api_id).get("DisableExecuteApiEndpoint")


def test_the_zone_gets_a_record_for_the_domain(operated: Deployment) -> None:
    """HostedZoneId."""
    zone = operated.parameters["HostedZoneId"]

    records = operated.stack.client("route53").list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]

    (record,) = (record for record in records if record["Type"] == "A")
    assert record["Name"].rstrip(".") == DOMAIN
    assert record["AliasTarget"]["DNSName"]


def test_with_disable_api_the_repository_can_only_be_read(operated: Deployment) -> None:
    """DisableApi."""
    repository = operated.repository()
    package = a_package()

    tried = [
        repository.call(method, path, body)
        for method, path, body in (
            ("GET", "/charts", None),
            ("HEAD", "/charts", None),
            ("GET", "/charts/mychart/0.1.0", None),
            ("GET", "/repositories", None),
            ("POST", "/charts", package),
            ("POST", "/prov", a_provenance(package)),
            ("DELETE", "/charts/mychart/0.1.0", None),
            ("DELETE", "/charts/mychart", None),
        )
    ]

    assert [answer.status for answer in tried] == [404] * len(tried)
    assert {answer.error for answer in tried if answer.body} == {"not found"}
    assert repository.get("/charts/mychart-0.1.0.tgz").status == 302
    assert repository.get("/health").status == 200
    page = repository.get("").body
    assert b"helm repo add" in page
    assert b"Upload a chart" not in page


def test_alarms_go_to_the_topic_and_to_the_address(operated: Deployment, tenants: Deployment) -> None:
    """AlarmTopic and AlarmEmail."""
    own = operated.stack.resources["Alarms"]

    alarms = _alarms(operated)
    (subscription,) = operated.stack.client("sns").list_subscriptions_by_topic(TopicArn=own)["Subscriptions"]

    assert (subscription["Protocol"], subscription["Endpoint"]) == ("email", operated.parameters["AlarmEmail"])
    assert len(alarms) == 6
    assert all(set(alarm["AlarmActions"]) == {own, operated.parameters["AlarmTopic"]} for alarm in alarms)
    assert not {"AWS::CloudWatch::Alarm", "AWS::Logs::MetricFilter"}.intersection(tenants.stack.types.values())


def test_logs_are_kept_as_long_as_said(operated: Deployment, tenants: Deployment) -> None:
    """LogRetention and AccessLogs."""
    logs = operated.stack.client("logs")
    groups = {group["logGroupName"]: group for group in logs.describe_log_groups()["logGroups"]}
    access = operated.stack.resources["AccessLog"]

    (stage,) = operated.stack.client("apigatewayv2").get_stages(ApiId=operated.stack.api_id)["Items"]

    assert groups[operated.stack.outputs["LogGroup"]]["retentionInDays"] == 7
    assert groups[access]["retentionInDays"] == 7
    assert stage["AccessLogSettings"]["DestinationArn"].removesuffix(":*").endswith(f":log-group:{access}")
    assert "$context.path" in stage["AccessLogSettings"]["Format"]
    assert "AccessLog" not in tenants.stack.resources


def test_every_function_runs_on_the_processor_it_was_built_for(operated: Deployment) -> None:
    """Architecture."""
    client = operated.stack.client("lambda")

    found = {
        name: client.get_function_configuration(FunctionName=function)["Architectures"]
        for name, function in operated.stack.functions.items()
    }

    assert len(found) == 9
    assert set(map(tuple, found.values())) == {(host_architecture(),)}


def _alarms(deployment: Deployment) -> list[Any]:
    names = [
        deployment.stack.resources[name]
        for name, kind in deployment.stack.types.items()
        if kind == "AWS::CloudWatch::Alarm"
    ]
    found: list[Any] = deployment.stack.client("cloudwatch").describe_alarms(AlarmNames=names)["MetricAlarms"]
    return found
