"""Crafted packages, each made by code: what gzip, tar, YAML and Helm's loader have corners for.

`CORPUS` holds those that are judged as Helm judges; `DIFFERENT` those that are not, by the rule of docs/packages.md.
"""

import gzip
import struct
import tarfile
import zlib
from collections.abc import Mapping

from tests.builders import a_package, a_tar, an_archive, gzipped, member

V1 = "apiVersion: v1\nname: c\nversion: 1.0.0\n"
HEAD = "apiVersion: v2\nname: c\nversion: 1.0.0\n"
CHART = b"name: c\nversion: 1.0.0\n"
END = bytes(1024)


def chart(text: str | bytes, files: Mapping[str, str | bytes] | None = None) -> bytes:
    """Return a package of this Chart.yaml and other files of the chart."""
    every = {"Chart.yaml": text} | dict(files or {})
    return an_archive({f"c/{name}": body.encode() if isinstance(body, str) else body for name, body in every.items()})


def header(
    name: bytes = b"c/x", size: int = 0, kind: bytes = b"0", magic: bytes = b"ustar\x0000", **fields: tuple[int, bytes]
) -> bytes:
    """Return a tar header with a right checksum; `fields` are bytes at a place, whatever the format says of it."""
    block = bytearray(512)
    parts = {0: name[:100], 100: b"0000644\0", 108: b"0000000\0", 116: b"0000000\0", 124: b"%011o\0" % size}
    for at, data in [*parts.items(), (136, b"00000000000\0"), (156, kind), (257, magic), *fields.values()]:
        block[at : at + len(data)] = data
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def entry(name: bytes = b"c/x", body: bytes = b"", **how: object) -> bytes:
    """Return a member of a tar."""
    return header(name, len(body), **how) + body + bytes(-len(body) % 512)  # type: ignore[arg-type]


def tar(*parts: bytes, end: bytes = END) -> bytes:
    """Return a package of a chart and these members before it."""
    return gzipped(b"".join(parts) + entry(b"c/Chart.yaml", CHART) + end)


def record(key: bytes, value: bytes, length: bytes | None = None) -> bytes:
    """Return a record of an extended header; its length is right unless given."""
    rest = b" " + key + b"=" + value + b"\n"
    size = len(rest)
    while len(b"%d" % size) + len(rest) != size:
        size += 1
    return (length or b"%d" % size) + rest


def pax(*records: bytes, name: bytes = b"c/x", kind: bytes = b"x") -> bytes:
    """Return an extended header and the member it is about."""
    return entry(b"PaxHeader", b"".join(records), kind=kind) + entry(name, b"abc")


def framed(
    data: bytes, *, flags: int = 0, extra: bytes = b"", crc: int = 0, size: int = 0, cut: int = 0, tail: bytes = b""
) -> bytes:
    """Return a gzip member with these header flags and fields, and a trailer that is off by `crc` and `size`."""
    head = b"\x1f\x8b\x08" + bytes([flags]) + b"\0\0\0\0\0\xff" + extra
    if flags & 2:
        head += struct.pack("<H", zlib.crc32(head) & 0xFFFF)
    squeezed = zlib.compressobj(6, zlib.DEFLATED, -15)
    body = squeezed.compress(data) + squeezed.flush()
    trailer = struct.pack("<II", zlib.crc32(data) ^ crc, (len(data) + size) & 0xFFFFFFFF)
    return (head + body + trailer)[: -cut or None] + tail


def unfinished(data: bytes) -> bytes:
    """Return a gzip member that has all its data but no last block."""
    squeezed = zlib.compressobj(6, zlib.DEFLATED, -15)
    return b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + squeezed.compress(data) + squeezed.flush(zlib.Z_SYNC_FLUSH)


def corrupted(data: bytes) -> bytes:
    """Return a gzip member that has all its data, then a block of a type there is none of."""
    squeezed = zlib.compressobj(6, zlib.DEFLATED, -15)
    body = squeezed.compress(data) + squeezed.flush(zlib.Z_FULL_FLUSH)
    return b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + body + b"\xff" * 20


GOOD = gzip.decompress(chart(CHART))
NO_END = entry(b"c/Chart.yaml", CHART)

