"""Versions parse and order as Masterminds/semver v3.4.0 does; `masterminds.json` holds that library's own answers."""

import json
from pathlib import Path

import pytest
import semver
from charthouse.helm.versions import Version, sort_key
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
        version = Version.parse(text)
        assert canonical == str(
            semver.Version(
                version.major, version.minor, version.patch, version.prerelease or None, version.build or None
            )
        )
    else:
        with pytest.raises(ValueError, match=r"version|leading|range|starts"):
            Version.parse(text)


def test_every_pair_orders_as_masterminds_says() -> None:
    answers = {"<": -1, "=": 0, ">": 1}

    for row, left in zip(ORACLE["order"], VERSIONS, strict=True):
        for answer, right in zip(row, VERSIONS, strict=True):
            if answer in answers:
                a, b = Version.parse(left).precedence, Version.parse(right).precedence
                assert (a > b) - (a < b) == answers[answer], (left, right)


@given(strict_versions, strict_versions)
def test_strict_versions_order_as_the_semver_package_does(left: str, right: str) -> None:
    a, b = Version.parse(left).precedence, Version.parse(right).precedence

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


def test_a_number_of_a_million_digits_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="out of range"):
        Version.parse("9" * 1_000_000)
