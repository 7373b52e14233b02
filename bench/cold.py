"""Cold starts: every function's imports in a fresh interpreter that has the standard library and the layer, no more."""

import compileall
import importlib.metadata
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from py_compile import PycInvalidationMode

from bench.figures import Figure
from local.places import ROOT

LAYER = ROOT / "layers" / "charthouse"

SDK = """
import boto3
from botocore.config import Config
client = boto3.client("s3", config=Config(signature_version="s3v4"))
client.generate_presigned_url("get_object", Params={"Bucket": "charts", "Key": "mychart-0.1.0.tgz"})
"""
READ = """
import app
app.files.file_url("GET", "", "mychart-0.1.0.tgz")
"""

_ENVIRONMENT = {
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "key",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "CHARTHOUSE_BUCKET": "charts",
    "CHARTHOUSE_TABLE": "charts",
}


def figures() -> Iterator[Figure]:
    """Measure with the layer as sources, which is how `sam build` leaves it, and with its bytecode."""
    with tempfile.TemporaryDirectory() as scratch:
        layer = Path(scratch)
        _copy_layer(layer)
        bare = {name: _imported(layer, name, "import app") for name in _functions()}
        yield _reading(layer, "sources only")
        compileall.compile_dir(layer, quiet=2, workers=2, invalidation_mode=PycInvalidationMode.UNCHECKED_HASH)
        yield _reading(layer, "with bytecode")
        for name, source_ms in bare.items():
            compiled = _imported(layer, name, "import app")
            yield Figure(
                f"import of {name}, bytecode in the layer", compiled, "none", source_ms, note=_dearest(layer, name)
            )
        nothing = _imported(layer, "read_files", "pass")
        yield Figure("import of read_files", _imported(layer, "read_files", "import app"), "an empty program", nothing)


def _functions() -> list[str]:
    return sorted(path.parent.name for path in ROOT.glob("functions/*/app.py"))


def _reading(layer: Path, how: str) -> Figure:
    ours, theirs = (_imported(layer, "read_files", program) for program in (READ, SDK))
    return Figure(f"cold start to first presigned URL, {how}", ours, "boto3", theirs)


def _imported(layer: Path, function: str, program: str) -> float:
    """Return the milliseconds of processor time, the shortest of three: an import waits for nothing else."""
    best = float("inf")
    for _ in range(3):
        before = _children()
        _run(layer, function, program)
        best = min(best, _children() - before)
    return best * 1000


def _children() -> float:
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def _run(layer: Path, function: str, program: str, *options: str) -> str:
    # Without site, the workshop's own packages are out of sight, as they are in Lambda.
    command = [sys._base_executable, "-S", "-B", *options, "-c", program]  # type: ignore[attr-defined]  # noqa: SLF001
    clean = {
        name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "CHARTHOUSE_", "PYTHON"))
    }
    environment = {**clean, **_ENVIRONMENT, "PYTHONPATH": str(layer)}
    where = ROOT / "functions" / function
    return subprocess.run(command, cwd=where, env=environment, check=True, capture_output=True, text=True).stderr


def _dearest(layer: Path, function: str) -> str:
    """Return the packages that take longest, with the milliseconds of their own modules."""
    own: Counter[str] = Counter()
    lines = _run(layer, function, "import app", "-X", "importtime").splitlines()
    for line in lines:
        if match := re.match(r"import time:\s+(\d+) \|\s+\d+ \|\s+(\w+)", line):
            name = match[2] if match[2] not in sys.stdlib_module_names else "standard library"
            own[name] += int(match[1])
    return ", ".join(f"{name} {microseconds // 1000}" for name, microseconds in own.most_common(4))


def _copy_layer(target: Path) -> None:
    """Copy our package and what the layer's requirements name, as sources and libraries."""
    shutil.copytree(LAYER / "charthouse", target / "charthouse", ignore=shutil.ignore_patterns("__pycache__"))
    names = re.findall(r"^([\w.-]+)==", (LAYER / "requirements.txt").read_text(), re.MULTILINE)
    for name in names:
        for file in importlib.metadata.distribution(name).files or []:
            if file.suffix != ".pyc" and ".." not in file.parts:
                copy = target / file
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file.locate(), copy)
