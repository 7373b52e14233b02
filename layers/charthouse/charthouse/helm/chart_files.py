"""Templates and values of a package, for clients that do not download it."""

import base64
from typing import Any

from charthouse.errors import BadPackage, NotFound
from charthouse.helm.archive import File, read_files
from charthouse.helm.budget import Budget
from charthouse.helm.go_yaml import YamlError
from charthouse.helm.metadata import read_values


def templates(package: bytes) -> dict[str, Any]:
    """Return `{"templates": [{"name", "data"}], "values": {…}}`: the chart's own templates, data in base64.

    Templates are None if there are none; values are None without values.yaml and `{}` if it is empty. Numbers in values
    are 64-bit floats, as everywhere in Helm. Raises `BadPackage`.
    """
    budget = Budget()
    files = read_files(package, budget, lambda name: name == "values.yaml" or name.startswith("templates/"))
    found = [_template(file) for file in files if file.name.startswith("templates/")]
    document = _last(files, "values.yaml")
    try:
        parsed = None if document is None else read_values(document.data, budget)
    except YamlError as problem:
        raise BadPackage(f"cannot load values.yaml: {problem}") from problem
    return {"templates": found or None, "values": parsed}


def values(package: bytes) -> bytes:
    """Return values.yaml as it is, without a byte order mark; raises `NotFound`, `BadPackage`."""
    document = _last(read_files(package, Budget(), lambda name: name == "values.yaml"), "values.yaml")
    if document is None:
        raise NotFound("values.yaml not found")
    return document.data


def _template(file: File) -> dict[str, str]:
    return {"name": file.name, "data": base64.b64encode(file.data).decode()}


def _last(files: list[File], name: str) -> File | None:
    """Return the last file of this name, which is the one Helm uses."""
    return next((file for file in reversed(files) if file.name == name), None)
