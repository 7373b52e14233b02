"""Fuzz all targets, or those named, for so long in all: `python -m tests.fuzz 10m archive metadata`.

Continues from what earlier runs found in `.fuzz/`, and counts the inputs there. The exit status is 1 after a finding.
"""

import json
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from local.places import ROOT

WORK = ROOT / ".fuzz"
KEPT = Path(__file__).with_name("corpus")
_UNITS = {"s": 1, "m": 60, "h": 3600, "": 1}


def main(arguments: list[str]) -> int:
    """Fuzz one target after the other, each in a process of its own; return the exit status."""
    duration = next((argument for argument in arguments if argument[:1].isdigit()), "10m")
    match = re.fullmatch(r"(\d+)([smh]?)", duration)
    if not match:
        sys.exit(f"{duration} is no duration: write 30s, 10m or 1h")
    if find_spec("atheris") is None:
        sys.exit("make fuzz needs atheris, which there is for Linux on x86-64 only")
    from tests.fuzz.targets import TARGETS  # noqa: PLC0415 - only after the arguments were read

    names = [argument for argument in arguments if argument != duration] or list(TARGETS)
    seconds = max(int(match[1]) * _UNITS[match[2]] // len(names), 1)
    results = [_fuzz(name, seconds) for name in names]
    return 0 if all(results) else 1


def _fuzz(name: str, seconds: int) -> bool:
    folder = WORK / name
    (folder / "corpus").mkdir(parents=True, exist_ok=True)
    _write_seeds(name, folder / "corpus")
    run = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.fuzz_one", name, str(seconds), str(folder)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    (folder / "last.log").write_text(run.stdout)
    executed = re.search(r"stat::number_of_executed_units: (\d+)", run.stdout)
    counts = _add(name, int(executed[1]) if executed else 0, seconds, is_finding=run.returncode != 0)
    outcome = "nothing found" if run.returncode == 0 else f"A FINDING: see {folder / 'last.log'}"
    sys.stdout.write(f"{name}: {counts['inputs']:,} inputs in {counts['seconds']} s so far, {outcome}\n")
    sys.stdout.flush()
    return run.returncode == 0


def _write_seeds(name: str, corpus: Path) -> None:
    from tests.fuzz.targets import SEEDS  # noqa: PLC0415

    kept = [path.read_bytes() for path in sorted((KEPT / name).glob("*"))]
    for number, seed in enumerate([*SEEDS[name], *kept]):
        (corpus / f"seed-{number}").write_bytes(seed)


def _add(name: str, inputs: int, seconds: int, *, is_finding: bool) -> dict[str, int]:
    file = WORK / "counts.json"
    counts: dict[str, dict[str, int]] = json.loads(file.read_text()) if file.exists() else {}
    known = counts.setdefault(name, {"inputs": 0, "seconds": 0, "findings": 0})
    known["inputs"] += inputs
    known["seconds"] += seconds
    known["findings"] += is_finding
    file.write_text(json.dumps(counts, indent=2))
    return known


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
