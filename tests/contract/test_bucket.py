"""`ports.Bucket`, on memory and on S3.

What S3 promises: https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html and
https://docs.aws.amazon.com/AmazonS3/latest/userguide/Welcome.html#ConsistencyModel
"""

from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import replace
from hashlib import md5

import pytest
from charthouse.errors import Changed
from charthouse.ports import StoredObject

from tests.contract.clouds import ObjectStand

KEY = "team/nginx-1.0.0.tgz"


def test_nothing_is_stored_at_first(objects: ObjectStand) -> None:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html: 404 with s3:ListBucket, else 403."""
    assert objects.bucket.head(KEY) is None


def test_what_is_created_is_seen_by_the_next_head(objects: ObjectStand) -> None:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html: the ETag of a single-part PUT is its MD5."""
    objects.bucket.create(KEY, b"package", "upload-1")

    stored = found(objects, KEY)
    assert (stored.key, stored.size, stored.upload_id) == (KEY, 7, "upload-1")
    assert stored.etag == md5(b"package", usedforsecurity=False).hexdigest()
    assert stored.modified.microsecond == 0
    assert stored.modified.utcoffset() is not None
    assert (stored.version_id is not None) == objects.versioned


def test_an_object_put_by_other_means_has_no_upload_id(objects: ObjectStand) -> None:
    objects.put_object(KEY, b"package")

    assert found(objects, KEY).upload_id is None


def test_creating_over_an_object_changes_nothing(objects: ObjectStand) -> None:
    """If-None-Match: * answers 412 PreconditionFailed."""
    objects.bucket.create(KEY, b"first", "upload-1")

    with pytest.raises(Changed):
        objects.bucket.create(KEY, b"second", "upload-2")

    assert objects.bucket.read(found(objects, KEY)) == b"first"


def test_creating_where_an_object_was_deleted_succeeds(objects: ObjectStand) -> None:
    """A delete marker counts as no object to If-None-Match."""
    objects.put_object(KEY, b"first")
    objects.delete_object(KEY)

    with pytest.raises(Changed) if objects.takes_markers_for_objects else nullcontext():
        objects.bucket.create(KEY, b"second", "upload-2")

    assert objects.takes_markers_for_objects or objects.bucket.read(found(objects, KEY)) == b"second"


def test_replacing_without_a_match_stores_over_anything_and_over_nothing(objects: ObjectStand) -> None:
    objects.bucket.replace(KEY, b"first", "upload-1")
    objects.bucket.replace(KEY, b"second", "upload-2")

    stored = found(objects, KEY)
    assert objects.bucket.read(stored) == b"second"
    assert stored.upload_id == "upload-2"


def test_replacing_the_object_that_was_seen_succeeds(objects: ObjectStand) -> None:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html: If-Match compares the ETag."""
    objects.bucket.create(KEY, b"first", "upload-1")

    objects.bucket.replace(KEY, b"second", "upload-2", match=found(objects, KEY))

    assert objects.bucket.read(found(objects, KEY)) == b"second"


def test_replacing_an_object_that_changed_meanwhile_changes_nothing(objects: ObjectStand) -> None:
    """412 PreconditionFailed."""
    objects.bucket.create(KEY, b"first", "upload-1")
    seen = found(objects, KEY)
    objects.put_object(KEY, b"second")

    with pytest.raises(Changed):
        objects.bucket.replace(KEY, b"third", "upload-3", match=seen)

    assert objects.bucket.read(found(objects, KEY)) == b"second"


def test_replacing_an_object_that_is_gone_stores_nothing(objects: ObjectStand) -> None:
    """404 NoSuchKey, also under a delete marker."""
    objects.bucket.create(KEY, b"first", "upload-1")
    seen = found(objects, KEY)
    objects.delete_object(KEY)

    with nullcontext() if objects.takes_markers_for_objects else pytest.raises(Changed):
        objects.bucket.replace(KEY, b"second", "upload-2", match=seen)

    assert (objects.bucket.head(KEY) is not None) == objects.takes_markers_for_objects


def test_a_version_is_readable_after_it_was_replaced_only_where_versions_are_kept(objects: ObjectStand) -> None:
    """See https://docs.aws.amazon.com/AmazonS3/latest/userguide/RetrievingObjectVersions.html."""
    objects.bucket.create(KEY, b"first", "upload-1")
    seen = found(objects, KEY)
    objects.put_object(KEY, b"second")

    if objects.versioned:
        assert objects.bucket.read(seen) == b"first"
    else:
        with pytest.raises(Changed):
            objects.bucket.read(seen)


def test_a_version_is_readable_after_it_was_deleted_only_where_versions_are_kept(objects: ObjectStand) -> None:
    """See https://docs.aws.amazon.com/AmazonS3/latest/userguide/DeleteMarker.html."""
    objects.bucket.create(KEY, b"first", "upload-1")
    seen = found(objects, KEY)
    objects.bucket.delete(seen)

    if objects.versioned:
        assert objects.bucket.read(seen) == b"first"
    else:
        with pytest.raises(Changed):
            objects.bucket.read(seen)


def test_what_a_listing_told_is_read_only_while_it_is_still_there(objects: ObjectStand) -> None:
    """A listing tells no version id, so the read is conditional on the ETag: GetObject with If-Match, 412."""
    objects.put_object(KEY, b"first")
    (listed,) = objects.bucket.list("team/")

    assert objects.bucket.read(listed) == b"first"
    objects.put_object(KEY, b"second")
    with pytest.raises(Changed):
        objects.bucket.read(listed)


def test_a_version_that_never_was_is_not_read(objects: ObjectStand) -> None:
    objects.bucket.create(KEY, b"first", "upload-1")
    other = replace(found(objects, KEY), etag="0" * 32)

    with pytest.raises(Changed):
        objects.bucket.read(other)


