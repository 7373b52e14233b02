"""`make user`, `make users` and `make access`: the access policy of the running local stack, or of a stack on AWS."""

import json
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Self

import boto3
import typer
from botocore.exceptions import BotoCoreError, ClientError
from charthouse.access.passwords import fast_hash, generate_password, slow_hash
from charthouse.access.policy import Policy
from charthouse.access.tokens import read_public_key
from charthouse.errors import InvalidPolicy

from local.laptop import NAME, Running
from local.places import data_folder
from local.progress import Trouble, give_up, say

commands = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)

StackName = Annotated[str, typer.Option(envvar="STACK", help="Name of a stack on AWS; the local stack if not given")]

DOCUMENT = ".charthouse/access.json"
EMPTY = b"{}\n"
"""What is edited where nothing is stored yet."""
TRIES = 5
"""Of an edit, where others edit at the same moment."""
SHORT = 16
"""Characters below which a chosen password is called short."""


@commands.command()
def user(
    name: Annotated[str, typer.Option(envvar="NAME", help="Name of the user")] = "",
    repositories: Annotated[str, typer.Option(envvar="REPOSITORIES", help="Patterns, as \"team-a 'team-a/*'\"")] = "",
    actions: Annotated[str, typer.Option(envvar="ACTIONS", help="pull, push, delete")] = "",
    password: Annotated[str, typer.Option(envvar="PASSWORD", help="Chosen; generated if not given")] = "",
    renew: Annotated[str, typer.Option(envvar="RENEW", help="1: a new password for a user who is there")] = "",
    remove: Annotated[str, typer.Option(envvar="REMOVE", help="1: remove the user")] = "",
    stack: StackName = "",
) -> None:
    """Make, change or remove a user; a generated password is the last line of stdout."""
    if not name:
        raise Trouble("make user needs a name: make user NAME=alice REPOSITORIES=team-a ACTIONS=pull,push")
    stored = StoredPolicy.of(stack)
    if _yes(remove):
        stored.edit(lambda document: without_user(document, name))
        say(f"The user {name} is removed, everywhere within 60 s.")
        return
    made = password or generate_password()
    change = Change(
        name, _patterns(repositories), _words(actions), slow_hash(password) if password else fast_hash(made)
    )
    keeps_password = not (password or _yes(renew))
    known = stored.edit(lambda document: change.apply(document, keeps_password=keeps_password))
    say(f"The user {name} is {'changed' if known else 'made'}, everywhere within 60 s.")
    if password:
        if len(password) < SHORT:
            say(f"The password has fewer than {SHORT} characters: without PASSWORD= a strong one is generated.")
    elif not (known and keeps_password):
        print(made)


@commands.command()
def users(stack: StackName = "") -> None:
    """List the users with their grants."""
    policy = Policy.parse(StoredPolicy.of(stack).read()[0])
    lines = [
        (name, " ".join(pattern or '""' for pattern in grant.repositories), ",".join(sorted(grant.actions)))
        for name, known in policy.users.items()
        for grant in known.grants
    ]
    lines += [(name, "-", "-") for name, known in policy.users.items() if not known.grants]
    widths = [max((len(line[column]) for line in lines), default=0) for column in (0, 1)]
    for name, repositories, actions in sorted(lines):
        print(f"{name:<{widths[0]}}  {repositories:<{widths[1]}}  {actions}")


@commands.command()
def access(
    file: Annotated[str, typer.Option(envvar="FILE", help="A document to check and store")] = "", stack: StackName = ""
) -> None:
    """Print the stored document, or check a file and store it."""
    stored = StoredPolicy.of(stack)
    if not file:
        body, etag = stored.read()
        if not etag:
            say("No document is stored yet.")
        sys.stdout.write(body.decode())
        return
    path = Path(file).expanduser()
    if not path.is_file():
        raise Trouble(f"There is no file {path}.")
    body = path.read_bytes()
    check(body)
    _, etag = stored.read()
    if not stored.write(body, etag):
        raise Trouble("Another document was stored at the same moment: look at it with `make access`.")
    say("Stored; it takes effect everywhere within 60 s.")


