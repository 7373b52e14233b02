"""Values given on make's command line arrive unchanged."""

import json
import stat
import subprocess
from pathlib import Path

import pytest

from local.cli import read_parameters
from local.keys import make_key, public_line
from local.laptop import authentication, gateway_port
from local.progress import Trouble
from local.stack import overrides
from local.tools import sam


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "private.pem"
    make_key(path)
    return path


def test_parameters_are_quoted_as_for_a_shell() -> None:
    read = read_parameters('Depth=1 AuthRealm=\'a b\' BasicAuthPass="x\\"y=z" ChartUrl=')

    assert read == {"Depth": "1", "AuthRealm": "a b", "BasicAuthPass": 'x"y=z', "ChartUrl": ""}


@pytest.mark.parametrize("text", ["Depth", "=1", "Depth 1", "De-pth=1", "Depth='1"])
def test_what_is_no_parameter_is_refused_in_one_sentence(text: str) -> None:
    with pytest.raises(Trouble, match=r"^PARAMETERS .*\.$"):
        read_parameters(text)


def test_sam_reads_every_value_as_it_was_given_from_a_file_that_others_cannot_read() -> None:
    """A password must not be an argument of `sam`: every user of the machine can read those."""
    values = {
        "A": 'x "y" \\z',
        "B": "pa$$ 'word' ü \\\" \\' \\ end\\",
        "C": '"quoted"',
        "D": "",
        "E": "a=b,ParameterKey=F,ParameterValue=g",
        "G": "-----BEGIN PUBLIC KEY-----\nAAAA\n",
        "H": "1.10",
        "I": " leading",
    }
    read = (
        "import json, sys; from samcli.cli.types import CfnParameterOverridesType as Type;"
        "print(json.dumps(Type().convert(sys.argv[1:], None, None)))"
    )

    with overrides(values) as argument:
        mode = stat.S_IMODE(Path(argument.removeprefix("file://")).stat().st_mode)
        asked: list[str | Path] = [sam().with_name("python"), "-c", read, argument]
        seen = json.loads(subprocess.run(asked, capture_output=True, text=True, check=True).stdout)

    assert seen == values
    assert mode == 0o600
    assert not any(value and value in argument for value in values.values())


def test_the_local_stack_starts_with_bearer_tokens_and_open_reads(key: Path) -> None:
    given = authentication({"Depth": "1"}, key)

    assert given["BearerAuth"] == given["AuthAnonymousGet"] == "true"
    assert given["AuthPublicKey"] == public_line(key)
    assert given["Depth"] == "1"


@pytest.mark.parametrize("options", [{"AllowAnonymousPush": "true"}, {"BasicAuthUser": "a", "BasicAuthPass": "b"}])
def test_who_chooses_authentication_gets_that_alone(key: Path, options: dict[str, str]) -> None:
    assert authentication(options, key) == options


def test_bearer_tokens_without_a_key_get_the_local_one(key: Path) -> None:
    given = authentication({"BearerAuth": "true"}, key)

    assert given["AuthPublicKey"] == public_line(key)
    assert "AuthAnonymousGet" not in given


@pytest.mark.parametrize("text", ["0", "65536", "http", "-1"])
def test_a_port_that_is_none_is_refused_in_one_sentence(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("CHARTHOUSE_PORT", text)

    with pytest.raises(Trouble, match=r"is no port: it takes a number from 1 to 65535\."):
        gateway_port()
