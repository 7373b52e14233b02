"""What a hostile package costs is bounded: each is read by a process that may use little memory and processor time.

The limits are the kernel's, far above what is used and far below what each of these packages cost without its bound.
"""

import gzip
import resource
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator

import pytest
from charthouse.errors import MAX_MESSAGE, BadPackage
from charthouse.helm.budget import MAX_RECORDS, MAX_TEXT
from charthouse.helm.go_yaml import MAX_DEPTH
from charthouse.helm.metadata import MAX_METADATA
from charthouse.helm.package import Package

from tests.builders import a_package, an_archive

MEMORY = 600 * 2**20
"""Bytes of address space."""
SECONDS = 20
"""Of processor time."""
READ = """
import sys
from charthouse.errors import BadPackage
from charthouse.helm.entry import render_entry
from charthouse.helm.package import Package
try:
    render_entry(Package.read(sys.stdin.buffer.read()), "2026-11-20T15:49:01Z")
except BadPackage as refusal:
    print(refusal.message)
"""
TEMPLATES = """
import sys
from charthouse.errors import TooLarge
from charthouse.helm.chart_files import templates
try:
    templates(sys.stdin.buffer.read())
except TooLarge as refusal:
    print(refusal.message)
"""
CHART = b"name: c\nversion: 1.0.0\n"


def limit() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))


def header(name: bytes, size: int, kind: bytes) -> bytes:
    block = bytearray(name.ljust(100, b"\0") + b"0000644\0" + b"0000000\0" * 2 + b"%011o\0" % size + b"00000000000\0")
    block += b" " * 8 + kind + bytes(512 - 157)
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def squeezed(pieces: Iterator[bytes]) -> bytes:
    """Return the pieces as one gzip member, so that the test itself never holds them all."""
    gz = zlib.compressobj(1, wbits=31)
    return b"".join(gz.compress(piece) for piece in pieces) + gz.flush()


def member(name: bytes, body: bytes, kind: bytes = b"0") -> bytes:
    return header(name, len(body), kind) + body + bytes(-len(body) % 512)


def extended_headers() -> Iterator[bytes]:
    """Two hundred extended headers of 1 MiB, each with 200,000 records."""
    for _ in range(200):
        yield member(b"x", b"5 a=\n" * 200_000, b"x")
    yield member(b"c/Chart.yaml", CHART)


def names(name: bytes) -> Iterator[bytes]:
    for _ in range(200):
        yield member(b"L", name, b"L") + member(b"c/x", b"")
    yield member(b"c/Chart.yaml", CHART)


def nested_names() -> Iterator[bytes]:
    """Many files with long names, twenty charts down."""
    folder = b"".join(b"charts/x/" for _ in range(20))
    for depth in range(21):
        yield member(b"L", b"c/" + folder[: 9 * depth] + b"Chart.yaml", b"L") + member(b"c/x", CHART)
    for number in range(1000):
        yield member(b"L", b"c/" + folder + b"y" * 2000 + b"%d" % number, b"L") + member(b"c/x", b"")


def chart(text: str) -> bytes:
    return an_archive({"c/Chart.yaml": CHART + text.encode()})


def aliases_of(text: str, count: int) -> str:
    return f"x: &x {text}\nkeywords: [{', '.join(['*x'] * count)}]\n"


def doubled(levels: int) -> str:
    """Return aliases of aliases of a text of a thousand characters, 2 to the power of `levels` in all."""
    lists = "".join(f"  - &a{n + 1} [*a{n}, *a{n}]\n" for n in range(levels))
    return f"x:\n  - &a0 '{'y' * 1000}'\n{lists}dependencies: [{{import-values: *a{levels}}}]\n"


HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    "records of extended headers": (lambda: squeezed(extended_headers()), f"more than {MAX_RECORDS} records"),
    "long names": (lambda: squeezed(names(b"c/" + b"x" * (2**20 - 2))), f"more than {MAX_TEXT} bytes"),
    "long names with an emoji": (
        lambda: squeezed(names(b"c/" + "\U0001f600".encode() + b"x" * (2**20 - 6))),
        f"more than {MAX_TEXT} bytes",
    ),
    "long names that are not UTF-8": (
        lambda: squeezed(names(b"c/\xff" + b"x" * (2**20 - 3))),
        f"more than {MAX_TEXT} bytes",
    ),
    "long names below nested subcharts": (lambda: squeezed(nested_names()), f"more than {MAX_TEXT} bytes"),
    "aliases of a long text": (lambda: chart(aliases_of("é" * 200_000, 5000)), f"more than {MAX_METADATA} characters"),
    "aliases of aliases of a text": (lambda: chart(doubled(16)), "excessive aliasing|more than"),
    "a text of unprintable characters": (lambda: chart(f"home: {'\u200b' * 1_700_000}\n"), "more than"),
    "a long prefix of a tag": (
        lambda: an_archive(
            {"c/Chart.yaml": b"%TAG !a! " + b"x" * 2**20 + b"\n---\nx: [" + b"!a!y 1," * 200_000 + b"]"}
        ),
        "bytes of directives",
    ),
    "a long prefix after a line separator": (
        lambda: an_archive(
            {"c/Chart.yaml": b"# a\xe2\x80\xa8%TAG !a! " + b"x" * 2**20 + b"\n---\nx: [" + b"!a!y 1," * 200_000 + b"]"}
        ),
        "bytes of directives",
    ),
    "a long prefix of a tag in UTF-16": (
        lambda: an_archive(
            {
                "c/Chart.yaml": ("\ufeff%TAG !a! " + "x" * 2**19 + "\n---\nx: [" + "!a!y 1," * 90_000 + "]").encode(
                    "utf-16-le"
                )
            }
        ),
        "bytes of directives",
    ),
    "a long number": (lambda: chart(f"appVersion: .{'1_' * 2_000_000}1\n"), "more than"),
    "a long integer": (lambda: chart(f"appVersion: {'1' * 4_000_000}\n"), "more than"),
    "depth made by aliases": (
        lambda: chart("x: [&a0 [x]" + "".join(f", &a{n} [*a{n - 1}]" for n in range(1, 600)) + "]\n"),
        f"max depth of {MAX_DEPTH}",
    ),
    "packages in packages": (
        lambda: a_package(
            files={"charts/y.tgz": a_package("y", files={f"a{n}": bytes(4 * 2**20) for n in range(20)})}
            | {f"b{n}": bytes(4 * 2**20) for n in range(20)}
        ),
        "",
    ),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_what_a_hostile_package_costs_is_bounded(what: str) -> None:
    build, reason = HOSTILE[what]

    # The child only sets limits before it becomes another program: no thread of this one is involved.
    read = subprocess.run(
        [sys.executable, "-c", READ],
        input=build(),
        capture_output=True,
        preexec_fn=limit,
        check=False,
    )

    assert read.returncode == 0, read.stderr.decode()[-300:]
    message = read.stdout.decode().strip()
    assert any(part in message for part in reason.split("|")), message[:200]


def test_what_the_templates_of_a_hostile_package_cost_is_bounded() -> None:
    package = a_package(files={"values.yaml": aliases_of("é" * 200_000, 5000).encode()})

    read = subprocess.run(
        [sys.executable, "-c", TEMPLATES],
        input=package,
        capture_output=True,
        preexec_fn=limit,
        check=False,
    )

    assert read.returncode == 0, read.stderr.decode()[-300:]
    assert b"more than this API can answer" in read.stdout


LONG = "x" * 600_000


@pytest.mark.parametrize(
    "package",
    [
        a_package(LONG),
        a_package("c", f"1.0.0-{LONG}"),
        chart(f"a: *{LONG}\n"),
        chart(f"a: !!int {LONG}\n"),
        chart(f"a: !{LONG} [!!timestamp {LONG}]\n"),
        chart(f"dependencies: [{{alias: '{LONG} x'}}]\n"),
        chart(f"dependencies: [{{name: {LONG}}}, {{name: {LONG}}}]\n"),
        chart(f"type: {LONG}\n"),
        chart("%" + LONG),
        an_archive({LONG: b""}),
        an_archive({f"c/{LONG}": bytes(5 * 2**20 + 1)}),
        a_package(files={f"charts/{LONG}/x": b""}),
        a_package(files={f"charts/{LONG}.tgz/x": b""}),
        a_package(
            files={f"charts/{'y' * 600}/" * depth + "Chart.yaml": CHART for depth in range(1, 12)}
            | {f"charts/{'y' * 600}/" * 12 + "Chart.yaml": b"["}
        ),
    ],
    ids=range(14),
)
def test_a_reason_is_short_and_readable(package: bytes) -> None:
    with pytest.raises(BadPackage) as refused:
        Package.read(package)

    assert 10 < len(refused.value.message) <= (MAX_MESSAGE if "unpacking subchart" in refused.value.message else 500)
    assert refused.value.message.encode()


def test_a_long_message_keeps_its_beginning_and_its_end() -> None:
    message = BadPackage("begin" + "x" * 5000 + "the reason").message

    assert len(message) <= MAX_MESSAGE
    assert message.startswith("begin")
    assert message.endswith("the reason")


def test_the_depth_of_a_chart_counts_what_aliases_stand_for_to_the_letter() -> None:
    def aliased(depth: int) -> bytes:
        lists = "".join(f", &a{n} [*a{n - 1}]" for n in range(1, depth))
        return an_archive({"c/Chart.yaml": CHART + f"x: [&a0 [x]{lists}]\n".encode()})

    assert Package.read(aliased(MAX_DEPTH - 2)).ref.name == "c"
    with pytest.raises(BadPackage, match="max depth"):
        Package.read(aliased(MAX_DEPTH - 1))


def test_the_gzip_of_an_archive_is_not_what_its_bounds_count() -> None:
    assert Package.read(gzip.compress(gzip.decompress(a_package()), 0)).ref.name == "mychart"
