"""A folder of packages has an index without being deployed."""

import json
from pathlib import Path

import pytest

from local.index import index
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
