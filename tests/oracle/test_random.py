"""Packages put together at random, always the same ones, are judged as real Helm judges them."""

import gzip
import random
import re
from collections.abc import Callable

import pytest
from charthouse.errors import BadPackage

from tests.builders import gzipped
from tests.oracle.corpus import CHART, END, HEAD, SCALARS, V1, chart, entry, framed, pax, record
from tests.oracle.judge import judge
from tests.oracle.test_corpus import listed

PACKAGES = 1500
"""Of each kind: a few seconds."""

BY_A_RULE = re.compile(
    "sparse file|byte order mark|tag in brackets|found unexpected ':'|found unknown escape character"
    '|did not find expected whitespace|name "/" is invalid'
)
"""Reasons of ours for what docs/packages.md says is refused although Helm loads it."""

PARTS = (
    entry(),
    entry(b"c/templates/", kind=b"5"),
    entry(b"c/values.yaml", b"a: b"),
    entry(b"c/zeros", bytes(150_000)),
    entry(b"c/noise", random.Random(0).randbytes(70_000)),  # noqa: S311
    entry(b"c/charts/x/Chart.yaml", CHART),
    entry(b"c/charts/_x"),
    entry(b"c\\y"),
    entry(b"x", magic=b"ustar  \0", prefix=(345, b"c/old")),
    entry(b"c/z", kind=b"2"),
    entry(number=(108, b"\x80\0\0\0\0\0\0\5")),
    entry(number=(136, b"9")),
    entry(b"L", b"c/long\0", kind=b"L"),
    entry(b"K", b"c/link", kind=b"K"),
    entry(b"P", record(b"path", b"c/pax"), kind=b"x"),
    entry(b"P", record(b"size", b"3"), kind=b"x"),
    entry(b"P", record(b"path", b"c/g"), kind=b"g"),
    pax(record(b"mtime", b"1.5"), record(b"comment", b"c")),
    entry(b"d/Chart.yaml", b"home: h\n"),
)
NAMES = (
    "name",
    "home",
    "sources",
    "version",
    "keywords",
    "maintainers",
    "apiVersion",
    "annotations",
    "dependencies",
    "foo",
)
TOKENS = (
    "a", "b", "home", ": ", ":", "- ", "? ", "[", "]", "{", "}", ", ", "&a ", "*a", "!x ", "! ", "!!str ", "!!int ", "!!float ",
    "!!binary ", "!!timestamp ", "'", '"', "|\n  ", ">-\n  ", "\n", "\n  ", " ", "#", "<<: ", "1", "1.10", "0x1F", ".5", "~", "true",
    "2001-01-01", "%", "---\n", "\n...\n", "\\n", "\\/", "\u2028", "\x85", "\t", "\r\n", "é", "😀", "keywords: ", "annotations: ",
    "[a, b]", "{a: b}", "*a : ", "? &a a\n: *a\n", "<<: [*a, *b]", "http://x/?y",
)  # fmt: skip
BEGINNINGS = (
    "",
    f"{HEAD}x: ",
    f"{HEAD}x: [",
    f"{HEAD}x: {{",
    f'{HEAD}home: "',
    f"{HEAD}annotations: ",
    HEAD,
    HEAD,
    HEAD,
)


def an_archive(chance: random.Random) -> bytes:
    parts = [chance.choice(PARTS) for _ in range(chance.randint(0, 4))]
    parts.insert(chance.randint(0, len(parts)), entry(b"c/Chart.yaml", CHART))
    tar = b"".join(parts) + chance.choice([END, END, bytes(512), b"", bytes(100), END + b"behind"])
    cut = chance.randint(0, len(tar))
    return chance.choice(
        [
            gzipped(tar),
            gzip.compress(tar, 0),
            framed(tar[:cut]) + framed(tar[cut:]),
            framed(tar, crc=1),
            framed(tar, size=1, tail=b"behind"),
            framed(tar, cut=chance.randint(1, 40)),
            framed(tar[: cut + 512]),
        ]
    )


def some_metadata(chance: random.Random) -> bytes:
    def lines(*fixed: str) -> str:
        random_lines = [f"{chance.choice(NAMES)}: {chance.choice(SCALARS)}" for _ in range(chance.randint(0, 3))]
        every = [*fixed, *random_lines]
        chance.shuffle(every)
        return "\n".join(every) + "\n"

    others = {"requirements.yaml": lines(), "charts/x/Chart.yaml": lines("name: x", "version: 1.0.0")}
    chosen = {name: text for name, text in others.items() if chance.random() < 0.3}
    return chart(lines(*V1.splitlines()), chosen)


def some_yaml(chance: random.Random) -> bytes:
    beginning = chance.choice(BEGINNINGS)
    text = "".join(chance.choice(TOKENS) for _ in range(chance.randint(1, 12)))
    return chart(f"{beginning}{text}{chance.choice(['', ']', '}', '"'])}\n")


@pytest.mark.parametrize("generate", [an_archive, some_metadata, some_yaml])
def test_random_packages_are_listed_or_refused_as_by_helm(generate: Callable[[random.Random], bytes]) -> None:
    chance = random.Random(1)  # noqa: S311
    packages = [generate(chance) for _ in range(PACKAGES)]

    differing = []
    for number, (package, (helm3, _)) in enumerate(zip(packages, judge(packages), strict=True)):
        try:
            ours, reason = listed(package), ""
        except BadPackage as refusal:
            ours, reason = None, refusal.message
        if ours != helm3.metadata and not (ours is None and BY_A_RULE.search(reason)):
            differing.append((number, ours or reason, helm3.metadata or helm3.error))

    assert not differing
