"""Templates and values of a package, for clients that do not download it."""

import base64
import json
from typing import Any

from charthouse.errors import BadPackage, NotFound, TooLarge
from charthouse.helm.archive import File, read_files
from charthouse.helm.budget import Budget
from charthouse.helm.go_scalars import YamlError
from charthouse.helm.metadata import read_values, text_length
from charthouse.settings import MAX_ANSWER


def templates(package: bytes) -> bytes:
    """Return `{"templates": [{"name", "data"}], "values": {…}}` as JSON: the chart's own templates, data in base64.

    Templates are None if there are none; values are None without values.yaml and `{}` if it is empty. Numbers in values
    are 64-bit floats, as everywhere in Helm. Raises `BadPackage`, and `TooLarge` before anything too large is encoded.
    """
    budget = Budget()
    files = read_files(package, budget, lambda name: name == "values.yaml" or name.startswith("templates/"))
    found = [file for file in files if file.name.startswith("templates/")]
    _check_size(sum(len(file.name) + len(file.data) * 4 // 3 for file in found))
    document = _last(files, "values.yaml")
    try:
        parsed = None if document is None else read_values(document.data, budget)
    except YamlError as problem:
        raise BadPackage(f"cannot load values.yaml: {problem}") from problem
    _check_size(text_length(parsed))
    answer: dict[str, Any] = {"templates": [_template(file) for file in found] or None, "values": parsed}
    body = json.dumps(answer, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    _check_size(len(body))
    return body


def values(package: bytes) -> bytes:
    """Return values.yaml unchanged, except for a byte order mark; raises `NotFound`, `BadPackage`, `TooLarge`."""
    document = _last(read_files(package, Budget(), lambda name: name == "values.yaml"), "values.yaml")
    if document is None:
        raise NotFound("values.yaml not found")
    _check_size(len(document.data))
    return document.data


def _check_size(size: int) -> None:
    if size > MAX_ANSWER:
        raise TooLarge(f"{size} bytes are more than this API can answer")


def _template(file: File) -> dict[str, str]:
    return {"name": file.name, "data": base64.b64encode(file.data).decode()}


def _last(files: list[File], name: str) -> File | None:
    """Return the last file of this name, which is the one Helm uses."""
    return next((file for file in reversed(files) if file.name == name), None)
