"""Packages and provenance files for tests, deterministic to the byte.

Each builder spells out only what a test is about: `a_package("nginx", "1.2.3")`.
"""

import gzip
import hashlib
import io
import tarfile
from collections.abc import Mapping

import yaml


def a_package(
    name: str = "mychart",
    version: str = "0.1.0",
    *,
    files: Mapping[str, bytes] | None = None,
    **metadata: object,
) -> bytes:
    """Return a chart package: `Chart.yaml` made of name, version and metadata, and files below the chart's folder.

    `apiVersion` is `v2` unless given (None: left out). Keys that are no Python names go through a dict:
    `a_package(**{"import-values": ...})`.
    """
    chart: dict[str, object] = {"apiVersion": "v2", "name": name, "version": version} | metadata
    chart = {key: value for key, value in chart.items() if value is not None}
    folder = name.replace("/", "_").replace("\\", "_") or "chart"
    members = {f"{folder}/Chart.yaml": yaml.safe_dump(chart, allow_unicode=True, sort_keys=False).encode()}
    members |= {f"{folder}/{path}": body for path, body in (files or {}).items()}
    return an_archive(members)


def an_archive(members: Mapping[str, bytes]) -> bytes:
    """Return a gzipped tar of regular files, in this order, under exactly these paths."""
    return gzipped(a_tar([(member(path, len(body)), body) for path, body in members.items()]))


def member(path: str, size: int = 0, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    """Return the header of a tar member; `kind` is one of tarfile's type flags, `target` that of a link."""
    info = tarfile.TarInfo(path)
    info.size = size
    info.type = kind
    info.linkname = target
    return info


def a_tar(members: list[tuple[tarfile.TarInfo, bytes]], form: int = tarfile.PAX_FORMAT) -> bytes:
    """Return an uncompressed tar of these members."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as tar:
        for info, body in members:
            tar.addfile(info, io.BytesIO(body))
    return buffer.getvalue()


def gzipped(data: bytes) -> bytes:
    """Return the data as one gzip member without a time in it."""
    return gzip.compress(data, mtime=0)


def a_provenance(package: bytes, name: str = "mychart", version: str = "0.1.0") -> bytes:
    """Return a provenance file of the right shape for the package. Its signature is none that verifies."""
    digest = hashlib.sha256(package).hexdigest()
    return (
        "-----BEGIN PGP SIGNED MESSAGE-----\n"
        "Hash: SHA512\n"
        "\n"
        "apiVersion: v2\n"
        f"name: {name}\n"
        f"version: {version}\n"
        "\n"
        "...\n"
        "files:\n"
        f"  {name}-{version}.tgz: sha256:{digest}\n"
        "-----BEGIN PGP SIGNATURE-----\n"
        "\n"
        "wsBcBAEBCgAQBQJhNotSigned\n"
        "-----END PGP SIGNATURE-----\n"
    ).encode()
