"""`ArtifactStore`, on memory and on S3, read with the SDK and without; and by which digests rows are found."""

import time
from collections.abc import Iterator

import pytest
from charthouse.errors import ConditionFailed
from charthouse.registry.ports import ArtifactReader, Place
from charthouse.repository.ports import Row

from tests.contract.clouds import ObjectStand, RowStand

APP, OTHER, ROOT = Place("org1/team", "app"), Place("org1", "team"), Place("", "app")
BODY, TYPE = b'{"a":1}', "application/vnd.oci.image.manifest.v1+json"
NOTES = {"file": "mychart-1.0.0+b.tgz", "package": "00" * 32, "provenance": ""}


def readers(objects: ObjectStand) -> Iterator[ArtifactReader]:
    yield from objects.readers


def names(
    reader: ArtifactReader, place: Place, prefix: str = "", after: str = "", limit: int | None = None
) -> list[str]:
    return [listed.name for listed in reader.names(place, prefix, after, limit)]


@pytest.mark.parametrize("place", [APP, OTHER, ROOT], ids=lambda place: place.name)
def test_an_object_is_read_as_it_was_written(objects: ObjectStand, place: Place) -> None:
    objects.artifacts.write(place, "_manifests/sha256/x", BODY, TYPE, NOTES)

    for reader in readers(objects):
        found = reader.read(place, "_manifests/sha256/x")
        assert found is not None
        assert (found.body, found.media_type) == (BODY, TYPE)
        assert {name: text for name, text in found.notes.items() if text} == {n: t for n, t in NOTES.items() if t}
        listed = reader.look(place, "_manifests/sha256/x")
        assert listed is not None
        assert (listed.name, listed.size, listed.modified) == ("_manifests/sha256/x", len(BODY), found.modified)
        assert found.modified == int(found.modified)


def test_times_are_those_of_the_clock(objects: ObjectStand) -> None:
    objects.artifacts.write(APP, "_tags/x", b"")

    for reader in readers(objects):
        listed = reader.look(APP, "_tags/x")
        assert listed is not None
        assert [found.modified for found in reader.names(APP, "_tags/")] == [listed.modified]
        assert not objects.races or abs(listed.modified - time.time()) < 300


def test_what_is_not_there_is_none(objects: ObjectStand) -> None:
    for reader in readers(objects):
        assert reader.read(APP, "_tags/none") is None
        assert reader.look(APP, "_tags/none") is None
        assert names(reader, APP) == []


def test_an_empty_object_is_one(objects: ObjectStand) -> None:
    objects.artifacts.write(APP, "_blobs/sha256/e3b0", b"")

    for reader in readers(objects):
        found = reader.read(APP, "_blobs/sha256/e3b0")
        assert found is not None
        assert found.body == b""


def test_names_are_listed_bytewise_from_anywhere_and_only_so_many(objects: ObjectStand) -> None:
    tags = ["_tags/0.10.0", "_tags/0.9.0_b", "_tags/Z", "_tags/_x", "_tags/a", "_tags/a.b", "_tags/ab"]
    for name in (*tags, "_blobs/sha256/x", "_uploads/1/session"):
        objects.artifacts.write(APP, name, b"")
    objects.artifacts.write(OTHER, "_tags/other", b"")

    for reader in readers(objects):
        assert names(reader, APP, "_tags/") == tags
        assert names(reader, APP, "_tags/", "_tags/Z") == tags[3:]
        assert names(reader, APP, "_tags/", "_tags/Y") == tags[2:]
        for limit in range(4):
            assert names(reader, APP, "_tags/", "", limit) == tags[:limit]
        assert names(reader, APP, "_uploads/1/") == ["_uploads/1/session"]
        assert len(names(reader, APP)) == len(tags) + 2


def test_an_object_is_replaced_only_as_it_was_seen(objects: ObjectStand) -> None:
    store = objects.artifacts
    store.replace(APP, "_referrers/x", b"1", None)
    with pytest.raises(ConditionFailed):
        store.replace(APP, "_referrers/x", b"2", None)
    first = store.read(APP, "_referrers/x")
    assert first is not None

    store.replace(APP, "_referrers/x", b"2", first.etag)

    with pytest.raises(ConditionFailed):
        store.replace(APP, "_referrers/x", b"3", first.etag)
    for reader in readers(objects):
        second = reader.read(APP, "_referrers/x")
        assert second is not None
        assert (second.body, second.etag == first.etag) == (b"2", False)


def test_an_object_is_deleted_whether_it_is_there_or_not(objects: ObjectStand) -> None:
    objects.artifacts.write(APP, "_tags/x", b"1")

    for _ in range(2):
        objects.artifacts.delete(APP, "_tags/x")
        assert names(objects.artifacts, APP) == []


