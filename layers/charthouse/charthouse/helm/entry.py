"""One index entry as one line of JSON that every YAML parser reads alike."""

from urllib.parse import quote

from charthouse.errors import BadPackage
from charthouse.helm.chart import ChartRef
from charthouse.helm.package import Package
from charthouse.helm.strict import check_index, check_line
from charthouse.helm.text import as_json

__all__ = ["MAX_KEY", "MAX_LINE", "check_index", "check_line", "render_entry", "url_path"]

MAX_LINE = 65_536
"""Bytes of UTF-8 of one entry, so that one chart cannot bloat everybody's index."""
MAX_KEY = 1_000
"""Characters of a mapping key with quotes and escapes; YAML parsers stop looking for the colon after 1,024."""

_SAFE_IN_PATH = "!$&'()*+,;=:@"
"""RFC 3986's path characters beside letters, digits and `-._~`: they stay literal, a version's `+` among them."""


def render_entry(package: Package, created: str) -> str:
    """Return the entry of a package; `created` is RFC 3339. Raises `BadPackage` if it is too large for an index.

    Keys are sorted, so the line ends with `"urls":["charts/<file>"],"version":"<version>"}`. Text stays as it is, in
    UTF-8 without surrogate pairs; what YAML does not print is escaped.
    """
    fields = package.metadata | {"created": created, "digest": package.digest, "urls": [url_path(package.ref)]}
    line = as_json(fields)
    if len(line.encode()) > MAX_LINE:
        raise BadPackage(f"the metadata of {package.ref.filename} is larger than {MAX_LINE} bytes as an index entry")
    if any(len(as_json(key)) > MAX_KEY for key in (package.ref.name, *_keys(fields))):
        raise BadPackage(f"the metadata of {package.ref.filename} has a key longer than {MAX_KEY} characters")
    return line


def url_path(ref: ChartRef) -> str:
    """Return the entry's URL, relative to the index: `charts/<file>`, percent-encoded where a path must be.

    Helm takes it apart with `url.Parse` and names the file after the decoded path.
    """
    return f"charts/{quote(ref.filename, safe=_SAFE_IN_PATH)}"


def _keys(value: object) -> list[str]:
    """Return the keys of all mappings inside."""
    if isinstance(value, dict):
        return [*value, *(key for item in value.values() for key in _keys(item))]
    return [key for item in value for key in _keys(item)] if isinstance(value, list) else []
