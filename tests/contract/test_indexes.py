"""`IndexStore`, on memory and on S3.

What S3 promises: https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html

If it differs: aws/s3.py (S3IndexStore) translates codes and conditions. If S3 itself promises less, let the fake and
the explorer in tests/model do the same first: the protocol has to hold with it.
"""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from charthouse.errors import ConditionFailed, StorageLimitReached, Superseded
from charthouse.helm.index import Entry, Envelope, Index, Stamp
from charthouse.helm.ranges import Ranges
from charthouse.repository.ports import GZIP_COPY, StoredIndex, StoredView

from tests.contract.clouds import ObjectStand

REPOS = ["", "team", "team/a"]


@pytest.mark.parametrize("repo", REPOS)
def test_a_repository_has_no_index_at_first(objects: ObjectStand, repo: str) -> None:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html: NoSuchKey."""
    assert objects.indexes.read(repo) is None


@pytest.mark.parametrize("repo", REPOS)
def test_the_size_of_an_index_is_known_without_its_bytes(objects: ObjectStand, repo: str) -> None:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html."""
    before = objects.indexes.size(repo)
    objects.indexes.write(repo, b"first", None)

    assert (before, objects.indexes.size(repo)) == (0, 5)


def test_an_index_too_large_for_the_process_is_not_read(objects: ObjectStand) -> None:
    objects.indexes.write("team", bytes(1000), None)
    indexes: Any = objects.indexes

    assert replace(indexes, limit=1000).read("team") is not None
    with pytest.raises(StorageLimitReached):
        replace(indexes, limit=999).read("team")


@pytest.mark.parametrize("repo", REPOS)
def test_the_first_index_is_read_back(objects: ObjectStand, repo: str) -> None:
    objects.indexes.write(repo, b"first", None)

    assert read(objects, repo).body == b"first"


def test_a_first_index_is_not_written_twice(objects: ObjectStand) -> None:
    """If-None-Match: *, 412."""
    objects.indexes.write("team", b"first", None)

    with pytest.raises(ConditionFailed):
        objects.indexes.write("team", b"second", None)

    assert read(objects, "team").body == b"first"


def test_the_index_that_was_read_is_replaced(objects: ObjectStand) -> None:
    """If-Match, 200."""
    objects.indexes.write("team", b"first", None)

    objects.indexes.write("team", b"second", read(objects, "team").etag)

    assert read(objects, "team").body == b"second"


def test_an_index_that_changed_meanwhile_is_not_replaced(objects: ObjectStand) -> None:
    """If-Match, 412."""
    objects.indexes.write("team", b"first", None)
    seen = read(objects, "team").etag
    objects.indexes.write("team", b"second", seen)

    with pytest.raises(ConditionFailed):
        objects.indexes.write("team", b"third", seen)

    assert read(objects, "team").body == b"second"


def test_an_index_that_is_gone_is_not_replaced(objects: ObjectStand) -> None:
    """If-Match where nothing is, 404 NoSuchKey."""
    with pytest.raises(ConditionFailed):
        objects.indexes.write("team", b"second", "0" * 32)

    assert objects.indexes.read("team") is None


def test_an_empty_and_a_large_index_are_read_back_whole(objects: ObjectStand) -> None:
    large = bytes(range(256)) * 4096 * 6
    objects.indexes.write("empty", b"", None)
    objects.indexes.write("large", large, None)

    assert read(objects, "empty").body == b""
    assert read(objects, "large").body == large


def test_repositories_are_listed_in_the_order_of_their_names(objects: ObjectStand) -> None:
    repos = ["", "a", "a-b", "a/b", *([] if objects.is_a_file_system else ["index.yaml"]), "team/a", "é"]
    for repo in reversed(repos):
        objects.indexes.write(repo, b"index", None)
    objects.put_object("nginx-1.0.0.tgz", b"package")
    objects.put_object("other/index.yaml", b"a file of others")

    assert list(objects.indexes.repositories()) == sorted(repos, key=str.encode)


