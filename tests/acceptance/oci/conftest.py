"""The stacks that OCI's clients are tried on, and the clients."""

import hashlib
import json
import os
import secrets
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest

from local.tools import GoProgram, go_program
from tests.acceptance.deployment import Deployment, Deployments
from tests.acceptance.helm import Result
from tests.acceptance.options.stacks import TENANTS
from tests.acceptance.repository import Answer, Repository, ask, basic

OPEN: Mapping[str, str | int | bool] = {"Depth": 1, "AllowAnonymousPush": True}
"""Whoever comes may read and write."""

USER, PASSWORD = "helm", "correct-horse-battery"
PUBLIC: Mapping[str, str | int | bool] = {
    "Depth": 1,
    "BasicAuthUser": USER,
    "BasicAuthPass": PASSWORD,
    "AuthAnonymousGet": True,
}
"""Whoever comes may read, one user may write."""

SECONDS = 300


@pytest.fixture(scope="session")
def open_stack(deployed: Deployments) -> Deployment:
    """Return a stack that is open to everyone."""
    return deployed(**OPEN)


@pytest.fixture(scope="session")
def public_stack(deployed: Deployments) -> Deployment:
    """Return a stack that everyone may read."""
    return deployed(**PUBLIC)


@pytest.fixture(scope="session")
def private_stack(deployed: Deployments) -> Deployment:
    """Return the stack of the tenants, which nobody reads without credentials."""
    return deployed(**TENANTS)


@dataclass(frozen=True, slots=True)
class Registry:
    """A registry over HTTP, for one place and one set of credentials."""

    url: str
    """The API's, without a slash at its end."""
    name: str
    authorization: str | None = None

    @property
    def host(self) -> str:
        """Host and port, as clients name a registry."""
        return urlsplit(self.url).netloc

    @property
    def reference(self) -> str:
        """The place as clients name it."""
        return f"{self.host}/{self.name}"

    def ask(self, method: str, path: str = "", body: bytes | None = None, **headers: str) -> Answer:
        """Send a request below the place; nothing is followed."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.authorization:
            sent["Authorization"] = self.authorization
        return ask(method, f"{self.url}/v2/{self.name}/{path}", body, sent)

    def follow(self, path: str) -> bytes:
        """Return a blob, wherever it is; the credentials stay behind."""
        answer = self.ask("GET", path)
        if answer.status == 307:
            answer = ask("GET", urljoin(self.url, answer.location.geturl()))
        assert answer.status == 200, answer
        return answer.body

    def push_blob(self, body: bytes) -> str:
        """Push a blob by one request; return its digest."""
        digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
        answer = self.ask("POST", f"blobs/uploads/?digest={digest}", body, Content_Type="application/octet-stream")
        assert answer.status == 201, answer
        return digest

    def put(self, reference: str, document: Mapping[str, Any]) -> Answer:
        """Put a manifest."""
        kind = document.get("mediaType", "application/vnd.oci.image.manifest.v1+json")
        return self.ask("PUT", f"manifests/{reference}", json.dumps(document).encode(), Content_Type=kind)

    def manifest(self, reference: str) -> Any:
        """Return a manifest."""
        answer = self.ask("GET", f"manifests/{reference}")
        assert answer.status == 200, answer
        digest = f"sha256:{hashlib.sha256(answer.body).hexdigest()}"
        assert answer.headers["Docker-Content-Digest"] == digest
        return answer.json() | {"digest": digest}

    def tags(self) -> list[str]:
        """Return all tags."""
        answer = self.ask("GET", "tags/list")
        return list(answer.json()["tags"]) if answer.status == 200 else []


def error(answer: Answer) -> tuple[int, str, str]:
    """Return status, code and text of an error in the spec's form."""
    (found,) = answer.json()["errors"]
    return answer.status, found["code"], found["message"]


@dataclass(frozen=True, slots=True)
class Place:
    """One chart of one chart repository, by both protocols."""

    registry: Registry
    repository: Repository
    chart: str
    repo: str


def a_place(stack: Deployment, authorization: str | None = None, chart: str = "mychart") -> Place:
    """Return a place that nobody else uses."""
    repo = f"team-{secrets.token_hex(4)}"
    repository = Repository(f"{stack.url}/{repo}", f"{stack.api}/{repo}", authorization)
    return Place(Registry(stack.url, f"{repo}/{chart}", authorization), repository, chart, repo)


@pytest.fixture
def place(open_stack: Deployment) -> Place:
    """Return a place that nobody else uses, open to everyone."""
    return a_place(open_stack)


type Run = Callable[..., Result]


@pytest.fixture
def program(tmp_path: Path) -> Callable[[GoProgram], Run]:
    """Return how a Go program is run, in a home of its own, the same within a test."""
    home = tmp_path / "home"
    home.mkdir()

    def runner(found: GoProgram) -> Run:
        executable = go_program(found)

        def run(*arguments: str | Path, **environment: str) -> Result:
            done = subprocess.run(
                [executable, *arguments],
                cwd=tmp_path,
                env={"HOME": str(home), "PATH": os.environ.get("PATH", os.defpath), **environment},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
                timeout=SECONDS,
            )
            return Result(done.returncode, done.stdout)

        return run

    return runner


def user_of(stack: Deployment) -> str:
    """Return the credentials of the stack's user."""
    return basic(stack.parameters["BasicAuthUser"], stack.parameters["BasicAuthPass"])
