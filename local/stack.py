"""`sam deploy` into an emulator: the same command, template and artifacts as for AWS."""

import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from local.build import build, host_architecture
from local.emulator import Emulator
from local.places import ROOT
from local.progress import Trouble, step
from local.tools import sam, sam_environment

ARTIFACTS = "charthouse-artifacts"
"""The emulator's bucket for what SAM uploads."""

LOCAL = {"RequireTls": "false", "AccessLogs": "false"}
"""What every stack in the emulator has: it speaks plain HTTP and writes no access logs."""


@dataclass(frozen=True)
class Stack:
    """A deployed stack."""

    name: str
    emulator: Emulator
    outputs: Mapping[str, str]
    resources: Mapping[str, str]
    """Logical id → physical id."""
    types: Mapping[str, str]
    """Logical id → resource type."""

    @cached_property
    def bucket(self) -> str:
        """Name of the bucket that holds the packages."""
        return self.outputs["BucketName"]

    @cached_property
    def table(self) -> str:
        """Name of the table."""
        return self._only("AWS::DynamoDB::Table")

    @cached_property
    def api_id(self) -> str:
        """Id of the HTTP API."""
        return self._only("AWS::ApiGatewayV2::Api")

    @cached_property
    def functions(self) -> dict[str, str]:
        """Logical id → name of every function."""
        return {key: self.resources[key] for key, kind in self.types.items() if kind == "AWS::Lambda::Function"}

    def client(self, service: str) -> Any:
        """Return a boto3 client with the root key."""
        return self.emulator.client(service)

    def _only(self, kind: str) -> str:
        (found,) = (self.resources[key] for key, value in self.types.items() if value == kind)
        return found


def deploy(
    emulator: Emulator,
    name: str = "charthouse",
    parameters: Mapping[str, str] | None = None,
    template: Path | None = None,
) -> Stack:
    """Deploy the built template (built now if need be) as the named stack, or update it.

    Several stacks with different names live in one emulator. Raises `Trouble` with SAM's own words if it fails.
    """
    built = template or build()
    given = {**LOCAL, "Architecture": host_architecture(), **(parameters or {})}
    defaults = declared(built)
    unknown = sorted(set(parameters or {}) - set(defaults))
    if unknown:
        raise Trouble(f"The template has no parameter {unknown[0]}: the README lists those it has.")
    # Defaults too: SAM would leave a parameter that is not given as an earlier deployment had it.
    given = {key: given.get(key, default) for key, default in defaults.items()}
    _artifact_bucket(emulator)
    with step(f"Deploying the stack {name} (sam deploy)"):
        _deploy(emulator, name, given, built)
    return describe(emulator, name)


def describe(emulator: Emulator, name: str) -> Stack:
    """Return a stack that is deployed already."""
    cloudformation = emulator.client("cloudformation")
    (described,) = cloudformation.describe_stacks(StackName=name)["Stacks"]
    resources = [
        resource
        for page in cloudformation.get_paginator("list_stack_resources").paginate(StackName=name)
        for resource in page["StackResourceSummaries"]
    ]
    return Stack(
        name,
        emulator,
        {item["OutputKey"]: item["OutputValue"] for item in described.get("Outputs", [])},
        {item["LogicalResourceId"]: item["PhysicalResourceId"] for item in resources},
        {item["LogicalResourceId"]: item["ResourceType"] for item in resources},
    )


def overrides(parameters: Mapping[str, str]) -> str:
    """Return parameters as `--parameter-overrides` reads them, whatever characters are in the values."""
    quoted = {key: re.sub(r'(["\\])', r"\\\1", value) for key, value in parameters.items()}
    return " ".join(f'ParameterKey={key},ParameterValue="{value}"' for key, value in quoted.items())


def declared(template: Path) -> dict[str, str]:
    """Return the template's Parameters: name → default."""
    section = re.search(r"^Parameters:\n((?:[ #].*\n|\n)*)", template.read_text(), re.MULTILINE)
    # Only this section is plain YAML; the others have CloudFormation's tags.
    parameters: dict[str, dict[str, object]] = yaml.safe_load(section[1]) if section else {}
    return {name: str(parameter["Default"]) for name, parameter in parameters.items()}


def _deploy(emulator: Emulator, name: str, parameters: Mapping[str, str], built: Path) -> None:
    command: list[str | Path] = [
        *(
            sam(),
            "deploy",
            "--template-file",
            built,
            "--stack-name",
            name,
            "--parameter-overrides",
            overrides(parameters),
        ),
        *("--s3-bucket", ARTIFACTS, "--capabilities", "CAPABILITY_IAM"),
        *("--no-confirm-changeset", "--no-fail-on-empty-changeset", "--no-progressbar", "--on-failure", "DELETE"),
    ]
    # The emulator is ready within a second: SAM's usual 5 s between two looks would be most of the time.
    own = {key: value for key, value in sam_environment().items() if not key.startswith("AWS_")}
    quick = {"SAM_CLI_POLL_DELAY": "0.2"}
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**own, **quick, **emulator.environment()},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    if done.returncode != 0:
        raise Trouble(f"sam deploy failed:\n{done.stdout[-4000:]}{done.stderr[-4000:]}")


def _artifact_bucket(emulator: Emulator) -> None:
    s3 = emulator.client("s3")
    if ARTIFACTS not in {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]}:
        s3.create_bucket(Bucket=ARTIFACTS)