GZIP = {
    "a name": framed(GOOD, flags=8, extra=b"name\0"),
    "a name of 511 bytes": framed(GOOD, flags=8, extra=b"n" * 511 + b"\0"),
    "a name of 512 bytes": framed(GOOD, flags=8, extra=b"n" * 512 + b"\0"),
    "a comment of 512 bytes": framed(GOOD, flags=16, extra=b"n" * 512 + b"\0"),
    "a name without an end": framed(GOOD, flags=8)[:30],
    "an extra field": framed(GOOD, flags=4, extra=b"\3\0abc"),
    "an extra field longer than the file": framed(GOOD, flags=4, extra=b"\xff\xff"),
    "a checksum of the header": framed(GOOD, flags=2),
    "a wrong checksum of the header": framed(GOOD, flags=2)[:10] + b"\0\0" + framed(GOOD)[10:],
    "reserved flags": framed(GOOD, flags=0xE0),
    "a flag for text": framed(GOOD, flags=1),
    "another method": b"\x1f\x8b\x07" + framed(GOOD)[3:],
    "a wrong checksum": framed(GOOD, crc=1),
    "a wrong checksum before the end of the tar": framed(NO_END, crc=1),
    "a wrong size": framed(GOOD, size=1),
    "a wrong size before the end of the tar": framed(NO_END, size=1),
    "corrupt behind the end of the tar": corrupted(GOOD),
    "corrupt before the end of the tar": corrupted(NO_END),
    "a large file and no end of the tar": framed(entry(b"c/x", bytes(200_000)) + NO_END),
    "a large file in the first of two members": framed(entry(b"c/x", bytes(300_000))) + framed(NO_END),
    "a large file in the second of two members": framed(NO_END) + framed(entry(b"c/x", bytes(300_000))),
    "no trailer": framed(GOOD, cut=8),
    "no trailer and no end of the tar": framed(NO_END, cut=8),
    "no last block": unfinished(GOOD),
    "no last block and no end of the tar": unfinished(NO_END),
    "cut in the middle": framed(GOOD)[:60],
    "garbage behind": framed(GOOD, tail=b"garbage"),
    "garbage behind without an end of the tar": framed(NO_END, tail=b"garbage that is long"),
    "zeros behind": framed(GOOD, tail=bytes(100)),
    "a second member": framed(GOOD, tail=framed(b"more")),
    "an empty first member": framed(b"") + framed(GOOD),
    "a tar in two members": framed(GOOD[:700]) + framed(GOOD[700:]),
    "stored, not compressed": gzip.compress(GOOD, 0),
    "nothing": b"",
    "one byte": b"\x1f",
    "a header only": b"\x1f\x8b\x08\0\0\0\0\0\0\xff",
    "text": b"this is no archive at all",
    "a zip": b"PK\3\4" + bytes(60),
    "a tar that is not compressed": GOOD,
    "an empty tar": gzipped(END),
    "gzip in gzip": gzipped(gzipped(GOOD)),
}

