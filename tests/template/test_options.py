"""The parameters: each documented, bounded, safe by default, and handed to the code under its own name."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from charthouse.settings import MAX_UPLOAD_SIZE, Settings, Storage

from tests.template.parsed import GLOBALS, PARAMETERS, TEMPLATE, holds, named, refusals, values

VARIABLES: dict[str, Any] = GLOBALS["Environment"]["Variables"]
MADE_HERE = {"CHARTHOUSE_BUCKET", "CHARTHOUSE_TABLE", "CHARTHOUSE_BASIC_AUTH_SECRET", "CHARTHOUSE_ALARMS"}
"""Variables whose value is a resource's name or a condition, not a parameter's value."""
EACH = pytest.mark.parametrize("name", PARAMETERS)


class _Asked(Mapping[str, str]):
    """An empty environment that remembers what it was asked for."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.names.add(name)
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


def test_the_template_sets_what_the_code_reads_and_nothing_else() -> None:
    asked = _Asked()

    Settings.read(asked)

    ours = {name for name in asked.names if name.startswith("CHARTHOUSE_")}
    assert {name for name in VARIABLES if name.startswith("CHARTHOUSE_")} == ours


@pytest.mark.parametrize("variable", [name for name in VARIABLES if name.startswith("CHARTHOUSE_")])
def test_a_variable_is_named_after_its_parameter(variable: str) -> None:
    parameter = variable.removeprefix("CHARTHOUSE_").title().replace("_", "")

    assert variable in MADE_HERE or VARIABLES[variable] == {"Ref": parameter}


def test_the_defaults_of_the_template_are_the_defaults_of_the_code() -> None:
    given = values()
    environ = {name: given[value["Ref"]] for name, value in VARIABLES.items() if name not in MADE_HERE and _ours(name)}

    assert Settings.read(environ) == Settings()


def test_the_environment_fits_into_lambda_however_the_parameters_are_filled() -> None:
    # https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html: 4 KB in total
    bucket, made_by_cloudformation, arn = 63, 150, 130
    longest = {
        "POWERTOOLS_SERVICE_NAME": 128,
        "POWERTOOLS_METRICS_NAMESPACE": len("charthouse"),
        "CHARTHOUSE_BUCKET": bucket,
        "CHARTHOUSE_TABLE": made_by_cloudformation,
        "CHARTHOUSE_BASIC_AUTH_SECRET": arn,
        "CHARTHOUSE_ALARMS": len("true"),
    }

    # Lambda measures the variables as JSON, in which a quote or a backslash takes two bytes.
    filled = {name: "x" * longest[name] if name in longest else _filled(value) for name, value in VARIABLES.items()}
    total = len(json.dumps(filled, separators=(",", ":")))

    assert set(longest) | {name for name in VARIABLES if "Ref" in VARIABLES[name]} >= set(VARIABLES)
    assert total <= 4096


def test_what_goes_into_the_environment_is_one_byte_a_character() -> None:
    patterns = [PARAMETERS[name].get("AllowedPattern", "") for name in named(VARIABLES) & set(PARAMETERS)]

    # A class that names what it refuses would let in everything else.
    assert not any(refused in pattern for pattern in patterns for refused in ("[^", r"\S", r"\D", r"\w"))


def test_nothing_secret_is_in_the_environment() -> None:
    secret = {name for name, parameter in PARAMETERS.items() if parameter.get("NoEcho")}

    assert secret == {"BasicAuthPass"}
    assert not secret & named(VARIABLES)


@EACH
def test_a_parameter_is_documented(name: str) -> None:
    description = PARAMETERS[name]["Description"]

    assert description[0].isupper()
    assert not description.endswith(".")


@EACH
def test_a_parameter_has_bounds(name: str) -> None:
    parameter = PARAMETERS[name]
    free = {"TruststoreVersion"}

    assert name in free or {"AllowedValues", "AllowedPattern", "MinValue"} & set(parameter)
    assert "AllowedPattern" not in parameter or "ConstraintDescription" in parameter


