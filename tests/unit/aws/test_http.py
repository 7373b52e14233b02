"""One request to AWS, against a server of this process."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from charthouse.aws.http import MAX_BODY, PAUSE, send
from charthouse.errors import Unavailable


def test_any_other_answer_is_returned() -> None:
    with a_server([(404, b"none")]) as server:
        answer = send("POST", f"{server.url}/a%20b", {"X-Test": "1"}, b"question")

    assert (answer.status, answer.body) == (404, b"none")
    assert answer.headers["content-length"] == "4"
    assert server.requests == [("POST", "/a%20b", "1", b"question")]


def test_a_head_has_no_body() -> None:
    with a_server([(200, b"never sent")]) as server:
        answer = send("HEAD", f"{server.url}/a", {})

    assert (answer.status, answer.body) == (200, b"")


def test_a_body_is_read_up_to_its_bound() -> None:
    with a_server([(200, bytes(MAX_BODY + 1))]) as server:
        assert len(send("GET", f"{server.url}/a", {}).body) == MAX_BODY


def test_a_caller_may_choose_the_bound() -> None:
    with a_server([(200, b"whole")]) as server:
        assert send("GET", f"{server.url}/a", {}, limit=3).body == b"who"


@pytest.mark.parametrize("status", [500, 503, 429])
def test_a_busy_service_gets_a_second_request(status: int) -> None:
    pauses: list[float] = []

    with a_server([(status, b""), (200, b"")]) as server:
        answer = send("GET", f"{server.url}/a", {}, sleep=pauses.append)

    assert answer.status == 200
    assert pauses == [PAUSE]


def test_a_service_that_stays_busy_is_unavailable() -> None:
    with a_server([(503, b""), (503, b"")]) as server, pytest.raises(Unavailable):
        send("GET", f"{server.url}/a", {}, sleep=unhurried)

    assert len(server.requests) == 2


def test_a_service_that_does_not_answer_is_unavailable() -> None:
    with a_server([]) as server:
        url = server.url

    with pytest.raises(Unavailable):
        send("GET", f"{url}/a", {}, sleep=unhurried)


def unhurried(_seconds: float) -> None:
    """Not wait."""


@dataclass(slots=True)
class Server:
    """What a test sees of the server."""

    url: str
    requests: list[tuple[str, str, str | None, bytes]] = field(default_factory=list)


@contextmanager
def a_server(answers: list[tuple[int, bytes]]) -> Iterator[Server]:
    """Answer one request after the other with these statuses and bodies."""

    class Answering(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            server.requests.append((self.command, self.path, self.headers.get("X-Test"), body))
            status, text = answers.pop(0)
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(text)

        do_GET = do_HEAD = do_POST = answer  # noqa: N815 # the names http.server calls

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answering) as listener:
        server = Server(f"http://127.0.0.1:{listener.server_address[1]}")
        Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        try:
            yield server
        finally:
            listener.shutdown()