TAR = {
    "no end": tar(end=b""),
    "one zero block": tar(end=bytes(512)),
    "a zero block, then another": tar(end=bytes(512) + b"x" * 512),
    "half a block": tar(end=bytes(100)),
    "garbage after the end": tar(end=END + b"x" * 700),
    "V7": tar(entry(magic=b"")),
    "GNU": tar(entry(magic=b"ustar  \0")),
    "STAR": tar(entry(at=(508, b"tar\0"), times=(476, b"00000000000 00000000000 "))),
    "STAR with a time that is none": tar(entry(at=(508, b"tar\0"), times=(476, b"9"))),
    "another magic": tar(entry(magic=b"ustar\x0099")),
    "a prefix": tar(entry(b"x", prefix=(345, b"c/templates"))),
    "a prefix of a GNU header": tar(entry(b"x", magic=b"ustar  \0", prefix=(345, b"c/templates"))),
    "a prefix of a GNU header that is not ASCII": tar(entry(b"c/x", magic=b"ustar  \0", prefix=(345, b"c/\xff"))),
    "times of a GNU header": tar(entry(magic=b"ustar  \0", time=(345, b"00000000000 "))),
    "a name of a hundred bytes": tar(entry(b"c/" + b"x" * 98)),
    "a name with a zero byte": tar(entry(b"c/x\0y")),
    "a wrong checksum": gzipped(b"\1" + header()[1:] + END),
    "a signed checksum": gzipped(NO_END + END),
    **{
        f"a number {where} {value!r}": tar(entry(number=(at, value)))
        for where, at in [("uid", 108), ("time", 136), ("major", 329)]
        for value in (b"\0" * 8, b" 17 \0", b"9", b"\x80\0\0\0\0\0\0\5", b"\xff" * 8, b"-1", b"0x1", b"+5", b"1 2")
    },
    **{
        f"a mode {value!r}": tar(entry(mode=(100, value)))
        for value in (
            b"0040755\0",
            b"0120777\0",
            b"\x80\0\0\0\0\0\x41\xed",
            b"\xff\xff\xff\xff\xff\xff\x41\xed",
            b"\x80\0\0\1\0\0\x41\xed",
        )
    },
    **{
        f"a size {value!r}": gzipped(header(number=(124, value)) + NO_END + END)
        for value in (b"\xff" * 12, b"\x80" + b"\xff" * 11, b"8", b"77777777777\0", b"\x80" + bytes(11))
    },
    **{
        f"a member of kind {kind!r} and {size} bytes": tar(entry(body=b"x" * size, kind=kind))
        for kind in (b"\0", b"1", b"2", b"3", b"4", b"5", b"6", b"7", b"A", b"D", b"V", b"M", b" ", b"\xff")
        for size in (0, 3)
    },
    "a folder by a mode of 33 bits": tar(entry(b"c/../../x", mode=(100, b"\x80\0\0\1\0\0\x41\xed"))),
    "a folder out of the chart": tar(entry(b"c/../../x", mode=(100, b"0040755\0"))),
    "a folder by its name": tar(entry(b"c/templates/", kind=b"\0")),
    "a file with a slash at its end": tar(entry(b"c/templates/", kind=b"0")),
    "a symbolic link out of the chart": tar(entry(b"c/Chart.lock", kind=b"2", target=(157, b"../../etc/passwd"))),
    "a hard link to Chart.yaml": tar(entry(b"c/values.yaml", kind=b"1", target=(157, b"c/Chart.yaml"))),
    "a long name": tar(entry(b"L", b"c/templates/" + b"x" * 300 + b"\0", kind=b"L", magic=b"ustar  \0"), entry()),
    "a long name without a zero": tar(entry(b"L", b"c/" + b"x" * 300, kind=b"L"), entry()),
    "a long link": tar(entry(b"K", b"x" * 300, kind=b"K"), entry()),
    "a long name with nothing behind": gzipped(NO_END + entry(b"L", b"c/y", kind=b"L") + END),
    "two long names": tar(entry(b"L", b"c/1", kind=b"L"), entry(b"L", b"c/../../2", kind=b"L"), entry()),
    "a special header of a megabyte": tar(entry(b"L", b"c/" + b"x" * 2**20, kind=b"L"), entry()),
    **{
        f"pax {key.decode()} {value!r}": tar(pax(record(key, value)))
        for key, value in [
            (b"path", b"c/y"),
            (b"path", b""),
            (b"path", b"c/../../x"),
            (b"path", b"c/\xff"),
            (b"path", b"a\0b"),
            (b"linkpath", b"a\0b"),
            (b"uname", b"a\0b"),
            (b"comment", b"a\0b"),
            (b"size", b"3"),
            (b"size", b"000000000000000000000000000000000000000000000000003"),
            (b"size", b"-3"),
            (b"size", b"+3"),
            (b"size", b"99999999999999999999"),
            (b"size", b"x"),
            (b"uid", b"9223372036854775807"),
            (b"uid", b"9223372036854775808"),
            (b"gid", b"1_0"),
            (b"mtime", b"1.5"),
            (b"mtime", b"1."),
            (b"mtime", b".5"),
            (b"mtime", b"-1.9999999999999999"),
            (b"atime", b"9223372036854775808"),
            (b"ctime", b"1e5"),
            (b"ctime", b"1.5x"),
            (b"SCHILY.xattr.user.a", b"b"),
            (b"hdrcharset", b"BINARY"),
            (b"", b"x"),
        ]
    },
    **{
        f"pax record of length {length!r}": tar(pax(record(b"path", b"c/y", length)))
        for length in (
            b"12",
            b"14",
            b"0",
            b"-5",
            b"+13",
            b"000000000000000000000000000000013",
            b"x",
            b"",
            b"99999999999",
        )
    },
    "a pax record of four bytes": tar(pax(b"4 =\n")),
    "a pax record of five bytes": tar(pax(b"5 a=\n")),
    "a pax record without an equals sign": tar(pax(b"7 abcd\n")),
    "the last of two pax paths": tar(pax(record(b"path", b"c/1"), record(b"path", b"c/../../x"))),
    "a global pax header": tar(pax(record(b"path", b"../x"), kind=b"g")),
    "two pax headers": tar(entry(b"P", record(b"path", b"../../x"), kind=b"x"), pax(record(b"size", b"3"))),
    "a pax header with nothing behind": gzipped(NO_END + entry(b"P", record(b"path", b"c/y"), kind=b"x") + END),
    **{
        f"tar as Python writes it, form {form}": gzipped(
            a_tar([(member("c/" + "é" * 80, 1), b"x"), (member("c/Chart.yaml", len(CHART)), CHART)], form)
        )
        for form in (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT)
        if form != tarfile.USTAR_FORMAT
    },
}