@EACH
def test_a_default_keeps_its_own_bounds(name: str) -> None:
    parameter, default = PARAMETERS[name], PARAMETERS[name]["Default"]

    assert default in parameter.get("AllowedValues", [default])
    assert re.fullmatch(parameter.get("AllowedPattern", ".*"), str(default))
    assert parameter.get("MinValue", 0) <= (default if isinstance(default, int) else 0)


@EACH
def test_a_parameter_is_used(name: str) -> None:
    used = named({key: TEMPLATE[key] for key in ("Conditions", "Globals", "Resources", "Outputs")})

    assert name in used


def test_every_parameter_is_in_one_group() -> None:
    groups = TEMPLATE["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]

    assert sorted(name for group in groups for name in group["Parameters"]) == sorted(PARAMETERS)


def test_an_upload_is_no_larger_than_an_event_can_carry() -> None:
    assert PARAMETERS["MaxUploadSize"]["MaxValue"] == PARAMETERS["MaxUploadSize"]["Default"] == MAX_UPLOAD_SIZE


def test_writing_needs_configuration() -> None:
    settings = Settings.read({"CHARTHOUSE_BEARER_AUTH": values()["BearerAuth"]})

    assert values()["AllowAnonymousPush"] == values()["AllowOverwrite"] == "false"
    assert not settings.access.anonymous_push
    assert settings.storage == Storage()


KEY = "arn:aws:kms:eu-central-1:123456789012:key/0a1b2c3d"
CERTIFICATE = "arn:aws:acm:eu-central-1:123456789012:certificate/0a1b2c3d"
DOMAIN = {"DomainName": "charts.example.com", "CertificateArn": CERTIFICATE}
TRUSTSTORE = {"TruststoreUri": "s3://bucket/ca.pem", "TruststoreVersion": "3LgO1xk"}
PASSWORD = "0123456789abcdef"


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"BasicAuthUser": "admin"}, "without BasicAuthPass"),
        ({"BasicAuthPass": PASSWORD}, "without BasicAuthUser"),
        ({"BearerAuth": "true"}, "needs AuthPublicKey"),
        ({"AllowAnonymousPush": "true", "BearerAuth": "true", "AuthPublicKey": "MII"}, "would bypass BearerAuth"),
        ({"AllowAnonymousPush": "true", "BasicAuthUser": "a", "BasicAuthPass": PASSWORD}, "would bypass BearerAuth"),
        ({"AllowAnonymousPush": "true", "AccessPolicy": "true"}, "would bypass BearerAuth"),
        ({"ProvPostFormFieldName": "chart"}, "must not be the same"),
        ({"KmsKeyArn": KEY}, "needs StorageAmazonSse=aws:kms"),
        ({"DomainName": "charts.example.com"}, "needs CertificateArn"),
        ({"CertificateArn": CERTIFICATE}, "CertificateArn is set without DomainName"),
        ({"HostedZoneId": "Z1"}, "HostedZoneId is set without DomainName"),
        (TRUSTSTORE, "TruststoreUri is set without DomainName"),
        (DOMAIN | {"TruststoreUri": "s3://bucket/ca.pem"}, "needs TruststoreVersion"),
        ({"TruststoreVersion": "1"}, "without TruststoreUri"),
        (DOMAIN | {"OwnershipVerificationCertificateArn": CERTIFICATE}, "without TruststoreUri"),
    ],
)
def test_a_contradiction_is_refused_with_a_reason(given: dict[str, str], reason: str) -> None:
    (refused,) = refusals(values(given))

    assert reason in refused


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"BasicAuthUser": "admin", "BasicAuthPass": PASSWORD, "BearerAuth": "true", "AuthPublicKey": "MII"},
        {"AllowAnonymousPush": "true"},
        {"StorageAmazonSse": "aws:kms"},
        {"StorageAmazonSse": "aws:kms", "KmsKeyArn": KEY},
        {"BucketName": "old-charts", "KmsKeyArn": KEY},
        {"FormerKmsKeyArn": KEY},
        DOMAIN | TRUSTSTORE,
        DOMAIN | TRUSTSTORE | {"OwnershipVerificationCertificateArn": CERTIFICATE},
    ],
)
def test_a_combination_that_works_is_accepted(given: dict[str, str]) -> None:
    assert refusals(values(given)) == []


