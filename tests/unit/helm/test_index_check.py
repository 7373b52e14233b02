"""The strict parser refuses whatever a strict client would, and what would confuse a lax one."""

import pytest
from charthouse.helm.entry import render_entry
from charthouse.helm.index_check import _is_same, check_index, check_line
from charthouse.helm.package import Package

from tests.builders import a_package

DIGEST = '"' + "0" * 64 + '"'
LINE = (
    '{"apiVersion":"v2","created":"2026-11-20T15:49:01Z","digest":' + DIGEST + ',"name":"c",'
    '"urls":["charts/c-1.0.0.tgz"],"version":"1.0.0"}'
)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"v2"', "v2"),
        ('"v2"', "'v2'"),
        ('"v2"', "2"),
        ('"v2"', "null"),
        ('"v2"', "&a v2"),
        ('"v2"', '!x "v2"'),
        ('"v2"', '["v2"]'),
        ('"v2"', '"\\ud83d\\ude00"'),
        ('"v2"', '"\x7f"'),
        ('"v2"', '"\ufeff"'),
        ('"v2"', '"\u2028"'),
        ('"v2"', '"\t"'),
        ('"v2"', '"\ud83d"'),
        ('"apiVersion":"v2",', ""),
        ('"apiVersion"', '"apiversion"'),
        ('"apiVersion"', "apiVersion"),
        ('"apiVersion":"v2"', '"apiVersion":"v2","apiVersion":"v2"'),
        ('"apiVersion":"v2"', '"apiVersion":"v2","deprecated":"true"'),
        ('"apiVersion":"v2"', '"apiVersion":"v2","deprecated":yes'),
        ('"apiVersion":"v2"', '"apiVersion":"v2","annotations":{"a":1}'),
        ('"apiVersion":"v2"', '"apiVersion":"v2","keywords":[true]'),
        ('"apiVersion":"v2"', '"apiVersion":"v2","maintainers":[null]'),
        ('"apiVersion":"v2"', '"apiVersion":"v2","type":"x"'),
        ('"apiVersion":"v2"', '"apiVersion":"v2","dependencies":[{"import-values":[.nan]}]'),
        ('"apiVersion":"v2"', '"apiVersion":"v2","dependencies":[{"import-values":[0x10]}]'),
        ("T15", " 15"),
        ("000", "00g"),
        ('["charts/c-1.0.0.tgz"]', "[]"),
        ("c-1.0.0.tgz", "c-1.0.0.tgz?a"),
        ('"1.0.0"', '"1.0.0.0"'),
        ('"version":"1.0.0"', '"version":"1.0.0"\n'),
        ('"1.0.0"}', '"1.0.0"'),
        ('"1.0.0"}', '"1.0.0"} {}'),
        ('"1.0.0"}', '"1.0.0"}\n...'),
        ('"apiVersion":"v2"', f'"apiVersion":"v2","dependencies":[{{"import-values":{"[" * 300 + "]" * 300}}}]'),
        ('"apiVersion":"v2"', f'"apiVersion":"v2","dependencies":[{{"import-values":{"[" * 30000 + "]" * 30000}}}]'),
        ('"v2"', f'"{"x" * 3}","{"k" * 1100}":"v"'),
    ],
)
def test_a_line_with_any_flaw_is_refused(old: str, new: str) -> None:
    check_line(LINE)

    with pytest.raises(ValueError, match="entry"):
        check_line(LINE.replace(old, new, 1))


