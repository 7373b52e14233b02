"""Packages and provenance files in S3."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from charthouse.aws.faults import CONFLICT, GONE, LOST, code, settled, translated
from charthouse.aws.keys import plain_key, stored_key
from charthouse.aws.pages import pages
from charthouse.errors import Unavailable, Unreadable
from charthouse.ports import StoredObject
from charthouse.settings import Storage

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

UPLOAD_ID = "charthouse-upload-id"
"""Name of the object metadata (`x-amz-meta-…`) that tells one's own object when an answer was lost."""

DIGEST = "charthouse-digest"
"""Name of the object metadata that saves reading a package to know what its provenance has to sign."""

_UNREADABLE = frozenset({"AccessDenied", "InvalidObjectState"})
"""Of an object that HEAD has shown: encrypted with a key that is not ours to use, or archived."""

_CONTENT_TYPES = {"tgz": "application/gzip", "prov": "application/pgp-signature"}
"""Never a Content-Encoding: a client that undoes it would store a tar under the name of a package."""


@dataclass(frozen=True, slots=True)
class S3Bucket:
    """Keeps `ports.Bucket` in a bucket, versioned or not."""

    s3: "S3Client"
    storage: Storage
    sleep: Callable[[float], None] = time.sleep

    def head(self, key: str) -> StoredObject | None:
        """Return what is stored under the key now, or None. Needs `s3:ListBucket`, or S3 says 403 instead of 404."""
        try:
            with translated(key):
                answer = self.s3.head_object(Bucket=self.storage.bucket, Key=self._at(key))
        except ClientError as error:
            if code(error) in {"404", "NoSuchKey"}:
                return None
            raise
        return StoredObject(
            key,
            _bare(answer["ETag"]),
            answer["ContentLength"],
            _whole_seconds(answer["LastModified"]),
            answer.get("VersionId"),
            answer.get("Metadata", {}).get(UPLOAD_ID),
            answer.get("Metadata", {}).get(DIGEST),
        )

    def read(self, stored: StoredObject) -> bytes:
        """Return the bytes of this version, also when it is not the newest any more; else raise `Changed`."""
        version: dict[str, Any] = {} if stored.version_id is None else {"VersionId": stored.version_id}
        try:
            with translated(stored.key, lost=GONE):
                answer = self.s3.get_object(
                    Bucket=self.storage.bucket, Key=self._at(stored.key), IfMatch=_quoted(stored.etag), **version
                )
                return answer["Body"].read()
        except ClientError as error:
            if code(error) in _UNREADABLE or code(error).startswith("KMS."):
                raise Unreadable(f"cannot be read: S3 says {code(error)}") from error
            raise

    def create(self, key: str, body: bytes, upload_id: str) -> None:
        """Store where nothing, or a delete marker, is; `Changed` if something is there.

        A 409 says nothing about an object: after a few tries it is `Unavailable`, never "exists". After a lost answer
        the SDK's own retry may meet what the first try stored: whoever gets `Changed` compares the upload id.
        """
        try:
            self._put(key, body, upload_id, {"IfNoneMatch": "*"}, lost=LOST - {CONFLICT})
        except ClientError as error:
            if code(error) == CONFLICT:
                raise Unavailable("The storage is busy with this file, try again later") from error
            raise

    def replace(self, key: str, body: bytes, upload_id: str, match: StoredObject | None = None) -> None:
        """Store over whatever is there, or over an object with the ETag of `match`, else `Changed`."""
        condition = {} if match is None else {"IfMatch": _quoted(match.etag)}
        self._put(key, body, upload_id, condition, lost=LOST)

    def delete(self, stored: StoredObject) -> None:
        """Delete an object that still has this ETag, else `Changed`. Where versions are kept it leaves a marker."""

        def delete() -> None:
            self.s3.delete_object(Bucket=self.storage.bucket, Key=self._at(stored.key), IfMatch=_quoted(stored.etag))

        with translated(stored.key, lost=LOST):
            settled(delete, self.sleep)

    def list(self, prefix: str, after: str = "") -> Iterator[StoredObject]:
        """Yield the direct children of the prefix in the order S3 keeps them, which is that of the keys' bytes.

        What lies deeper, `.charthouse/` at the root among it, is folded away by S3 (`Delimiter`).
        """
        request = {"Prefix": self._at(prefix), "Delimiter": "/"}
        if after:
            request["StartAfter"] = self._at(after)
        for page in pages(self.s3, self.storage.bucket, prefix, **request):
            for item in page.get("Contents", []):
                key = plain_key(self.storage, item["Key"])
                if key is not None and key != prefix:
                    yield StoredObject(key, _bare(item["ETag"]), item["Size"], _whole_seconds(item["LastModified"]))

    def _put(self, key: str, body: bytes, upload_id: str, condition: Mapping[str, str], lost: frozenset[str]) -> None:
        request: dict[str, Any] = {
            "Bucket": self.storage.bucket,
            "Key": self._at(key),
            "Body": body,
            "ContentType": _CONTENT_TYPES.get(key.rpartition(".")[2], "application/octet-stream"),
            "Metadata": {UPLOAD_ID: upload_id, DIGEST: sha256(body).hexdigest()},
            **encryption(self.storage),
            **condition,
        }

        def put() -> None:
            self.s3.put_object(**request)

        with translated(key, lost=lost):
            settled(put, self.sleep)

    def _at(self, key: str) -> str:
        return stored_key(self.storage, key)


def encryption(storage: Storage) -> dict[str, Any]:
    """Return the arguments by which a PutObject asks for encryption; none of them for the bucket's own default."""
    if not storage.sse:
        return {}
    key = {"SSEKMSKeyId": storage.kms_key} if storage.kms_key and storage.sse == "aws:kms" else {}
    return {"ServerSideEncryption": storage.sse, **key}


def _bare(etag: str) -> str:
    return etag.strip('"')


def _quoted(etag: str) -> str:
    return f'"{etag}"'


def _whole_seconds(modified: datetime) -> datetime:
    return modified.astimezone(UTC).replace(microsecond=0)
