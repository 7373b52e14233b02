"""One target per reader of foreign bytes: each either reads them or raises the one error its docstring names.

A target is a function of bytes. Everything it raises is a finding. Where there is a second way to the same answer, the
target compares the two.
"""

import base64
import gzip
import json
from collections.abc import Callable
from contextlib import suppress
from functools import cache

from charthouse.access.credentials import parse_authorization
from charthouse.access.tokens import read_claims
from charthouse.errors import MAX_MESSAGE, BadPackage, BadProvenance, NotFound, Refusal
from charthouse.helm.archive import read_files
from charthouse.helm.budget import Budget
from charthouse.helm.chart import ChartRef
from charthouse.helm.entry import render_entry
from charthouse.helm.go_scalars import YamlError
from charthouse.helm.go_yaml import read
from charthouse.helm.index import Entry, Envelope, Index, Stamp
from charthouse.helm.index_check import check_index, check_line
from charthouse.helm.package import Package
from charthouse.helm.provenance import Provenance
from charthouse.repository.names import is_repository
from charthouse.settings import Paths, Rules, Site
from charthouse.web.requests import Request
from charthouse.web.routes import match
from charthouse.web.uploads import Upload

from tests.builders import a_package, a_tar, an_archive, gzipped, member
from tests.tokens import a_key, a_raw_token, a_token

CREATED = "2026-11-20T15:49:01Z"
MAX_KEY = 1024
"""Bytes of a key in S3 or of a sort key in DynamoDB."""
CHART = b"name: c\nversion: 1.0.0\n"


def archive(data: bytes) -> None:
    """Read a package: gzip as it is, or a tar with the checksums of its headers put right, or both."""
    if data[:1] == b"g":
        package = data[1:]
    else:
        tar = bytearray(data[1:])
        for block in range(0, len(tar) - 511, 512):
            total = sum(tar[block : block + 148]) + sum(tar[block + 156 : block + 512]) + 8 * ord(" ")
            if data[:1] != b"r":
                tar[block + 148 : block + 156] = b"%06o\0 " % total
        package = gzip.compress(bytes(tar), 0, mtime=0)
    budget = Budget()
    with suppress(BadPackage):
        names = [file.name for file in read_files(package, budget, lambda _: True)]
        assert names
        assert not any(name.startswith(("/", "..")) or name == "." for name in names)
    with suppress(BadPackage):
        check_line(render_entry(Package.read(package), CREATED))


def metadata(data: bytes) -> None:
    """Read Chart.yaml, and the same bytes as the other YAML files of a chart; what is listed passes the check."""
    with suppress(YamlError, BadPackage):
        read(data, Budget(nodes=100_000))
    for files in (
        {"c/Chart.yaml": data},
        {"c/Chart.yaml": CHART, "c/values.yaml": data, "c/Chart.lock": data},
        {"c/Chart.yaml": CHART, "c/requirements.yaml": data},
        {"c/Chart.yaml": CHART, "d/Chart.yaml": data, "c/charts/x/Chart.yaml": data},
    ):
        try:
            package = Package.read(an_archive(files))
            line = render_entry(package, CREATED)
        except BadPackage as refusal:
            if len(refusal.message) > MAX_MESSAGE:
                raise
            continue
        check_line(line)
        assert json.loads(line)["name"] == package.ref.name
        assert ChartRef.parse(package.ref.name, package.ref.version) == package.ref


def provenance(data: bytes) -> None:
    """Read a provenance file."""
    with suppress(BadProvenance):
        ref = Provenance.read(data).ref
        assert ChartRef.parse(ref.name, ref.version) == ref


def multipart(data: bytes) -> None:
    """Read a form: the first line is the Content-Type, the rest the body."""
    content_type, _, body = data.partition(b"\n")
    headers = {"content-type": content_type.decode("latin-1")}
    for text in (headers, {"content-type": "multipart/form-data; boundary=b"}):
        request = Request("POST", "/api/charts", "id", headers=text, body=body)
        for reader in (Upload.read, Upload.read_provenance):
            with suppress(Refusal):
                upload = reader(request, Rules())
                assert upload.package is not None or upload.provenance is not None


def paths(data: bytes) -> None:
    """Parse a path under every kind of depth; what is found names a repository and files that are safe as keys."""
    path = "/" + data.decode(errors="replace")
    for depth in (Paths(), Paths(depth=2), Paths(depth_dynamic=True), Paths(depth=1, context_path="/x")):
        for method in ("GET", "POST", "DELETE"):
            with suppress(NotFound):
                route = match(method, path, depth, Rules(), Site(enable_metrics=True))
                assert not route.repo or is_repository(route.repo, depth)
                for part in (route.name, route.version, route.file):
                    assert "/" not in part
                    assert len(part.encode()) <= MAX_KEY


