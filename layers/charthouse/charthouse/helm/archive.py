"""A gzipped tar read once from front to back, as Go's `archive/tar` and Helm's loader read it; never extracted.

Not with `tarfile`: before Python 3.13.6 it loops for ever on a negative size (CVE-2025-8194), and it reads other
archives than Helm does. Every length in a header is checked here before it is used, and everything inflated is counted.
"""

import posixpath
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from charthouse.errors import BadPackage
from charthouse.helm.budget import Budget
from charthouse.helm.go_text import quoted

MAX_CHART = 100 * 1024 * 1024
"""Bytes of all files of a chart together, Helm's own limit."""
MAX_FILE = 5 * 1024 * 1024
"""Bytes of one file, Helm's own limit."""
MAX_SPECIAL = 1024 * 1024
"""Bytes of a long name or of extended headers, the limit of Go's `archive/tar`."""

_BLOCK = 512
_CHUNK = 64 * 1024
_NO_BLOCK = bytes(_BLOCK)
_BOM = b"\xef\xbb\xbf"
_FILE_TYPE = 0xFFFFFFFF & ~0o7777
_FOLDER = 0o40000
_DRIVE = re.compile(r"[a-zA-Z]:/")


@dataclass(frozen=True, slots=True)
class File:
    """A file of a chart; its name is relative to the chart's folder, with slashes."""

    name: str
    data: bytes


def read_files(package: bytes, budget: Budget, wanted: Callable[[str], bool]) -> list[File]:
    """Return the files of a chart package in their order, those of one name each time it comes.

    A file whose name is not wanted is checked and counted like the others, but its data is not kept. The folder of each
    path is stripped unread, directories and pax headers are skipped, links and devices are files, all as Helm has it. A
    sparse file is refused, which Helm would expand. Raises `BadPackage` with Helm's text.
    """
    files = []
    tar = _Tar(_Gunzip(package, budget), budget)
    remaining = MAX_CHART
    for header in tar.headers():
        if header.is_folder or header.kind in b"gx":
            continue
        name = _name_in_chart(header.name)
        if header.size > remaining:
            raise BadPackage(f"decompressed chart is larger than the maximum file size {MAX_CHART}")
        if header.size > MAX_FILE:
            raise BadPackage(
                f"decompressed chart file {quoted(header.name)} is larger than the maximum file size {MAX_FILE}"
            )
        size, data = tar.body(keep=wanted(name))
        remaining -= size
        if size < header.size or remaining <= 0:
            raise BadPackage(f"decompressed chart is larger than the maximum file size {MAX_CHART}")
        files.append(File(name, data.removeprefix(_BOM)))
    if not files:
        raise BadPackage("no files in chart archive")
    return files


def _name_in_chart(path: str) -> str:
    """Return the path without its first element; raises `BadPackage` for one that leads out of the chart."""
    delimiter = "\\" if "\\" in path else "/"
    folder, *rest = path.split(delimiter)
    name = "/".join(rest)
    if name.startswith("/"):
        raise BadPackage("chart illegally contains absolute paths")
    name = posixpath.normpath(name)
    if name == ".":
        raise BadPackage(f"chart illegally contains content outside the base directory: {quoted(path)}")
    if name.startswith(".."):
        raise BadPackage("chart illegally references parent directory")
    if _DRIVE.match(name):
        raise BadPackage("chart contains illegally named files")
    if folder == "Chart.yaml":
        raise BadPackage("chart yaml not in base directory")
    return name


