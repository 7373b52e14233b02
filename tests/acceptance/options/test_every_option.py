"""No option is left out."""

import re
from pathlib import Path

from tests.acceptance.options import stacks
from tests.template.parsed import PARAMETERS

OTHERS = ("test_moving.py", "test_access_policy.py")
FILES = [*Path(__file__).parent.glob("test_*.py"), *(Path(__file__).parents[1] / name for name in OTHERS)]
GIVEN_BY_THE_HARNESS = {"Architecture", "AuthPublicKey"}
"""The processor of this machine, and the public half of the key that the tests' tokens are signed with."""
GIVEN_LATER = {"ChartUrl"}


def test_every_option_is_deployed() -> None:
    given = {name for stack in stacks.ALL for name in stack}

    assert given | stacks.MADE_FIRST | GIVEN_BY_THE_HARNESS | GIVEN_LATER == set(PARAMETERS)


def test_an_option_is_deployed_with_another_value_than_its_default() -> None:
    given = {(name, str(value).lower()) for stack in stacks.ALL for name, value in stack.items()}
    defaults = {(name, str(parameter["Default"]).lower()) for name, parameter in PARAMETERS.items()}

    # The default of these is what AWS needs; every other stack here has what the emulator needs.
    assert {name for name, _ in given & defaults} == {"RequireTls", "AccessLogs"}


def test_every_option_is_named_by_a_test() -> None:
    named = {word for path in FILES if path != Path(__file__) for word in re.findall(r"\w+", path.read_text())}

    assert set(PARAMETERS) - named == set()
