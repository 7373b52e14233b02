"""What is read of a package that others have made, as functions from bytes to bytes: a sandbox calls them.

reader = Reader(sandbox.call)          # or in this process: Reader(in_process)
reader.package(data).ref
"""

import json
from collections.abc import Callable
from dataclasses import dataclass

from charthouse.errors import BadPackage
from charthouse.helm import chart_files
from charthouse.helm.chart import ChartRef
from charthouse.helm.entry import render_entry
from charthouse.helm.index_check import check_line
from charthouse.helm.package import Package

type Call = Callable[[str, bytes], bytes]
"""Name of a function of this module, bytes of a package → its result. Raises its refusals."""

_SOME_TIME = "1970-01-01T00:00:00Z"
"""A time as long as any, to measure an entry by."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads packages by calls."""

    call: Call

    def package(self, data: bytes) -> Package:
        """Return the package; raises `BadPackage` if Helm would not load it, or no index could list it."""
        found = json.loads(self.call("package", data))
        return Package(ChartRef(found["name"], found["version"]), found["metadata"], found["digest"], found["size"])

    def templates(self, data: bytes) -> bytes:
        """Return templates and values as JSON (see `chart_files.templates`); raises `BadPackage`, `TooLarge`."""
        return self.call("templates", data)

    def values(self, data: bytes) -> bytes:
        """Return values.yaml; raises `NotFound`, `BadPackage`."""
        return self.call("values", data)


def in_process(function: str, data: bytes) -> bytes:
    """Call without a sandbox."""
    return {"package": package, "templates": templates, "values": values}[function](data)


def package(data: bytes) -> bytes:
    """Return the package as JSON, in at most about 64 KiB: that is what its entry may have."""
    found = Package.read(data)
    listed_line(found, _SOME_TIME)
    about = {"name": found.ref.name, "version": found.ref.version, "digest": found.digest, "size": found.size}
    return json.dumps(about | {"metadata": found.metadata}).encode()


def templates(data: bytes) -> bytes:
    """Return templates and values as JSON."""
    return chart_files.templates(data)


def values(data: bytes) -> bytes:
    """Return values.yaml."""
    return chart_files.values(data)


def listed_line(package: Package, created: str) -> str:
    """Return the index entry of a package as it is published; raises `BadPackage` if no index can show it."""
    line = render_entry(package, created)
    try:
        check_line(line)
    except (ValueError, RecursionError) as problem:
        raise BadPackage(f"the metadata of {package.ref.filename} makes no index entry: {problem}") from problem
    return line