NAMES = {
    f"a file {name!r}": tar(entry(name))
    for name in (
        b"c",
        b"",
        b"c/",
        b"/c/x",
        b"c//x",
        b"c/./x",
        b"./c/x",
        b"c/../x",
        b"c/a/../x",
        b"c/..",
        b"c/...",
        b"c/..x",
        b"c/a/..",
        b"../c/x",
        b"c\\x",
        b"c\\..\\x",
        b"c\\\\x",
        b"c/a\\b",
        b"C:/x",
        b"c/C:/x",
        b"c/c:x",
        b"c/C:\\x",
        b"Chart.yaml",
        b"Chart.yaml/x",
        b"x/Chart.yaml/y",
        b"other/templates/x",
        b"c/\xff\xfe",
        b"c/\xc3\xa9",
        b"c/a\nb",
        b"c/charts",
        b"c/charts/x",
        b"c/charts/_x",
        b"c/charts/.x/Chart.yaml",
        b"c/charts/x.prov",
        b"c/charts/x/y.prov",
        b"c/charts/x.tgz.prov",
        b"c/charts/x.tgz",
        b"c/charts/x.tgz/y",
        b"c/charts/x/README.md",
        b"c/charts/README.md",
        b"c/charts//x",
        b"c/chart.yaml",
    )
}

SIZES = {
    "a chart of 100 MiB": an_archive({"c/Chart.yaml": CHART} | {f"c/{n}": bytes(5 * 2**20) for n in range(20)}),
    "a chart of a little less": an_archive(
        {"c/Chart.yaml": CHART} | {f"c/{n}": bytes(5 * 2**20 - 100) for n in range(20)}
    ),
    "a file of 5 MiB": chart(CHART, {"x": bytes(5 * 2**20)}),
}

