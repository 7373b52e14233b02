"""What the Makefile calls. Options come from the environment, where make puts what is given on its command line."""

import json
import os
import shlex
import signal
import subprocess
import threading
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer
import yaml

from local.account import DeployedStack
from local.build import compile_layer
from local.guide import guide
from local.laptop import NAME, Laptop, Running, authentication, gateway_port
from local.payload import Request, Response
from local.places import BUILDS, ROOT, data_folder
from local.progress import Trouble, give_up, say
from local.reconcile import Reconciliation
from local.stack import overrides
from local.tools import sam, sam_environment

commands = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)

Parameters = Annotated[
    str, typer.Option(envvar="PARAMETERS", help="Template parameters, as \"Depth=1 AuthRealm='a b'\"")
]
StackName = Annotated[str, typer.Option(envvar="STACK", help="Name of the stack on AWS")]
FAILED_REPOSITORIES = 3
"""Exit status of a reconciliation that was done, but for the repositories it names."""


@commands.command()
def run(parameters: Parameters = "") -> None:
    """Serve the local stack until Ctrl-C."""
    stopped = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        del number, frame
        # The first signal interrupts any wait; later ones do not disturb the saving.
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
    """Print the variables that direct the AWS CLI and boto3 to the running local stack."""
    running = Running.read(data_folder())
    variables = {
        "AWS_ENDPOINT_URL": running.endpoint,
        "AWS_ACCESS_KEY_ID": running.key_id,
        "AWS_SECRET_ACCESS_KEY": running.secret,
        "AWS_REGION": running.region,
        # boto3 looks at this one only.
        "AWS_DEFAULT_REGION": running.region,
        "CHARTHOUSE_BUCKET": running.bucket,
    }
    for name, value in variables.items():
        print(f"export {name}={shlex.quote(value)}")


@commands.command()
def reconcile(stack: StackName = "") -> None:
    """Compare bucket, rows and index now, repair, and print the counts; status 3 if a repository failed."""
    found = DeployedStack.get(stack) if stack else DeployedStack.get(NAME, Running.read(data_folder()).client)
    reconciliation = Reconciliation(found)
    reconciliation.start()
    say(f"• Reconciling; Ctrl-C ends the watching only. Log group {found.outputs['LogGroup']} …")
    counts = reconciliation.follow()
    print(json.dumps(counts, indent=2))
    if counts["failed_repositories"]:
        say("These repositories could not be compared, see above: " + ", ".join(counts["failed_repositories"]))
        raise typer.Exit(FAILED_REPOSITORIES)


@commands.command()
def deploy(
    stack: StackName = "charthouse",
    parameters: Parameters = "",
    guided: Annotated[str, typer.Option(envvar="GUIDED", help="Anything: let SAM ask for everything")] = "",
) -> None:
    """Build and deploy to the AWS account of the ambient credentials."""
    given = read_parameters(parameters)
    architecture = given.setdefault("Architecture", deployed_architecture(DeployedStack.find(stack)))
    _foreground("build", "--parameter-overrides", f"Architecture={architecture}")
    allow_only(BUILDS / "build" / "template.yaml", architecture)
    compile_layer(BUILDS / "build" / "Layer")
    questions = ["--guided"] if guided else []
    with overrides(given) as file:
        _foreground("deploy", "--stack-name", stack, "--parameter-overrides", file, *questions)


def deployed_architecture(stack: DeployedStack | None) -> str:
    """Return what to build for where no architecture is named: as deployed, at first the template's default."""
    return stack.parameters.get("Architecture", "arm64") if stack else "arm64"


def allow_only(template: Path, architecture: str) -> None:
    """Let the built template accept the architecture that its layer was built for, and no other.

    With `--guided` SAM asks for it after the build; functions on another processor fail at their first native import.
    """
    built = yaml.safe_load(template.read_text())
    built["Parameters"]["Architecture"]["AllowedValues"] = [architecture]
    template.write_text(yaml.safe_dump(built, sort_keys=False, allow_unicode=True))


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
    """Run one command; end with one sentence where the user can fix something."""
    try:
        commands()
    except Trouble as trouble:
        give_up(trouble)


class _Stopped(BaseException):
    """The local stack is asked to stop. Not an `Exception`, so that no handler on the way catches it."""


def _tell(request: Request, response: Response, seconds: float) -> None:
    say(f"  {request.method} {request.target} {response.status} {seconds * 1000:.0f} ms")


def _foreground(*arguments: str) -> None:
    done = subprocess.run([sam(), *arguments], cwd=ROOT, env=sam_environment(), check=False)
    if done.returncode != 0:
        raise Trouble(f"sam {arguments[0]} failed: it says why above.")


if __name__ == "__main__":
    main()
