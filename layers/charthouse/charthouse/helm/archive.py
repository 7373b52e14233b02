"""A gzipped tar read once from front to back, as Go's `archive/tar` and Helm's loader read it; never extracted.

Not with `tarfile`: before Python 3.13.6 it loops for ever on a negative size (CVE-2025-8194), and it reads other
archives than Helm does. Every length in a header is checked here before it is used, and everything inflated is counted.
"""

import posixpath
import re
import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
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
"""Go keeps the mode in 32 bits here."""
_FOLDER = 0o40000
_DRIVE = re.compile(r"[a-zA-Z]:/")


@dataclass(frozen=True, slots=True)
class File:
    """A file of a chart; its name is relative to the chart's folder, with slashes."""

    name: str
    data: bytes


def read_files(package: bytes, budget: Budget, wanted: Callable[[str], bool]) -> list[File]:
    """Return the files of a chart package in their order, those of one name each time it comes.

    A file whose name is not wanted is checked and counted like the others, but its data is not kept. The first element
    of each path is removed without a look at it, directories and pax headers are skipped, links and devices are files,
    as in Helm. A sparse file is refused, which Helm would expand. Raises `BadPackage` with Helm's text.
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
    """The inflated bytes of all gzip members, on demand, as Go's `compress/gzip` gives them.

    What is wrong behind the bytes asked for (a checksum, trailing garbage, a broken block) is not noticed: a reader of
    a tar stops at its end.
    """

    def __init__(self, package: bytes, budget: Budget) -> None:
        self.package = package
        self.budget = budget
        self.position = 0
        self.buffer = bytearray()
        self.problem: str | None = None
        """Why there is nothing after the buffer; empty at the end of the last member."""
        self.member = self._next_member()
        self.checksum = self.size = 0
        if self.problem is not None:
            raise BadPackage(self.problem or "EOF")

    def read(self, size: int) -> bytes:
        """Return so many bytes, or fewer at the end."""
        while len(self.buffer) < size and self.problem is None:
            self._inflate()
        if len(self.buffer) < size and self.problem:
            raise BadPackage(self.problem)
        data = bytes(self.buffer[:size])
        del self.buffer[:size]
        return data

    def _inflate(self) -> None:
        given = self.package[self.position : self.position + _CHUNK]
        before = self.member.copy()
        try:
            data = self.member.decompress(given, _CHUNK)
        except zlib.error:
            self.problem = "flate: corrupt input"
            data = _inflatable(before, given)
        # At the end of a member zlib may report the same bytes as both unused and not consumed.
        left = self.member.unused_data if self.member.eof else self.member.unconsumed_tail
        self.position += len(given) - len(left)
        self.budget.inflate(len(data))
        self.buffer += data
        self.checksum = zlib.crc32(data, self.checksum)
        self.size += len(data)
        if self.problem is None and self.member.eof:
            self._end_member()
        elif self.problem is None and not given and not data:
            self.problem = "unexpected EOF"

    def _end_member(self) -> None:
        trailer = self._take(8)
        if trailer is None:
            self.problem = "unexpected EOF"
        elif trailer != struct.pack("<II", self.checksum, self.size & 0xFFFFFFFF):
            self.problem = "gzip: invalid checksum"
        else:
            self.checksum = self.size = 0
            self.member = self._next_member()

    def _next_member(self) -> "zlib._Decompress":
        """Read the header of a member (RFC 1952, 2.3) as Go does, which ignores reserved flags."""
        start = self.position
        self.problem = self._header_problem()
        if self.problem is None:
            self.budget.gzip_member()
        elif start == len(self.package):
            self.problem = ""
        return zlib.decompressobj(wbits=-15)

    def _header_problem(self) -> str | None:
        start = self.position
        fixed = self._take(10)
        if fixed is None:
            return "unexpected EOF"
        if not fixed.startswith(b"\x1f\x8b\x08"):
            return "gzip: invalid header"
        flags = fixed[3]
        if flags & _GZIP_EXTRA:
            length = self._take(2)
            if length is None or self._take(int.from_bytes(length, "little")) is None:
                return "unexpected EOF"
        for flag in (_GZIP_NAME, _GZIP_COMMENT):
            if flags & flag:
                end = self.package.find(b"\0", self.position, self.position + _MAX_GZIP_TEXT)
                if end < 0:
                    return "gzip: invalid header"
                self.position = end + 1
        if flags & _GZIP_CHECKSUM:
            wanted = zlib.crc32(memoryview(self.package)[start : self.position]) & 0xFFFF
            found = self._take(2)
            if found is None or int.from_bytes(found, "little") != wanted:
                return "gzip: invalid header"
        return None

    def _take(self, size: int) -> bytes | None:
        """Return bytes of the package itself, None if there are fewer."""
        data = self.package[self.position : self.position + size]
        self.position += len(data)
        return data if len(data) == size else None


_GZIP_CHECKSUM, _GZIP_EXTRA, _GZIP_NAME, _GZIP_COMMENT = 2, 4, 8, 16
_MAX_GZIP_TEXT = 512
"""Bytes of a name or comment in a gzip header with its zero byte, the limit of Go's `compress/gzip`."""


