"""Archives are read as Go and Helm read them, and hostile ones are refused in Helm's words and in little time."""

import gzip
import tarfile
import time
import zlib

import pytest
from charthouse.errors import BadPackage
from charthouse.helm.archive import MAX_FILE, File, read_files
from charthouse.helm.budget import MAX_GZIP_MEMBERS, MAX_HEADERS, MAX_INFLATED, Budget

from tests.builders import a_tar, an_archive, gzipped, member

CHART = b"name: c\nversion: 1.0.0\n"


def files(package: bytes) -> list[File]:
    return read_files(package, Budget(), lambda _: True)


def names(package: bytes) -> list[str]:
    return [file.name for file in files(package)]


def header(size: bytes = b"0000000\0", kind: bytes = b"0", name: bytes = b"c/x") -> bytes:
    """Return a tar header with a raw size field and a right checksum."""
    block = bytearray(name.ljust(100, b"\0") + b"0000644\0" + b"0000000\0" * 2)
    block += size.rjust(12, b"\0") + b"00000000000\0" + b" " * 8 + kind
    block += bytes(512 - len(block))
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def pax(records: bytes) -> bytes:
    """Return an extended header of these records."""
    return header(b"%011o\0" % len(records), b"x") + records + bytes(-len(records) % 512)


END = bytes(1024)


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({}, "no files in chart archive"),
        ({"Chart.yaml": b""}, 'chart illegally contains content outside the base directory: "Chart.yaml"'),
        ({"c/../../x": b""}, "chart illegally references parent directory"),
        ({"c\\..\\x": b""}, "chart illegally references parent directory"),
        ({"c/..x": b""}, "chart illegally references parent directory"),
        ({"c//etc/x": b""}, "chart illegally contains absolute paths"),
        ({"c/C:/evil": b""}, "chart contains illegally named files"),
        ({"Chart.yaml/x": b""}, "chart yaml not in base directory"),
        (
            {"c/big": bytes(MAX_FILE + 1)},
            'decompressed chart file "c/big" is larger than the maximum file size 5242880',
        ),
    ],
)
def test_a_path_or_size_helm_refuses_is_refused_in_its_words(members: dict[str, bytes], message: str) -> None:
    with pytest.raises(BadPackage) as refused:
        files(an_archive(members))

    assert str(refused.value) == message


@pytest.mark.parametrize(
    ("package", "message"),
    [
        (b"", "EOF"),
        (b"garbage", "unexpected EOF"),
        (b"a longer piece of garbage", "gzip: invalid header"),
        (gzipped(a_tar([(member("c/x", 3), b"abc")]))[:40], "unexpected EOF"),
        (gzipped(b"no tar"), "unexpected EOF"),
        (gzipped(b"x" * 512), "archive/tar: invalid tar header"),
        (gzipped(bytes(512) + b"x" * 512), "archive/tar: invalid tar header"),
        (b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + b"\xff" * 50, "flate: corrupt input"),
    ],
)
def test_bytes_that_are_no_archive_are_refused_in_gos_words(package: bytes, message: str) -> None:
    with pytest.raises(BadPackage) as refused:
        files(package)

    assert str(refused.value) == message


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("c/Chart.yaml", "Chart.yaml"),
        ("other/Chart.yaml", "Chart.yaml"),
        ("c/./a/../Chart.yaml", "Chart.yaml"),
        ("c\\templates\\x.yaml", "templates/x.yaml"),
        ("c/a\\b", "b"),
        ("C:/Chart.yaml", "Chart.yaml"),
        ("/c/Chart.yaml", "c/Chart.yaml"),
    ],
)
def test_the_first_path_element_is_stripped_unread(path: str, name: str) -> None:
    assert names(an_archive({path: b""})) == [name]


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_long_names_of_every_format_are_read(form: int) -> None:
    path = "templates/" + "d/" * 70 + "x"

    assert names(gzipped(a_tar([(member(f"c/{path}", 1), b"x")], form))) == [path]


def test_a_byte_order_mark_is_taken_off_and_a_file_of_exactly_the_limit_is_read() -> None:
    found = files(an_archive({"c/a": b"\xef\xbb\xbfx", "c/b": bytes(MAX_FILE)}))

    assert [len(file.data) for file in found] == [1, MAX_FILE]


def test_folders_are_passed_over_and_links_and_devices_are_empty_files() -> None:
    kinds = [tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE]
    members = [(member(f"c/{kind.decode()}", 0, kind, "/etc/passwd"), b"") for kind in kinds]

    assert files(gzipped(a_tar(members))) == [File("2", b""), File("1", b""), File("3", b""), File("6", b"")]


