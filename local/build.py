"""`sam build`, once for everything that is the same: tests and `make run` share what it made."""

import hashlib
import os
import platform
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from local.lock import locked
from local.places import BUILDS, ROOT, VENV
from local.progress import Trouble, step
from local.tools import sam, sam_environment

KEPT = 4
"""Builds that are kept; older ones are deleted."""

IGNORED = frozenset({"__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache"})


def host_architecture() -> str:
    """Return Lambda's name for this machine's processor, on which the emulator runs the functions."""
    return "arm64" if platform.machine().lower() in {"arm64", "aarch64"} else "x86_64"


def build(template: Path = ROOT / "template.yaml", architecture: str | None = None) -> Path:
    """Return the built template; builds only what was not built before. Raises `Trouble` if SAM fails.

    Safe to call from any number of processes: one builds, the others wait for it.
    """
    architecture = architecture or host_architecture()
    target = BUILDS / "local" / f"{_digest(template, architecture)}-{architecture}"
    built = target / "template.yaml"
    with locked(BUILDS / "local.lock"):
        if not built.exists():
            with step(f"Building functions and layer for {architecture} (sam build)"):
                _build(template, architecture, target)
        os.utime(target)
        _tidy(target.parent)
    return built


def compile_layer(layer: Path) -> None:
    """Compile a built layer to bytecode: a function cannot store any and would compile at each cold start.

    With the SDK that is more than half of a cold start. The bytecode is valid for every Python 3.13 and never checked
    against the sources, whose times do not survive the archive; equal sources give equal bytes.
    """
    command: list[str | Path] = [
        *(VENV / "bin" / "python", "-m", "compileall", "-q"),
        *("--invalidation-mode", "unchecked-hash", "-s", layer, "-p", "/opt", layer),
    ]
    compiled = subprocess.run(
        command, env={**os.environ, "PYTHONHASHSEED": "0"}, capture_output=True, text=True, check=False
    )
    if compiled.returncode != 0:
        raise Trouble(f"The layer could not be compiled:\n{compiled.stdout}{compiled.stderr}")


def _build(template: Path, architecture: str, target: Path) -> None:
    unfinished = target.with_name(f"{target.name}.unfinished")
    command: list[str | Path] = [
        *(sam(), "build", "--template-file", template, "--base-dir", template.parent),
        *("--build-dir", unfinished, "--parameter-overrides", f"Architecture={architecture}"),
    ]
    done = subprocess.run(
        command, cwd=ROOT, env=sam_environment(), capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False
    )
    if done.returncode != 0:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise Trouble(f"sam build failed:\n{done.stdout}{done.stderr}")
    compile_layer(unfinished / "Layer")
    shutil.rmtree(target, ignore_errors=True)
    unfinished.rename(target)


def _digest(template: Path, architecture: str) -> str:
    """Return a digest of everything the build is made of."""
    digest = hashlib.sha256(architecture.encode())
    for path in sorted(_sources(template)):
        digest.update(f"\0{path.relative_to(template.parent)}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _sources(template: Path) -> Iterator[Path]:
    yield template
    for folder in ("functions", "layers"):
        for path in (template.parent / folder).rglob("*"):
            if path.is_file() and not IGNORED.intersection(path.parts):
                yield path


def _tidy(builds: Path) -> None:
    finished = sorted(
        (path for path in builds.iterdir() if path.is_dir()), key=lambda path: path.stat().st_mtime, reverse=True
    )
    for old in finished[KEPT:]:
        shutil.rmtree(old, ignore_errors=True)