class _Gunzip:
    """The inflated bytes of all gzip members, on demand: what follows the end of the tar is never looked at."""

    def __init__(self, package: bytes, budget: Budget) -> None:
        self.package = package
        self.budget = budget
        self.position = 0
        self.member: zlib._Decompress | None = None
        self.buffer = bytearray()
        if not package:
            raise BadPackage("EOF")

    def read(self, size: int) -> bytes:
        """Return so many bytes, or fewer at the end."""
        while len(self.buffer) < size:
            if self.member is None or self.member.eof:
                self._next_member()
            if self.member is None:
                break
            self._inflate(self.member)
        data = bytes(self.buffer[:size])
        del self.buffer[:size]
        return data

    def _inflate(self, member: "zlib._Decompress") -> None:
        given = self.package[self.position : self.position + _CHUNK]
        try:
            data = member.decompress(given, _CHUNK)
        except zlib.error as problem:
            raise BadPackage(_gzip_problem(str(problem))) from problem
        self.position += len(given) - len(member.unconsumed_tail) - len(member.unused_data)
        self.budget.inflate(len(data))
        self.buffer += data
        if not member.eof and not given and not data:
            raise BadPackage("unexpected EOF")

    def _next_member(self) -> None:
        start = self.package[self.position : self.position + 10]
        if not start:
            self.member = None
            return
        if len(start) < 10:  # noqa: PLR2004 - the fixed part of a gzip header, RFC 1952
            raise BadPackage("unexpected EOF")
        if not start.startswith(b"\x1f\x8b\x08"):
            raise BadPackage("gzip: invalid header")
        self.budget.gzip_member()
        self.member = zlib.decompressobj(wbits=31)


def _gzip_problem(text: str) -> str:
    if "incorrect data check" in text or "incorrect length check" in text:
        return "gzip: invalid checksum"
    return "gzip: invalid header" if "header" in text else "flate: corrupt input"


@dataclass(slots=True)
class _Header:
    """What of a tar header matters."""

    name: str
    kind: int
    size: int
    mode: int

    @property
    def is_folder(self) -> bool:
        """By type, or by the file type bits that old archives keep in the mode."""
        return self.kind == ord("5") or self.mode & _FILE_TYPE == _FOLDER

    @property
    def stored(self) -> int:
        """Bytes that follow the header: links, devices and folders have none, whatever they say."""
        return 0 if self.kind in b"123456" else self.size


class _Tar:
    """The members of a tar, one after the other."""

    def __init__(self, source: _Gunzip, budget: Budget) -> None:
        self.source = source
        self.budget = budget
        self.left = 0
        """Bytes of the current member not read yet."""
        self.padding = 0

    def headers(self) -> Iterator[_Header]:
        """Yield the header of each member; its body may be read before the next one is asked for."""
        while (header := self._next()) is not None:
            yield header

    def body(self, *, keep: bool) -> tuple[int, bytes]:
        """Return how many bytes the current member has, and those bytes if they are to be kept."""
        size, data = 0, bytearray()
        while self.left:
            part = self._some()
            size += len(part)
            if keep:
                data += part
        return size, bytes(data)

    def _next(self) -> _Header | None:
        records: dict[str, str] = {}
        long_name = ""
        while True:
            self._skip()
            header = self._header()
            if header is None:
                return None
            self._begin(header)
            if header.kind in b"xg":
                records = _pax_records(self._special())
                if header.kind == ord("g"):
                    return header
            elif header.kind in b"LK":
                name = self._special().split(b"\0", 1)[0].decode(errors="surrogateescape")
                long_name = name if header.kind == ord("L") else long_name
            else:
                break
        _merge_pax(header, records)
        header.name = long_name or header.name
        if header.kind == 0:
            header.kind = ord("5") if header.name.endswith("/") else ord("0")
        if header.kind == ord("S") or any(key.startswith("GNU.sparse.") for key in records):
            raise BadPackage(f"chart archive has a sparse file: {quoted(header.name)}")
        self._begin(header)
        return header

    def _begin(self, header: _Header) -> None:
        if header.stored < 0:
            raise BadPackage(_BAD_HEADER)
        self.left = header.stored
        self.padding = -header.stored % _BLOCK

    def _skip(self) -> None:
        while self.left:
            self._some()
        self.source.read(self.padding)
        self.padding = 0

    def _some(self) -> bytes:
        part = self.source.read(min(self.left, _CHUNK))
        if not part:
            raise BadPackage("unexpected EOF")
        self.left -= len(part)
        return part

    def _special(self) -> bytes:
        if self.left > MAX_SPECIAL:
            raise BadPackage("archive/tar: header field too long")
        return self.body(keep=True)[1]

    def _header(self) -> _Header | None:
        block = self._block()
        if block == _NO_BLOCK:
            block = self._block()
            if block == _NO_BLOCK:
                return None
            if block is not None:
                raise BadPackage(_BAD_HEADER)
        if block is None:
            return None
        self.budget.header()
        return _parsed(block)

    def _block(self) -> bytes | None:
        block = self.source.read(_BLOCK)
        if not block:
            return None
        if len(block) < _BLOCK:
            raise BadPackage("unexpected EOF")
        return block


