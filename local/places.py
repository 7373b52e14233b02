"""Paths in a clone. Everything generated is in a folder that git ignores."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
"""The clone."""

VENV = ROOT / ".venv"
"""The virtual environment that develops, tests and runs the local stack."""

TOOLS = ROOT / ".tools"
"""Tools that cannot share that environment: SAM CLI, checkov, the emulator, Helm."""

BUILDS = ROOT / ".aws-sam"
"""Output of `sam build`."""


def data_folder() -> Path:
    """Return the data folder of the local stack: CHARTHOUSE_DATA, or `.charthouse` in the clone."""
    named = os.environ.get("CHARTHOUSE_DATA", "")
    return Path(named).expanduser().resolve() if named else ROOT / ".charthouse"