def test_an_object_is_deleted_only_as_it_was_seen(objects: ObjectStand) -> None:
    objects.artifacts.write(APP, "_tags/x", b"1")
    seen = objects.artifacts.read(APP, "_tags/x")
    assert seen is not None
    objects.artifacts.write(APP, "_tags/x", b"2")

    with pytest.raises(ConditionFailed):
        objects.artifacts.delete(APP, "_tags/x", seen.etag)

    moved = objects.artifacts.read(APP, "_tags/x")
    assert moved is not None
    objects.artifacts.delete(APP, "_tags/x", moved.etag)
    assert objects.artifacts.read(APP, "_tags/x") is None


def test_objects_and_files_are_copied(objects: ObjectStand) -> None:
    objects.artifacts.write(APP, "_blobs/sha256/x", b"blob")
    objects.put_object("org1/mychart-1.0.0+b.tgz", b"package")
    stored = objects.packages.head("org1", "mychart-1.0.0+b.tgz")
    assert stored is not None

    assert objects.artifacts.copy(APP, "_blobs/sha256/x", OTHER, "_blobs/sha256/x")
    assert objects.artifacts.copy_file("org1", "mychart-1.0.0+b.tgz", stored.etag, OTHER, "_blobs/sha256/y")
    assert not objects.artifacts.copy(APP, "_blobs/sha256/none", OTHER, "_blobs/sha256/z")
    assert not objects.artifacts.copy_file("org1", "none-1.0.0.tgz", stored.etag, OTHER, "_blobs/sha256/z")
    if not objects.copies_anything:
        assert not objects.artifacts.copy_file("org1", "mychart-1.0.0+b.tgz", "0" * 32, OTHER, "_blobs/sha256/z")

    assert [listed.size for listed in objects.artifacts.names(OTHER, "_blobs/")] == [4, 7]


def test_every_place_with_objects_is_found(objects: ObjectStand) -> None:
    for place in (APP, OTHER, ROOT, Place("org1/team/app", "deeper")):
        objects.artifacts.write(place, "_blobs/sha256/x", b"blob")
    objects.artifacts.write(Place("a", "gone"), "_tags/x", b"")
    objects.artifacts.delete(Place("a", "gone"), "_tags/x")

    found = {place.name for place in objects.artifacts.places()}

    assert found - {"a/gone"} == {"app", "org1/team", "org1/team/app", "org1/team/app/deeper"}


def test_a_row_is_found_by_the_digests_that_were_recorded(rows: RowStand) -> None:
    row = Row("org1", "mychart-1.0.0.tgz", 1, "e", size=7, chart="mychart", version="1.0.0", digest="d0", line="{}")
    rows.catalog.put(row, None)
    rows.catalog.put(Row("org1", "gone-1.0.0.tgz", 2), None)

    rows.catalog.add_digests(row, ["d0", "d1", "d1"])
    rows.catalog.add_digests(row, ["d2"])

    for reader in rows.readers:
        assert [reader.find_digest("org1", "mychart", digest) for digest in ("d0", "d1", "d2", "d3")] == [
            *[row.file] * 3,
            None,
        ]
        assert reader.find_digest("org1", "other", "d0") is None
        assert reader.find_digest("org1/mychart", "", "d0") is None
        assert reader.get("org1", row.file) == row
        assert reader.get("org1", "none-1.0.0.tgz") is None
        assert [(found.file, found.version) for found in reader.chart("org1", "mychart")] == [(row.file, "1.0.0")]
        assert reader.chart("org1", "gone") == []
    # They are no rows of the repository.
    assert [found.file for found in rows.catalog.rows("org1")] == ["gone-1.0.0.tgz", "mychart-1.0.0.tgz"]
    assert rows.catalog.unpublished() == {}


def test_all_versions_of_a_chart_are_read_page_by_page(rows: RowStand) -> None:
    for number in range(5):
        file = f"mychart-1.0.{number}.tgz"
        row = Row("org1", file, 1, "e", chart="mychart", version=f"1.0.{number}", digest="d", line="{}")
        rows.catalog.put(row, None)

    for reader in rows.readers:
        assert sorted(found.version or "" for found in reader.chart("org1", "mychart")) == [
            f"1.0.{n}" for n in range(5)
        ]
        assert [len(reader.chart("org1", "mychart", limit)) for limit in (1, 3, 5, 9)] == [1, 3, 5, 5]


def test_what_a_row_says_of_oci_comes_back(rows: RowStand) -> None:
    row = Row("org1", "a-1.0.0.tgz", 1, "e", manifest="sha256:m", signature="s", signature_size=3, signature_etag="t")

    rows.catalog.put(row, None)

    for reader in rows.readers:
        assert reader.get("org1", "a-1.0.0.tgz") == row