def test_mutual_tls_is_on_only_with_a_domain_and_a_truststore() -> None:
    domain = {"DomainName": "charts.example.com"}

    assert not holds({"Condition": "HasMutualTls"}, values(domain))
    assert holds({"Condition": "HasMutualTls"}, values(domain | {"TruststoreUri": "s3://bucket/ca.pem"}))


@pytest.mark.parametrize(
    ("name", "value", "fits"),
    [
        ("ContextPath", "/charts", True),
        ("ContextPath", "/my/crazy/path", True),
        ("ContextPath", "charts", False),
        ("ContextPath", "/charts/", False),
        ("ContextPath", "/{proxy+}", False),
        ("StorageAmazonPrefix", "some/prefix", True),
        ("StorageAmazonPrefix", "some/*", False),
        ("StorageAmazonPrefix", "/some", False),
        ("StorageAmazonPrefix", "some/", False),
        ("BasicAuthUser", "me:you", False),
        ("BasicAuthUser", 'me"you', False),
        ("BasicAuthUser", "me@example.com [ci]", True),
        ("BasicAuthPass", "correct-horse", False),
        ("BasicAuthPass", "0123456789abcdef", True),
        ("BasicAuthPass", 'pässwörter mit "$"', True),
        ("AuthPublicKey", "-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqh+/=\n-----END PUBLIC KEY-----\n", True),
        ("AuthRealm", "https://auth.example.com/token", True),
        ("AuthRealm", 'a"b', False),
        ("AuthRealm", "a\\b", False),
        ("AuthActionsSearchPath", "access[0].actions", True),
        ("ChartUrl", "https://charts.example.com/?a=b", False),
        ("ChartUrl", "https://charts.example.com/base", True),
        ("ChartUrl", "charts.example.com", False),
        ("ChartUrl", 'https://charts.example.com/"', False),
        ("ChartUrl", "https://charts.example.com/[a]_~", True),
        ("CorsAllowOrigin", "*", True),
        ("CorsAllowOrigin", "https://example.com/", False),
        ("CorsAllowOrigin", "https://ui.example.com:8443", True),
        ("CorsAllowOrigin", 'https://"example.com', False),
        ("ArtifactHubRepoId", "0e1f,org1/repo1=1a2b", True),
        ("BucketName", "s3://charts", False),
        ("HostedZoneId", "/hostedzone/Z1", False),
    ],
)
def test_a_pattern_lets_in_what_makes_sense(name: str, value: str, fits: bool) -> None:  # noqa: FBT001
    assert bool(re.fullmatch(PARAMETERS[name]["AllowedPattern"], value)) is fits


def _ours(variable: str) -> bool:
    return variable.startswith("CHARTHOUSE_")


def _filled(value: Any) -> str:
    """Return the value of a parameter that takes the most bytes as JSON."""
    parameter = PARAMETERS[value["Ref"]]
    if "AllowedValues" in parameter:
        return str(max(parameter["AllowedValues"], key=len))
    if parameter["Type"] == "Number":
        return str(parameter.get("MaxValue", 10**10))
    longest = int(parameter["MaxLength"])
    if value["Ref"] == "AuthPublicKey":
        # PEM: a newline after 64 characters.
        return "\n".join(["x" * 64] * (longest // 64))
    # A prefix that the pattern wants costs a few bytes less than the quotes in its place.
    return ('"' if _lets_in(parameter["AllowedPattern"], '"') else "x") * longest


def _lets_in(pattern: str, character: str) -> bool:
    return any(re.fullmatch(pattern, before + character) for before in ("", "http://a", "/a"))