CHARTS = {
    "two Chart.yaml": an_archive({"c/Chart.yaml": V1.encode(), "d/Chart.yaml": b"home: h\nversion: 2.0.0\n"}),
    "two Chart.yaml, the second without a name": an_archive({"c/Chart.yaml": HEAD.encode(), "d/Chart.yaml": b"name: ''"}),
    "two Chart.yaml, lists that shrink and grow": an_archive(
        {
            "a/Chart.yaml": HEAD.encode() + b"keywords: [x, y, z]\nmaintainers: [{name: a, url: u}, {name: b, url: v}]\n",
            "b/Chart.yaml": b"keywords: [q]\nmaintainers: [{name: n}]\n",
            "c/Chart.yaml": b"keywords: [~, ~, w]\nmaintainers: [{}, {email: e}]\n",
        }
    ),
    "two Chart.yaml, null where a list was": an_archive(
        {"a/Chart.yaml": HEAD.encode() + b"keywords: [x]\nannotations: {a: b}", "b/Chart.yaml": b"keywords: ~\nannotations: {c: d}"}
    ),
    "no Chart.yaml": an_archive({"c/values.yaml": b""}),
    "Chart.yaml last": an_archive({"c/values.yaml": b"", "c/Chart.yaml": CHART}),
    "requirements only": an_archive({"c/requirements.yaml": HEAD.encode()}),
    "a requirements.lock only": an_archive({"c/requirements.lock": b""}),
    **{
        f"requirements {text!r}": chart(base, {"requirements.yaml": text})
        for base in (V1, HEAD)
        for text in (
            "dependencies: [{name: x, version: 1.10, repository: r, alias: a}]",
            "dependencies: [{name: x}, {name: x}]",
            "dependencies: ~",
            "version: 2.0.0\nhome: h\n",
            "name: ''",
            "[]",
            "",
            "a: [",
        )
    },
    **{
        f"a lock {text!r}": chart(HEAD, {name: text})
        for name in ("Chart.lock", "requirements.lock")
        for text in (
            "",
            "~",
            "[]",
            "digest: 5",
            "digest: [a]",
            "dependencies: [{name: [a]}]",
            "generated: ~",
            "generated: 5",
            "generated: 2020-01-01T00:00:00Z",
            "generated: 2020-01-01",
            "generated: '2020-01-01T1:00:00Z'",
            "generated: '2020-01-01T24:00:00Z'",
            "generated: '2020-01-01T00:00:60Z'",
            "generated: '2020-01-01T00:00:00+24:00'",
            "generated: '2020-01-01T00:00:00-00:60'",
            "generated: '2020-01-01T00:00:00+25:00'",
            "generated: '2020-02-30T00:00:00Z'",
            "generated: '0000-02-29T00:00:00,5Z'",
            "generated: '2020-01-01t00:00:00Z'",
            "generated: '2020-01-01 00:00:00Z'",
        )
    },
    **{
        f"values {text!r}": chart(HEAD, {"values.yaml": text})
        for text in ("", "~", "{}", "[]", "5", "a: b", "a: *x", "a: .nan", "{~: 1}", "{[a]: 1}", "\ufeffa: b")
    },
    **{
        f"a subchart {what}": a_package(files=files)
        for what, files in {
            "in a folder": {"charts/x/Chart.yaml": CHART},
            "in a package": {"charts/x-1.tgz": a_package("x")},
            "three deep": {"charts/x/Chart.yaml": CHART, "charts/x/charts/y.tgz": a_package("y", files={"charts/z/Chart.yaml": CHART})},
            "without a name": {"charts/x/Chart.yaml": b"version: 1.0.0\n"},
            "without Chart.yaml": {"charts/x/values.yaml": b""},
            "with broken values": {"charts/x/Chart.yaml": CHART, "charts/x/values.yaml": b"["},
            "with a broken version": {"charts/x/Chart.yaml": b"name: x\nversion: x\n"},
            "with a name of a thousand bytes": {"charts/x/Chart.yaml": b"version: 1.0.0\nname: " + b"n" * 1000},
            "in a broken package": {"charts/x.tgz": b"x"},
            "in an empty package": {"charts/x.tgz": b""},
            "in a package whose tar is cut": {"charts/x.tgz": framed(NO_END, cut=8)},
            "in a package given twice": {"charts/x.tgz": a_package("x"), "charts/y.tgz": a_package("x")},
            "of a name the parent has": {"charts/mychart/Chart.yaml": b"name: mychart\nversion: 1.0.0\n"},
            "that is a draft": {"charts/_x/Chart.yaml": b"["},
            "that is hidden": {"charts/.x/Chart.yaml": b"["},
            "with a lock that is broken": {"charts/x/Chart.yaml": CHART, "charts/x/Chart.lock": b"generated: x"},
        }.items()
    },
    **{
        f"a chart named {name!r}": chart(f"version: 1.0.0\nname: {name}\n")
        for name in (
            "''", "~", ".", "..", "...", "a/b", "/a", "a/", "'a b'", '"a\\nb"', '"a\\tb"', '"\\u200b"', '"a\\0"', "a%b", "a\\b",
            "é", "😀", "A", "-a", "1.10", "true", "0x1F", "'*'", "a:b", "../x", '"\\uffff"', '"\\ue000"', "[a]", "{a: b}", "!!binary Yw==",
        )
    },
    **{
        f"a chart of version {version!r}": chart(f"name: c\nversion: {version}\n")
        for version in (
            "''", "~", "1", "1.2", "1.2.3", "v1.2.3", "V1.2.3", "01.02.03", "1.2.3.4", "1..2", "1.2.3-", "1.2.3-rc.1", "1.2.3-01",
            "1.2.3-0a", "1.2.3+01", "1.2.3+a_b", "1.2.3-a_b", "1.2-rc", "1+b", "1.10", "1e3", "0x10", "latest", "' 1.0.0'", "1.0.0 ",
            "'1.0.0\n'", "18446744073709551615.0.0", "18446744073709551616.0.0", "1.0.0-99999999999999999999", "-1.0.0", "1.0.0-é",
            "1.0.0-" + "x" * 250, "1.0.0-" + "x" * 251, "2001-01-01", "true", "!!str 1.10", "1.0.0-rc..1", "1.0.0--", "1.x", "*",
        )
    },
}  # fmt: skip

