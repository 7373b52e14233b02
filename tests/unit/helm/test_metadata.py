"""Chart.yaml becomes the metadata Helm would put into an index."""

from typing import Any

import pytest
from charthouse.errors import BadPackage
from charthouse.helm.package import Package

from tests.builders import an_archive

UNMARSHAL = "cannot load Chart.yaml: error unmarshaling JSON: while decoding JSON"
HEAD = "apiVersion: v2\nname: c\nversion: 1.0.0\n"


def metadata(chart: str | bytes, **others: str) -> dict[str, Any]:
    """Read a chart with this Chart.yaml; other files by name, `__` for the dot."""
    body = chart.encode() if isinstance(chart, str) else chart
    more = {f"c/{name.replace('__', '.')}": text.encode() for name, text in others.items()}
    return Package.read(an_archive({"c/Chart.yaml": body, **more})).metadata


def refusal(chart: str | bytes, **others: str) -> str:
    with pytest.raises(BadPackage) as refused:
        metadata(chart, **others)
    return refused.value.message


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("1.10", "1.1"),
        ("1.0", "1"),
        ("1e3", "1000"),
        ("1E3", "1000"),
        ("1e6", "1e+06"),
        ("123456789.5", "1.2345679e+08"),
        ("1.5e-7", "1.5e-07"),
        ("0.0001", "0.0001"),
        (".5", "0.5"),
        ("-0.0", "-0"),
        ("0x10", "16"),
        ("010", "8"),
        ("0o17", "15"),
        ("0b11", "3"),
        ("0899", "899"),
        ("+5", "5"),
        ("1_000", "1000"),
        ("99999999999999999999", "1e+20"),
        ("18446744073709551615", "18446744073709551615"),
        ("1e400", "1e400"),
        (".nan", "NaN"),
        ("-.inf", "-Inf"),
        ("yes", "true"),
        ("y", "true"),
        ("Off", "false"),
        ("2024-01-01", "2024-01-01"),
        ("1:20", "1:20"),
        ('"1.10"', "1.10"),
        ("!!str 1.10", "1.10"),
        ("!custom 1.10", "1.10"),
        ("!!binary aGVsbG8=", "hello"),
        ("!!float 3", "3"),
        ("|\n  a\n", "a "),
        ("a\u00a0b\u200bc\u00ad", "a bc"),
        ("\U0001f600 Grüße", "\U0001f600 Grüße"),
    ],
)
def test_a_scalar_becomes_the_text_helm_makes_of_it(written: str, read: str) -> None:
    assert metadata(f"{HEAD}appVersion: {written}\n")["appVersion"] == read


@pytest.mark.parametrize("written", ["", "~", "null", '""', "!!null ''"])
def test_an_empty_field_is_left_out(written: str) -> None:
    assert metadata(f"{HEAD}appVersion: {written}\n") == {"apiVersion": "v2", "name": "c", "version": "1.0.0"}


def test_unknown_keys_are_dropped_and_known_ones_found_in_any_case() -> None:
    read = metadata(f"{HEAD}Description: a\nDESCRIPTION: b\nicons: [x]\nIcon: i\n")

    assert read == {"apiVersion": "v2", "name": "c", "version": "1.0.0", "description": "a", "icon": "i"}


def test_annotations_are_texts_by_text() -> None:
    assert metadata(f"{HEAD}annotations: {{1.10: 0755, y: ~, a: 1.0}}\n")["annotations"] == {
        "1.1": "493",
        "true": "",
        "a": "1",
    }


def test_dependencies_always_have_name_and_repository() -> None:
    dependency = "{version: 1.10, enabled: yes, tags: [1], alias: a, import-values: [x, {child: 0x10, parent: 1e3}]}"

    assert metadata(f"{HEAD}dependencies: [{dependency}]\n")["dependencies"] == [
        {
            "alias": "a",
            "enabled": True,
            "import-values": ["x", {"child": 16, "parent": 1000}],
            "name": "",
            "repository": "",
            "tags": ["1"],
            "version": "1.1",
        }
    ]


def test_a_chart_without_api_version_is_v1() -> None:
    assert metadata("name: c\nversion: 1.0.0\n")["apiVersion"] == "v1"


@pytest.mark.parametrize("head", ["apiVersion: v1\n", "", "apiVersion: v2\n"])
def test_requirements_take_the_place_of_dependencies(head: str) -> None:
    requirements = "dependencies: [{name: x, version: 1.10, repository: https://example.com}]"

    read = metadata(f"{head}name: c\nversion: 1.0.0\n", requirements__yaml=requirements)

    assert read["dependencies"] == [{"name": "x", "repository": "https://example.com", "version": "1.1"}]


