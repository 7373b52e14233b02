"""What is stored beside the bytes, as a client of S3 meets it.

If it differs: aws/s3.py sets types, encryption and metadata; docs/decisions say which of them clients rely on.
"""

from dataclasses import replace
from hashlib import sha256

import pytest
from charthouse.aws.s3 import S3IndexStore, S3PackageStore
from charthouse.settings import Storage

from tests.contract.clouds import Cloud


@pytest.mark.parametrize(
    ("file", "content_type"),
    [
        ("nginx-1.0.0.tgz", "application/gzip"),
        ("nginx-1.0.0.tgz.prov", "application/pgp-signature"),
    ],
)
def test_a_package_is_stored_under_its_own_type_and_without_an_encoding(
    cloud: Cloud, file: str, content_type: str
) -> None:
    """Helm would keep what a transport encoding left behind as the package.

    See https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html.
    """
    place = somewhere(cloud, "typed")

    S3PackageStore(cloud.s3, place).create("", file, b"package", "upload-1")

    stored = cloud.s3.head_object(Bucket=place.bucket, Key=f"typed/{file}")
    assert stored["ContentType"] == content_type
    assert not stored.get("ContentEncoding")
    assert stored["Metadata"] == {
        "charthouse-upload-id": "upload-1",
        "charthouse-digest": sha256(b"package").hexdigest(),
    }


def test_who_stored_a_package_is_noted_beside_it(cloud: Cloud) -> None:
    place = somewhere(cloud, "noted")
    store = S3PackageStore(cloud.s3, place).on_behalf_of("issuer:https://gitlab.com sub:a%20b/c")

    store.create("", "nginx-1.0.0.tgz", b"package", "upload-1")
    store.replace("", "nginx-1.0.0.tgz", b"other", "upload-2")

    stored = cloud.s3.head_object(Bucket=place.bucket, Key="noted/nginx-1.0.0.tgz")
    assert stored["Metadata"]["charthouse-by"] == "issuer:https://gitlab.com sub:a%20b/c"
    assert store.head("", "nginx-1.0.0.tgz") == S3PackageStore(cloud.s3, place).head("", "nginx-1.0.0.tgz")


def test_an_index_is_stored_as_yaml_that_no_cache_serves_without_asking(cloud: Cloud) -> None:
    place = somewhere(cloud, "indexed")

    S3IndexStore(cloud.s3, place).write("team", b"index", None)

    stored = cloud.s3.head_object(Bucket=place.bucket, Key="indexed/.charthouse/index/team/index.yaml")
    assert (stored["ContentType"], stored["CacheControl"]) == ("application/x-yaml", "no-cache")


def test_the_index_of_the_root_repository_lies_beside_the_folders_of_the_others(cloud: Cloud) -> None:
    place = somewhere(cloud, "rooted")

    S3IndexStore(cloud.s3, place).write("", b"index", None)

    assert cloud.s3.head_object(Bucket=place.bucket, Key="rooted/.charthouse/index/index.yaml")["ContentLength"] == 5


def test_objects_are_encrypted_as_the_settings_say(cloud: Cloud) -> None:
    """See https://docs.aws.amazon.com/AmazonS3/latest/userguide/specifying-s3-encryption.html."""
    place = replace(somewhere(cloud, "encrypted"), sse="AES256")

    S3PackageStore(cloud.s3, place).create("", "a.tgz", b"package", "upload-1")

    stored = cloud.s3.head_object(Bucket=place.bucket, Key="encrypted/a.tgz")
    assert stored.get("ServerSideEncryption") == ("AES256" if cloud.says_encryption else None)


def somewhere(cloud: Cloud, prefix: str) -> Storage:
    return replace(cloud.storages[False], prefix=prefix)
