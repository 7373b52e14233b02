"""`PackageStore`, on memory and on S3.

What S3 promises: https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html and
https://docs.aws.amazon.com/AmazonS3/latest/userguide/Welcome.html#ConsistencyModel

If it differs: aws/s3.py (S3PackageStore) translates codes and conditions. If S3 itself promises less, let the fake and
the explorer in tests/model do the same first: the protocol has to hold with it.
"""

from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import replace
from hashlib import md5

import pytest
from charthouse.errors import ConditionFailed
from charthouse.repository.ports import StoredFile

from tests.contract.clouds import ObjectStand

REPO, FILE = "team", "nginx-1.0.0.tgz"
PATH = f"{REPO}/{FILE}"


def test_nothing_is_stored_at_first(objects: ObjectStand) -> None:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html: 404 with s3:ListBucket, else 403."""
    assert objects.packages.head(REPO, FILE) is None


def test_what_is_created_is_seen_by_the_next_head(objects: ObjectStand) -> None:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html: the ETag of a single-part PUT is its MD5."""
    objects.packages.create(REPO, FILE, b"package", "upload-1")

    stored = found(objects)
    assert (stored.repo, stored.file, stored.size, stored.upload_id) == (REPO, FILE, 7, "upload-1")
    assert stored.etag == md5(b"package", usedforsecurity=False).hexdigest()
    assert stored.modified.microsecond == 0
    assert stored.modified.utcoffset() is not None
    assert (stored.version_id is not None) == objects.versioned


def test_an_object_put_by_other_means_has_no_upload_id(objects: ObjectStand) -> None:
    objects.put_object(PATH, b"package")

    assert found(objects).upload_id is None


def test_creating_over_an_object_changes_nothing(objects: ObjectStand) -> None:
    """If-None-Match: * answers 412 PreconditionFailed."""
    objects.packages.create(REPO, FILE, b"first", "upload-1")

    with pytest.raises(ConditionFailed):
        objects.packages.create(REPO, FILE, b"second", "upload-2")

    assert objects.packages.read(found(objects)) == b"first"


def test_creating_where_an_object_was_deleted_succeeds(objects: ObjectStand) -> None:
    """A delete marker counts as no object to If-None-Match."""
    objects.put_object(PATH, b"first")
    objects.delete_object(PATH)

    with pytest.raises(ConditionFailed) if objects.sees_markers_as_objects else nullcontext():
        objects.packages.create(REPO, FILE, b"second", "upload-2")

    assert objects.sees_markers_as_objects or objects.packages.read(found(objects)) == b"second"


def test_replacing_stores_over_anything_and_over_nothing(objects: ObjectStand) -> None:
    objects.packages.replace(REPO, FILE, b"first", "upload-1")
    objects.packages.replace(REPO, FILE, b"second", "upload-2")

    stored = found(objects)
    assert objects.packages.read(stored) == b"second"
    assert stored.upload_id == "upload-2"


def test_a_version_is_readable_after_it_was_replaced_only_where_versions_are_kept(objects: ObjectStand) -> None:
    """See https://docs.aws.amazon.com/AmazonS3/latest/userguide/RetrievingObjectVersions.html."""
    objects.packages.create(REPO, FILE, b"first", "upload-1")
    seen = found(objects)
    objects.put_object(PATH, b"second")

    if objects.versioned:
        assert objects.packages.read(seen) == b"first"
    else:
        with pytest.raises(ConditionFailed):
            objects.packages.read(seen)


def test_a_version_is_readable_after_it_was_deleted_only_where_versions_are_kept(objects: ObjectStand) -> None:
    """See https://docs.aws.amazon.com/AmazonS3/latest/userguide/DeleteMarker.html."""
    objects.packages.create(REPO, FILE, b"first", "upload-1")
    seen = found(objects)
    objects.packages.delete(seen)

    if objects.versioned:
        assert objects.packages.read(seen) == b"first"
    else:
        with pytest.raises(ConditionFailed):
            objects.packages.read(seen)


