"""One index entry as one line of JSON that every YAML parser reads alike."""

from urllib.parse import quote

from charthouse.errors import BadPackage
from charthouse.helm.canonical_json import canonical_json
from charthouse.helm.chart import ChartRef
from charthouse.helm.package import Package

MAX_LINE = 65_536
"""Bytes of UTF-8 of one entry, so that one version cannot bloat the index for all its readers."""
MAX_KEY = 1_000
"""Characters of a mapping key with quotes and escapes; YAML parsers stop looking for the colon after 1,024."""

_SAFE_IN_PATH = "!$&'()*+,;=:@"
"""RFC 3986's path characters beside letters, digits and `-._~`: they stay literal, a version's `+` among them."""


def render_entry(package: Package, created: str) -> str:
    """Return the entry of a package; `created` is RFC 3339. Raises `BadPackage` if it is too large for an index.

    Keys are sorted, so the line ends with `"urls":["charts/<file>"],"version":"<version>"}`. See
    `canonical_json` for the rest.
    """
    fields = package.metadata | {"created": created, "digest": package.digest, "urls": [url_path(package.ref)]}
    line = canonical_json(fields)
    if len(line.encode()) > MAX_LINE:
        raise BadPackage(f"the metadata of {package.ref.filename} is larger than {MAX_LINE} bytes as an index entry")
    if any(len(canonical_json(key)) > MAX_KEY for key in (package.ref.name, *_keys(fields))):
        raise BadPackage(f"the metadata of {package.ref.filename} has a key longer than {MAX_KEY} characters")
    return line


def url_path(ref: ChartRef) -> str:
    """Return the entry's URL, relative to the index: `charts/<file>`, percent-encoded where a path must be.

    Helm parses it with `url.Parse` and names the file after the decoded path.
    """
    return f"charts/{quote(ref.filename, safe=_SAFE_IN_PATH)}"


def _keys(value: object) -> list[str]:
    """Return the keys of all mappings inside."""
    if isinstance(value, dict):
        return [*value, *(key for item in value.values() for key in _keys(item))]
    return [key for item in value for key in _keys(item)] if isinstance(value, list) else []
