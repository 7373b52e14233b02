"""The real Helm, in a home of its own."""

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from local.tools import helm

SECONDS = 120


@dataclass(frozen=True, slots=True)
class Result:
    """How a command ended."""

    code: int
    output: str
    """What it said, on both streams."""


@dataclass(frozen=True, slots=True)
class Helm:
    """One person's Helm: its configuration, caches and working folder are below `home`."""

    major: int
    home: Path

    def __call__(self, *arguments: str | Path) -> str:
        """Run a command that must succeed; return what it printed."""
        done = self.run(*arguments)
        assert done.code == 0, f"helm {' '.join(map(str, arguments))}: {done.output}"
        return done.output

    def run(self, *arguments: str | Path) -> Result:
        """Run a command."""
        self.home.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(
            [helm(self.major), *arguments],
            cwd=self.home,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=SECONDS,
        )
        return Result(done.returncode, done.stdout)

    def folder(self, name: str) -> Path:
        """Make a folder below `home`."""
        made = self.home / name
        made.mkdir(parents=True)
        return made

    def _environment(self) -> Mapping[str, str]:
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(self.home),
            "HELM_CACHE_HOME": str(self.home / "cache"),
            "HELM_CONFIG_HOME": str(self.home / "config"),
            "HELM_DATA_HOME": str(self.home / "data"),
            "NO_PROXY": "localhost,127.0.0.1",
        }
