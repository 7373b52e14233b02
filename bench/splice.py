"""One version more: a splice against building the index anew."""

import json
from collections.abc import Iterator
from functools import partial
from itertools import batched
from typing import Any

from charthouse.aws.dynamodb import DynamoCatalog
from charthouse.helm.index import Entry, Envelope, Index, Stamp
from charthouse.repository.publish import entries_of

from bench.content import MOMENT, as_yaml, entries, entry, file_of
from bench.figures import Figure, milliseconds, peak_megabytes

STAMP = Stamp(2, "11", MOMENT)
BATCH = 2_000
ROWS_A_PAGE = 1_000
"""What fits the 1 MB of an answer to a query, at about a kilobyte a row."""


def figures() -> Iterator[Figure]:
    """Measure at several sizes; "publish" is to read, change and render the bytes, as between GET and PUT."""
    for versions, charts in ((1_000, 200), (20_000, 200), (100_000, 200), (100_000, 1)):
        listed, new = entries(versions, charts), entry(0, versions)
        index = Index.fold(Envelope(), listed).data
        where = f"{versions:,} versions in {charts} chart{'s' if charts > 1 else ''} ({len(index) / 1e6:.0f} MB)"
        splice, fold = partial(_spliced, index, new), partial(_folded, _Pages(listed))
        spliced = milliseconds(splice)
        yield Figure(f"publish one of {where}", spliced, "fold of all rows", milliseconds(fold, times=1))
        if versions == 20_000:  # noqa: PLR2004  the size the design speaks of
            yield from _others(index, spliced, where)
            yield _batch(index, listed)
    yield Figure("memory of that", peak_megabytes(splice), "fold of all rows", peak_megabytes(fold), "MB")


def _spliced(index: bytes, new: Entry) -> bytes:
    spliced = _read(index).splice({file_of(new): new}, STAMP)
    spliced.count()
    return spliced.data


def _folded(pages: "_Pages") -> bytes:
    client: Any = pages
    index = Index.fold(Envelope(), entries_of(list(DynamoCatalog(client, "charts").rows(""))))
    index.count()
    return index.data


class _Pages:
    """A DynamoDB client that has all rows, as the JSON of its answers: pages of 1 MB, without the way to AWS."""

    def __init__(self, listed: list[Entry]) -> None:
        items = [
            {
                "repo": {"S": "/"},
                "file": {"S": file_of(one)},
                "rev": {"N": "1795000000000"},
                "etag": {"S": f'"{"e" * 32}"'},
                "version_id": {"S": "v" * 32},
                "size": {"N": "4096"},
                "modified": {"S": MOMENT},
                "chart": {"S": one.chart},
                "version": {"S": one.version},
                "digest": {"S": "5e" * 32},
                "line": {"S": one.line},
            }
            for one in listed
        ]
        self.pages = [json.dumps({"Items": list(page)}) for page in batched(items, ROWS_A_PAGE, strict=False)]

    def query(self, ExclusiveStartKey: int = 0, **_: object) -> dict[str, Any]:  # noqa: N803  AWS's name
        """Return the page, and where the next one is."""
        answer: dict[str, Any] = json.loads(self.pages[ExclusiveStartKey])
        answer["LastEvaluatedKey"] = (ExclusiveStartKey + 1) % len(self.pages)
        return answer


def _others(index: bytes, spliced: float, where: str) -> Iterator[Figure]:
    document = json.loads(index)
    yield Figure(f"publish one of {where}", spliced, "json.dumps of all", milliseconds(lambda: json.dumps(document)))
    dumped = milliseconds(lambda: as_yaml(document), times=1)
    yield Figure(f"publish one of {where}", spliced, "PyYAML's C dumper on all", dumped)


def _batch(index: bytes, listed: list[Entry]) -> Figure:
    """Take a tenth out, all at once and one by one."""
    files = [file_of(one) for one in listed[:: len(listed) // BATCH]]
    read = _read(index)

    def one_by_one() -> None:
        rest = read
        for file in files:
            rest = rest.splice({file: None}, STAMP)

    at_once = milliseconds(lambda: read.splice(dict.fromkeys(files), STAMP))
    return Figure(f"splice of {BATCH:,} dirty rows at once", at_once, "one by one", milliseconds(one_by_one, times=1))


def _read(index: bytes) -> Index:
    read = Index.read(index, Envelope())
    assert read is not None  # noqa: S101  rendered by ourselves
    return read