def test_a_line_with_everything_is_fine() -> None:
    package = a_package(
        annotations={"a": "1"},
        deprecated=True,
        keywords=["k"],
        maintainers=[{"name": "m", "email": "e", "url": "u"}],
        dependencies=[{"name": "d", "enabled": True, "tags": ["t"], "import-values": ["a", {"b": [1, 1.5, None]}]}],
        type="library",
    )

    check_line(render_entry(Package.read(package), "2026-11-20T15:49:01Z"))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"a": "b"}, {"a": "c"}),
        ({"a": "b"}, {"b": "b"}),
        ({"a": "b"}, ["b"]),
        (["a"], ["a", "b"]),
        (["a"], {"a": "a"}),
        ("a", ["a"]),
        (True, "True"),
        (None, "~"),
        ([[None]], [[""]]),
    ],
)
def test_what_yaml_reads_in_another_way_is_noticed(value: object, text: object) -> None:
    assert not _is_same(value, text)


def an_index(*charts: tuple[str, list[str]], top: str = "") -> bytes:
    """Return an index of charts, each with versions in this order."""
    blocks = []
    for name, versions in charts:
        lines = [LINE.replace('"name":"c"', f'"name":"{name}"').replace("1.0.0", version) for version in versions]
        blocks.append(f'"{name}":[\n' + ",\n".join(lines) + "\n]")
    entries = "".join(f"\n{block}," for block in blocks).removesuffix(",")
    return (
        f'{{"apiVersion":"v1",{top}"entries":{{{entries}\n}},"generated":"2026-11-20T15:49:02Z","serverInfo":{{}}}}\n'
    ).encode()


def test_a_whole_index_is_fine() -> None:
    check_index(an_index())
    check_index(an_index(("a", ["2.0.0", "1.0.0", "1.0.0-rc.1"]), ("b", ["1.0.0+b", "1.0.0+a"])))
    check_index(an_index(("a", ["1.0.0"]), top='"annotations":{"x":"y"},"publicKeys":["k"],'))


@pytest.mark.parametrize(
    ("index", "reason"),
    [
        (an_index(("b", ["1.0.0"]), ("a", ["1.0.0"])), "not after b"),
        (an_index(("a", ["1.0.0"]), ("a", ["1.0.0"])), "not after a"),
        (an_index(("a", ["1.0.0", "2.0.0"])), "not older"),
        (an_index(("a", ["1.0.0", "1.0.0"])), "not older"),
        (an_index(("a", ["1.0.0"])).replace(b'"a":[', b'"b":['), "is named a"),
        (an_index(top='"extra":{},'), "unknown"),
        (an_index(("a", ["1.0.0"])).replace(b'"v1"', b'"v2"', 1), "apiVersion"),
        (an_index().replace(b"T15:49:02", b" 15:49:02"), "index.generated"),
        (an_index()[:-4], "index"),
        (an_index() + an_index(), "index"),
        (b"", "index"),
        (b"<html>", "index"),
        (b"apiVersion: v1\nentries: {}\n", "where a chart begins"),
        (
            an_index(("a", ["1.0.0"]), ("b", ["1.0.0"])).replace(b"],\n", b"]\n"),
            "where a chart begins or the entries end",
        ),
        (an_index(("a", ["1.0.0"])).replace(b"]\n}", b"],\n}"), "does not end"),
        (an_index(("a", ["2.0.0", "1.0.0"])).replace(b"},\n{", b"}\n{"), "no comma"),
        (an_index(("a", ["1.0.0"])).replace(b"}\n]", b"},\n]"), "where the chart ends"),
        (an_index(("a", ["1.0.0"])).replace(b"\n]\n", b"\n]]\n"), "where the chart ends"),
        (an_index(("a", ["1.0.0"])).replace(b"\n]\n}", b"\n"), "no comma"),
        (an_index(("a", ["1.0.0"])) + b"\n", "end where it should"),
        (an_index(("a", ["1.0.0"])).replace(b'"a":[', b'"a":[],"b":['), "more than one chart"),
        (an_index().replace(b'"entries":{', b'"entries":{"a":[]'), "on its first line"),
        (an_index(("\xff", ["1.0.0"])).replace("\xff".encode(), b"\xff"), "utf-8"),
    ],
)
def test_an_index_with_any_flaw_is_refused(index: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        check_index(index)
