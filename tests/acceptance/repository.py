"""A repository as its clients see it: HTTP and nothing else, so that it may be anywhere."""

import base64
import http.client
import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from email.message import Message
from typing import Any, Self
from urllib.parse import SplitResult, quote, urlsplit

import yaml

from tests.events import a_form

SECONDS = 60
REDIRECTS = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, slots=True)
class Answer:
    """What came over the wire."""

    status: int
    headers: Message
    """By name, in any case."""
    body: bytes

    def json(self) -> Any:
        """Read the body as JSON."""
        return json.loads(self.body)

    @property
    def error(self) -> Any:
        """The message of a refusal of ours; None for every other answer."""
        try:
            value = self.json()
        except ValueError:
            return None
        return value.get("error") if isinstance(value, dict) else None

    @property
    def location(self) -> SplitResult:
        """Where a redirect leads."""
        return urlsplit(str(self.headers["Location"]))


def ask(
    method: str,
    url: str,
    body: bytes | Iterable[bytes] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """Send one request, the target exactly as it is written, and follow nothing; an iterable goes in chunks."""
    parts = urlsplit(url)
    made = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = made(parts.netloc, timeout=SECONDS)
    target = url.removeprefix(f"{parts.scheme}://{parts.netloc}") or "/"
    chunked = body is not None and not isinstance(body, bytes)
    sent = dict(headers or {}) | ({"Transfer-Encoding": "chunked"} if chunked else {})
    try:
        connection.request(method, target, body, sent, encode_chunked=chunked)
        response = connection.getresponse()
        return Answer(response.status, response.headers, response.read())
    finally:
        connection.close()


def basic(user: str, password: str) -> str:
    """Return the value of `Authorization` for user and password."""
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


@dataclass
class Repository:
    """One Helm repository and credentials for it."""

    url: str
    """Without a slash at its end: what `helm repo add` takes."""
    api: str
    """What `charts` and `prov` are below: the API's URL, context path, `/api`, the repository's name."""
    authorization: str | None = None
    """Sent with every request but those of `anonymous`."""
    charts: set[str] = field(default_factory=set)
    """Names of the charts uploaded through here."""

    @classmethod
    def at(cls, url: str, authorization: str | None = None) -> Self:
        """Find the API of the repository at the URL, as `helm cm-push` does: by the context path in its index."""
        url = url.rstrip("/")
        found = cls(url, "", authorization)
        context = (found.index().get("serverInfo") or {}).get("contextPath", "")
        parts = urlsplit(url)
        repo = parts.path.removeprefix(context)
        return cls(url, f"{parts.scheme}://{parts.netloc}{context}/api{repo}", authorization)

    @property
    def helm_options(self) -> list[str]:
        """What `helm repo add` needs besides the URL: Helm sends Basic or nothing."""
        if not self.authorization or not self.authorization.startswith("Basic "):
            return []
        user, _, password = base64.b64decode(self.authorization.removeprefix("Basic ")).decode().partition(":")
        return ["--username", user, "--password", password]

    def anonymous(self) -> "Repository":
        """Return the same repository without credentials."""
        return Repository(self.url, self.api)

    def get(self, path: str, **headers: str) -> Answer:
        """GET below the repository's URL, following nothing."""
        return self.ask("GET", f"{self.url}{path}", headers=headers)

    def head(self, path: str, **headers: str) -> Answer:
        """HEAD below the repository's URL."""
        return self.ask("HEAD", f"{self.url}{path}", headers=headers)

    def read(self, path: str) -> Answer:
        """GET below the repository's URL and follow the redirect, without credentials, as clients do."""
        answer = self.get(path)
        return ask("GET", answer.location.geturl()) if answer.status in REDIRECTS else answer

    def call(self, method: str, path: str, body: bytes | Iterable[bytes] | None = None, **headers: str) -> Answer:
        """Send a request below the API's URL."""
        return self.ask(method, f"{self.api}{path}", body, headers)

    def ask(
        self,
        method: str,
        url: str,
        body: bytes | Iterable[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send a request with the credentials; names of headers may have `_` for `-`."""
        own = {"Authorization": self.authorization} if self.authorization else {}
        return ask(method, url, body, own | {name.replace("_", "-"): value for name, value in (headers or {}).items()})

    def upload(self, package: bytes | Iterable[bytes], name: str = "", query: str = "", **headers: str) -> Answer:
        """POST a package as it is; with the chart's name, that chart is removed at the end."""
        self.charts |= {name} if name else set()
        return self.call("POST", f"/charts{query}", package, **headers)

    def upload_form(self, *parts: tuple[str, bytes], name: str = "", query: str = "", chunked: bool = False) -> Answer:
        """POST a form of files, as `helm cm-push` does when it goes in chunks."""
        self.charts |= {name} if name else set()
        content_type, body = a_form(*parts)
        pieces = (body[start : start + 4096] for start in range(0, len(body), 4096))
        return self.call("POST", f"/charts{query}", pieces if chunked else body, Content_Type=content_type)

    def upload_provenance(self, provenance: bytes, query: str = "") -> Answer:
        """POST a provenance file."""
        return self.call("POST", f"/prov{query}", provenance)

    def delete(self, name: str, version: str) -> Answer:
        """DELETE a chart version."""
        return self.call("DELETE", f"/charts/{quote(name)}/{quote(version)}")

    def index_bytes(self) -> bytes:
        """Return `index.yaml` as clients get it."""
        answer = self.read("/index.yaml")
        assert answer.status == 200, answer
        return answer.body

    def settled_index(self, seconds: float = 3) -> bytes:
        """Return `index.yaml` once it is the same for so many seconds: the event of a change may publish it again."""
        former, until = self.index_bytes(), time.monotonic() + SECONDS
        while time.monotonic() < until:
            time.sleep(seconds)
            index = self.index_bytes()
            if index == former:
                return index
            former = index
        raise AssertionError("the index changes again and again")

    def index(self) -> Any:
        """Return `index.yaml` read as YAML."""
        return yaml.load(self.index_bytes(), Loader=yaml.CSafeLoader)

    def versions(self, name: str) -> list[str]:
        """Return the chart's versions in the order of the index."""
        return [entry["version"] for entry in self.index()["entries"].get(name, [])]

    def remove_uploads(self) -> None:
        """Delete every chart that was uploaded with its name through here."""
        for name in sorted(self.charts):
            self.call("DELETE", f"/charts/{quote(name)}")
        self.charts.clear()
