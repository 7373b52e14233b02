"""A chart package, loaded as Helm's loader does, as far as an index needs it.

Helm reads Chart.yaml, values.yaml, the lock and requirements files of the chart and of every subchart, and refuses the
package if one of them is broken. The other files are counted, not read.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Self

from charthouse.errors import BadPackage
from charthouse.helm import metadata
from charthouse.helm.archive import File, read_files
from charthouse.helm.budget import Budget
from charthouse.helm.chart import ChartRef
from charthouse.helm.go_scalars import YamlError
from charthouse.helm.go_text import clipped

MAX_SUBCHART_DEPTH = 20
"""Charts within charts; Helm has no limit, and published charts have at most four levels."""

_READ = frozenset({"Chart.yaml", "Chart.lock", "values.yaml", "requirements.yaml", "requirements.lock"})


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
        fields = _load_package(data, Budget(), 0)
        ref = ChartRef.parse(fields["name"], fields["version"])
        return cls(ref, fields, hashlib.sha256(data).hexdigest(), len(data))


def _load_package(package: bytes, budget: Budget, depth: int) -> dict[str, Any]:
    return _load_files(read_files(package, budget, _is_read), budget, depth)


def _is_read(name: str) -> bool:
    """Whether the loader looks into the file: its own, those of subcharts, and subcharts that are packages."""
    *folders, file = name.split("/")
    if folders and folders[-1] == "charts" and file.endswith(".tgz"):
        return all(folder == "charts" for folder in folders[0::2])
    return file in _READ and len(folders) % 2 == 0 and all(folder == "charts" for folder in folders[0::2])


def _load_files(files: list[File], budget: Budget, depth: int) -> dict[str, Any]:
    if depth > MAX_SUBCHART_DEPTH:
        raise BadPackage(f"subcharts are nested more than {MAX_SUBCHART_DEPTH} deep")
    fields = metadata.validated(_read_metadata(files, budget))
    chart = clipped(fields["name"])
    for name, inside in _subcharts(files, budget).items():
        packed = name.endswith(".tgz")
        if packed and inside[0].name != name:
            raise BadPackage(
                f"error unpacking subchart tar in {chart}: expected {clipped(name)}, got {clipped(inside[0].name)}"
            )
        try:
            if packed:
                _load_package(inside[0].data, budget, depth + 1)
            else:
                _load_files(_below(name, inside), budget, depth + 1)
        except BadPackage as problem:
            raise BadPackage(f"error unpacking subchart {clipped(name)} in {chart}: {problem}") from problem
    return fields


def _read_metadata(files: list[File], budget: Budget) -> dict[str, Any]:
    """Read Chart.yaml, then requirements.yaml into it; hold the other YAML files to their shape. In Helm's order."""
    fields: dict[str, Any] | None = None
    for file in files:
        if file.name == "Chart.yaml":
            with _naming(file):
                fields = metadata.read_chart(file.data, fields or {}, budget)
    for file in files:
        with _naming(file):
            match file.name:
                case "Chart.lock":
                    metadata.read_lock(file.data, budget)
                case "requirements.lock":
                    metadata.read_lock(file.data, budget)
                    fields = fields or {}
                case "values.yaml":
                    metadata.read_values(file.data, budget)
                case "requirements.yaml":
                    fields = metadata.read_requirements(file.data, fields or {}, budget)
    if fields is None:
        raise BadPackage("Chart.yaml file is missing")
    return fields


@contextmanager
def _naming(file: File) -> Iterator[None]:
    try:
        yield
    except YamlError as problem:
        raise BadPackage(f"cannot load {file.name}: {problem}") from problem


def _subcharts(files: list[File], budget: Budget) -> dict[str, list[File]]:
    """Return what lies in `charts/`, by first path element; Helm ignores provenance, `_…` and `.…`."""
    subcharts: dict[str, list[File]] = {}
    for file in files:
        folder, slash, name = file.name.partition("/")
        if folder == "charts" and slash and not name.startswith(("_", ".")) and not name.endswith(".prov"):
            budget.text(len(name))
            subcharts.setdefault(name.partition("/")[0], []).append(File(name, file.data))
    return subcharts


def _below(folder: str, files: list[File]) -> list[File]:
    """Return the files in the folder, named relative to it."""
    return [File(file.name.removeprefix(f"{folder}/"), file.data) for file in files if file.name != folder]
