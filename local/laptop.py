"""The local stack of `make run`: emulator, deployment and gateway over one data folder."""

import fcntl
import hashlib
import json
import os
import socket
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from local.build import build
from local.emulator import Emulator, free_port, make_private
from local.gateway import EmulatedFunctions, Gateway, Watcher, deployed_routes
from local.keys import make_key, public_line
from local.progress import Trouble, say, step
from local.stack import Stack, deploy, describe

NAME = "charthouse"
AUTHENTICATION = frozenset({"BearerAuth", "AuthPublicKey", "BasicAuthUser", "BasicAuthPass", "AllowAnonymousPush"})
LEFTOVER_SECONDS = 90
"""How long an emulator whose parent was killed may take to save its state."""


def gateway_port() -> int:
    """Return the port to serve at: CHARTHOUSE_PORT, or 8080."""
    text = os.environ.get("CHARTHOUSE_PORT") or "8080"
    if not text.isascii() or not text.isdigit() or int(text) not in range(1, 65_536):
        raise Trouble(f"CHARTHOUSE_PORT={text} is no port: it takes a number from 1 to 65535.")
    return int(text)


def authentication(parameters: Mapping[str, str], key: Path) -> dict[str, str]:
    """Return the parameters, with bearer tokens and anonymous reads added if none is about authentication.

    `BearerAuth` without a key gets the local stack's own. An access policy decides about reads itself.
    """
    bearer = {"AuthPublicKey": public_line(key), "AuthRealm": "charthouse", "AuthService": "charthouse"}
    if not AUTHENTICATION.intersection(parameters):
        reads = {} if parameters.get("AccessPolicy") == "true" else {"AuthAnonymousGet": "true"}
        return {"BearerAuth": "true", **reads, **bearer, **parameters}
    if parameters.get("BearerAuth") == "true":
        return {**bearer, **parameters}
    return dict(parameters)


@dataclass(frozen=True, slots=True)
class Running:
    """How other programs of this clone reach a running local stack."""

    url: str
    endpoint: str
    key_id: str
    secret: str
    region: str
    bucket: str
    reconcile: str

    @classmethod
    def read(cls, data: Path) -> Self:
        """Return the one that runs over the folder; raises `Trouble` if none does."""
        note = data / "running.json"
        if not note.exists() or _free(data):
            raise Trouble(f"No local stack runs over {data}: start one with `make run`, and wait until it is ready.")
        return cls(**json.loads(note.read_text()))

    def client(self, service: str) -> Any:
        """Return a boto3 client with the emulator's root key."""
        session: Any = boto3.Session(self.key_id, self.secret, region_name=self.region)
        return session.client(service, endpoint_url=self.endpoint)


class Laptop:
    """The local stack. It locks its folder: one stack at a time runs over it."""

    def __init__(self, data: Path, port: int, watcher: Watcher | None = None) -> None:
        """Lock the folder and reserve the port; raises `Trouble` if either is in use."""
        self.data = data
        self.key = data / "private.pem"
        self._lock = _take(data)
        try:
            self.gateway = Gateway(port, watcher=watcher)
        except Trouble:
            self._lock.close()
            raise
        self.emulator = Emulator(data, _emulator_port(data), keep_open=[self._lock.fileno()], persistent=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def start(self, parameters: Mapping[str, str]) -> Stack:
        """Start the emulator, deploy what is not deployed yet, and serve."""
        make_key(self.key)
        given = authentication(parameters, self.key)
        built = build()
        with step("Starting the AWS emulator"):
            self.emulator.start()
        stack = self._deployed(built, given) or self._deploy(built, given)
        routes = deployed_routes(self.emulator.client("apigatewayv2"), stack.api_id)
        self.gateway.serve(
            stack.api_id,
            routes,
            EmulatedFunctions(self.emulator.client("lambda")),
            allowed_origin=given.get("CorsAllowOrigin", ""),
        )
        environment = self.emulator.environment()
        running = Running(
            self.gateway.url,
            self.emulator.endpoint,
            self.emulator.key.id,
            self.emulator.key.secret,
            environment["AWS_REGION"],
            stack.bucket,
            stack.outputs["ReconcileFunction"],
        )
        (self.data / "running.json").write_text(json.dumps(asdict(running)))
        return stack

    def stop(self) -> None:
        """Stop everything and save the state; may be called at any moment."""
        (self.data / "running.json").unlink(missing_ok=True)
        self.gateway.stop()
        if self.emulator.running():
            with step("Stopping the emulator and keeping what it holds"):
                self.emulator.stop()
        self._lock.close()

    def _deployed(self, built: Path, parameters: Mapping[str, str]) -> Stack | None:
        """Return the stack of an earlier run if it is complete and equal to what would be deployed now."""
        note = self.data / "deployed"
        if not note.exists() or note.read_text() != self._digest(built, parameters):
            return None
        try:
            stack = describe(self.emulator, NAME)
            for function in stack.functions.values():
                self.emulator.client("lambda").get_function(FunctionName=function)
            self.emulator.client("s3").head_bucket(Bucket=stack.bucket)
        except (ClientError, BotoCoreError):
            say("• The emulator has lost what was deployed; deploying it again.")
            return None
        return stack

    def _deploy(self, built: Path, parameters: Mapping[str, str]) -> Stack:
        note = self.data / "deployed"
        note.unlink(missing_ok=True)
        stack = deploy(self.emulator, NAME, parameters, built)
        note.write_text(self._digest(built, parameters))
        return stack

    def _digest(self, built: Path, parameters: Mapping[str, str]) -> str:
        facts = [built.parent.name, self.emulator.port, sorted(parameters.items())]
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def _take(data: Path) -> IO[str]:
    """Lock the folder for this process and the emulator it starts."""
    make_private(data)
    file = (data / "lock").open("a+")
    deadline = None
    while not _lock(file):
        file.seek(0)
        owner = file.read().strip()
        if owner.isdigit() and _alive(int(owner)):
            file.close()
            raise Trouble(
                f"Another `make run` (process {owner}) has {data}: stop it, or choose another CHARTHOUSE_DATA."
            )
        if deadline is None:
            say("• Waiting for the emulator of an earlier run to save its state …")
            deadline = time.monotonic() + LEFTOVER_SECONDS
        if time.monotonic() > deadline:
            file.close()
            raise Trouble(f"An emulator left over from an earlier run still has {data}: end the process `ministack`.")
        time.sleep(0.1)
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
    return file


def _free(data: Path) -> bool:
    with (data / "lock").open("a+") as file:
        return _lock(file)


def _lock(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _emulator_port(data: Path) -> int:
    """Return the port this folder's emulator had, if it is still free; else a new one, noted in the folder."""
    note = data / "emulator-port"
    if note.exists():
        port = int(note.read_text())
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port
    port = free_port()
    note.write_text(str(port))
    return port
