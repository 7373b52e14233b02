"""The objects of the registry in S3, with the SDK."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from charthouse.aws.errors import FAILED, GONE, code, mapped
from charthouse.aws.keys import ARTIFACTS, artifact_path, file_path, plain_path, stored_key
from charthouse.aws.registry import NOTE
from charthouse.aws.s3 import encryption
from charthouse.errors import ConditionFailed
from charthouse.registry.ports import BINARY, Artifact, Listed, Place
from charthouse.settings import Storage

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_MISSING = frozenset({"404", "NoSuchKey"})


@dataclass(frozen=True, slots=True)
class S3Artifacts:
    """Implements `ArtifactStore` under `.charthouse/oci/`."""

    s3: "S3Client"
    storage: Storage

    def read(self, place: Place, name: str) -> Artifact | None:
        """Return the object, or None."""
        answer = self._ask(lambda: self.s3.get_object(**self._at(place, name)), name)
        if answer is None:
            return None
        with mapped(name):
            body: bytes = answer["Body"].read()
        notes = {key.removeprefix(NOTE): value for key, value in answer.get("Metadata", {}).items()}
        etag, modified = answer["ETag"].strip('"'), _seconds(answer["LastModified"])
        return Artifact(body, answer.get("ContentType", BINARY), etag, modified, notes)

    def look(self, place: Place, name: str) -> Listed | None:
        """Return size and time of the object, or None."""
        answer = self._ask(lambda: self.s3.head_object(**self._at(place, name)), name)
        return None if answer is None else Listed(name, answer["ContentLength"], _seconds(answer["LastModified"]))

    def names(self, place: Place, prefix: str, after: str = "", limit: int | None = None) -> Iterator[Listed]:
        """Yield the objects whose names begin with the prefix, bytewise, after a name, at most `limit`."""
        start = self._key(place, "")
        more: dict[str, Any] = {"StartAfter": f"{start}{after}"} if after else {}
        pages = self._pages(Prefix=f"{start}{prefix}", **more)
        found = (
            Listed(item["Key"].removeprefix(start), item["Size"], _seconds(item["LastModified"]))
            for page in pages
            for item in page.get("Contents", [])
        )
        yield from islice(found, limit)

    def write(
        self, place: Place, name: str, body: bytes, media_type: str = BINARY, notes: Mapping[str, str] | None = None
    ) -> None:
        """Store the object over whatever is there."""
        self._put(place, name, body, media_type, notes or {})

    def replace(self, place: Place, name: str, body: bytes, etag: str | None) -> None:
        """Store over the object with this ETag (None: there must be none), else raise `ConditionFailed`.

        After a lost answer the SDK's own retry meets its own first write and raises `ConditionFailed` too; its callers
        read again, and find the content they wanted to write.
        """
        condition = {"IfNoneMatch": "*"} if etag is None else {"IfMatch": f'"{etag}"'}
        self._put(place, name, body, BINARY, {}, condition)

    def delete(self, place: Place, name: str, etag: str | None = None) -> None:
        """Delete the object, if there is one; with an ETag raise `ConditionFailed` if another is there."""
        condition: dict[str, Any] = {} if etag is None else {"IfMatch": f'"{etag}"'}
        with mapped(name, failed=FAILED):
            self.s3.delete_object(**self._at(place, name), **condition)

    def copy(self, source: Place, source_name: str, place: Place, name: str) -> bool:
        """Copy an object; return False if it is not there."""
        return self._copy(self._key(source, source_name), {}, place, name)

    def copy_file(self, repo: str, file: str, etag: str, place: Place, name: str) -> bool:
        """Copy a file of a chart repository; return False if that with this ETag is not there."""
        key = stored_key(self.storage, file_path(repo, file))
        return self._copy(key, {"CopySourceIfMatch": f'"{etag}"'}, place, name)

    def places(self) -> Iterator[Place]:
        """Yield every place that has objects: the folders in which a folder begins with `_`."""
        yield from self._places(ARTIFACTS)

    def _places(self, path: str) -> Iterator[Place]:
        folders = [
            plain_path(self.storage, item["Prefix"]) or ""
            for page in self._pages(Prefix=stored_key(self.storage, path), Delimiter="/")
            for item in page.get("CommonPrefixes", [])
        ]
        if any(folder.removeprefix(path).startswith("_") for folder in folders):
            repo, _, chart = path.removeprefix(ARTIFACTS).removesuffix("/").rpartition("/")
            yield Place(repo, chart)
        for folder in folders:
            if not folder.removeprefix(path).startswith("_"):
                yield from self._places(folder)

    def _copy(self, key: str, condition: dict[str, Any], place: Place, name: str) -> bool:
        try:
            with mapped(name, failed=GONE):
                self.s3.copy_object(
                    **self._at(place, name),
                    CopySource={"Bucket": self.storage.bucket, "Key": key},
                    MetadataDirective="REPLACE",
                    ContentType=BINARY,
                    **encryption(self.storage),
                    **condition,
                )
        except ConditionFailed:
            return False
        return True

    def _put(
        self,
        place: Place,
        name: str,
        body: bytes,
        media_type: str,
        notes: Mapping[str, str],
        condition: Mapping[str, Any] | None = None,
    ) -> None:
        with mapped(name, failed=FAILED):
            self.s3.put_object(
                **self._at(place, name),
                Body=body,
                ContentType=media_type,
                Metadata={f"{NOTE}{key}": value for key, value in notes.items()},
                **encryption(self.storage),
                **(condition or {}),
            )

    def _ask[Answer](self, call: Callable[[], Answer], name: str) -> Answer | None:
        try:
            with mapped(name):
                return call()
        except ClientError as error:
            if code(error) in _MISSING:
                return None
            raise

    def _pages(self, **request: Any) -> Iterator[Mapping[str, Any]]:
        with mapped(ARTIFACTS):
            yield from self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.storage.bucket, **request)

    def _at(self, place: Place, name: str) -> dict[str, Any]:
        return {"Bucket": self.storage.bucket, "Key": self._key(place, name)}

    def _key(self, place: Place, name: str) -> str:
        return stored_key(self.storage, artifact_path(place.name, name))


def _seconds(modified: datetime) -> float:
    return float(int(modified.timestamp()))
