"""`ports.Folders`, on memory and on S3.

What S3 promises: https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-prefixes.html
"""

from tests.contract.clouds import ObjectStand


def test_an_empty_bucket_has_no_folders(objects: ObjectStand) -> None:
    assert list(objects.folders.below("")) == []


def test_folders_come_in_the_order_of_their_bytes_and_ours_is_none(objects: ObjectStand) -> None:
    """CommonPrefixes, sorted with the slash at their end."""
    for key in ["é/a.tgz", "b/a.tgz", "a/x/a.tgz", "a/b.tgz", "a-b/a.tgz", "B/a.tgz", "a.tgz"]:
        objects.put_object(key, b"package")
    objects.indexes.write("a", b"index", None)

    assert list(objects.folders.below("")) == ["B/", "a-b/", "a/", "b/", "é/"]


def test_only_the_level_below_is_told(objects: ObjectStand) -> None:
    for key in ["a/x/y/a.tgz", "a/z/a.tgz", "a/b.tgz", "ab/c/a.tgz"]:
        objects.put_object(key, b"package")

    assert list(objects.folders.below("a/")) == ["a/x/", "a/z/"]


def test_a_folder_is_gone_with_its_last_object(objects: ObjectStand) -> None:
    objects.put_object("a/b.tgz", b"package")
    objects.delete_object("a/b.tgz")

    assert list(objects.folders.below("")) == (["a/"] if objects.keeps_empty_folders else [])
