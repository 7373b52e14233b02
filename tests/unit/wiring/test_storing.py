"""The store of a function: several files at once, a clock, and a journal."""

import threading
import time

import pytest
from charthouse.errors import Unavailable
from charthouse.settings import Layout, Settings, Storage
from charthouse.wiring.storing import THREADS, SystemClock, answers, store

from tests.unit.wiring.conftest import Service

SETTINGS = Settings(Storage("bucket", "table", "eu-central-1"), layout=Layout("https://charts.example.com"))


def test_the_store_has_the_layout_of_the_deployment() -> None:
    assert store(SETTINGS).frame("team").base_url == "https://charts.example.com/team/"


def test_several_files_are_done_at_once() -> None:
    """Each waits for the others: one after the other would wait for ever."""
    together = threading.Barrier(THREADS, timeout=10)

    store(SETTINGS).each(lambda _: together.wait(), [f"{number}.tgz" for number in range(THREADS)])

    assert not together.broken


def test_every_file_is_done_once() -> None:
    done: list[str] = []
    files = [f"{number}.tgz" for number in range(50)]

    store(SETTINGS).each(done.append, files)

    assert sorted(done) == sorted(files)


def test_what_a_step_raises_is_raised() -> None:
    def step(file: str) -> None:
        if file == "1.tgz":
            raise Unavailable("slow down")

    with pytest.raises(Unavailable):
        store(SETTINGS).each(step, ["0.tgz", "1.tgz", "2.tgz"])


def test_the_clock_is_the_systems() -> None:
    clock, before = SystemClock(), time.time()

    clock.sleep(0.02)

    assert before + 0.02 <= clock.now() <= time.time()


def test_tokens_are_32_hex_digits_and_never_the_same() -> None:
    tokens = {SystemClock().token() for _ in range(1000)}

    assert len(tokens) == 1000
    assert all(len(token) == 32 and int(token, 16) >= 0 for token in tokens)


def test_a_large_answer_is_kept_in_the_bucket_and_its_url_signed(service: Service) -> None:
    offered = answers(Settings(Storage("bucket", region="eu-central-1", endpoint=service.endpoint)))

    url = offered.offer("0123abcd", b"[]", "application/json")

    (asked,) = service.asked
    assert (asked.method, asked.path) == ("PUT", "/bucket/.charthouse/answers/0123abcd")
    assert asked.headers["content-type"] == "application/json"
    assert url.startswith(f"{service.endpoint}/bucket/.charthouse/answers/0123abcd?X-Amz-Algorithm=AWS4-HMAC-SHA256")
