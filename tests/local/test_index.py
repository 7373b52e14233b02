"""A folder of packages has an index without being deployed."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from local.index import index
from local.places import ROOT
from local.progress import Trouble
from tests.builders import a_package


def test_every_package_under_its_own_name_has_an_entry(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "nginx-1.2.3.tgz").write_bytes(a_package("nginx", "1.2.3"))
    (tmp_path / "other-1.0.0.tgz").write_bytes(a_package("nginx", "1.0.0"))
    (tmp_path / "broken-1.0.0.tgz").write_bytes(b"nonsense")

    made = json.loads(index(tmp_path, "https://charts.example.com"))

    assert [entry["version"] for entry in made["entries"]["nginx"]] == ["1.2.3"]
    assert made["entries"]["nginx"][0]["urls"] == ["https://charts.example.com/charts/nginx-1.2.3.tgz"]
    said = capsys.readouterr().err.splitlines()
    assert said[0].startswith("broken-1.0.0.tgz has no entry: ")
    assert said[1] == "other-1.0.0.tgz has no entry: its Chart.yaml calls it nginx-1.0.0.tgz"


def test_what_is_no_folder_is_refused_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(Trouble, match=r"is no folder: make index DIR=charts/ takes one with packages\.$"):
        index(tmp_path / "none")


def test_the_command_prints_the_index_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "nginx-1.2.3.tgz").write_bytes(a_package("nginx", "1.2.3"))
    (tmp_path / "broken-1.0.0.tgz").write_bytes(b"nonsense")

    done = _make_index(DIR=str(tmp_path), URL="https://charts.example.com/")
    refused = _make_index(DIR=str(tmp_path / "none"))

    (entry,) = json.loads(done.stdout)["entries"]["nginx"]
    assert entry["urls"] == ["https://charts.example.com/charts/nginx-1.2.3.tgz"]
    assert (done.returncode, done.stderr.count("\n")) == (0, 1)
    assert (refused.returncode, refused.stdout, refused.stderr.count("\n")) == (1, "", 1)


def _make_index(**options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "local.index"],
        cwd=ROOT,
        env={**os.environ, **options},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
