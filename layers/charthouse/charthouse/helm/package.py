"""A chart package: what its bytes say."""

import hashlib
from dataclasses import dataclass
from typing import Any, Self

from charthouse.helm import loader
from charthouse.helm.chart import ChartRef


@dataclass(frozen=True, slots=True)
class Package:
    """A chart package that Helm would load."""

    ref: ChartRef
    metadata: dict[str, Any]
    """Chart.yaml as an index has it: only Helm's keys, texts as Helm coerces them, empty ones left out."""
    digest: str
    """sha256 of the package, hex."""
    size: int
    """Bytes."""

    @classmethod
    def read(cls, data: bytes) -> Self:
        """Load as Helm does, in bounded time and memory; raises `BadPackage` with Helm's text."""
        ref, metadata = loader.load(data)
        return cls(ref, metadata, hashlib.sha256(data).hexdigest(), len(data))