_BAD_HEADER = "archive/tar: invalid tar header"


def _parsed(block: bytes) -> _Header:
    """Read one block: V7, USTAR, STAR, pax or GNU. Every numeric field must be one, used or not, as in Go."""
    unsigned = sum(block[:148]) + sum(block[156:]) + 8 * ord(" ")
    signed = unsigned - 256 * sum(byte > 127 for byte in block[:148] + block[156:])  # noqa: PLR2004 - a signed byte
    if _octal(block[148:156]) not in (unsigned, signed):
        raise BadPackage(_BAD_HEADER)
    header = _Header(_c_text(block[:100]), block[156], _number(block[124:136]), _number(block[100:108]))
    for start, end in ((108, 116), (116, 124), (136, 148)):
        _number(block[start:end])
    magic, version = block[257:263], block[263:265]
    prefix = ""
    if magic == b"ustar\0" or (magic == b"ustar " and version == b" \0"):
        for start, end in ((329, 337), (337, 345)):
            _number(block[start:end])
    if magic == b"ustar\0":
        if block[508:512] == b"tar\0":
            prefix = _c_text(block[345:476])
            for start, end in ((476, 488), (488, 500)):
                _number(block[start:end])
        else:
            prefix = _c_text(block[345:500])
    header.name = f"{prefix}/{header.name}" if prefix else header.name
    return header


def _c_text(data: bytes) -> str:
    return data.split(b"\0", 1)[0].decode(errors="surrogateescape")


def _number(data: bytes) -> int:
    """Read a numeric field: octal text, or GNU's two's complement in base 256, of at most 64 bits."""
    if not data[0] & 0x80:
        return _octal(data)
    negative = data[0] & 0x40
    value = int.from_bytes(data) & ((1 << (8 * len(data) - 1)) - 1)
    if negative:
        value -= 1 << (8 * len(data) - 1)
    if not -(2**63) <= value < 2**63:
        raise BadPackage(_BAD_HEADER)
    return value


def _octal(data: bytes) -> int:
    text = data.strip(b" \0").split(b"\0", 1)[0]
    if not text:
        return 0
    if not re.fullmatch(rb"[0-7]+", text):
        raise BadPackage(_BAD_HEADER)
    return int(text, 8)


_PAX_NUMBERS = ("size", "uid", "gid")
_PAX_TIMES = ("atime", "mtime", "ctime")
_PAX_TEXTS = ("path", "linkpath", "uname", "gname")


def _pax_records(data: bytes) -> dict[str, str]:
    """Read records of `<length> <key>=<value>` and a line feed; the last of one key counts."""
    records = {}
    start = 0
    while start < len(data):
        length, blank, _ = data[start : start + 20].partition(b" ")
        if not blank or not re.fullmatch(rb"[+-]?[0-9]+", length):
            raise BadPackage(_BAD_HEADER)
        end = start + int(length)
        begin = start + len(length) + 1
        if not begin < end <= len(data) or data[end - 1 : end] != b"\n":
            raise BadPackage(_BAD_HEADER)
        key, equals, value = data[begin : end - 1].partition(b"=")
        name = key.decode(errors="surrogateescape")
        if not name or not equals or b"\0" in (value if name in _PAX_TEXTS else key):
            raise BadPackage(_BAD_HEADER)
        records[name] = value.decode(errors="surrogateescape")
        start = end
    return records


def _merge_pax(header: _Header, records: dict[str, str]) -> None:
    header.name = records.get("path") or header.name
    for key in _PAX_NUMBERS:
        if value := records.get(key):
            if not re.fullmatch(r"[+-]?[0-9]{1,40}", value, re.ASCII) or not -(2**63) <= int(value) < 2**63:
                raise BadPackage(_BAD_HEADER)
            if key == "size":
                header.size = int(value)
    for key in _PAX_TIMES:
        if (value := records.get(key)) and not re.fullmatch(r"[+-]?[0-9]+(\.[0-9]*)?", value, re.ASCII):
            raise BadPackage(_BAD_HEADER)
