"""An entry is one line of JSON that reads alike as YAML."""

import json

import pytest
import yaml
from charthouse.errors import BadPackage
from charthouse.helm.chart import ChartRef
from charthouse.helm.entry import MAX_LINE, render_entry
from charthouse.helm.index_check import check_line
from charthouse.helm.package import Package
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import a_package

CREATED = "2026-11-20T15:49:01Z"


def line(**metadata: object) -> str:
    return render_entry(Package.read(a_package(**metadata)), CREATED)  # type: ignore[arg-type]


def with_metadata(**metadata: object) -> Package:
    return Package(
        ChartRef("c", "1.0.0"), {"apiVersion": "v2", "name": "c", "version": "1.0.0"} | metadata, "0" * 64, 1
    )


def test_a_line_is_sorted_compact_and_ends_with_url_and_version() -> None:
    package = Package.read(a_package("mychart", "0.2.0", description="A chart"))

    assert render_entry(package, CREATED) == (
        '{"apiVersion":"v2","created":"2026-11-20T15:49:01Z","description":"A chart","digest":"'
        + package.digest
        + '","name":"mychart","urls":["charts/mychart-0.2.0.tgz"],"version":"0.2.0"}'
    )


@pytest.mark.parametrize(
    ("name", "version", "url"),
    [
        ("c", "1.0.0+a.b", "charts/c-1.0.0+a.b.tgz"),
        ("my chart", "1.0.0", "charts/my%20chart-1.0.0.tgz"),
        ("50%?#", "1.0.0", "charts/50%25%3F%23-1.0.0.tgz"),
        ("ä", "v1", "charts/%C3%A4-v1.tgz"),
        ('a"b\\', "1", "charts/a%22b%5C-1.tgz"),
    ],
)
def test_a_url_is_a_path_helm_can_decode(name: str, version: str, url: str) -> None:
    assert json.loads(line(name=name, version=version))["urls"] == [url]


def test_what_yaml_does_not_print_is_escaped_and_the_rest_is_not() -> None:
    strange = "\x00\x1f\x7f\x80\x85\x9f\u2028\u2029\ufeff\ufffe\uffff"

    rendered = render_entry(with_metadata(annotations={"a": f"{strange}ä\U0001f600"}), CREATED)

    assert "".join(f"\\u{ord(c):04x}" for c in strange) + "ä\U0001f600" in rendered
    check_line(rendered)
    assert yaml.load(rendered, Loader=yaml.CBaseLoader)["annotations"]["a"] == f"{strange}ä\U0001f600"  # noqa: S506


@given(st.text(alphabet=st.characters(codec="utf-8")))
def test_any_text_survives_as_json_and_as_yaml(text: str) -> None:
    rendered = render_entry(with_metadata(annotations={"a": text}), CREATED)

    check_line(rendered)
    assert json.loads(rendered)["annotations"]["a"] == text
    assert yaml.load(rendered, Loader=yaml.CBaseLoader)["annotations"]["a"] == text  # noqa: S506


def test_a_line_may_have_64_kib_and_not_a_byte_more() -> None:
    empty = len(render_entry(with_metadata(description=""), CREATED))
    fits = with_metadata(description="ä" * ((MAX_LINE - empty) // 2) + "x" * ((MAX_LINE - empty) % 2))
    too_large = with_metadata(description=fits.metadata["description"] + "x")

    assert len(render_entry(fits, CREATED).encode()) == MAX_LINE
    with pytest.raises(BadPackage, match="larger than 65536 bytes"):
        render_entry(too_large, CREATED)


def test_a_key_longer_than_yaml_reads_is_refused() -> None:
    check_line(render_entry(with_metadata(annotations={"k" * 998: "v"}), CREATED))

    for metadata in (
        {"annotations": {"k" * 999: "v"}},
        {"annotations": {'"' * 500: "v"}},
        {"dependencies": [{"name": "", "repository": "", "import-values": [{"k" * 999: 1}]}]},
    ):
        with pytest.raises(BadPackage, match="a key longer than 1000 characters"):
            render_entry(with_metadata(**metadata), CREATED)
