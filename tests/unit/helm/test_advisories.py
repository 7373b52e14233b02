"""Helm's published advisories of 2019 to 2026 that touch archives, metadata or indexes: none of them works here.

Those about plugins, rendering, `--set` and credentials of the client touch nothing that a repository reads.
"""

import json
import tarfile

import pytest
from charthouse.errors import BadPackage
from charthouse.helm import chart_files
from charthouse.helm.entry import render_entry
from charthouse.helm.index import Entry, Envelope, Index
from charthouse.helm.index_check import check_index, check_line
from charthouse.helm.package import Package

from tests.builders import a_package, a_tar, an_archive, gzipped, member

CHART = b"apiVersion: v2\nname: c\nversion: 1.0.0\n"
CREATED = "2026-11-20T15:49:01Z"


def line(package: bytes) -> str:
    rendered = render_entry(Package.read(package), CREATED)
    check_line(rendered)
    return rendered


def an_index(entries: str) -> bytes:
    """Return an index with this in place of its entries, each line of it as published."""
    package = Package.read(an_archive({"c/Chart.yaml": CHART}))
    good = Index.fold(Envelope(), [Entry("c", "1.0.0", render_entry(package, CREATED))]).data
    check_index(good)
    begin, end = good.index(b'\n"c":['), good.rindex(b"\n}")
    return good[:begin] + entries.encode() + good[end:]


@pytest.mark.parametrize("path", ["c/../../etc/x", "c//etc/x", "c\\..\\..\\x", "c/C:/x", "c/C:\\..\\x", "../x/../../y"])
def test_cve_2019_1000008_a_file_that_leaves_the_chart_is_refused(path: str) -> None:
    with pytest.raises(BadPackage):
        Package.read(an_archive({"c/Chart.yaml": CHART, path: b"x"}))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE])
def test_cve_2019_18658_a_link_is_never_followed(kind: bytes) -> None:
    link = (member("c/values.yaml", 0, kind, "/etc/passwd"), b"")
    template = (member("c/templates/x", 0, kind, "../../../etc/passwd"), b"")
    package = gzipped(a_tar([(member("c/Chart.yaml", len(CHART)), CHART), link, template]))

    assert Package.read(package).ref.name == "c"
    assert chart_files.values(package) == b""
    assert json.loads(chart_files.templates(package))["templates"] == [{"name": "templates/x", "data": ""}]


@pytest.mark.parametrize("alias", ["../x", "a/b", "a b", "a.b", "\u0430"])
def test_cve_2020_15184_an_alias_has_no_characters_that_paths_have(alias: str) -> None:
    with pytest.raises(BadPackage, match="disallowed characters in the alias"):
        Package.read(a_package(dependencies=[{"name": "x", "alias": alias}]))


def test_cve_2020_15185_an_index_never_has_a_key_or_a_version_twice() -> None:
    entry = line(an_archive({"c/Chart.yaml": CHART}))

    for entries in (
        f'\n"c":[\n{entry},\n{entry}\n]',
        f'\n"c":[\n{entry}\n],\n"c":[\n{entry}\n]',
        f'\n"c":[\n{entry.replace('"name":"c"', '"name":"d","name":"c"')}\n]',
    ):
        with pytest.raises(ValueError, match=r"index"):
            check_index(an_index(entries))


@pytest.mark.parametrize("version", ["1.0.0\u001b[2J", "1.0.0\n", "1.0.0 ; rm", "latest", "\u202e1.0.0"])
def test_cve_2021_21303_a_version_is_a_version(version: str) -> None:
    with pytest.raises(BadPackage, match=r"version .* is invalid"):
        Package.read(a_package("c", version))


def test_cve_2021_21303_texts_cannot_steer_a_terminal() -> None:
    rendered = json.loads(
        line(a_package(description="a\u001b[2Jb\u0007c\u202ed", home="e\u0000f", keywords=["\u009b1m"]))
    )

    assert (rendered["description"], rendered["home"], rendered["keywords"]) == ("a[2Jbcd", "ef", ["1m"])