def test_a_listed_file_is_read_only_while_it_is_unchanged(objects: ObjectStand) -> None:
    """A listing has no version id, so the read is conditional on the ETag: GetObject with If-Match, 412."""
    objects.put_object(PATH, b"first")
    (listed,) = objects.packages.list("team")

    assert objects.packages.read(listed) == b"first"
    objects.put_object(PATH, b"second")
    with pytest.raises(ConditionFailed):
        objects.packages.read(listed)


def test_a_version_that_never_existed_is_not_read(objects: ObjectStand) -> None:
    objects.packages.create(REPO, FILE, b"first", "upload-1")
    other = replace(found(objects), etag="0" * 32)

    with pytest.raises(ConditionFailed):
        objects.packages.read(other)


def test_deleting_the_object_that_was_seen_removes_it(objects: ObjectStand) -> None:
    """See https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-deletes.html."""
    objects.packages.create(REPO, FILE, b"first", "upload-1")

    objects.packages.delete(found(objects))

    assert objects.packages.head(REPO, FILE) is None
    assert list(objects.packages.list("team")) == []


def test_deleting_an_object_that_changed_meanwhile_keeps_it(objects: ObjectStand) -> None:
    """412 PreconditionFailed."""
    objects.packages.create(REPO, FILE, b"first", "upload-1")
    seen = found(objects)
    objects.put_object(PATH, b"second")

    with pytest.raises(ConditionFailed):
        objects.packages.delete(seen)

    assert objects.packages.read(found(objects)) == b"second"


def test_deleting_an_object_that_is_gone_is_a_change(objects: ObjectStand) -> None:
    """404 NoSuchKey, see https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-deletes.html."""
    objects.packages.create(REPO, FILE, b"first", "upload-1")
    seen = found(objects)
    objects.delete_object(PATH)

    with nullcontext() if objects.misses_absence else pytest.raises(ConditionFailed):
        objects.packages.delete(seen)

    assert objects.packages.head(REPO, FILE) is None


def test_content_that_comes_back_brings_its_etag_back(objects: ObjectStand) -> None:
    """The ETag is made of the content: by it alone a deletion in between is invisible."""
    objects.packages.create(REPO, FILE, b"first", "upload-1")
    seen = found(objects)
    objects.packages.delete(seen)
    objects.packages.replace(REPO, FILE, b"first", "upload-2")

    again = found(objects)
    assert again.etag == seen.etag
    assert (again.version_id != seen.version_id) == objects.versioned
    assert again.upload_id == "upload-2"