def authorization(data: bytes) -> None:
    """Parse the header; it never raises."""
    header = data.decode("latin-1")
    parse_authorization(header)
    parse_authorization(f"Basic {base64.b64encode(data).decode()}")
    parse_authorization(f"Bearer {header}")


@cache
def _header() -> str:
    return a_token().partition(".")[0]


def token(data: bytes) -> None:
    """Read a token as it is, with a header that says RS256, and rightly signed over these bytes."""
    key = a_key().public_key()
    text = data.decode("latin-1")
    payload = base64.urlsafe_b64encode(data).rstrip(b"=").decode()
    for foreign in (text, f"{_header()}.{text}", f"{_header()}.{payload}.AAAA", f"{payload}.{payload}.{payload}"):
        assert read_claims(foreign, key, 0) is None
    claims = read_claims(a_raw_token(data), key, 0)
    assert claims is None or isinstance(claims, dict)


_NAMES = ("a", "a-1", "b", "a-1-2", "ab", "é", "c\\", "1")
_VERSIONS = ("1", "1.0.0", "1-2", "1-2-3", "2.0.0+b", "2.0.0+a", "v2.0.0", "1.0.0-rc.1", "1.0.0-1", "01.0.0")


@cache
def _entry(name: str, version: str, description: str) -> Entry:
    package = Package.read(a_package(name, version, description=description))
    return Entry(name, version, render_entry(package, CREATED))


def splice(data: bytes) -> None:
    """Read the bytes as changes of an index, a few at a time: spliced is what is built from nothing, and is valid."""
    envelope = Envelope()
    index, files = Index.fold(envelope, []), dict[str, Entry]()
    for begin in range(0, min(len(data), 300), 6):
        changes: dict[str, Entry | None] = {}
        for change, text in zip(data[begin : begin + 6 : 2], data[begin + 1 : begin + 6 : 2], strict=False):
            entry = _entry(_NAMES[change % 8], _VERSIONS[change // 8 % 10], f"{text % 4}")
            changes[ChartRef(entry.chart, entry.version).filename] = entry if text < 200 else None
        index = index.splice(changes, Stamp(1, "0", CREATED))
        files = {file: entry for file, entry in (files | changes).items() if entry is not None}
        assert index.blocks == Index.fold(envelope, files.values()).blocks
        assert all(index.has(file) == (file in files) for file in changes)
    published = index.data
    check_index(published)
    again = Index.read(published, envelope)
    assert again is not None
    assert again.blocks == index.blocks
    Index.read(data, envelope)


TARGETS: dict[str, Callable[[bytes], None]] = {
    target.__name__: target
    for target in (archive, metadata, provenance, multipart, paths, authorization, token, splice)
}

SEEDS: dict[str, list[bytes]] = {
    "archive": [
        b"g" + a_package(),
        b"t" + a_tar([(member("c/Chart.yaml", len(CHART)), CHART), (member("c/" + "é" * 60, 1), b"x")]),
        b"r" + a_tar([(member("c/Chart.yaml", len(CHART)), CHART), (member("c/" + "d/" * 70, 0), b"")], 1),
        b"g" + gzipped(a_tar([(member("c/charts/x.tgz", len(a_package())), a_package())])),
    ],
    "metadata": [
        CHART + b"dependencies: [{name: a, tags: [b], import-values: [c, {d: 1}], enabled: yes, alias: e}]\n",
        CHART + b"x: &a [1, 0x1F, .5, ~, 2001-01-01, !!binary aGk=]\ny: *a\n<<: {home: h}\nannotations: {a: 1.10}\n",
        CHART + b"maintainers: [{name: a, email: b}]\nkeywords: [a]\ndescription: |\n  x\n  y\n",
        "\ufeffname: c\nversion: 1.0.0\n".encode("utf-16-le"),
    ],
    "provenance": [b"-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\nname: c\nversion: '1.0'\n\n...\nfiles:\n"],
    "multipart": [
        b'multipart/form-data; boundary=b\n--b\r\nContent-Disposition: form-data; name="chart"; filename="c"\r\n\r\n'
        + a_package()
        + b'\r\n--b\r\nContent-Disposition: form-data; name="prov"\r\n\r\nx\r\n--b--\r\n'
    ],
    "paths": [
        b"api/a/b/charts/c/1.0.0",
        b"a/b/charts/c-1.0.0+x.tgz.prov",
        b"x/r/index.yaml",
        b"api/charts/c/1.0.0/values",
    ],
    "authorization": [b"Basic dXNlcjpwYXNz", b"Bearer a.b.c", b"bearer  x"],
    "token": [
        b'{"exp":9999999999,"access":[{"type":"artifact-repository","name":"repo","actions":["pull"]}]}',
        b'{"nbf":1e400,"iat":null}',
    ],
    "splice": [bytes(range(0, 240, 7)), bytes(range(255, 0, -5))],
}
"""Where each target begins; what was found by fuzzing is in the folder `corpus`."""