def test_deleting_the_object_that_was_seen_removes_it(objects: ObjectStand) -> None:
    """See https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-deletes.html."""
    objects.bucket.create(KEY, b"first", "upload-1")

    objects.bucket.delete(found(objects, KEY))

    assert objects.bucket.head(KEY) is None
    assert list(objects.bucket.list("team/")) == []


def test_deleting_an_object_that_changed_meanwhile_keeps_it(objects: ObjectStand) -> None:
    """412 PreconditionFailed."""
    objects.bucket.create(KEY, b"first", "upload-1")
    seen = found(objects, KEY)
    objects.put_object(KEY, b"second")

    with pytest.raises(Changed):
        objects.bucket.delete(seen)

    assert objects.bucket.read(found(objects, KEY)) == b"second"


def test_deleting_an_object_that_is_gone_is_a_change(objects: ObjectStand) -> None:
    """404 NoSuchKey, see https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-deletes.html."""
    objects.bucket.create(KEY, b"first", "upload-1")
    seen = found(objects, KEY)
    objects.delete_object(KEY)

    with nullcontext() if objects.misses_absence else pytest.raises(Changed):
        objects.bucket.delete(seen)

    assert objects.bucket.head(KEY) is None


def test_content_that_comes_back_brings_its_etag_back(objects: ObjectStand) -> None:
    """The ETag is made of the content: by it alone nobody can tell that the object was away."""
    objects.bucket.create(KEY, b"first", "upload-1")
    seen = found(objects, KEY)
    objects.bucket.delete(seen)
    objects.bucket.replace(KEY, b"first", "upload-2")

    again = found(objects, KEY)
    assert again.etag == seen.etag
    assert (again.version_id != seen.version_id) == objects.versioned
    assert again.upload_id == "upload-2"


def test_a_listing_has_the_direct_children_in_the_order_of_their_bytes(objects: ObjectStand) -> None:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html: UTF-8 binary order, Delimiter folds."""
    names = ["é-1.0.0.tgz", "b-1.0.0.tgz", "a-1.0.0.tgz", "B-1.0.0.tgz", "a-1.0.0.tgz.prov", "a-1.0.0+x.tgz"]
    for name in names:
        objects.put_object(f"team/{name}", name.encode())
    # The console makes a folder by an object that is named like it.
    folder = [] if objects.is_a_file_system else ["team/"]
    for elsewhere in ["a-1.0.0.tgz", "team/deeper/a-1.0.0.tgz", "teams/a-1.0.0.tgz", *folder]:
        objects.put_object(elsewhere, b"elsewhere")

    listed = list(objects.bucket.list("team/"))

    assert [stored.key for stored in listed] == [f"team/{name}" for name in sorted(names, key=str.encode)]
    assert [stored.size for stored in listed] == [len(name.encode()) for name in sorted(names, key=str.encode)]


def test_a_listing_of_the_root_leaves_out_what_is_ours(objects: ObjectStand) -> None:
    objects.indexes.write("", b"index", None)
    objects.put_object("nginx-1.0.0.tgz", b"package")

    assert [stored.key for stored in objects.bucket.list("")] == ["nginx-1.0.0.tgz"]


def test_a_listing_goes_on_after_a_key_that_need_not_exist(objects: ObjectStand) -> None:
    """StartAfter."""
    for name in ["a", "b", "d", "e"]:
        objects.put_object(f"team/{name}", b"package")

    assert [stored.key for stored in objects.bucket.list("team/", after="team/c")] == ["team/d", "team/e"]
    assert [stored.key for stored in objects.bucket.list("team/", after="team/d")] == ["team/e"]


def test_a_listing_tells_what_head_tells_but_for_version_and_upload(objects: ObjectStand) -> None:
    objects.bucket.create(KEY, b"package", "upload-1")

    (listed,) = objects.bucket.list("team/")

    assert listed == replace(found(objects, KEY), version_id=None, upload_id=None, digest=None)


def test_a_listing_shows_each_object_once_and_none_that_is_deleted(objects: ObjectStand) -> None:
    objects.put_object("team/a", b"first")
    objects.put_object("team/a", b"second")
    objects.put_object("team/b", b"first")
    objects.delete_object("team/b")

    assert [stored.key for stored in objects.bucket.list("team/")] == ["team/a"]


@pytest.mark.parametrize(
    "name", ["a b.tgz", "a+b.tgz", "a%2Bb.tgz", "ä€😀.tgz", "a&b=c.tgz", "~a'(b)*!.tgz", "a\\b.tgz"]
)
def test_a_key_is_the_same_to_every_call(objects: ObjectStand, name: str) -> None:
    """See https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html."""
    key = f"team/{name}"
    objects.bucket.create(key, b"package", "upload-1")

    stored = found(objects, key)
    assert stored.key == key
    assert [listed.key for listed in objects.bucket.list("team/")] == [key]
    assert objects.bucket.read(stored) == b"package"
    objects.bucket.delete(stored)
    assert objects.bucket.head(key) is None


def test_of_many_who_create_at_once_exactly_one_wins(objects: ObjectStand) -> None:
    """The first write to finish wins, the others get 412."""

    def create(number: int) -> bool:
        try:
            objects.bucket.create(KEY, b"%d" % number, f"upload-{number}")
        except Changed:
            return False
        return True

    with ThreadPoolExecutor(8 if objects.races else 1) as pool:
        won = list(pool.map(create, range(8)))

    assert won.count(True) == 1
    assert objects.bucket.read(found(objects, KEY)) == b"%d" % won.index(True)


def found(objects: ObjectStand, key: str) -> StoredObject:
    stored = objects.bucket.head(key)
    assert stored is not None
    return stored
