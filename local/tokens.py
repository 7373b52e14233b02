"""`make token` and `make keys`. Apart from the other commands, since it starts without their heavy imports."""

from pathlib import Path
from typing import Annotated

import typer

from local.keys import duration, make_key, make_token, public_line
from local.places import data_folder
from local.progress import Trouble, give_up, say

DAY = 86_400
"""Seconds."""

commands = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)


@commands.command()
def token(
    repo: Annotated[str, typer.Option(envvar="REPO", help="Repository; empty for the root repository")] = "",
    actions: Annotated[str, typer.Option(envvar="ACTIONS", help="pull, push, delete")] = "pull,push",
    ttl: Annotated[str, typer.Option(envvar="TTL", help="How long it lasts, as 90s, 10m, 2h, 1d")] = "10m",
    key: Annotated[str, typer.Option(envvar="KEY", help="Private key; the local stack's own if not given")] = "",
    kid: Annotated[str, typer.Option(envvar="KID", help="Name of the key in the access policy")] = "",
) -> None:
    """Print a fresh bearer token."""
    path = Path(key).expanduser() if key else data_folder() / "private.pem"
    wanted = [action.strip() for action in actions.split(",") if action.strip()]
    seconds = duration(ttl)
    if seconds > DAY:
        say("A token that lives longer than a day counts only with AllowTokensWithoutExpiry=true.")
    print(make_token(path, repo.strip("/"), wanted, seconds, kid))


@commands.command()
def keys(
    key: Annotated[str, typer.Option(envvar="KEY", help="Where the private key goes")] = "private.pem",
) -> None:
    """Make the key pair for a deployment on AWS; print the template parameter that verifies its tokens."""
    path = Path(key).expanduser()
    say(f"{'The key exists already' if path.exists() else 'New key'}: {path} (keep it secret, never in git)")
    make_key(path)
    say("Deploy with this parameter:")
    print(f"AuthPublicKey={public_line(path)}")


def main() -> None:
    """Run one command; end with one sentence where the user can fix something."""
    try:
        commands()
    except Trouble as trouble:
        give_up(trouble)


if __name__ == "__main__":
    main()