SCALARS = (
    "~", "null", "''", "true", "yes", "No", "on", "y", "1", "1.10", "1.0", "1e3", "1E6", "0x1F", "010", "0899", "0o17", "0b11",
    "1_000", "+5", "-0", "-0.0", ".5", "5.", ".5_0", "._5", ".5e1_0", ".5e0001", "1e400", ".inf", "-.Inf", ".nan", "1:20",
    "18446744073709551615", "18446744073709551616", "-9223372036854775809", "16777217.0", "3.4e39", "1.5e-7", "2001-01-01",
    "2001-12-14t21:59:43.10-05:00", "[]", "{}", "[a]", "{a: b}", "[~]", "[1, 1.10, true]", "[[a]]", "{a: 1.10}", "{a: ~}", "{a: [b]}",
    '"a\\tb\\u200bc\\u00a0d\\u2028e\\x07"', "|\n  a\n  b", ">\n  a\n  b", "'a''b'", "\u2ffc\U0002ebf0x", "!!binary /+8=",
)  # fmt: skip
FIELDS = {
    f"{field} {value!r}": chart(f"{HEAD}{field}: {value}\n")
    for field in ("description", "keywords", "annotations", "maintainers", "deprecated", "type", "dependencies")
    for value in SCALARS
}

DEPENDENCIES = {
    f"dependencies {text!r}": chart(f"{HEAD}dependencies: {text}\n")
    for text in (
        "[{}]", "[{name: a}]", "[{name: a}, {name: a}]", "[{name: a}, {name: b, alias: a}]", "[{name: a, alias: 'b c'}]",
        "[{alias: a_B-9}]", "[{alias: ''}, {name: x}]", "[{name: a, version: 1.10, repository: '@r'}]", "[{enabled: 'true'}]",
        "[{enabled: ~}]", "[{tags: a}]", "[{tags: [1, ~]}]", "[{import-values: [a, {child: b, parent: c}]}]", "[{import-values: {}}]",
        "[{import-values: [1, 1.0, 1e20, 1e21, 1e22, 123456789012345678, 0.000001, 1e-7, true, ~]}]", "[{import-values: [[[]]]}]",
        "[{import-values: [{1: a, true: b, 1.5: c}]}]", "[{import-values: [{~: a}]}]", "[{import-values: [.nan]}]",
        "[{NAME: a, Name: b}]", "[{name: a, foo: .nan}]", "[{repository: ~, version: ~}]", "[{condition: 'a\tb'}]", "[a]", "[~]",
        "{a: b}", "[{name: \"\\u200b\"}, {name: ''}]", "[{urls: [a], digest: b}]", "[{\u017fomething: a}]",
    )
}  # fmt: skip

BOMB = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{chr(letter)}: &{chr(letter)} [{','.join([f'*{chr(letter - 1)}'] * 10)}]\n" for letter in range(98, 103)
)

