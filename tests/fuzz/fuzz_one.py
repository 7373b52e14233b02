"""Fuzz one target with atheris, guided by the branches of charthouse's own code; ends the process."""

import sys
from pathlib import Path

import atheris  # type: ignore[import-untyped,import-not-found,unused-ignore] # no types, and for x86-64 only

with atheris.instrument_imports(include=["charthouse"]):
    from tests.fuzz.targets import TARGETS


def main(name: str, seconds: str, folder: str) -> None:
    """Fuzz for so many seconds; what breaks the target is written into the folder as `crash-…` or `timeout-…`."""
    options = [
        f"-max_total_time={seconds}",
        f"-artifact_prefix={folder}/",
        "-print_final_stats=1",
        "-max_len=4096",
        "-timeout=30",
        "-rss_limit_mb=2048",
    ]
    atheris.Setup([sys.argv[0], *options, str(Path(folder, "corpus"))], TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main(*sys.argv[1:])