def test_a_link_that_claims_a_size_is_refused_as_helm_does() -> None:
    with pytest.raises(BadPackage, match="decompressed chart is larger than the maximum"):
        files(gzipped(header(b"00000000005\0", b"2") + END))


def test_gzip_members_are_one_stream_and_what_follows_the_tar_is_not_read() -> None:
    tar = a_tar([(member("c/x", 2000), b"x" * 2000)])

    assert names(gzipped(tar[:700]) + gzipped(tar[700:]) + b"trailing garbage") == ["x"]


def test_a_name_keeps_each_file_it_is_given_to() -> None:
    members = [(member("c/x", 1), b"a"), (member("d/x", 1), b"b")]

    assert files(gzipped(a_tar(members))) == [File("x", b"a"), File("x", b"b")]


def test_unwanted_data_is_not_kept() -> None:
    found = read_files(an_archive({"c/a": b"x", "c/b": b"y"}), Budget(), lambda name: name == "b")

    assert found == [File("a", b""), File("b", b"y")]


@pytest.mark.parametrize(
    "tar",
    [
        pytest.param(header(b"\xff" * 11 + b"\x00") + END, id="negative size in base 256"),
        pytest.param(header(b"\x80" + b"\xff" * 11) + END, id="size beyond 64 bits"),
        pytest.param(header(b"9") + END, id="size that is not octal"),
        pytest.param(pax(b"12 size=-512\n"[:13]) + header() + END, id="negative size in a pax header"),
        pytest.param(pax(b"24 size=9999999999999999\n"[:24]) + header() + END, id="record that ends elsewhere"),
        pytest.param(pax(b"9999999999 a=b\n") + header() + END, id="record longer than the header"),
        pytest.param(pax(b"0 a=b\n") + header() + END, id="record of no length"),
        pytest.param(pax(b"-7 a=b\n") + header() + END, id="record of negative length"),
        pytest.param(pax(b"11 path=\0x\n") + header() + END, id="zero byte in a path"),
        pytest.param(b"\1" + header()[1:] + END, id="wrong checksum"),
    ],
)
def test_a_broken_header_is_refused_and_never_loops(tar: bytes) -> None:
    with pytest.raises(BadPackage) as refused:
        files(gzipped(tar))

    assert str(refused.value) == "archive/tar: invalid tar header"


@pytest.mark.parametrize("kind", [b"L", b"K", b"x", b"g"])
def test_a_special_header_of_gigabytes_is_refused_before_it_is_read(kind: bytes) -> None:
    with pytest.raises(BadPackage, match="archive/tar: header field too long"):
        files(gzipped(header(b"77777777777\0", kind) + END))


def test_a_sparse_file_is_refused() -> None:
    record = b"22 GNU.sparse.major=1\n"

    for tar in (header(kind=b"S") + END, pax(record) + header() + END):
        with pytest.raises(BadPackage, match="sparse file"):
            files(gzipped(tar))


def test_more_than_a_hundred_mebibytes_are_refused_though_no_file_is_too_large() -> None:
    squeezed = zlib.compressobj(9, wbits=31)
    one = header(b"%011o\0" % MAX_FILE) + bytes(MAX_FILE)
    package = b"".join(squeezed.compress(one) for _ in range(21)) + squeezed.flush()

    with pytest.raises(BadPackage) as refused:
        read_files(package, Budget(), lambda _: False)

    assert str(refused.value) == "decompressed chart is larger than the maximum file size 104857600"


def test_a_bomb_in_what_helm_does_not_count_is_refused() -> None:
    squeezed = zlib.compressobj(9, wbits=31)
    folder = bytearray(header(b"77777777777\0"))
    folder[100:108] = b"0040755\0"
    folder[148:156] = b" " * 8
    folder[148:156] = b"%06o\0 " % sum(folder)
    package = squeezed.compress(bytes(folder))
    package += b"".join(squeezed.compress(bytes(2**20)) for _ in range(MAX_INFLATED // 2**20 + 1)) + squeezed.flush()
    started = time.process_time()

    with pytest.raises(BadPackage, match="decompressed package is larger"):
        files(package)

    assert time.process_time() - started < 10


def test_too_many_headers_are_refused() -> None:
    with pytest.raises(BadPackage, match=f"more than {MAX_HEADERS} headers"):
        files(gzip.compress(header() * (MAX_HEADERS + 1), 1))


def test_too_many_empty_gzip_members_are_refused() -> None:
    with pytest.raises(BadPackage, match=f"more than {MAX_GZIP_MEMBERS} gzip members"):
        files(gzipped(b"") * (MAX_GZIP_MEMBERS + 1))