def _inflatable(member: "zlib._Decompress", given: bytes) -> bytes:
    """Return what can be inflated before the error in `given`, which zlib discards when it reports the error."""
    data = bytearray()
    with suppress(zlib.error):
        for position in range(len(given)):
            data += member.decompress(given[position : position + 1])
    return bytes(data)


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
                records = _pax_records(self._special(), self.budget)
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
        self.budget.text(self.left)
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
    _check_numbers(block, (108, 116), (116, 124), (136, 148))
    prefix = b""
    if block[257:263] == b"ustar\0":
        _check_numbers(block, *_DEVICE)
        is_star = block[508:512] == b"tar\0"
        prefix = block[345:476] if is_star else block[345:500]
        if is_star:
            _check_numbers(block, (476, 488), (488, 500))
    elif block[257:265] == b"ustar  \0":
        _check_numbers(block, *_DEVICE)
        prefix = _gnu_prefix(block)
    if folder := _c_text(prefix):
        header.name = f"{folder}/{header.name}"
    return header


_DEVICE = (329, 337), (337, 345)


def _check_numbers(block: bytes, *fields: tuple[int, int]) -> None:
    for start, end in fields:
        _number(block[start:end])


def _gnu_prefix(block: bytes) -> bytes:
    """Return the prefix that Go before 1.8 wrote into GNU headers, over the two times; Go reads it if it is ASCII."""
    try:
        _check_numbers(block, *((start, end) for start, end in ((345, 357), (357, 369)) if block[start]))
    except BadPackage:
        prefix = block[345:500].split(b"\0", 1)[0]
        return prefix if prefix.isascii() else b""
    return b""


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
_INTEGER = re.compile(r"([+-]?)0*([0-9]*)", re.ASCII)
_MOST_DIGITS = 19
"""Of a number of 64 bits."""


def _pax_records(data: bytes, budget: Budget) -> dict[str, str]:
    """Read records of `<length> <key>=<value>` and a line feed; the last of one key counts."""
    records = {}
    start = 0
    while start < len(data):
        budget.record()
        blank = data.find(b" ", start)
        if blank < 0:
            raise BadPackage(_BAD_HEADER)
        end = start + _integer(data[start:blank].decode(errors="surrogateescape"))
        if not blank + 1 < end <= len(data) or end - start < _SHORTEST_RECORD or data[end - 1] != ord("\n"):
            raise BadPackage(_BAD_HEADER)
        key, equals, value = data[blank + 1 : end - 1].partition(b"=")
        name = key.decode(errors="surrogateescape")
        if not name or not equals or b"\0" in (value if name in _PAX_TEXTS else key):
            raise BadPackage(_BAD_HEADER)
        if name in _PAX_USED or name.startswith("GNU.sparse."):
            records[name] = value.decode(errors="surrogateescape")
        start = end
    return records


_SHORTEST_RECORD = 5
_PAX_USED = frozenset({"path", *_PAX_NUMBERS, *_PAX_TIMES})


def _integer(text: str) -> int:
    """Read decimal digits with an optional sign, at most 64 bits, as Go's `strconv.ParseInt`."""
    match = _INTEGER.fullmatch(text)
    if not match or not text[-1:].isdigit() or len(match[2]) > _MOST_DIGITS:
        raise BadPackage(_BAD_HEADER)
    value = int(f"{match[1]}{match[2] or 0}")
    if not -(2**63) <= value < 2**63:
        raise BadPackage(_BAD_HEADER)
    return value


def _merge_pax(header: _Header, records: dict[str, str]) -> None:
    header.name = records.get("path") or header.name
    for key in _PAX_NUMBERS:
        if value := records.get(key):
            number = _integer(value)
            header.size = number if key == "size" else header.size
    for key in _PAX_TIMES:
        if value := records.get(key):
            seconds, _, fraction = value.partition(".")
            _integer(seconds)
            if fraction and not re.fullmatch("[0-9]+", fraction, re.ASCII):
                raise BadPackage(_BAD_HEADER)
