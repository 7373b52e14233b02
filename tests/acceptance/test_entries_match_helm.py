"""An entry is what the real `helm repo index` writes for the same package, empty fields, `created` and `urls` aside."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from charthouse.errors import BadPackage
from charthouse.helm.entry import render_entry
from charthouse.helm.package import Package

from tests.acceptance.helm import Helm
from tests.builders import a_package, a_tar, an_archive, gzipped, member

ODD_SCALARS = [
    "1.10",
    "1.0",
    "1e3",
    "1E3",
    "1e6",
    "0x10",
    "0X1F",
    "010",
    "0755",
    "0899",
    "0o17",
    "0b11",
    "1_000",
    "0x_1f",
    "-0x1F",
    "+5",
    "+.5",
    ".5",
    "5.",
    ".5_0",
    "._5",
    "-0",
    "-0.0",
    "00",
    "007",
    "1e1_0",
    "yes",
    "No",
    "on",
    "y",
    "N",
    "off",
    "true",
    "2024-01-01",
    "1:20",
    "1e400",
    ".inf",
    ".NaN",
    "1.5e-7",
    "0.0001",
    "0.00001",
    "123456789.5",
    "16777217",
    "16777217.0",
    "99999999999999999999",
    "9223372036854775807",
    "-9223372036854775808",
    "-9223372036854775809",
    "18446744073709551615",
    "2001-12-14t21:59:43.10-05:00",
    "=",
    "a<<b",
]


def a_chart(text: str | bytes, **others: str) -> bytes:
    """Return a package of this Chart.yaml; other files by name, `__` for the dot."""
    body = text.encode() if isinstance(text, str) else text
    return an_archive(
        {"c/Chart.yaml": body} | {f"c/{name.replace('__', '.')}": data.encode() for name, data in others.items()}
    )


HEAD = "apiVersion: v2\nname: c\nversion: 1.0.0\n"
V1 = "apiVersion: v1\nname: c\nversion: 1.0.0\n"
ACCEPTED: dict[str, bytes] = {
    "everything": a_package(
        "nginx",
        "1.2.3-rc.1+build.7",
        description="A chart: of #everything 'quoted' \"twice\" Grüße 😀 漢字",
        type="library",
        deprecated=True,
        home="https://example.com",
        icon="https://example.com/i.png",
        sources=["https://example.com/a", 1.10],
        keywords=["web", 2, True],
        kubeVersion=">=1.25.0-0",
        appVersion="1.10",
        condition="nginx.enabled",
        tags="web,proxy",
        annotations={"category": "Infrastructure", "artifacthub.io/changes": "- one\n- two\n", "empty": ""},
        maintainers=[{"name": "Ä", "email": "a@example.com", "url": "https://example.com"}, {"name": "only"}, {}],
        dependencies=[
            {
                "name": "redis",
                "version": "~1.2",
                "repository": "https://example.com/charts",
                "alias": "cache",
                "condition": "cache.enabled",
                "tags": ["db", 1],
                "enabled": True,
                "import-values": ["data", {"child": "a.b", "parent": "c"}, {"n": [1, 1.5, 1e21, 12345678901234567890]}],
            },
            {"name": "common"},
        ],
    ),
    "requirements": a_chart(V1, requirements__yaml="dependencies: [{name: x, version: 1.10, repository: r, alias: a}]"),
    "requirements of a v2": a_chart(
        f"{HEAD}dependencies: [{{name: a, condition: x}}, {{name: b}}]\n",
        requirements__yaml="dependencies: [{name: q}]",
    ),
    "requirements that change all": a_chart(V1, requirements__yaml="home: h\nversion: 2.0.0\n"),
    "no api version": a_chart("name: c\nversion: 1\n"),
    "api version 3": a_chart("apiVersion: v3\nname: c\nversion: v1.2\n"),
    "leading zeros": a_chart("name: a b\nversion: 01.2.3\n"),
    "a name that is false": a_chart("name: n\nversion: 1.0.0\n"),
    "white space and the unprintable": a_chart(
        f'{HEAD}description: "a\\tb\\u0085c\\u2028d\\u00a0e\\u200bf\\x07g\\ue000h\\u00adi"\nhome: |\n  x\n  y\n'
    ),
    "emoji and scripts in annotations": a_chart(
        f'{HEAD}annotations: {{"\\U0001f600": "a\\tb\\nc ä 漢 \\U0001f600"}}\n'
    ),
    "keys in any case": a_chart(f"{HEAD}Description: x\nDESCRIPTION: y\nAppVersion: 1.10\nde\u017fcription: z\n"),
    "merges and aliases": a_chart(f"{HEAD}x: &x {{home: h, icon: i}}\n<<: [*x, {{icon: j, tags: t}}]\nhome: k\n"),
    "tags": a_chart(f"{HEAD}description: !x 1\nhome: !!binary aGVsbG8=\nicon: !!float 3\ntags: !!str 1.10\n"),
    "binary that is no text": a_chart(f"{HEAD}description: !!binary /+8=\n"),
    "duplicate keys": a_chart(f"{HEAD}name: d\nname: e\n"),
    "two documents, windows line ends, a mark": a_chart(b"\xef\xbb\xbfname: c\r\nversion: 1.0.0\r\n---\r\nname: ["),
    "two charts": an_archive({"c/Chart.yaml": V1.encode(), "d/Chart.yaml": b"home: h\nversion: 2.0.0\n"}),
    "back-slashes": an_archive({"c\\Chart.yaml": V1.encode(), "c\\templates\\x.yaml": b""}),
    "subcharts": a_package(
        files={"charts/x/Chart.yaml": V1.encode(), "charts/y-1.tgz": a_package("y"), "charts/_z/Chart.yaml": b"["}
    ),
    "a lock": a_chart(HEAD, Chart__lock="digest: x\ngenerated: '2020-01-01T00:00:00.1+02:00'\ndependencies: []"),
    "two gzip members": gzipped(a_tar([(member("c/Chart.yaml", len(V1)), V1.encode())])[:700])
    + gzipped(a_tar([(member("c/Chart.yaml", len(V1)), V1.encode())])[700:]),
} | {
    f"odd scalar {scalar}": a_chart(f"{HEAD}appVersion: {scalar}\nkeywords: [{scalar}]\nannotations: {{a: {scalar}}}\n")
    for scalar in ODD_SCALARS
}

REFUSED: dict[str, bytes] = {
    "text for a list": a_chart(f"{HEAD}keywords: a\n"),
    "text for a bool": a_chart(f"{HEAD}deprecated: 'true'\n"),
    "a list for text": a_chart(f"{HEAD}description: [a]\n"),
    "not a number": a_chart(f"{HEAD}other: .nan\n"),
    "a null maintainer": a_chart(f"{HEAD}maintainers: [null]\n"),
    "one alias twice": a_chart(f"{HEAD}dependencies: [{{name: a}}, {{name: b, alias: a}}]\n"),
    "a name with a slash": a_chart("name: a/b\nversion: 1.0.0\n"),
    "four numbers": a_chart("name: c\nversion: 1.2.3.4\n"),
    "no chart": an_archive({"c/values.yaml": b""}),
    "values that are a list": a_chart(HEAD, values__yaml="[]"),
    "a lock without a time": a_chart(HEAD, Chart__lock="generated: 2020-01-01"),
    "a broken subchart": a_package(files={"charts/x/Chart.yaml": b"name: x\n"}),
    "a file too large": a_package(files={"big": bytes(5 * 1024 * 1024 + 1)}),
    "a path out of the chart": an_archive({"c/Chart.yaml": V1.encode(), "c/../../x": b""}),
}


@pytest.mark.parametrize("major", [3, 4])
def test_entries_are_those_of_helm_repo_index(major: int, helm: Callable[[int], Helm], tmp_path: Path) -> None:
    files = {f"{number}.tgz": (what, package) for number, (what, package) in enumerate(ACCEPTED.items())}
    for file, (_, package) in files.items():
        (tmp_path / file).write_bytes(package)

    helm(major)("repo", "index", tmp_path)

    index = texts((tmp_path / "index.yaml").read_bytes())
    theirs = {entry["urls"][0]: entry for entries in index["entries"].values() for entry in entries}
    assert theirs.keys() == files.keys()
    for file, (what, package) in files.items():
        ours = texts(render_entry(Package.read(package), "2026-11-20T15:49:01Z").encode())
        assert without_place_and_time(ours) == without_place_and_time(theirs[file]), what


@pytest.mark.parametrize("what", REFUSED)
def test_what_helm_cannot_index_is_refused(what: str, helm: Callable[[int], Helm], tmp_path: Path) -> None:
    (tmp_path / "c.tgz").write_bytes(REFUSED[what])

    index = helm(4).run("repo", "index", tmp_path)

    with pytest.raises(BadPackage):
        Package.read(REFUSED[what])
    assert index.code != 0 or "c.tgz" not in (tmp_path / "index.yaml").read_text()


def texts(data: bytes) -> Any:
    """Read YAML with every scalar as its text, so that no reader's guesses hide a difference."""
    return yaml.load(data, Loader=yaml.CBaseLoader)  # noqa: S506


def without_place_and_time(entry: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in entry.items() if key not in ("created", "urls")}
