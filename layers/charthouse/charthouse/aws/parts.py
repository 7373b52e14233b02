"""Storing a spliced index in parts: new bytes are sent, the runs it kept are copied inside S3.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html: each part but the last has 5 MiB at least.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from charthouse.helm.ranges import Kept

LEAST = 5 * 1024 * 1024
"""Bytes of a part; the last may be smaller."""
MOST = 32 * 1024 * 1024
"""Bytes of a copied part: several are copied at once."""


class Part(NamedTuple):
    """A part of the object to be stored."""

    begin: int
    end: int
    source: int | None
    """Where its bytes begin in the object they are copied from; None: they are sent."""


def parts_of(size: int, kept: Sequence[Kept], least: int = LEAST, most: int = MOST) -> list[Part]:
    """Return the parts of an object of so many bytes that takes these runs over from another."""
    parts: list[Part] = []
    sent = 0
    for run in kept:
        # What is sent before the run needs some of its bytes to be large enough.
        begin = run.at if run.at == sent else max(run.at, sent + least)
        end = run.at + run.end - run.begin
        if end - begin < least:
            continue
        if begin > sent:
            parts.append(Part(sent, begin, None))
        number = -(-(end - begin) // most)
        cuts = [begin + (end - begin) * at // number for at in range(number + 1)]
        parts += [Part(cut, until, run.begin + cut - run.at) for cut, until in pairwise(cuts)]
        sent = end
    if sent < size:
        parts.append(Part(sent, size, None))
    return parts
