"""Whatever happens to the child, its caller goes on."""

import json
import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from charthouse.errors import MAX_MESSAGE, BadPackage, BadRequest, NotFound, TooLarge
from charthouse.helm.reading import Reader, in_process
from charthouse.sandbox import Limits, Sandbox

from tests.builders import a_package

LIMITS = Limits(seconds=1, memory=200 * 1024 * 1024)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """Return a sandbox with a child that can be made to do anything."""
    sandbox = Sandbox("tests.unit.hostile", LIMITS)
    yield sandbox
    sandbox.close()


@pytest.fixture
def reader() -> Iterator[Reader]:
    """Return the reader of packages as functions use it."""
    sandbox = Sandbox("charthouse.helm.reading", LIMITS)
    yield Reader(sandbox.call)
    sandbox.close()


@pytest.mark.parametrize(
    ("disaster", "reason"),
    [
        ("loop", "it takes more than 1 seconds"),
        ("eat", "it needs more memory than a package may"),
        ("die", "the process that read it died"),
        ("leave", "the process that read it died"),
        ("crash", "the process that read it died"),
        ("recurse", "RecursionError: "),
        ("fail", "LookupError: é"),
    ],
)
def test_what_breaks_the_child_is_a_bad_package_with_a_bounded_reason(
    sandbox: Sandbox, disaster: str, reason: str
) -> None:
    with pytest.raises(BadPackage, match=f"^the package cannot be read: {reason}") as refused:
        sandbox.call("act", disaster.encode())

    assert len(refused.value.message) < MAX_MESSAGE + 100
    assert sandbox.call("act", b"after") == b"after"


@pytest.mark.parametrize("disaster", ["die", "loop"])
def test_the_calls_of_other_threads_go_on(sandbox: Sandbox, disaster: str) -> None:
    def call(data: bytes) -> bytes:
        try:
            return sandbox.call("act", data)
        except BadPackage:
            return b"refused"

    calls = [b"first", disaster.encode(), *(b"%d" % number for number in range(20))]
    with ThreadPoolExecutor(4) as threads:
        results = list(threads.map(call, calls))

    assert results == [b"first", b"refused", *calls[2:]]


def test_one_child_serves_many_calls_and_is_replaced_when_it_breaks(sandbox: Sandbox) -> None:
    before = {sandbox.call("process", b"") for _ in range(5)}
    with pytest.raises(BadPackage):
        sandbox.call("act", b"fail")
    after = sandbox.call("process", b"")

    assert len(before) == 1
    assert after not in before
    assert str(os.getpid()).encode() not in {*before, after}


def test_a_broken_child_is_gone(sandbox: Sandbox) -> None:
    child = int(sandbox.call("process", b""))

    with pytest.raises(BadPackage):
        sandbox.call("act", b"loop")

    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)


def test_the_child_has_neither_environment_nor_files_of_its_parent(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    with open(os.devnull, "rb"):  # noqa: PTH123
        found = json.loads(sandbox.call("environment", b""))

    assert not {name for name in found["environment"] if name.startswith(("AWS", "CHARTHOUSE"))}
    assert set(found["files"]) <= {"0", "1", "2", "3"}


@pytest.mark.parametrize("size", [0, 1, 70_000, 20 * 1024 * 1024])
def test_bytes_of_any_size_cross(sandbox: Sandbox, size: int) -> None:
    data = bytes(range(256)) * (size // 256) + bytes(size % 256)

    if size < 16 * 1024 * 1024:
        assert sandbox.call("act", data) == data
    else:
        with pytest.raises(BadPackage, match="the result is too large"):
            sandbox.call("act", data)


def test_a_result_that_is_too_large_is_not_received(sandbox: Sandbox) -> None:
    with pytest.raises(BadPackage, match="the result is too large"):
        sandbox.call("huge", b"")


def test_time_waiting_for_another_call_does_not_count(sandbox: Sandbox) -> None:
    started = time.monotonic()

    with ThreadPoolExecutor(3) as threads:
        waits = [threads.submit(sandbox.call, "act", data) for data in (b"loop", b"loop", b"fine")]
        failed = [wait.exception() for wait in waits[:2]]

    assert [type(error) for error in failed] == [BadPackage, BadPackage]
    assert waits[2].result() == b"fine"
    assert time.monotonic() - started < 10


def test_the_reader_says_the_same_inside_and_outside(reader: Reader) -> None:
    files = {"values.yaml": b"a: 1\n", "templates/x.yaml": b"x"}
    package = a_package("mychart", "1.2.3", files=files, description="é \u2028", keywords=["a"])

    assert reader.package(package) == Reader(in_process).package(package)
    assert reader.templates(package) == Reader(in_process).templates(package)
    assert reader.values(package) == b"a: 1\n"


def test_refusals_keep_their_kind_and_text(reader: Reader) -> None:
    with pytest.raises(BadRequest, match=r"^chart\.yaml|^Chart\.yaml file is missing|^EOF$"):
        reader.package(b"")
    with pytest.raises(NotFound, match=r"^values\.yaml not found$"):
        reader.values(a_package())
    with pytest.raises(TooLarge, match="bytes are more than this API can answer"):
        reader.templates(a_package(files={"templates/x": bytes(4_900_000)}))
