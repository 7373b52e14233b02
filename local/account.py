"""A stack that is deployed, in an AWS account or in the local emulator: its parameters, outputs and clients."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from local.progress import Trouble


def ambient_client(service: str) -> Any:
    """Return a boto3 client with the credentials and the region of the environment."""
    session: Any = boto3.Session()
    return session.client(service)


@dataclass(frozen=True, slots=True)
class DeployedStack:
    """What CloudFormation says of a stack."""

    name: str
    parameters: Mapping[str, str]
    """As given or by default; what is `NoEcho` is masked."""
    outputs: Mapping[str, str]
    client: Callable[[str], Any]
    """Service → boto3 client in the stack's account and region."""

    @classmethod
    def find(cls, name: str, client: Callable[[str], Any] = ambient_client) -> Self | None:
        """Return the stack, or None if there is none of this name; raises `Trouble` if AWS cannot be asked."""
        try:
            (found,) = client("cloudformation").describe_stacks(StackName=name)["Stacks"]
        except ClientError as error:
            if "does not exist" in str(error):
                return None
            raise Trouble(f"The stack {name} cannot be read: {error}") from error
        except BotoCoreError as error:
            raise Trouble(f"AWS cannot be asked for the stack {name}: {error}") from error
        return cls(
            name,
            {item["ParameterKey"]: item["ParameterValue"] for item in found.get("Parameters", [])},
            {item["OutputKey"]: item["OutputValue"] for item in found.get("Outputs", [])},
            client,
        )

    @classmethod
    def get(cls, name: str, client: Callable[[str], Any] = ambient_client) -> Self:
        """Return the stack; raises `Trouble` if there is none."""
        found = cls.find(name, client)
        if found is None:
            raise Trouble(f"There is no stack {name} in this account and region: STACK names another.")
        return found
