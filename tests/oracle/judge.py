"""Helm's own verdict on chart packages: its loaders of version 3 and 4, built from their Go modules."""

import json
import struct
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

from local.tools import helm_oracle


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one Helm says of a package: the metadata it would put into an index, or why it refuses."""

    metadata: dict[str, Any] | None
    error: str

    @classmethod
    def read(cls, fields: dict[str, Any]) -> Self:
        """Read one verdict of the oracle's output."""
        return cls(fields.get("metadata"), fields.get("error", ""))


def judge(packages: Sequence[bytes]) -> list[tuple[Verdict, Verdict]]:
    """Return the verdicts of Helm 3 and Helm 4 on each package, by one process."""
    given = b"".join(struct.pack(">I", len(package)) + package for package in packages)
    lines = subprocess.run([helm_oracle()], input=given, capture_output=True, check=True).stdout.splitlines()
    found = [json.loads(line) for line in lines]
    return [(Verdict.read(both["3"]), Verdict.read(both["4"])) for both in found]
