"""Versions parse and order as Masterminds/semver v3.4.0 does; `masterminds.json` holds that library's own answers."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import semver
from charthouse.helm.versions import MAX_LENGTH, parse_version, precedence, sort_key
from hypothesis import given
from hypothesis import strategies as st

ORACLE = json.loads(Path(__file__).with_name("masterminds.json").read_text())
VERSIONS: list[str] = ORACLE["versions"]

NUMBER = r"(0|[1-9][0-9]{0,18})"
PART = rf"({NUMBER}|[0-9]{{0,2}}[a-zA-Z-][0-9a-zA-Z-]{{0,3}})"
strict_versions = st.from_regex(
    rf"{NUMBER}\.{NUMBER}\.{NUMBER}(-{PART}(\.{PART}){{0,3}})?(\+[0-9a-z.-]*[0-9a-z])?", fullmatch=True
).filter(lambda text: ".." not in text and "+." not in text)
"""All numbers fit into 64 bits: beyond that Masterminds and the `semver` package part ways."""


@pytest.mark.parametrize("text", VERSIONS)
def test_a_version_is_one_where_masterminds_says_so(text: str) -> None:
    canonical = ORACLE["parsed"][text]

    if canonical:
        assert str(parse_version(text)) == canonical
    else:
        with pytest.raises(ValueError, match=r"version|range|SemVer"):
            parse_version(text)


def test_every_pair_orders_as_masterminds_says() -> None:
    answers = {"<": -1, "=": 0, ">": 1}

    for row, left in zip(ORACLE["order"], VERSIONS, strict=True):
        for answer, right in zip(row, VERSIONS, strict=True):
            if answer in answers:
                a, b = precedence(parse_version(left)), precedence(parse_version(right))
                assert (a > b) - (a < b) == answers[answer], (left, right)


@given(strict_versions, strict_versions)
def test_strict_versions_order_as_the_semver_package_does(left: str, right: str) -> None:
    a, b = precedence(parse_version(left)), precedence(parse_version(right))

    assert (a > b) - (a < b) == semver.Version.parse(left).compare(right)


def test_the_index_order_is_newest_first_with_ties_by_text_and_nonsense_last() -> None:
    shuffled = ["1.0.0-rc.1", "nonsense", "1.0.0", "2.0.0", "v1.0.0", "1.0.0+b", "1.0.0+a", "1.10.0", "1.9.0", "1"]

    ordered = sorted(shuffled, key=sort_key, reverse=True)

    assert ordered == [
        "2.0.0",
        "1.10.0",
        "1.9.0",
        "v1.0.0",
        "1.0.0+b",
        "1.0.0+a",
        "1.0.0",
        "1",
        "1.0.0-rc.1",
        "nonsense",
    ]


@given(st.text())
def test_any_text_has_a_place_in_the_order(text: str) -> None:
    assert sort_key(text)[2] == text


def test_text_longer_than_masterminds_reads_is_no_version() -> None:
    longest = "1.0.0-" + "x" * (MAX_LENGTH - 6)

    assert parse_version(longest).prerelease == longest[6:]
    with pytest.raises(ValueError, match="invalid"):
        parse_version(longest + "x")
    with pytest.raises(ValueError, match="invalid"):
        parse_version("9" * 1_000_000)


def test_reading_an_index_frame_does_not_import_the_semver_package() -> None:
    code = "import sys; import charthouse.helm.index, charthouse.helm.versions; print('semver' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True).stdout == b"False\n"
