"""What the Makefile calls. Options come from the environment, where make puts what is given on its command line."""

import json
import os
import shlex
import signal
import subprocess
import threading
from types import FrameType
from typing import Annotated, Any

import boto3
import typer
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from local.build import compile_layer
from local.guide import guide
from local.laptop import Laptop, Running, authentication, gateway_port
from local.payload import Request, Response
from local.places import BUILDS, ROOT, data_folder
from local.progress import Trouble, give_up, say
from local.stack import overrides
from local.tools import sam, sam_environment

commands = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)

Parameters = Annotated[
    str, typer.Option(envvar="PARAMETERS", help="Template parameters, as \"Depth=1 AuthRealm='a b'\"")
]
StackName = Annotated[str, typer.Option(envvar="STACK", help="Name of the stack on AWS")]
RECONCILE_SECONDS = 910


@commands.command()
def run(parameters: Parameters = "") -> None:
    """Serve the local stack until Ctrl-C."""
    stopped = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        del number, frame
        # The first signal ends whatever is being waited for; more of them do not disturb the saving.
        if not stopped.is_set():
            stopped.set()
            raise _Stopped

    for wanted in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(wanted, stop)
    given = read_parameters(parameters)
    data = data_folder()
    try:
        with Laptop(data, gateway_port(), watcher=_tell) as laptop:
            laptop.start(given)
            known = data if os.environ.get("CHARTHOUSE_DATA") else None
            say(f"\n{guide(laptop.gateway.url, authentication(given, laptop.key), known)}\n")
            while laptop.emulator.running():
                stopped.wait(1)
            raise Trouble(f"The AWS emulator has ended: {laptop.emulator.log} says why.")
    except _Stopped:
        say("Stopped.")


@commands.command()
def env() -> None:
    """Print the variables that bring the AWS CLI and boto3 to the running local stack."""
    running = Running.read(data_folder())
    variables = {
        "AWS_ENDPOINT_URL": running.endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": running.region,
        # boto3 looks at this one only.
        "AWS_DEFAULT_REGION": running.region,
        "CHARTHOUSE_BUCKET": running.bucket,
    }
    for name, value in variables.items():
        print(f"export {name}={shlex.quote(value)}")


@commands.command()
def reconcile(stack: StackName = "") -> None:
    """Compare bucket, rows and index now, repair, and print the report."""
    client, function = _on_aws(stack) if stack else _local()
    say(f"• Reconciling with {function} …")
    answer = client.invoke(FunctionName=function, Payload=json.dumps({"task": "reconcile"}).encode())
    report = json.loads(answer["Payload"].read())
    print(json.dumps(report, indent=2))
    if answer.get("FunctionError"):
        raise Trouble("The reconciliation failed: the function's log says why.")


@commands.command()
def deploy(
    stack: StackName = "charthouse",
    parameters: Parameters = "",
    guided: Annotated[str, typer.Option(envvar="GUIDED", help="Anything: let SAM ask for everything")] = "",
) -> None:
    """Build and deploy to the AWS account of the ambient credentials."""
    given = read_parameters(parameters)
    architecture = given.setdefault("Architecture", "arm64")
    _foreground("build", "--parameter-overrides", f"Architecture={architecture}")
    compile_layer(BUILDS / "build" / "Layer")
    questions = ["--guided"] if guided else []
    _foreground("deploy", "--stack-name", stack, "--parameter-overrides", overrides(given), *questions)


def read_parameters(text: str) -> dict[str, str]:
    """Read `Depth=1 AuthRealm='a b'`, quoted as for a shell; raises `Trouble`."""
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise Trouble(f"PARAMETERS cannot be read: {error}.") from error
    found = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name.isalnum():
            raise Trouble(f"PARAMETERS takes Name=value pairs separated by spaces, and {word!r} is none.")
        found[name] = value
    return found


def main() -> None:
    """Run one command; end with one sentence where the person can put something right."""
    try:
        commands()
    except Trouble as trouble:
        give_up(trouble)


class _Stopped(BaseException):
    """Somebody wants the local stack to stop. Not an `Exception`, so that nothing on the way takes it for one."""


def _tell(request: Request, response: Response, seconds: float) -> None:
    say(f"  {request.method} {request.target} {response.status} {seconds * 1000:.0f} ms")


def _local() -> tuple[Any, str]:
    running = Running.read(data_folder())
    return running.client("lambda"), running.reconcile


def _on_aws(stack: str) -> tuple[Any, str]:
    session: Any = boto3.Session()
    try:
        (described,) = session.client("cloudformation").describe_stacks(StackName=stack)["Stacks"]
    except (ClientError, BotoCoreError) as error:
        raise Trouble(f"The stack {stack} cannot be read: {error}") from error
    outputs = {item["OutputKey"]: item["OutputValue"] for item in described.get("Outputs", [])}
    config = Config(read_timeout=RECONCILE_SECONDS, retries={"total_max_attempts": 1})
    return session.client("lambda", config=config), outputs["ReconcileFunction"]


def _foreground(*arguments: str) -> None:
    done = subprocess.run([sam(), *arguments], cwd=ROOT, env=sam_environment(), check=False)
    if done.returncode != 0:
        raise Trouble(f"sam {arguments[0]} failed: it says why above.")


if __name__ == "__main__":
    main()