def test_a_listing_has_the_files_in_the_order_of_their_bytes(objects: ObjectStand) -> None:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html: UTF-8 binary order, Delimiter folds."""
    names = ["é-1.0.0.tgz", "b-1.0.0.tgz", "a-1.0.0.tgz", "B-1.0.0.tgz", "a-1.0.0.tgz.prov", "a-1.0.0+x.tgz"]
    for name in names:
        objects.put_object(f"team/{name}", name.encode())
    # The console makes a folder by an object that is named like it.
    folder = [] if objects.is_a_file_system else ["team/"]
    for elsewhere in ["a-1.0.0.tgz", "team/deeper/a-1.0.0.tgz", "teams/a-1.0.0.tgz", *folder]:
        objects.put_object(elsewhere, b"elsewhere")

    listed = list(objects.packages.list("team"))

    assert [stored.file for stored in listed] == sorted(names, key=str.encode)
    assert [stored.size for stored in listed] == [len(name.encode()) for name in sorted(names, key=str.encode)]


def test_a_listing_of_the_root_repository_leaves_out_our_own_folder(objects: ObjectStand) -> None:
    objects.indexes.write("", b"index", None)
    objects.put_object("nginx-1.0.0.tgz", b"package")

    assert [stored.file for stored in objects.packages.list("")] == ["nginx-1.0.0.tgz"]


def test_a_listing_goes_on_after_a_key_that_need_not_exist(objects: ObjectStand) -> None:
    """StartAfter."""
    for name in ["a", "b", "d", "e"]:
        objects.put_object(f"team/{name}", b"package")

    assert [stored.file for stored in objects.packages.list("team", after="c")] == ["d", "e"]
    assert [stored.file for stored in objects.packages.list("team", after="d")] == ["e"]


def test_a_listing_says_what_head_says_except_version_and_upload(objects: ObjectStand) -> None:
    objects.packages.create(REPO, FILE, b"package", "upload-1")

    (listed,) = objects.packages.list("team")

    assert listed == replace(found(objects), version_id=None, upload_id=None, digest=None)


def test_a_listing_shows_each_object_once_and_none_that_is_deleted(objects: ObjectStand) -> None:
    objects.put_object("team/a", b"first")
    objects.put_object("team/a", b"second")
    objects.put_object("team/b", b"first")
    objects.delete_object("team/b")

    assert [stored.file for stored in objects.packages.list("team")] == ["a"]


@pytest.mark.parametrize(
    "name", ["a b.tgz", "a+b.tgz", "a%2Bb.tgz", "ä€😀.tgz", "a&b=c.tgz", "~a'(b)*!.tgz", "a\\b.tgz"]
)
def test_a_name_is_the_same_in_every_call(objects: ObjectStand, name: str) -> None:
    """See https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html."""
    objects.packages.create(REPO, name, b"package", "upload-1")

    stored = found(objects, name)
    assert stored.file == name
    assert [listed.file for listed in objects.packages.list(REPO)] == [name]
    assert objects.packages.read(stored) == b"package"
    objects.packages.delete(stored)
    assert objects.packages.head(REPO, name) is None


def test_an_empty_bucket_has_no_repositories(objects: ObjectStand) -> None:
    assert list(objects.packages.repositories()) == []


def test_repositories_are_the_folders_of_packages_at_any_depth_each_once(objects: ObjectStand) -> None:
    for path in ["é/a.tgz", "b/a.txt", "a/x/y/a.tgz", "a/b.tgz", "a/c.tgz", "a-b/a.tgz.prov", "B/a.tgz", "a.tgz"]:
        objects.put_object(path, b"package")

    assert sorted(objects.packages.repositories()) == ["", "B", "a", "a/x/y", "é"]


def test_our_own_folder_is_no_repository_and_hides_none_behind_it(objects: ObjectStand) -> None:
    """It may hold as many objects as all repositories: `StartAfter` leads past it."""
    objects.indexes.write("a", b"index", None)
    ours = [f".charthouse/blobs/{number}.tgz" for number in range(5)]
    for path in ["!/a.tgz", ".a/a.tgz", *ours, ".charthouse0/a.tgz", ".charthousf/a.tgz", "a/a.tgz"]:
        objects.put_object(path, b"package")

    assert sorted(objects.packages.repositories()) == ["!", ".a", ".charthouse0", ".charthousf", "a"]


def test_a_repository_is_gone_with_its_last_package(objects: ObjectStand) -> None:
    objects.put_object("a/b.tgz", b"package")
    objects.delete_object("a/b.tgz")

    assert list(objects.packages.repositories()) == []


def test_of_many_creating_at_once_exactly_one_wins(objects: ObjectStand) -> None:
    """The first write to finish wins, the others get 412."""

    def create(number: int) -> bool:
        try:
            objects.packages.create(REPO, FILE, b"%d" % number, f"upload-{number}")
        except ConditionFailed:
            return False
        return True

    with ThreadPoolExecutor(8 if objects.races else 1) as pool:
        won = list(pool.map(create, range(8)))

    assert won.count(True) == 1
    assert objects.packages.read(found(objects)) == b"%d" % won.index(True)


def found(objects: ObjectStand, file: str = FILE) -> StoredFile:
    stored = objects.packages.head(REPO, file)
    assert stored is not None
    return stored