def test_cve_2021_32690_a_listed_url_never_leads_to_another_host() -> None:
    for name in ("\\\\evil.example\\c", "@evil.example", "evil.example:80", "?x#y", "%2F%2Fevil.example"):
        (url,) = json.loads(line(a_package(name)))["urls"]

        assert url.startswith("charts/")
        assert not set(url.removeprefix("charts/")) & set("/\\?#")


@pytest.mark.parametrize("entry", ["null", "{}", "[]", '{"apiVersion":"v2"}', '"x"'])
def test_cve_2022_23525_and_2024_26147_and_2025_55198_an_index_has_no_empty_entry(entry: str) -> None:
    with pytest.raises(ValueError, match=r"index"):
        check_index(an_index(f'\n"c":[\n{entry}\n]'))


@pytest.mark.parametrize("data", [b"", b"\n", b"{}\n", b"null\n", b"entries: {}\n", b'{"apiVersion":"v1"}\n'])
def test_cve_2024_26147_an_index_without_content_is_no_index(data: bytes) -> None:
    assert Index.read(data, Envelope()) is None
    with pytest.raises(ValueError, match=r"index"):
        check_index(data)


@pytest.mark.parametrize("chart", [b"", b"~", b"# nothing\n", b"{}", b"\xef\xbb\xbf", b"---\n...\n"])
def test_cve_2024_26147_a_chart_without_content_is_refused(chart: bytes) -> None:
    with pytest.raises(BadPackage, match="is required"):
        Package.read(an_archive({"c/Chart.yaml": chart}))


@pytest.mark.parametrize("name", ["../x", "/etc/x", "a/../../b", "a/b", "a\\0b/"])
def test_cve_2024_25620_a_chart_name_is_no_path(name: str) -> None:
    with pytest.raises(BadPackage, match=r"name .* is invalid"):
        Package.read(a_package(name))
    with pytest.raises(BadPackage, match=r"name .* is invalid"):
        Package.read(a_package(files={"charts/x/Chart.yaml": f"name: {name}\nversion: 1.0.0\n".encode()}))


def test_cve_2025_32386_an_archive_that_inflates_without_end_is_refused() -> None:
    bomb = an_archive({"c/Chart.yaml": CHART} | {f"c/{n}": bytes(5 * 2**20) for n in range(21)})

    with pytest.raises(BadPackage, match="larger than the maximum"):
        Package.read(bomb)


@pytest.mark.parametrize("schema", [b'{"$ref":"#"}', b'{"$ref":"/dev/zero"}', b"[" * 100_000, b"{", b"\xff"])
def test_cve_2022_23526_and_2025_32387_and_2025_55199_a_schema_is_never_read(schema: bytes) -> None:
    assert Package.read(a_package(files={"values.schema.json": schema})).ref.name == "mychart"


def test_cve_2025_53547_a_lock_that_is_a_link_stays_an_empty_file() -> None:
    link = (member("c/Chart.lock", 0, tarfile.SYMTYPE, "/etc/cron.d/job"), b"")
    package = gzipped(a_tar([(member("c/Chart.yaml", len(CHART)), CHART), link]))

    assert "dependencies" not in Package.read(package).metadata


@pytest.mark.parametrize(
    "chart", ["maintainers: [~]", "maintainers: [{name: a}, null]", "dependencies: [~]", "dependencies: [{name: a}, ~]"]
)
def test_cve_2025_55198_a_null_maintainer_or_dependency_is_refused(chart: str) -> None:
    with pytest.raises(BadPackage, match="must not contain empty or null nodes"):
        Package.read(an_archive({"c/Chart.yaml": CHART + chart.encode()}))


def test_cve_2025_55198_values_to_import_may_be_anything_and_break_nothing() -> None:
    rendered = json.loads(
        line(a_package(dependencies=[{"name": "a", "import-values": [{"child": 1, "parent": []}, 5]}]))
    )

    assert rendered["dependencies"][0]["import-values"] == [{"child": 1, "parent": []}, 5]


@pytest.mark.parametrize("name", [".", ".."])
def test_cve_2026_35206_a_chart_is_not_named_as_a_folder(name: str) -> None:
    with pytest.raises(BadPackage, match="is not allowed"):
        Package.read(a_package(name))
