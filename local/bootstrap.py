"""Set the development environment up: run by any Python 3.13, with only its standard library.

One virtual environment for the project, and one each for the tools whose dependencies cannot share it, all from hashed
requirements. A stamp in each says from which requirements it was made, so a second run has nothing to do.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
import venv
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = ROOT / "requirements"
PACKAGE = ROOT / "layers" / "charthouse"

ENVIRONMENTS = {
    "dev": ROOT / ".venv",
    "ministack": ROOT / ".tools" / "ministack",
    "sam": ROOT / ".tools" / "sam",
    "checkov": ROOT / ".tools" / "checkov",
}
NAMES = {
    "dev": "the project's packages",
    "ministack": "the AWS emulator",
    "sam": "the SAM CLI",
    "checkov": "checkov",
}


def main(names: list[str]) -> None:
    """Make the named environments, or those for running and testing."""
    (ROOT / ".tools").mkdir(exist_ok=True)
    with (ROOT / ".tools" / "setup.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with ThreadPoolExecutor() as pool:
            made = [pool.submit(_make, name, ENVIRONMENTS[name]) for name in names or ["dev", "ministack", "sam"]]
        for one in made:
            one.result()


def _make(name: str, environment: Path) -> None:
    requirements = REQUIREMENTS / f"{name}.txt"
    stamp = environment / "made-from"
    wanted = hashlib.sha256(requirements.read_bytes() + str(environment).encode()).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted and (environment / "bin" / "python").exists():
        return
    started = time.monotonic()
    _say(f"• Installing {NAMES[name]} into {environment.relative_to(ROOT)} …")
    stamp.unlink(missing_ok=True)
    if environment.exists() and not _is_ours(environment):
        shutil.rmtree(environment)
    _fill(environment, requirements)
    if name == "dev":
        (_packages(environment) / "charthouse.pth").write_text(f"{PACKAGE}\n")
    stamp.write_text(wanted)
    _say(f"  {NAMES[name].removeprefix('the ')} installed in {time.monotonic() - started:.0f} s")


def _is_ours(environment: Path) -> bool:
    """Return whether the environment can be installed into again: it works, has pip, and has not been moved."""
    python = environment / "bin" / "python3.13"
    asked = [str(python), "-c", "import pip, sys; print(sys.prefix)"]
    if not python.exists():
        return False
    answer = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()
    return answer == str(environment)


def _fill(environment: Path, requirements: Path) -> None:
    if not environment.exists():
        venv.create(environment, with_pip=True, symlinks=True)
    # The SAM CLI looks for an interpreter of this name on PATH.
    named = environment / "bin" / "python3.13"
    if not named.exists():
        named.symlink_to("python")
    python = environment / "bin" / "python"
    # Compiling everything takes as long as installing it, and most of it is never imported.
    options = ["--quiet", "--disable-pip-version-check", "--no-compile", "--no-deps", "--require-hashes"]
    clean = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "PYTHONHOME"}}
    installed = subprocess.run([python, "-m", "pip", "install", *options, "-r", requirements], env=clean, check=False)
    if installed.returncode != 0:
        _say(f"The packages of {requirements.relative_to(ROOT)} could not be installed: pip says why above.")
        raise SystemExit(1)


def _packages(environment: Path) -> Path:
    (found,) = environment.glob("lib/python3.13/site-packages")
    return found


def _say(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
