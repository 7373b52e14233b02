"""What `make deploy` and `make reconcile` learn of a stack that is deployed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml
from moto import mock_aws

from local.account import DeployedStack
from local.cli import allow_only, deployed_architecture
from local.places import ROOT
from local.progress import Trouble
from local.stack import declared

TEMPLATE = """
Parameters:
  Architecture: {Type: String, Default: arm64}
Resources:
  Topic: {Type: AWS::SNS::Topic}
Outputs:
  TopicArn: {Value: !Ref Topic}
"""


@pytest.fixture
def cloudformation() -> Iterator[Any]:
    with mock_aws():
        session: Any = boto3.Session("test", "test", region_name="eu-central-1")
        yield session.client("cloudformation")


def test_a_stack_is_found_with_its_parameters_and_outputs(cloudformation: Any) -> None:
    given = [{"ParameterKey": "Architecture", "ParameterValue": "x86_64"}]
    cloudformation.create_stack(StackName="charts", TemplateBody=TEMPLATE, Parameters=given)

    stack = DeployedStack.get("charts", lambda _: cloudformation)

    assert stack.parameters == {"Architecture": "x86_64"}
    assert stack.outputs["TopicArn"].startswith("arn:aws:sns:eu-central-1:")
    assert deployed_architecture(stack) == "x86_64"


def test_a_stack_that_is_not_there_is_none_or_a_sentence(cloudformation: Any) -> None:
    # A name of its own: the mocked account may be that of other tests, too.
    assert DeployedStack.find("absent", lambda _: cloudformation) is None
    with pytest.raises(Trouble, match="There is no stack absent"):
        DeployedStack.get("absent", lambda _: cloudformation)


def test_credentials_that_are_missing_are_said_in_a_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))

    with pytest.raises(Trouble, match=r"AWS cannot be asked for the stack charts: .*region"):
        DeployedStack.find("charts")


def test_the_first_deployment_is_for_the_template_s_default() -> None:
    assert deployed_architecture(None) == declared(ROOT / "template.yaml")["Architecture"]


def test_a_built_template_accepts_the_architecture_it_was_built_for_alone(tmp_path: Path) -> None:
    built = tmp_path / "template.yaml"
    architecture = {"Type": "String", "Default": "arm64", "AllowedValues": ["arm64", "x86_64"]}
    text = {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "über",
        "Parameters": {"Architecture": architecture},
    }
    built.write_text(yaml.safe_dump(text))

    allow_only(built, "x86_64")

    read = yaml.safe_load(built.read_text())
    assert read["Parameters"]["Architecture"]["AllowedValues"] == ["x86_64"]
    assert (read["AWSTemplateFormatVersion"], read["Description"]) == ("2010-09-09", "über")