def test_of_many_replacing_the_same_index_exactly_one_wins(objects: ObjectStand) -> None:
    objects.indexes.write("team", b"first", None)
    seen = read(objects, "team").etag

    def replace(number: int) -> bool:
        try:
            objects.indexes.write("team", b"%d" % number, seen)
        except ConditionFailed:
            return False
        return True

    with ThreadPoolExecutor(8 if objects.races else 1) as pool:
        won = list(pool.map(replace, range(8)))

    assert won.count(True) == 1
    assert read(objects, "team").body == b"%d" % won.index(True)


LARGE_LINES = 200
MOMENT = "2026-11-29T00:00:00Z"


def test_a_large_index_is_read_where_it_is_looked_at_and_replaced_in_parts(objects: ObjectStand) -> None:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_UploadPartCopy.html, and `If-Match` of the completion.

    The view of a chart that is nearly the whole index is made of parts of it too.
    """
    former = large_index()
    objects.indexes.write("team", former.data, None, former.count())
    seen = read(objects, "team")
    index = spliced(objects, "team")

    objects.large_indexes.write("team", index.text, seen.etag, index.count())
    objects.large_indexes.write_view("team", "app", StoredView(2, "", index.chart("app").text), None)

    stored, expected = read(objects, "team"), former.splice({"app-0.1.0.tgz": large_entry("0.1.0")}, LATER)
    assert bytes(stored.body) == expected.data
    assert stored.counts == expected.count() == (1, LARGE_LINES + 1)
    assert stored.etag != seen.etag
    view = objects.indexes.read_view("team", "app")
    assert view is not None
    assert (view.revision, bytes(view.body)) == (2, expected.chart("app").data)


def test_views_of_a_large_index_that_had_to_be_stored_whole_are_cut_from_it_too(objects: ObjectStand) -> None:
    """Changes all over it leave no run that is large enough for a part."""
    former = large_index()
    objects.indexes.write("team", former.data, None, former.count())
    changes = {f"app-1.{at}.5.tgz": large_entry(f"1.{at}.5") for at in range(0, LARGE_LINES, 40)}
    index = spliced(objects, "team", changes)
    expected = former.splice(changes, LATER)

    objects.large_indexes.write("team", index.text, read(objects, "team").etag, index.count())
    objects.large_indexes.write_view("team", "app", StoredView(2, "", index.chart("app").text), None)

    view = objects.indexes.read_view("team", "app")
    assert view is not None
    assert bytes(read(objects, "team").body) == expected.data
    assert bytes(view.body) == expected.chart("app").data


@pytest.mark.parametrize("another", [b"another", bytes(13_000_000)])
def test_a_large_index_that_was_replaced_is_neither_read_on_nor_copied_from(
    objects: ObjectStand, another: bytes
) -> None:
    objects.indexes.write("team", large_index().data, None)
    seen, index = read(objects, "team"), spliced(objects, "team")
    objects.indexes.write("team", another, seen.etag)

    with pytest.raises(Superseded):
        index.text.find(b"nowhere")
    if not objects.copies_anything:
        with pytest.raises(Superseded):
            objects.large_indexes.write("team", index.text, seen.etag)
        assert read(objects, "team").body == another


def test_an_index_replaced_while_parts_of_it_are_copied_is_not_replaced_again(objects: ObjectStand) -> None:
    for repo in ("team", "same"):
        objects.indexes.write(repo, large_index().data, None)
    seen, index = read(objects, "team"), spliced(objects, "same")
    objects.indexes.write("team", b"another", seen.etag)

    if not objects.joins_anything:
        with pytest.raises(ConditionFailed):
            objects.large_indexes.write("team", index.text, seen.etag)
        assert read(objects, "team").body == b"another"


LATER = Stamp(2, "bb", MOMENT)


def large_entry(version: str) -> Entry:
    about = f'"description":"{"x" * 60_000}","digest":"{"a" * 64}","name":"app","urls":["charts/app-{version}.tgz"]'
    return Entry("app", version, f'{{"apiVersion":"v2","created":"{MOMENT}",{about},"version":"{version}"}}')


def large_index() -> Index:
    return Index.fold(Envelope(), [large_entry(f"1.{at}.0") for at in range(LARGE_LINES)], Stamp(1, "aa", MOMENT))


def spliced(objects: ObjectStand, repo: str, changes: Mapping[str, Entry] | None = None) -> Index:
    """Read the index lazily, and return the one with these changes, or a version more at its end."""
    stored = objects.large_indexes.read(repo, lazily=True)
    assert stored is not None
    former = Index.read(stored.body, Envelope(), stored.counts)
    assert former is not None
    assert isinstance(former.text, Ranges)
    return former.splice(changes or {"app-0.1.0.tgz": large_entry("0.1.0")}, LATER)


@pytest.mark.parametrize("name", [GZIP_COPY, "nginx", "ä b", "n" * 500])
def test_a_view_is_written_and_read_back_with_its_revision(objects: ObjectStand, name: str) -> None:
    assert objects.indexes.view("team", name) is None
    assert objects.indexes.read_view("team", name) is None

    objects.indexes.write_view("team", name, StoredView(41, "", b"first"), None)

    seen, stored = objects.indexes.view("team", name), objects.indexes.read_view("team", name)
    assert seen is not None
    assert stored is not None
    assert (seen.revision, seen.etag) == (stored.revision, stored.etag)
    assert (stored.revision, stored.body) == (41, b"first")
    assert objects.indexes.view("", name) is None


def test_a_view_is_replaced_only_as_it_was_seen(objects: ObjectStand) -> None:
    objects.indexes.write_view("team", "nginx", StoredView(1, "", b"first"), None)
    seen = objects.indexes.view("team", "nginx")
    assert seen is not None
    objects.indexes.write_view("team", "nginx", StoredView(2, "", b"second"), seen.etag)

    for etag in (None, seen.etag):
        with pytest.raises(ConditionFailed):
            objects.indexes.write_view("team", "nginx", StoredView(3, "", b"third"), etag)

    stored = objects.indexes.read_view("team", "nginx")
    assert stored is not None
    assert (stored.revision, stored.body) == (2, b"second")


def test_the_charts_with_a_view_are_listed_and_no_repository_is_made_of_them(objects: ObjectStand) -> None:
    for repo, name in [("", "b"), ("", "a"), ("", GZIP_COPY), ("team", "c"), ("team", "c-d")]:
        objects.indexes.write_view(repo, name, StoredView(1, "", b"view"), None)

    assert list(objects.indexes.views("")) == ["a", "b"]
    assert list(objects.indexes.views("team")) == ["c", "c-d"]
    assert list(objects.indexes.views("team", "c")) == ["c-d"]
    assert list(objects.indexes.repositories()) == []


def test_the_counts_of_an_index_are_stored_with_it(objects: ObjectStand) -> None:
    objects.indexes.write("team", b"first", None, (2, 7))
    first = read(objects, "team")
    objects.indexes.write("team", b"second", first.etag)

    assert first.counts == (2, 7)
    assert read(objects, "team").counts is None


def test_a_process_that_read_an_index_sees_what_others_have_written_since(objects: ObjectStand) -> None:
    """If-None-Match with the ETag seen last, 304 or 200."""
    objects.indexes.write("team", b"first", None)
    seen = [read(objects, "team").body, read(objects, "team").body]
    objects.other_indexes.write("team", b"second", read(objects, "team").etag)
    seen.append(read(objects, "team").body)
    objects.indexes.write("team", b"third", read(objects, "team").etag)
    seen.append(read(objects, "team").body)

    assert seen == [b"first", b"first", b"second", b"third"]


def read(objects: ObjectStand, repo: str) -> StoredIndex:
    index = objects.indexes.read(repo)
    assert index is not None
    return index
