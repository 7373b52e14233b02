"""Constraints admit what Masterminds/semver v3.4.0 admits; `masterminds.json` holds that library's own answers."""

import json
import time
from pathlib import Path

import pytest
from charthouse.helm.constraints import MAX_LENGTH, MAX_TERMS, Constraint, choose
from hypothesis import given
from hypothesis import strategies as st

ORACLE = json.loads(Path(__file__).with_name("masterminds.json").read_text())


def answers(text: str) -> str:
    """Return one character per version of the table, as the oracle does, or the error."""
    try:
        constraint = Constraint.parse(text)
    except ValueError as problem:
        return str(problem)
    return "".join(
        ("1" if constraint.admits(version) else "0") if ORACLE["parsed"][version] else "-"
        for version in ORACLE["versions"]
    )


@pytest.mark.parametrize("text", ORACLE["admits"])
def test_a_constraint_admits_what_masterminds_admits(text: str) -> None:
    assert answers(text) == ORACLE["admits"][text]


@given(st.text("0123456789.x*vX-+ ,|<>=!~^ab", max_size=40))
def test_any_text_is_a_constraint_or_a_value_error(text: str) -> None:
    try:
        constraint = Constraint.parse(text)
    except ValueError:
        return
    assert constraint.admits("1.2.3") == constraint.admits("v1.2.3+b")


def test_what_is_no_version_is_never_admitted() -> None:
    assert not Constraint.parse("*").admits("nonsense")


@pytest.mark.parametrize("text", ["1  " * 160 + "!", " " * 500 + "!", "1 - " * 120, "1" * 511 + "!", "1" * 10_000])
def test_no_text_takes_long(text: str) -> None:
    started = time.process_time()

    with pytest.raises(ValueError, match="constraint"):
        Constraint.parse(text)

    assert time.process_time() - started < 1


def test_a_constraint_has_a_largest_number_of_terms() -> None:
    assert Constraint.parse("||".join(["1"] * MAX_TERMS)).admits("1.2.3")
    for separator in ("||", ","):
        with pytest.raises(ValueError, match="improper constraint: more than 40 terms"):
            Constraint.parse(separator.join(["1"] * (MAX_TERMS + 1)))


def test_a_longer_text_than_allowed_is_no_constraint() -> None:
    with pytest.raises(ValueError, match="improper constraint"):
        Constraint.parse("1," * MAX_LENGTH + "1")


@pytest.mark.parametrize(
    ("wanted", "chosen"),
    [
        ("", "1.10.0"),
        ("1.9.0", "1.9.0"),
        ("1", "1.10.0"),
        ("^0.9", "0.9.1"),
        (">2", None),
        (">=2.0.0-0", "2.0.0-rc.1"),
        ("1.0.0", "1.0.0+b"),
        ("1.0.0+a", "1.0.0+a"),
        ("2.0.0-rc.1", "2.0.0-rc.1"),
    ],
)
def test_the_exact_version_is_chosen_first_and_then_the_newest_admitted(wanted: str, chosen: str | None) -> None:
    versions = ["0.9.1", "1.0.0+a", "1.0.0+b", "1.9.0", "1.10.0", "2.0.0-rc.1"]

    assert choose(versions, wanted) == chosen


def test_choosing_by_no_constraint_says_so_even_where_a_version_is_written_like_that() -> None:
    with pytest.raises(ValueError, match=r"^improper constraint: 1\.2\.3\.4$"):
        choose(["1.2.3.4"], "1.2.3.4")