def test_a_second_chart_yaml_changes_only_what_it_names() -> None:
    package = an_archive(
        {"c/Chart.yaml": b"name: c\nversion: 1.0.0\nhome: h\n", "d/Chart.yaml": b"version: 2.0.0\nicon: i\n"}
    )

    assert Package.read(package).metadata == {
        "apiVersion": "v1",
        "name": "c",
        "version": "2.0.0",
        "home": "h",
        "icon": "i",
    }


def test_the_last_of_two_equal_keys_counts_and_merges_fill_in() -> None:
    read = metadata(f"{HEAD}home: a\nhome: b\nx: &x {{icon: i, description: d}}\n<<: *x\ndescription: e\n")

    assert (read["home"], read["icon"], read["description"]) == ("b", "i", "e")


def test_only_the_first_document_counts_and_a_byte_order_mark_does_not() -> None:
    assert metadata(b"\xef\xbb\xbfname: c\r\nversion: 1.0.0\r\n---\nname: [")["name"] == "c"


@pytest.mark.parametrize(
    ("chart", "message"),
    [
        ("", "validation: chart.metadata.name is required"),
        ("name: c\n", "validation: chart.metadata.version is required"),
        ("name: ../x\nversion: 1.0.0\n", 'validation: chart.metadata.name "../x" is invalid'),
        ("name: ..\nversion: 1.0.0\n", 'validation: chart.metadata.name ".." is not allowed'),
        ("name: c\nversion: 1.2.3.4\n", 'validation: chart.metadata.version "1.2.3.4" is invalid'),
        ("name: c\nversion: '1.0.0 '\n", 'validation: chart.metadata.version "1.0.0 " is invalid'),
        (f"{HEAD}type: x\n", "validation: chart.metadata.type must be application or library"),
        (f"{HEAD}maintainers: [~]\n", "validation: maintainers must not contain empty or null nodes"),
        (f"{HEAD}dependencies: [~]\n", "validation: dependencies must not contain empty or null nodes"),
        (
            f"{HEAD}dependencies: [{{name: a}}, {{name: b, alias: a}}]\n",
            'validation: more than one dependency with name or alias "a"',
        ),
        (
            f"{HEAD}dependencies: [{{name: a, alias: a b}}]\n",
            'validation: dependency "a" has disallowed characters in the alias',
        ),
        (
            f"{HEAD}deprecated: 'true'\n",
            f"{UNMARSHAL}: json: cannot unmarshal string into Go struct field Metadata.deprecated of type bool",
        ),
        (
            f"{HEAD}home: [a]\n",
            f"{UNMARSHAL}: json: cannot unmarshal array into Go struct field Metadata.home of type string",
        ),
        (
            "- a\n",
            f"{UNMARSHAL}: json: cannot unmarshal array into Go value of type chart.Metadata",
        ),
        (
            f"{HEAD}x: *y\n",
            "cannot load Chart.yaml: error converting YAML to JSON: yaml: unknown anchor 'y' referenced",
        ),
        (
            f"{HEAD}x: .nan\n",
            "cannot load Chart.yaml: error converting YAML to JSON: json: unsupported value: NaN",
        ),
    ],
)
def test_a_chart_helm_refuses_is_refused_in_its_words(chart: str, message: str) -> None:
    assert refusal(chart) == message


@pytest.mark.parametrize("file", ["values.yaml", "Chart.lock", "requirements.yaml", "requirements.lock"])
def test_every_other_yaml_file_must_be_yaml_of_the_right_shape(file: str) -> None:
    name = file.replace(".", "__")

    assert refusal(HEAD, **{name: "a: ["}).startswith(f"cannot load {file}: error converting YAML to JSON: yaml: ")
    assert refusal(HEAD, **{name: "[]"}).startswith(f"cannot load {file}: error unmarshaling JSON: ")
    assert metadata(HEAD, **{name: ""})["name"] == "c"


@pytest.mark.parametrize(
    "time", ["2020-01-01", "2020-02-30T00:00:00Z", "2020-01-01T24:00:00Z", "2020-01-01t00:00:00Z", "5"]
)
def test_a_lock_must_say_when_it_was_made_as_in_rfc_3339(time: str) -> None:
    assert "Lock.generated" in refusal(HEAD, Chart__lock=f"generated: {time}")


def test_a_lock_of_the_year_null_is_fine() -> None:
    assert metadata(HEAD, Chart__lock="generated: '0000-02-29T00:00:00.123456789+02:00'")["name"] == "c"


def test_requirements_alone_make_no_chart() -> None:
    with pytest.raises(BadPackage, match="apiVersion is required"):
        Package.read(an_archive({"c/requirements.yaml": HEAD.replace("apiVersion: v2\n", "").encode()}))
