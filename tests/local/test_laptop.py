"""`make run` keeps its charts, and reports a folder in use."""

import http.client
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from local.emulator import free_port
from local.keys import make_token
from local.laptop import Laptop, Running
from local.places import ROOT
from local.progress import Trouble
from tests.builders import a_package


def test_charts_are_kept_for_the_next_run(tmp_path: Path) -> None:
    port = free_port()
    with Laptop(tmp_path, port) as laptop:
        laptop.start({})
        token = make_token(laptop.key)
        uploaded = ask(port, "POST", "/api/charts", a_package("kept", "1.2.3"), {"Authorization": f"Bearer {token}"})
        endpoint = Running.read(tmp_path).endpoint
        compared = reconciled(tmp_path)

    with Laptop(tmp_path, port) as laptop:
        laptop.start({})
        versions = ask(port, "GET", "/api/charts/kept")
        again = Running.read(tmp_path).endpoint

    assert uploaded == (201, {"saved": True})
    assert (compared["versions"], compared["differences"]) == (1, 0)
    assert versions[0] == 200
    assert versions[1][0]["version"] == "1.2.3"
    assert again == endpoint


def test_a_folder_in_use_is_said_in_one_sentence(tmp_path: Path) -> None:
    with (
        Laptop(tmp_path, 0),
        pytest.raises(Trouble, match=r"Another `make run` \(process \d+\) has .* CHARTHOUSE_DATA\."),
    ):
        Laptop(tmp_path, 0)


def test_a_stack_that_does_not_run_is_said_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(Trouble, match=r"^No local stack runs over .*: start one with `make run`"):
        Running.read(tmp_path)


def reconciled(data: Path) -> Any:
    """Return what `make reconcile` prints."""
    command = [sys.executable, "-m", "local.cli", "reconcile"]
    environment = {**os.environ, "CHARTHOUSE_DATA": str(data)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def ask(
    port: int, method: str, target: str, body: bytes = b"", headers: dict[str, str] | None = None
) -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request(method, target, body, headers or {})
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    return answer.status, json.loads(text)
