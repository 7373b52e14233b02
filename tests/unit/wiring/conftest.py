"""An AWS of one answer: what a request to it looked like."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    """By lower-case name."""
    body: bytes


@dataclass(slots=True)
class Service:
    """An endpoint that gives every request the same answer."""

    endpoint: str = ""
    status: int = 200
    body: bytes = b""
    asked: list[Asked] = field(default_factory=list)


@pytest.fixture
def service() -> Iterator[Service]:
    """Serve on a port of its own."""
    service = Service()

    class Handler(BaseHTTPRequestHandler):
        # The older protocol has no "100 Continue", for which the SDK would wait a second.
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            service.asked.append(Asked(self.command, self.path, headers, body))
            self.send_response(service.status)
            self.send_header("Content-Length", str(len(service.body)))
            self.end_headers()
            self.wfile.write(service.body)

        def do_HEAD(self) -> None:
            """Have nothing of that name."""
            self.send_response(404)
            self.end_headers()

        do_GET = do_POST = do_PUT = answer  # noqa: N815  the names by which they are called

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    service.endpoint = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield service
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set what Lambda sets, and no other region than that."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
