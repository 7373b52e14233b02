"""Stacks in an emulator: `sam deploy`, as for AWS, and a quicker way to many stacks of one build."""

import json
import re
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml
from botocore.exceptions import ClientError

from local.build import build, host_architecture
from local.emulator import Emulator
from local.lock import locked
from local.places import BUILDS, ROOT
from local.progress import Trouble, step
from local.tools import sam, sam_environment

ARTIFACTS = "charthouse-artifacts"
"""The emulator's bucket for what SAM uploads."""

TEMPLATE = "template.yaml"
CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]

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
    given = _parameters(built, parameters or {})
    _artifact_bucket(emulator)
    with step(f"Deploying the stack {name} (sam deploy)"), overrides(given) as file:
        _sam(
            emulator,
            *("deploy", "--template-file", built, "--stack-name", name, "--parameter-overrides", file),
            *("--s3-bucket", ARTIFACTS, "--capabilities", "CAPABILITY_IAM", "--no-confirm-changeset"),
            *("--no-fail-on-empty-changeset", "--no-progressbar", "--on-failure", "DELETE"),
        )
    return describe(emulator, name)


def create(emulator: Emulator, name: str, parameters: Mapping[str, str]) -> Stack:
    """Create the named stack, or update it, from what `sam package` made of the build: once for all emulators.

    A stack takes a second this way and ten by `sam deploy`. Raises `Trouble` if CloudFormation fails.
    """
    built = build()
    given = [{"ParameterKey": key, "ParameterValue": value} for key, value in _parameters(built, parameters).items()]
    template = f"{emulator.endpoint}/{ARTIFACTS}/{_upload(emulator, built)}"
    cloudformation = emulator.client("cloudformation")
    request = {"StackName": name, "TemplateURL": template, "Parameters": given, "Capabilities": CAPABILITIES}
    try:
        if any(stack["StackName"] == name for stack in cloudformation.describe_stacks()["Stacks"]):
            cloudformation.update_stack(**request)
        else:
            cloudformation.create_stack(**request)
        while (status := _status(cloudformation, name)).endswith("_IN_PROGRESS"):
            time.sleep(0.1)
    except ClientError as error:
        raise Trouble(f"The stack {name} could not be deployed: {error}") from error
    if status not in {"CREATE_COMPLETE", "UPDATE_COMPLETE"}:
        raise Trouble(f"The stack {name} could not be deployed: {status}, and {emulator.log} says why.")
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


@contextmanager
def overrides(parameters: Mapping[str, str]) -> Iterator[str]:
    """Yield what `--parameter-overrides` takes for any values, passwords too: a file that only its owner can read.

    The arguments of a process can be read by every user of the machine.
    """
    # SAM unquotes values that come from a file twice.
    quoted = {key: _quoted(_quoted(value)) for key, value in parameters.items()}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "parameters.yaml")
        file.touch(mode=0o600)
        file.write_text(json.dumps(quoted, ensure_ascii=False), encoding="utf-8")
        yield f"file://{file}"


def _quoted(value: str) -> str:
    """Quote for SAM, which takes off a pair of quotes, and a backslash in front of a quote or a space."""
    return '"' + re.sub(r"([\"' ])", r"\\\1", value) + '"'


def declared(template: Path) -> dict[str, str]:
    """Return the template's Parameters: name → default."""
    section = re.search(r"^Parameters:\n((?:[ #].*\n|\n)*)", template.read_text(), re.MULTILINE)
    # Only this section is plain YAML; the others have CloudFormation's tags.
    parameters: dict[str, dict[str, object]] = yaml.safe_load(section[1]) if section else {}
    return {name: str(parameter["Default"]) for name, parameter in parameters.items()}


def _parameters(built: Path, given: Mapping[str, str]) -> dict[str, str]:
    """Return a value for every parameter: a stack that is updated would keep its earlier value of one left out."""
    defaults = declared(built)
    unknown = sorted(set(given) - set(defaults))
    if unknown:
        raise Trouble(f"The template has no parameter {unknown[0]}: the README lists those it has.")
    values = {**defaults, **LOCAL, "Architecture": host_architecture(), **given}
    return {key: values[key] for key in defaults}


def _status(cloudformation: Any, name: str) -> str:
    (described,) = cloudformation.describe_stacks(StackName=name)["Stacks"]
    return str(described["StackStatus"])


def _upload(emulator: Emulator, built: Path) -> str:
    """Put the build's artifacts into the emulator, unless they are there; return the key of the template."""
    packaged, prefix = built.parent / "packaged", built.parent.name
    s3 = emulator.client("s3")
    _artifact_bucket(emulator)
    with locked(BUILDS / f"{prefix}.lock"):
        if not packaged.exists():
            _package(emulator, built, packaged)
    present = _artifacts(s3, prefix)
    for path in packaged.iterdir():
        if path.name not in present:
            s3.put_object(Bucket=ARTIFACTS, Key=f"{prefix}/{path.name}", Body=path.read_bytes())
    return f"{prefix}/{TEMPLATE}"


def _package(emulator: Emulator, built: Path, target: Path) -> None:
    """Run `sam package` and keep the template, and what it uploaded, in the folder."""
    prefix, s3 = built.parent.name, emulator.client("s3")
    with tempfile.TemporaryDirectory(dir=built.parent) as scratch, step("Packaging the build (sam package)"):
        folder = Path(scratch, "packaged")
        folder.mkdir()
        _sam(
            emulator,
            *("package", "--template-file", built, "--s3-bucket", ARTIFACTS, "--s3-prefix", prefix),
            # JSON, which is YAML too: the emulator reads it for every stack, in a fiftieth of the time.
            *("--no-progressbar", "--use-json", "--output-template-file", folder / TEMPLATE),
        )
        for name in _artifacts(s3, prefix):
            s3.download_file(ARTIFACTS, f"{prefix}/{name}", str(folder / name))
        folder.rename(target)


def _artifacts(s3: Any, prefix: str) -> set[str]:
    listed = s3.list_objects_v2(Bucket=ARTIFACTS, Prefix=f"{prefix}/").get("Contents", [])
    return {item["Key"].rpartition("/")[2] for item in listed}


def _sam(emulator: Emulator, verb: str, *arguments: str | Path) -> None:
    # The emulator is ready within a second: SAM's usual 5 s between two looks would be most of the time.
    own = {key: value for key, value in sam_environment().items() if not key.startswith("AWS_")}
    done = subprocess.run(
        [sam(), verb, *arguments],
        cwd=ROOT,
        env={**own, "SAM_CLI_POLL_DELAY": "0.2", **emulator.environment()},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    if done.returncode != 0:
        raise Trouble(f"sam {verb} failed:\n{done.stdout[-4000:]}{done.stderr[-4000:]}")


def _artifact_bucket(emulator: Emulator) -> None:
    s3 = emulator.client("s3")
    if ARTIFACTS not in {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]}:
        s3.create_bucket(Bucket=ARTIFACTS)
