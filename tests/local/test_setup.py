"""A machine that lacks something says so in one sentence and exit code 1."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from local.places import ROOT
from local.tools import wanted as tools_wanted

SENTENCE = "Python 3.13 is missing: install it"


def find_python(home: Path, *folders: Path) -> subprocess.CompletedProcess[str]:
    """Look for Python in a copy of the clone that has no environment yet."""
    (home / "local").mkdir(exist_ok=True)
    script = home / "local" / "find-python"
    script.write_bytes((ROOT / "local" / "find-python").read_bytes())
    path = os.pathsep.join([*map(str, folders), str(tools(home))])
    return subprocess.run(
        ["/bin/sh", script], env={"PATH": path, "HOME": str(home)}, capture_output=True, text=True, check=False
    )


def tools(home: Path) -> Path:
    """Return a folder with nothing but what the script itself needs."""
    folder = home / "tools"
    folder.mkdir(exist_ok=True)
    (folder / "dirname").symlink_to("/usr/bin/dirname")
    return folder


def program(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def test_a_missing_python_is_said_in_one_sentence(tmp_path: Path) -> None:
    found = find_python(tmp_path)

    assert found.returncode == 1
    assert found.stderr.startswith(SENTENCE)
    assert found.stderr.count("\n") == 1


def test_a_shim_that_fails_is_not_believed(tmp_path: Path) -> None:
    program(tmp_path / "shims" / "python3.13", "echo 'pyenv: python3.13: command not found' >&2; exit 127")
    program(tmp_path / "shims" / "uv", "exit 127")

    found = find_python(tmp_path, tmp_path / "shims")

    assert (found.returncode, found.stderr.startswith(SENTENCE)) == (1, True)


@pytest.mark.parametrize("place", ["bin/python3.13", "bin/python3", ".pyenv/versions/3.13.0/bin/python3.13"])
def test_python_is_found_on_path_and_with_pyenv(tmp_path: Path, place: str) -> None:
    program(tmp_path / place, f'exec {sys.executable} "$@"')

    found = find_python(tmp_path, tmp_path / "bin")

    assert (found.returncode, found.stderr) == (0, "")
    assert Path(found.stdout.strip()).exists()


def test_python_is_found_with_uv(tmp_path: Path) -> None:
    program(tmp_path / "bin" / "uv", f'[ "$1" = --version ] || echo {sys.executable}')

    found = find_python(tmp_path, tmp_path / "bin")

    assert found.returncode == 0


def test_without_node_the_tests_say_so_before_they_begin(tmp_path: Path) -> None:
    code = "import local.tools as t, pathlib, sys; t.TOOLS = pathlib.Path(sys.argv[1]); t.helm(3)"

    ended = subprocess.run(
        [sys.executable, "-c", code, tmp_path], cwd=ROOT, env={"PATH": ""}, capture_output=True, text=True, check=False
    )

    assert ended.returncode == 1
    assert "install Node.js with npm" in ended.stderr


@pytest.mark.parametrize(
    ("stand_in", "there", "sentence"),
    [
        ("versitygw", [], "versitygw 1.8.0 is built by Go: install Go, or choose"),
        ("dynamodb-local", [], "DynamoDB Local 3.1.0 runs on Java: install Java 17 or newer, or choose"),
        ("dynamodb-local", ["java"], "DynamoDB Local 3.1.0 comes through Maven: install Maven, or choose"),
    ],
)
def test_without_what_a_stand_in_comes_from_the_tests_say_so_before_they_begin(
    tmp_path: Path, stand_in: str, there: list[str], sentence: str
) -> None:
    for name in there:
        program(tmp_path / "bin" / name, "exit 0")
    code = "import local.tools as t, pathlib, sys; t.TOOLS = pathlib.Path(sys.argv[1]); t.run(sys.argv[2:])"

    ended = subprocess.run(
        [sys.executable, "-c", code, tmp_path, stand_in],
        cwd=ROOT,
        env={"PATH": str(tmp_path / "bin")},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (ended.returncode, ended.stderr.count("\n")) == (1, 1)
    assert ended.stderr.startswith(sentence)


@pytest.mark.parametrize(
    ("chosen", "there", "fetched"),
    [
        ("", ["mvn"], ["versitygw", "dynamodb-local"]),
        ("", [], ["versitygw"]),
        ("dynamodb-local", [], ["dynamodb-local"]),
        ("moto,versitygw", ["mvn"], ["versitygw"]),
    ],
)
def test_what_was_chosen_is_fetched_or_all_that_a_machine_can_have(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, chosen: str, there: list[str], fetched: list[str]
) -> None:
    for name in there:
        program(tmp_path / "bin" / name, "exit 0")
    monkeypatch.setenv("CHARTHOUSE_CONTRACT", chosen)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr("local.tools.TOOLS", tmp_path / "tools")

    assert tools_wanted([]) == ["helm", *fetched]
    assert tools_wanted(["helm"]) == ["helm"]
