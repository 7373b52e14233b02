"""A publication with its views, from 10,000 to 150,000 versions, in copies of the index; and what its clients read."""

import gzip
from collections.abc import Callable, Iterator
from functools import partial
from hashlib import sha256
from time import process_time

from charthouse.helm.gzip_copy import gzip_copy
from charthouse.helm.index import Entry, Envelope, Index, Stamp

from bench.content import MOMENT, entry, file_of
from bench.figures import Figure, peak_megabytes

SIZES = ((10_000, 200), (10_000, 1), (20_000, 200), (50_000, 200), (150_000, 200), (150_000, 1))
BATCH = 2_000


def figures() -> Iterator[Figure]:
    """Measure processor time, since nothing is sent; "a copy" is one of the bytes of the index."""
    for versions, charts in SIZES:
        listed = [_unlike(entry(at % charts, at // charts), at) for at in range(versions)]
        former = Index.fold(Envelope(), listed, Stamp(1, "00", MOMENT))
        packed = gzip_copy(former)
        new = _unlike(entry(0, versions), versions)
        where = f"{versions:,} versions in {charts} chart{'s' if charts > 1 else ''} ({len(former.data) / 1e6:.0f} MB)"
        copied = _processor(partial(_copied, former.data))

        def publish(former: Index = former, packed: bytes = packed, new: Entry = new) -> None:
            read = Index.read(former.data, former.envelope, former.counts)
            assert read is not None  # noqa: S101  folded by ourselves
            index = read.splice({file_of(new): new}, Stamp(2, "11", MOMENT))
            gzip_copy(index, read, packed)
            index.chart(new.chart)
            index.count()

        yield Figure(f"publish one of {where}, views included", _processor(publish), "three copies", 3 * copied)
        yield Figure(f"gzip copy of {where}", len(packed) / 1e6, "an eighth", len(former.data) / 8e6, "MB")
        view = len(former.chart(new.chart).data)
        yield Figure(f"index of one chart, {where}", view / 1e6, "whole index", len(former.data) / 1e6, "MB")
    copy = _processor(lambda: gzip_copy(former), 1)
    yield Figure(
        "gzip copy of that made from nothing",
        copy,
        "gzip.compress",
        _processor(lambda: gzip.compress(former.data, 6), 1),
    )
    batch = {file_of(one): None for one in listed[:: len(listed) // BATCH]}
    spliced = _processor(lambda: former.splice(batch, Stamp(2, "11", MOMENT)))
    yield Figure(
        f"splice of {BATCH:,} rows in that",
        spliced,
        "fold of all",
        _processor(lambda: Index.fold(Envelope(), listed), 1),
    )
    yield Figure(
        "memory of a publication of that", peak_megabytes(publish), "three copies", 3 * len(former.data) / 1e6, "MB"
    )


def _copied(data: bytes) -> bytes:
    return b"".join([memoryview(data)[1:]])


def _unlike(one: Entry, number: int) -> Entry:
    """Give an entry a digest and time of its own: nothing compresses those."""
    moment = f"2026-{number % 12 + 1:02}-{number % 28 + 1:02}T{number % 24:02}:{number % 60:02}:{number * 7 % 60:02}Z"
    digest = sha256(f"{number}".encode()).hexdigest()
    return one._replace(line=one.line.replace("5e" * 32, digest).replace(MOMENT, moment))


def _processor(action: Callable[[], object], times: int = 5) -> float:
    best = float("inf")
    for _ in range(times):
        started = process_time()
        action()
        best = min(best, process_time() - started)
    return best * 1000