YAML = {
    f"YAML {text!r:.100} of {len(text)} characters": chart(text if text.startswith(("%", "\ufeff", "---", "#")) else f"{HEAD}{text}\n")
    for text in (
        "x: &a 1\nhome: *a", "x: *unknown", "x: &a [*a]", "x: &a [&a q, *a]", "x: &a {b: &a q, c: *a}", "x: [&a 1, &a 2, *a]",
        "x: &x {home: h}\n<<: *x", "x: &x {home: h}\n<<: [*x, {icon: i}]", "x: &x [{home: h}]\n<<: *x", "<<: 1", "<<: [1]", "<<: ~",
        "x: {&m <<: {a: b}, z: *m}", "! <<: {home: q}", "! '<<': {home: q}", "'<<': {home: q}", "!!merge <<: {home: q}",
        "home: a\nhome: b", "home: a\n<<: {home: b}", "x: {a: {~: 1}, a: 2}", "x: {~: 1}", "x: {18446744073709551615: 1}",
        "x: {a: {18446744073709551615: 1}, a: 2}", "x: {[a]: 1}", "? home\n: x", "? [a]\n: x", "x: [? a : b]", "x: {? a, b}",
        "x: [a: b, c]", "x: [?a]", "x: [a?]", "sources: [http://x/?a=b]", "home: http://x/?a=b", "sources: ['http://x/?a=b']",
        'home: "a\\/b"', 'home: "a\\\\/b"', "home: 'a\\/b'", "home: a\\/b", 'home: "\\x41\\u263a\\U0001F600\\e\\_\\N"', 'home: "\\q"',
        'home: "\\ud800"', "%YAML 1.1\n---\nname: c\nversion: 1.0.0", "%YAML 1.2\n---\nname: c\nversion: 1.0.0",
        "%YAML 1.1\n%YAML 1.1\n---\nname: c\nversion: 1.0.0", "%FOO\n---\nname: c\nversion: 1.0.0",
        "%TAG !e! tag:yaml.org,2002:\n---\nname: c\nversion: 1.0.0\nhome: !e!str 5", "---\nname: c\nversion: 1.0.0\n...\n[",
        "--- {name: c, version: 1.0.0}", "# c\nname: c\nversion: 1.0.0", "\ufeffname: c\nversion: 1.0.0",
        "\ufeff\ufeffname: c\nversion: 1.0.0", "home: !!timestamp x", "home: !!timestamp 2001-1-1", "home: !!timestamp ''",
        "home: !!timestamp 2001-1-1 1:2:3.4", "home: !!timestamp 2001-1-1T1:2:3+24:60", "home: !!float 3", "home: !!int x",
        "home: !!float 18446744073709551615", "home: !!bool yes", "home: !!null ''", "home: !!null x", "home: !!str", "home: !foo 1",
        "home: !!binary 'aGVs bG8='", 'home: !!binary "aGVs\\nbG8="', 'home: !!binary "aGVs\\tbG8="', "home: !!binary x",
        "home: !<tag:yaml.org,2002:str> 5", "home: !x! 5", "home: ! 5", "x: !!set {a, b}", "x: !!map [a]", "x: !x [a]",
        "home: a #b", "home: a#b", "home: @x", "home: `x", "home: %x", "home: a: b", "home: [", "home: ]", "home: '", "home: &a",
        "\thome: x", "home:\tx", "home: x\t", "- a", "home: |2\n   a", "home: |-\n  a\n\n", "home: >+\n  a\n\n", "home: |\n a\n  b",
        "home: \x07", "home: \x85x", "home: \ud7ff\ue000", "home: \U0010ffff", "x: [a, b,]", "x: {a: 1,}", "x: [,]", "x: {,}",
        'x: {"a":b}', "x: {a :b}", "x: [a b: c]", "x: -", "x: - a", "x: 'a\n  b'", "x: a\n  b", "name: d", "NAME: d", "\u212aeywords: [k]",
        "# %TAG\n" * 120 + "name: c\nversion: 1.0.0", BOMB, f"x: [{', '.join(['&a 1'] + ['*a'] * 2000)}]", f"x: &a [{'1,' * 1000}]\ny: [{', '.join(['*a'] * 200)}]",
        f"x: &a [{'1,' * 1000}]\ny: [{', '.join(['*a'] * 50)}]", f"x: &a [1]\ny: [{', '.join(['*a'] * 600)}]",
    )
}  # fmt: skip

