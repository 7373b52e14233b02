"""The HTTP API: which request reaches which function, and nothing of the gateway's own in between."""

import pytest

from tests.template.parsed import FUNCTIONS, GLOBALS, RESOURCES, ROUTES, exists, resources, routed, values


@pytest.mark.parametrize(
    ("request_line", "function"),
    [
        ("GET /index.yaml", "ReadFiles"),
        ("HEAD /index.yaml", "ReadFiles"),
        ("GET /org/repo/charts/a-1.0.0.tgz", "ReadFiles"),
        ("HEAD /charts/a-1.0.0.tgz.prov", "ReadFiles"),
        ("GET /api/charts", "ListCharts"),
        ("HEAD /api/org/repo/charts/a/1.0.0", "ListCharts"),
        ("POST /api/charts", "UploadCharts"),
        ("POST /api/org/repo/prov", "UploadCharts"),
        ("DELETE /api/charts/a/1.0.0", "DeleteCharts"),
        ("GET /", "ShowHome"),
        ("HEAD /", "ShowHome"),
        ("GET /health", "ShowHome"),
        ("HEAD /health", "ShowHome"),
        ("GET /info", "ShowHome"),
        ("GET /metrics", "ShowHome"),
        ("PUT /api/charts", "ShowHome"),
        ("POST /index.yaml", "ShowHome"),
        ("OPTIONS /api/charts", "ShowHome"),
        ("PATCH /", "ShowHome"),
        ("GET ${ContextPath}", "ShowHome"),
        ("GET ${ContextPath}/health", "ShowHome"),
        ("GET ${ContextPath}/info", "ShowHome"),
        ("GET ${ContextPath}/metrics", "ShowHome"),
        ("GET ${ContextPath}/api/charts", "ListCharts"),
        ("HEAD ${ContextPath}/api/charts/a", "ListCharts"),
        ("POST ${ContextPath}/api/charts", "UploadCharts"),
        ("DELETE ${ContextPath}/api/charts/a/1.0.0", "DeleteCharts"),
    ],
)
def test_a_request_reaches_its_function(request_line: str, function: str) -> None:
    method, path = request_line.split()

    assert routed(method, path) == function


def test_the_base_path_needs_no_routes_of_its_own_for_files() -> None:
    assert routed("GET", "/any/base/path/index.yaml") == "ReadFiles"


def test_the_routes_below_a_base_path_exist_only_with_one() -> None:
    below = {name for name, route in RESOURCES.items() if route.get("Condition") == "HasContextPath"}

    assert len(below) == sum("${ContextPath}" in key for key in ROUTES)
    assert not any(exists(name, values()) for name in below)
    assert all(exists(name, values({"ContextPath": "/charts"})) for name in below)


def test_no_two_routes_are_the_same() -> None:
    assert len(ROUTES) == len(resources("AWS::ApiGatewayV2::Route"))


def test_every_function_behind_the_api_may_be_called_by_this_api_only() -> None:
    permissions = {
        permission["Properties"]["FunctionName"]["Ref"]: permission["Properties"]
        for permission in resources("AWS::Lambda::Permission").values()
    }

    assert set(permissions) == set(ROUTES.values())
    for permission in permissions.values():
        assert permission["Principal"] == "apigateway.amazonaws.com"
        assert permission["SourceArn"]["Fn::Sub"].endswith(":${AWS::AccountId}:${Api}/*")


def test_functions_are_sent_payload_version_2() -> None:
    for integration in resources("AWS::ApiGatewayV2::Integration").values():
        assert integration["Properties"]["PayloadFormatVersion"] == "2.0"
        assert integration["Properties"]["IntegrationType"] == "AWS_PROXY"


def test_functions_behind_the_api_end_before_the_gateway_gives_up() -> None:
    for function in set(ROUTES.values()):
        assert FUNCTIONS[function]["Properties"].get("Timeout", GLOBALS["Timeout"]) < 30


def test_the_gateway_answers_no_cors_itself() -> None:
    assert "CorsConfiguration" not in RESOURCES["Api"]["Properties"]


def test_the_url_has_no_stage_in_it() -> None:
    assert RESOURCES["Stage"]["Properties"]["StageName"] == "$default"
    assert RESOURCES["Stage"]["Properties"]["AutoDeploy"] is True


def test_routes_that_work_in_a_function_have_a_lower_throttle_than_redirects() -> None:
    stage = RESOURCES["Stage"]
    settings, routes = stage["Properties"]["RouteSettings"], resources("AWS::ApiGatewayV2::Route")
    named = {name for name, route in routes.items() if str(route["Properties"]["RouteKey"]) in settings}

    assert stage["Properties"]["DefaultRouteSettings"] == {"ThrottlingRateLimit": 50, "ThrottlingBurstLimit": 100}
    assert {ROUTES[key] for key in settings} == {"ReadFiles", "PullArtifacts"}
    assert all(limit["ThrottlingRateLimit"] <= 2500 for limit in settings.values())
    # CloudFormation refuses settings of a route that does not exist yet.
    assert set(stage["DependsOn"]) == named
    assert len(named) == len(settings)


def test_the_domain_maps_to_the_root() -> None:
    assert "ApiMappingKey" not in RESOURCES["DomainMapping"]["Properties"]


def test_mutual_tls_cannot_be_bypassed() -> None:
    assert RESOURCES["Api"]["Properties"]["DisableExecuteApiEndpoint"] == {"Fn::If": ["HasMutualTls", True, False]}
