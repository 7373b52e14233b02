"""What is deployed are the built artifacts: complete, and the read function without the SDK."""

import base64
import hashlib
import os
import subprocess
import sys
import zipfile
from io import BytesIO
from pathlib import Path

import pytest

from local.build import build
from local.tools import emulator_python
from tests.acceptance.deployment import Deployments
from tests.acceptance.repository import ask

FUNCTIONS = [
    "DeleteCharts",
    "IndexObjects",
    "ListCharts",
    "ReadFiles",
    "ReconcileRepositories",
    "ShowHome",
    "UploadCharts",
]
SDK = {"boto3", "botocore", "s3transfer", "aws_lambda_powertools", "jmespath", "urllib3"}


@pytest.fixture(scope="module")
def built() -> Path:
    """Return the folder of the built functions and layer."""
    return build().parent


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_built_function_needs_nothing_but_the_layer(built: Path, function: str) -> None:
    loaded = load(built / function, built / "Layer" / "python")

    assert loaded.returncode == 0, loaded.stderr


@pytest.mark.parametrize("package", ["yaml", "aws_lambda_powertools", "botocore", "charthouse"])
def test_a_layer_without_a_dependency_would_be_noticed(built: Path, tmp_path: Path, package: str) -> None:
    for path in (built / "Layer" / "python").iterdir():
        if path.name != package:
            (tmp_path / path.name).symlink_to(path)

    loaded = load(built / "UploadCharts", tmp_path)

    assert loaded.returncode != 0
    assert f"No module named '{package}" in loaded.stderr


@pytest.mark.parametrize("function", ["ReadFiles", "ShowHome"])
def test_functions_for_quick_answers_start_without_the_sdk(built: Path, function: str) -> None:
    modules = set(load(built / function, built / "Layer" / "python").stdout.split())

    assert "charthouse" in modules
    assert modules.isdisjoint(SDK)


def test_the_sdk_would_be_seen_where_it_is(built: Path) -> None:
    modules = set(load(built / "UploadCharts", built / "Layer" / "python").stdout.split())

    assert {"boto3", "botocore"} <= modules


def test_the_emulator_has_nothing_of_ours_to_lend(tmp_path: Path) -> None:
    program = "import charthouse"

    tried = subprocess.run(
        [emulator_python(), "-c", program], capture_output=True, text=True, check=False, cwd=tmp_path
    )

    assert "No module named 'charthouse'" in tried.stderr


@pytest.mark.parametrize("function", FUNCTIONS)
def test_what_runs_is_what_was_built(deployed: Deployments, built: Path, function: str) -> None:
    deployment = deployed()
    client = deployment.stack.client("lambda")
    name = deployment.stack.functions[function]

    configuration = client.get_function_configuration(FunctionName=name)

    assert (configuration["Runtime"], configuration["Handler"]) == ("python3.13", "app.handler")
    assert len(configuration["Layers"]) == 1
    assert configuration["CodeSize"] > 0
    archive = ask(
        "GET", client.get_function(FunctionName=name)["Code"]["Location"], headers=deployment.stack.emulator.control
    ).body
    assert base64.b64decode(configuration["CodeSha256"]) == hashlib.sha256(archive).digest()
    with zipfile.ZipFile(BytesIO(archive)) as opened:
        assert opened.namelist() == ["app.py"]
        assert opened.read("app.py") == (built / function / "app.py").read_bytes()


def load(function: Path, layer: Path) -> "subprocess.CompletedProcess[str]":
    """Import a function as Lambda does, nothing on the path but its folder and the layer; print what was loaded."""
    environment = {
        "PATH": os.defpath,
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "CHARTHOUSE_BUCKET": "bucket",
        "CHARTHOUSE_TABLE": "table",
        "POWERTOOLS_SERVICE_NAME": "charthouse",
    }
    paths = [str(function), str(layer)]
    program = f"import sys; sys.path[:0] = {paths!r}; import app; print(*sorted(sys.modules))"
    return subprocess.run(
        [sys.executable, "-I", "-S", "-B", "-c", program], env=environment, capture_output=True, text=True, check=False
    )
