"""The table that `make smoke` and `make contract-aws` print."""

import os
import subprocess
import sys

import pytest

from local.places import ROOT

CASES = '''
"""About a service."""
import pytest

def test_what_is_as_expected():
    """It answers 200.

    If it differs: change this.
    """

@pytest.mark.parametrize("way", ["one", "two"])
def test_what_is_measured(way, record_property):
    """Some seconds.

    If it differs: change that.
    """
    record_property("observed", f"{way} second")

def test_what_differs(record_property):
    """It answers 500
    or 503.

    If it differs: change the filter.
    """
    record_property("observed", "429 Too Many Requests")
    assert 429 in {500, 503}

def test_what_was_not_asked():
    """Nothing.

    If it differs: never.
    """
    pytest.skip("it needs an account")

def test_an_ordinary_one():
    """Says nothing."""

def test_an_ordinary_one_that_fails():
    assert False, "broken"
'''


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("cases")
    folder.joinpath("test_cases.py").write_text(CASES)
    command = [sys.executable, "-m", "pytest", "-p", "tests.observations", "-p", "no:cacheprovider", "--rootdir"]
    ran = subprocess.run(
        [*command, str(folder), str(folder)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == pytest.ExitCode.TESTS_FAILED, ran.stderr
    return str(ran.stdout)


def row(output: str, question: str) -> str:
    """Return the cells of a row as one text."""
    table = output[output.index("What real AWS did") :]
    (found,) = (part for part in table.split("├") if f" {question} " in part)
    columns = zip(*(line.split("│")[1:-1] for line in found.splitlines()[1:] if "│" in line), strict=True)
    return " | ".join(" ".join("".join(column).split()) for column in columns)


def test_a_row_says_what_was_expected_and_what_was_seen(output: str) -> None:
    assert row(output, "what is as expected") == " | what is as expected | It answers 200. | as expected | change this."


def test_what_a_test_recorded_is_what_aws_did_for_each_of_its_parameters(output: str) -> None:
    assert "one: one second" in row(output, "what is measured")
    assert "two: two second" in row(output, "what is measured")


def test_a_difference_is_marked_and_says_what_to_change(output: str) -> None:
    seen = row(output, "what differs")

    assert seen.startswith("x | what differs | It answers 500 or 503. | 429 Too Many Requests; assert 429 in")
    assert seen.endswith("| change the filter.")


def test_what_was_not_asked_is_said(output: str) -> None:
    assert "not asked: it needs an account" in row(output, "what was not asked")


def test_other_tests_have_a_row_only_when_they_fail(output: str) -> None:
    assert "AssertionError: broken" in row(output, "an ordinary one that fails")
    assert "1 more cases: as expected." in output