ENCODINGS = {
    "UTF-16, little endian": chart("\ufeffname: c\nversion: 1.0.0\nhome: é😀\n".encode("utf-16-le")),
    "UTF-16, big endian": chart("\ufeffname: c\nversion: 1.0.0\n".encode("utf-16-be")),
    "UTF-16 without a mark": chart("name: c\nversion: 1.0.0\n".encode("utf-16-le")),
    "UTF-16 with half a character": chart("\ufeffname: c\nversion: 1.0.0\n".encode("utf-16-le") + b"x"),
    "UTF-16 with a lone surrogate": chart(b"\xff\xfen\0a\0m\0e\0:\0 \0\0\xd8"),
    "UTF-32": chart("name: c\nversion: 1.0.0\n".encode("utf-32")),
    "Latin-1": chart("name: c\nversion: 1.0.0\nhome: é\n".encode("latin-1")),
    "an overlong form": chart(CHART + b"home: \xc0\xaf\n"),
    "a surrogate in UTF-8": chart(CHART + b"home: \xed\xa0\x80\n"),
    "above Unicode": chart(CHART + b"home: \xf4\x90\x80\x80\n"),
    "Windows line ends": chart(b"name: c\r\nversion: 1.0.0\r\n"),
    "old Mac line ends": chart(b"name: c\rversion: 1.0.0\r"),
    "a zero byte": chart(CHART + b"home: a\0b\n"),
    "nothing": chart(b""),
    "only a comment": chart(b"# nothing"),
    "a mark and nothing": chart(b"\xef\xbb\xbf"),
}

CORPUS = {
    f"{group}: {name}": package
    for group, cases in {
        "gzip": GZIP,
        "tar": TAR,
        "names": NAMES,
        "sizes": SIZES,
        "charts": CHARTS,
        "fields": FIELDS,
        "dependencies": DEPENDENCIES,
        "yaml": YAML,
        "encodings": ENCODINGS,
    }.items()
    for name, package in cases.items()
}

DIFFERENT: dict[str, dict[str, bytes]] = {
    "Sparse files": {
        "a record": tar(pax(record(b"GNU.sparse.major", b"1"), record(b"GNU.sparse.size", b"3"))),
        "a record that means nothing": tar(pax(record(b"GNU.sparse.x", b"1"))),
    },
    "YAML that its readers read in different ways": {
        "an escape that YAML has not": chart(f'{HEAD}home: "it\\\'s"\n'),
        "a colon before a bracket": chart(f"{HEAD}x: {{a:}}\n"),
        "a colon before a comma": chart(f"{HEAD}keywords: [a:, b]\n"),
        "a tag before a comma": chart(f"{HEAD}keywords: [!x, b]\n"),
        "a tag with a comma": chart(f"{HEAD}home: !, x\n"),
        "a mark before a later line": chart(f"{HEAD}x: 1\n\ufefficon: y\n"),
        "a collection as a key": chart(HEAD, {"values.yaml": "{}: x"}),
    },
    "Limits": {
        "a hundred levels": chart(f"{HEAD}x: {'[' * 120}{']' * 120}\n"),
        "a hundred levels by aliases": chart(
            f"{HEAD}x: [&a0 [x]" + "".join(f", &a{n} [*a{n - 1}]" for n in range(1, 120)) + "]\n"
        ),
        "nodes": chart(HEAD, {"values.yaml": "a: [" + "1," * 500_001 + "]"}),
        "charts in charts": a_package(
            files={"charts/x/" * depth + "Chart.yaml": CHART for depth in range(1, 23)},
        ),
        "a long key": chart(f"{HEAD}annotations: {{{'k' * 1010}: v}}\n"),
        "a long name": chart(f"version: 1.0.0\nname: {'n' * 1000}\n"),
        "long metadata": chart(f"{HEAD}description: {'d' * 70_000}\n"),
        "many directives": chart("".join(f"%TAG !a{n}! x\n" for n in range(120)) + f"---\n{HEAD}"),
        "names": gzipped(b"".join(entry(b"L", b"c/" + b"x" * 2**19, kind=b"L") + entry() for _ in range(20)) + GOOD),
        "records": gzipped(pax(b"5 a=\n" * 100_001) + GOOD),
    },
    "The name `/`": {"a chart named /": chart("name: /\nversion: 1.0.0\n")},
}
"""By the heading of docs/packages.md that says why."""
