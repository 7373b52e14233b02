"""A package is read whole, subcharts included, or refused with the one error."""

import contextlib
import gzip
import hashlib

import pytest
import yaml
from charthouse.errors import BadPackage
from charthouse.helm.chart import ChartRef
from charthouse.helm.entry import render_entry
from charthouse.helm.index_check import check_line
from charthouse.helm.package import MAX_SUBCHART_DEPTH, Package
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import a_package, a_tar, an_archive, gzipped, member

BAD_VERSION = 'validation: chart.metadata.version "bad" is invalid'
NO_MAP = (
    "error unmarshaling JSON: while decoding JSON: "
    "json: cannot unmarshal array into Go value of type map[string]interface {}"
)
SUBCHART = b"name: x\nversion: 1.0.0\n"


def test_a_package_has_its_reference_digest_and_size() -> None:
    data = a_package("nginx", "1.2.3", appVersion="1.10")

    package = Package.read(data)

    assert package == Package(
        ChartRef("nginx", "1.2.3"),
        {"apiVersion": "v2", "appVersion": "1.10", "name": "nginx", "version": "1.2.3"},
        hashlib.sha256(data).hexdigest(),
        len(data),
    )
    assert package.ref.filename == "nginx-1.2.3.tgz"


def test_an_archive_without_a_chart_is_refused() -> None:
    with pytest.raises(BadPackage, match=r"^Chart\.yaml file is missing$"):
        Package.read(an_archive({"c/values.yaml": b""}))


@pytest.mark.parametrize(
    "files",
    [
        {"charts/x/Chart.yaml": SUBCHART},
        {"charts/x/Chart.yaml": SUBCHART, "charts/x/charts/y/Chart.yaml": SUBCHART},
        {"charts/x-1.tgz": a_package("x")},
        {"charts/x-1.tgz.prov": b"anything"},
        {"charts/.gitkeep": b""},
        {"charts/_draft/Chart.yaml": b"["},
        {"charts/.hidden.tgz": b"no archive"},
    ],
)
def test_subcharts_that_helm_loads_or_passes_over_are_fine(files: dict[str, bytes]) -> None:
    assert Package.read(a_package(files=files)).ref.name == "mychart"


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"charts/README.md": b""}, "error unpacking subchart README.md in mychart: Chart.yaml file is missing"),
        ({"charts/x.tgz": b"xx"}, "error unpacking subchart x.tgz in mychart: unexpected EOF"),
        ({"charts/x.tgz/y": b""}, "error unpacking subchart tar in mychart: expected x.tgz, got x.tgz/y"),
        (
            {"charts/x/Chart.yaml": b"name: x\n"},
            "error unpacking subchart x in mychart: validation: chart.metadata.version is required",
        ),
        (
            {"charts/x/Chart.yaml": SUBCHART, "charts/x/charts/y.tgz": a_package("y", "bad")},
            f"error unpacking subchart x in mychart: error unpacking subchart y.tgz in x: {BAD_VERSION}",
        ),
        (
            {"charts/x/Chart.yaml": SUBCHART, "charts/x/values.yaml": b"[]"},
            f"error unpacking subchart x in mychart: cannot load values.yaml: {NO_MAP}",
        ),
    ],
)
def test_a_broken_subchart_breaks_the_package(files: dict[str, bytes], message: str) -> None:
    with pytest.raises(BadPackage) as refused:
        Package.read(a_package(files=files))

    assert refused.value.message == message


def test_subcharts_nested_without_end_are_refused() -> None:
    path = "".join("charts/x/" for _ in range(MAX_SUBCHART_DEPTH + 1))
    files = {path[: 9 * depth] + "Chart.yaml": SUBCHART for depth in range(1, MAX_SUBCHART_DEPTH + 2)}

    with pytest.raises(BadPackage, match="nested more than"):
        Package.read(a_package(files=files))


def test_packages_within_packages_share_one_budget() -> None:
    bomb = a_package("x", files={f"zeros/{number}": bytes(4 * 2**20) for number in range(24)})
    files = {f"charts/x{number}.tgz": bomb for number in range(4)}

    with pytest.raises(BadPackage, match="decompressed package is larger"):
        Package.read(a_package(files=files))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(), children, max_size=3),
    max_leaves=10,
)
fields = st.sampled_from(
    ["name", "version", "home", "keywords", "annotations", "maintainers", "dependencies", "deprecated", "type", "icon"]
)


@given(st.binary())
def test_any_bytes_are_a_package_or_refused(data: bytes) -> None:
    for package in (data, gzipped(data), gzip.compress(data.ljust(1024, b"\0"), 1)):
        with contextlib.suppress(BadPackage):
            Package.read(package)


@given(st.binary())
def test_any_chart_yaml_makes_a_package_or_is_refused(chart: bytes) -> None:
    with contextlib.suppress(BadPackage):
        Package.read(an_archive({"c/Chart.yaml": chart, "c/values.yaml": chart, "c/Chart.lock": chart}))


@given(st.data())
def test_any_change_of_a_header_makes_a_package_or_is_refused(data: st.DataObject) -> None:
    tar = bytearray(a_tar([(member("c/Chart.yaml", len(SUBCHART)), SUBCHART), (member("c/" + "ä" * 60, 1), b"x")]))
    for _ in range(data.draw(st.integers(1, 3))):
        block = 512 * data.draw(st.integers(0, len(tar) // 512 - 1))
        tar[block + data.draw(st.integers(0, 511))] = data.draw(st.integers(0, 255))
        total = sum(tar[block : block + 148]) + sum(tar[block + 156 : block + 512]) + 8 * 32
        tar[block + 148 : block + 156] = b"%06o\0 " % total

    with contextlib.suppress(BadPackage):
        Package.read(gzipped(bytes(tar)))


@given(st.dictionaries(fields, json_values), st.text(min_size=1))
def test_whatever_is_read_is_rendered_as_a_line_that_a_strict_parser_reads(extra: dict[str, object], name: str) -> None:
    chart = {"name": name, "version": "1.0.0"} | extra
    with contextlib.suppress(BadPackage):
        package = Package.read(an_archive({"c/Chart.yaml": yaml.safe_dump(chart, allow_unicode=True).encode()}))

        check_line(render_entry(package, "2026-11-20T15:49:01Z"))
