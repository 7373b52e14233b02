"""Where things are in a clone. Everything that is made, not written, is in a folder that git ignores."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
"""The clone."""

WORKSHOP = ROOT / ".venv"
"""The virtual environment that develops, tests and runs the local stack."""

TOOLS = ROOT / ".tools"
"""Tools that cannot share that environment: SAM CLI, checkov, the emulator, Helm."""

BUILDS = ROOT / ".aws-sam"
"""What `sam build` made."""