def check(body: bytes) -> None:
    """Check a document as the functions do, and that every key can be used; raises `InvalidPolicy`."""
    for kid, key in Policy.parse(body).keys.items():
        try:
            read_public_key(key.text, f"keys.{kid}.key")
        except ValueError as error:
            raise InvalidPolicy(str(error)) from error


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be set of a user."""

    name: str
    repositories: Sequence[str]
    actions: Sequence[str]
    password: str
    """Its stored form."""

    def apply(self, document: dict[str, Any], *, keeps_password: bool) -> bool:
        """Make or change the user in the document; return whether it was there. Raises `Trouble`."""
        known = document.get("users", {}).get(self.name)
        if bool(self.repositories) != bool(self.actions):
            raise Trouble("REPOSITORIES and ACTIONS are given together: they are one grant.")
        if known is None and not self.repositories:
            raise Trouble(f"The user {self.name} is new: say what it may do with REPOSITORIES=... ACTIONS=...")
        entry = dict(known or {})
        if known is None or not keeps_password:
            entry["password"] = self.password
        if self.repositories:
            entry["grants"] = [{"repositories": list(self.repositories), "actions": list(self.actions)}]
        document.setdefault("users", {})[self.name] = entry
        return known is not None


def without_user(document: dict[str, Any], name: str) -> bool:
    """Remove the user from the document; raises `Trouble` if there is none of that name."""
    if name not in document.get("users", {}):
        raise Trouble(f"There is no user {name}.")
    del document["users"][name]
    return True


@dataclass(frozen=True, slots=True)
class StoredPolicy:
    """The document of one stack."""

    s3: Any
    bucket: str
    parameters: Mapping[str, str]

    @classmethod
    def of(cls, stack: str) -> Self:
        """Return that of the stack on AWS, or of the running local stack; raises `Trouble`."""
        if stack:
            session: Any = boto3.Session()
            client: Callable[[str], Any] = session.client
        else:
            client = Running.read(data_folder()).client
        try:
            (described,) = client("cloudformation").describe_stacks(StackName=stack or NAME)["Stacks"]
        except (ClientError, BotoCoreError) as error:
            raise Trouble(f"The stack {stack or NAME} cannot be read: {error}") from error
        outputs = {item["OutputKey"]: item["OutputValue"] for item in described.get("Outputs", [])}
        if "BucketName" not in outputs:
            raise Trouble(f"The stack {stack or NAME} is not deployed yet.")
        parameters = {item["ParameterKey"]: item["ParameterValue"] for item in described.get("Parameters", [])}
        if parameters.get("AccessPolicy") != "true":
            say("The stack does not look at the document: deploy it with AccessPolicy=true.")
        return cls(client("s3"), outputs["BucketName"], parameters)

    @property
    def key(self) -> str:
        """Where the document is."""
        prefix = self.parameters.get("StorageAmazonPrefix", "").strip("/")
        return f"{prefix}/{DOCUMENT}" if prefix else DOCUMENT

    def read(self) -> tuple[bytes, str]:
        """Return the document and its ETag, which is empty if none is stored yet; raises `Trouble`."""
        try:
            answer = self.s3.get_object(Bucket=self.bucket, Key=self.key)
        except self.s3.exceptions.NoSuchKey:
            return EMPTY, ""
        except (ClientError, BotoCoreError) as error:
            raise Trouble(f"s3://{self.bucket}/{self.key} cannot be read: {error}") from error
        return answer["Body"].read(), answer["ETag"]

    def write(self, body: bytes, etag: str) -> bool:
        """Store the document if the stored one still has this ETag (empty: if there is none); return whether it had."""
        condition = {"IfMatch": etag} if etag else {"IfNoneMatch": "*"}
        try:
            self.s3.put_object(
                Bucket=self.bucket,
                Key=self.key,
                Body=body,
                ContentType="application/json",
                **condition,
                **self._encryption(),
            )
        except ClientError as error:
            if error.response["Error"]["Code"] in {"PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey"}:
                return False
            raise Trouble(f"s3://{self.bucket}/{self.key} cannot be written: {error}") from error
        return True

    def edit(self, change: Callable[[dict[str, Any]], bool]) -> bool:
        """Change the document and store it; again if another edit came between. Return what the change returned."""
        for _ in range(TRIES):
            body, etag = self.read()
            Policy.parse(body)
            document = json.loads(body.decode("utf-8-sig"))
            answer = change(document)
            edited = (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode()
            check(edited)
            if self.write(edited, etag):
                return answer
        raise Trouble("Others are changing the document all the time: try again.")

    def _encryption(self) -> dict[str, str]:
        """Return what the stack's own objects are stored with."""
        algorithm, key = self.parameters.get("StorageAmazonSse", ""), self.parameters.get("KmsKeyArn", "")
        asked = {"ServerSideEncryption": algorithm} if algorithm else {}
        return asked | ({"SSEKMSKeyId": key} if algorithm == "aws:kms" and key else {})


def _patterns(text: str) -> list[str]:
    """Read patterns separated by spaces, quoted as for a shell: `""` is the repository at the root."""
    try:
        return shlex.split(text)
    except ValueError as error:
        raise Trouble(f"REPOSITORIES cannot be read: {error}.") from error


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.replace(",", " ").split()]


def _yes(text: str) -> bool:
    return text.strip().lower() not in {"", "0", "false", "no"}


def main() -> None:
    """Run one command; end with one sentence where the person can put something right."""
    try:
        commands()
    except Trouble as trouble:
        give_up(trouble)
    except InvalidPolicy as mistake:
        give_up(Trouble(f"The access policy has a mistake: {mistake}"))


if __name__ == "__main__":
    main()
