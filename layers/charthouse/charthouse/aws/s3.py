"""Packages, indexes and large answers in S3."""

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from charthouse.aws.errors import CONFLICT, FAILED, GONE, code, mapped, retry_conflict, superseded
from charthouse.aws.keys import (
    ANSWERS,
    INDEXES,
    OURS,
    copy_path,
    file_path,
    index_path,
    index_repo,
    plain_path,
    stored_key,
    view_name,
    view_path,
    views_path,
)
from charthouse.aws.parts import LEAST, Part, parts_of
from charthouse.errors import ConditionFailed, StorageLimitReached, Unavailable, Unreadable
from charthouse.helm.ranges import Fetch, Ranges, Spliced, Text
from charthouse.repository.ports import GZIP_COPY, Map, StoredFile, StoredIndex, StoredView
from charthouse.repository.repository import one_by_one
from charthouse.settings import Storage

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef

UPLOAD_ID = "charthouse-upload-id"
"""Name of the object metadata (`x-amz-meta-…`) by which a client recognises its own object when an answer was lost."""

DIGEST = "charthouse-digest"
"""Name of the object metadata that saves reading a package to know what its provenance has to sign."""

CALLER = "charthouse-by"
"""Name of the object metadata that says who stored the object: user, key, or issuer and subject."""

COUNTS = "charthouse-counts"
"""Name of the object metadata that says how many charts and versions an index has."""

REVISION = "charthouse-revision"
"""Name of the object metadata that says from which revision of the index a view was cut."""

INDEX_TYPE = "application/x-yaml"
INDEX_CACHE = "no-cache"
"""A cache may store an index, but has to ask S3 whether it is still the newest."""

LARGE = 32 * 1024 * 1024
"""Bytes of an index from which on its bytes take longer than some thirty calls more."""

ANSWER_SECONDS = 300
"""For how long the URL of a large answer is valid."""

_COUNTS = re.compile(r"(\d{1,12}) (\d{1,12})")

_UNREADABLE = frozenset({"AccessDenied", "InvalidObjectState"})
"""Of an object that HEAD has shown: encrypted with a key we may not use, or archived."""

_CONTENT_TYPES = {"tgz": "application/gzip", "prov": "application/pgp-signature"}
"""Never a Content-Encoding: a client that undoes it would store a tar under the name of a package."""


@dataclass(frozen=True, slots=True)
class S3PackageStore:
    """Implements `PackageStore` on a bucket, with or without versioning."""

    s3: "S3Client"
    storage: Storage
    sleep: Callable[[float], None] = time.sleep
    caller: str = ""
    """Who stores, noted in an object's metadata; empty: not known."""

    def on_behalf_of(self, caller: str) -> "S3PackageStore":
        """Return the same store, which notes the caller in every object's metadata."""
        return replace(self, caller=caller)

    def head(self, repo: str, file: str) -> StoredFile | None:
        """Return what is stored now, or None. Needs `s3:ListBucket`, or S3 says 403 instead of 404."""
        try:
            with mapped(file):
                answer = self.s3.head_object(Bucket=self.storage.bucket, Key=self._key(repo, file))
        except ClientError as error:
            if code(error) in {"404", "NoSuchKey"}:
                return None
            raise
        metadata = answer.get("Metadata", {})
        return StoredFile(
            repo,
            file,
            _bare(answer["ETag"]),
            answer["ContentLength"],
            _whole_seconds(answer["LastModified"]),
            answer.get("VersionId"),
            metadata.get(UPLOAD_ID),
            metadata.get(DIGEST),
        )

    def read(self, stored: StoredFile) -> bytes:
        """Return the bytes of this version, also when it is no longer the newest."""
        version: dict[str, Any] = {} if stored.version_id is None else {"VersionId": stored.version_id}
        try:
            with mapped(stored.file, failed=GONE):
                answer = self.s3.get_object(
                    Bucket=self.storage.bucket,
                    Key=self._key(stored.repo, stored.file),
                    IfMatch=_quoted(stored.etag),
                    **version,
                )
                return answer["Body"].read()
        except ClientError as error:
            if code(error) in _UNREADABLE or code(error).startswith("KMS."):
                raise Unreadable(f"cannot be read: S3 says {code(error)}") from error
            raise

    def create(self, repo: str, file: str, body: bytes, upload_id: str) -> None:
        """Store where nothing, or a delete marker, is; raise `ConditionFailed` if a file is there.

        A 409 says nothing about an object: after a few tries it is `Unavailable`, never "exists". After a lost answer
        the SDK's own retry may find what the first try stored: a caller that gets `ConditionFailed` compares the
        upload id.
        """
        try:
            self._put(repo, file, body, upload_id, {"IfNoneMatch": "*"}, failed=FAILED - {CONFLICT})
        except ClientError as error:
            if code(error) == CONFLICT:
                raise Unavailable("The storage is busy with this file, try again later") from error
            raise

    def replace(self, repo: str, file: str, body: bytes, upload_id: str) -> None:
        """Store over whatever is there."""
        self._put(repo, file, body, upload_id, {}, failed=frozenset())

    def delete(self, stored: StoredFile) -> None:
        """Delete a file that still has this ETag, else raise `ConditionFailed`. With versioning it leaves a marker."""

        def delete() -> None:
            self.s3.delete_object(
                Bucket=self.storage.bucket, Key=self._key(stored.repo, stored.file), IfMatch=_quoted(stored.etag)
            )

        with mapped(stored.file, failed=FAILED):
            retry_conflict(delete, self.sleep)

    def list(self, repo: str, after: str = "") -> Iterator[StoredFile]:
        """Yield the files in S3's order, which is that of the bytes of their keys.

        S3 folds what lies deeper, `.charthouse/` in the root repository among it (`Delimiter`).
        """
        start = self._key(repo, "")
        more = {"StartAfter": f"{start}{after}"} if after else {}
        for page in self._pages(repo, Prefix=start, Delimiter="/", **more):
            for item in page.get("Contents", []):
                file = item["Key"].removeprefix(start)
                if file:  # the console makes a folder by an object of its name
                    yield StoredFile(
                        repo, file, _bare(item["ETag"]), item["Size"], _whole_seconds(item["LastModified"])
                    )

    def repositories(self) -> Iterator[str]:
        """List every key, a thousand a request, and yield the folders of those that are packages.

        Not folder by folder: one object below many folders would cost as many requests. Our own folder, whose objects
        may be as many, is skipped.
        """
        seen: set[str] = set()
        ours = stored_key(self.storage, OURS)
        for skip in ({}, {"StartAfter": f"{ours}\U0010ffff"}):
            for page in self._pages(OURS, Prefix=stored_key(self.storage, ""), **skip):
                keys = [item["Key"] for item in page.get("Contents", [])]
                for key in keys:
                    repo = (plain_path(self.storage, key) or "").rpartition("/")[0]
                    if key.endswith(".tgz") and not key.startswith(ours) and repo not in seen:
                        seen.add(repo)
                        yield repo
                if not skip and keys and keys[-1] >= ours:
                    break

    def _pages(self, repo: str, **request: Any) -> Iterator[Mapping[str, Any]]:
        with mapped(repo):
            yield from self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.storage.bucket, **request)

    def _put(
        self, repo: str, file: str, body: bytes, upload_id: str, condition: Mapping[str, str], failed: frozenset[str]
    ) -> None:
        request: dict[str, Any] = {
            "Bucket": self.storage.bucket,
            "Key": self._key(repo, file),
            "Body": body,
            "ContentType": _CONTENT_TYPES.get(file.rpartition(".")[2], "application/octet-stream"),
            "Metadata": {
                UPLOAD_ID: upload_id,
                DIGEST: sha256(body).hexdigest(),
                **({CALLER: self.caller} if self.caller else {}),
            },
            **encryption(self.storage),
            **condition,
        }

        def put() -> None:
            self.s3.put_object(**request)

        with mapped(file, failed=failed):
            retry_conflict(put, self.sleep)

    def _key(self, repo: str, file: str) -> str:
        return stored_key(self.storage, file_path(repo, file))


@dataclass(frozen=True, slots=True)
class S3IndexStore:
    """Implements `IndexStore` under `.charthouse/index/` and `.charthouse/views/` of the bucket."""

    s3: "S3Client"
    storage: Storage
    limit: int = 0
    """Bytes of an index that a function can hold beside its copies; 0: any number."""
    large: int = LARGE
    """Bytes of an index from which on only what is looked at is fetched, and what was kept is copied inside S3."""
    least: int = LEAST
    """Bytes of a part, as S3 has it."""
    map: Map = one_by_one
    last: dict[str, tuple[bytes, str, Mapping[str, str]]] = field(default_factory=dict)
    """Key → body, ETag and metadata of the index and gzip copy seen last: a warm process does not fetch them again."""

    def read(self, repo: str, *, lazily: bool = False) -> StoredIndex | None:
        """Return the index published last and its ETag, or None; of a large one read lazily the beginning."""
        found = self._read(index_path(repo), repo, GZIP_COPY, lazily=lazily)
        if found is None:
            return None
        body, etag, metadata = found
        counts = _COUNTS.fullmatch(metadata.get(COUNTS, ""))
        return StoredIndex(body, etag, (int(counts[1]), int(counts[2])) if counts else None)

    def size(self, repo: str) -> int:
        """Return the bytes of the index published last; 0 if there is none."""
        try:
            with mapped(repo):
                key = self._key(index_path(repo))
                return self.s3.head_object(Bucket=self.storage.bucket, Key=key)["ContentLength"]
        except ClientError as error:
            if code(error) in {"404", "NoSuchKey"}:
                return 0
            raise

    def write(self, repo: str, body: Text, etag: str | None, counts: tuple[int, int] | None = None) -> None:
        """Replace the index that has this ETag; a 409 is `ConditionFailed` too, since the caller reads again anyway.

        After a lost answer the SDK's own retry fails on what the first try wrote. Starting again is right then too,
        because the dirty rows are still dirty.
        """
        metadata = {COUNTS: f"{counts[0]} {counts[1]}"} if counts else {}
        self._write(index_path(repo), repo, body, etag, metadata)

    def view(self, repo: str, name: str) -> StoredView | None:
        """Return a view's ETag, and the revision from its metadata, or None."""
        try:
            with mapped(name or repo):
                answer = self.s3.head_object(Bucket=self.storage.bucket, Key=self._key(view_path(repo, name)))
        except ClientError as error:
            if code(error) in {"404", "NoSuchKey"}:
                return None
            raise
        return StoredView(_revision(answer.get("Metadata", {})), _bare(answer["ETag"]))

    def read_view(self, repo: str, name: str) -> StoredView | None:
        """Return a view, or None."""
        found = self._read(view_path(repo, name), repo, name, lazily=False)
        if found is None:
            return None
        body, etag, metadata = found
        return StoredView(_revision(metadata), etag, body)

    def write_view(self, repo: str, name: str, view: StoredView, etag: str | None) -> None:
        """Replace the view that has this ETag; S3 sends the encoding of the gzip copy with its bytes."""
        encoding: dict[str, Any] = {} if name else {"ContentEncoding": "gzip"}
        self._write(view_path(repo, name), name or repo, view.body, etag, {REVISION: str(view.revision)}, **encoding)

    def views(self, repo: str, after: str = "") -> Iterator[str]:
        """Yield the charts that have a view, in S3's order; those whose names are too long for a key are left out."""
        start = self._key(views_path(repo))
        more: dict[str, Any] = {"StartAfter": f"{start}{after}"} if after else {}
        with mapped(repo):
            for page in self.s3.get_paginator("list_objects_v2").paginate(
                Bucket=self.storage.bucket, Prefix=start, **more
            ):
                paths = (plain_path(self.storage, item["Key"]) for item in page.get("Contents", []))
                yield from (name for path in paths if path and (name := view_name(repo, path)) is not None)

    def repositories(self) -> Iterator[str]:
        """Yield the name of every repository that has an index, bytewise.

        The names are sorted here: keys sort `a-b/index.yaml` before `a/index.yaml`, names sort `a` before `a-b`.
        """
        names: list[str] = []
        start = stored_key(self.storage, INDEXES)
        with mapped(INDEXES):
            for page in self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.storage.bucket, Prefix=start):
                paths = (plain_path(self.storage, item["Key"]) for item in page.get("Contents", []))
                names += [name for path in paths if path is not None and (name := index_repo(path)) is not None]
        yield from sorted(names, key=str.encode)

    def _read(self, path: str, repo: str, name: str, *, lazily: bool) -> tuple[Text, str, Mapping[str, str]] | None:
        key = self._key(path)
        known = self.last.get(key)
        if known and 0 < self.limit < len(known[0]):
            known = None
        condition: dict[str, Any] = {"IfNoneMatch": _quoted(known[1])} if known else {}
        try:
            with mapped(name or repo):
                answer = self.s3.get_object(Bucket=self.storage.bucket, Key=key, **condition)
                if self.limit and answer["ContentLength"] > self.limit:
                    answer["Body"].close()
                    raise StorageLimitReached(f"the index has {answer['ContentLength']} bytes: more than can be read")
                etag, metadata = _bare(answer["ETag"]), answer.get("Metadata", {})
                if lazily and answer["ContentLength"] > self.large:
                    start = answer["Body"].read(self.least)
                    answer["Body"].close()
                    return Ranges(answer["ContentLength"], *self._source(key, etag), start), etag, metadata
                body = answer["Body"].read()
        except ClientError as error:
            if code(error) in {"304", "NotModified"} and known:
                return known
            if code(error) == "NoSuchKey":
                return None
            raise
        found = body, etag, metadata
        if not name:
            self._remember(repo, key, found)
        return found

    def _write(
        self, path: str, name: str, body: Text, etag: str | None, metadata: Mapping[str, str], **more: Any
    ) -> None:
        key = self._key(path)
        condition: dict[str, Any] = {"IfNoneMatch": "*"} if etag is None else {"IfMatch": _quoted(etag)}
        described = {
            "ContentType": INDEX_TYPE,
            "CacheControl": INDEX_CACHE,
            "Metadata": metadata,
            **more,
            **encryption(self.storage),
        }
        place: dict[str, Any] = {"Bucket": self.storage.bucket, "Key": key}
        parts = parts_of(len(body), body.kept, self.least) if isinstance(body, Spliced) else []
        if isinstance(body, Spliced) and any(part.source is not None for part in parts):
            stored = self._write_parts(place, body, parts, described, condition)
            self.last.pop(key, None)
        else:
            data = bytes(body)
            with mapped(name, failed=FAILED):
                stored = _bare(self.s3.put_object(**place, Body=data, **described, **condition)["ETag"])
            if key in self.last:
                self.last[key] = data, stored, metadata
        if isinstance(body, Spliced):
            body.moved(*self._source(key, stored))

    def _write_parts(
        self,
        place: dict[str, Any],
        body: Spliced,
        parts: Sequence[Part],
        described: Mapping[str, Any],
        condition: Mapping[str, Any],
    ) -> str:
        """Store the parts as one object, under the condition of a PUT, and return its ETag."""
        with mapped(place["Key"]):
            upload = {**place, "UploadId": self.s3.create_multipart_upload(**place, **described)["UploadId"]}

        def write_part(numbered: tuple[int, Part]) -> "CompletedPartTypeDef":
            number, part = numbered
            return {"PartNumber": number, "ETag": self._write_part({**upload, "PartNumber": number}, body, part)}

        try:
            written = self.map(write_part, enumerate(parts, 1))
            # A 404 is of an upload completed already, by a try whose answer was lost: the caller looks again.
            with mapped(place["Key"], failed=FAILED | {"NoSuchUpload"}):
                completed = self.s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": written}, **condition)
        except BaseException:
            # What is left, a rule of the bucket ends after a day.
            with suppress(ClientError, BotoCoreError):
                self.s3.abort_multipart_upload(**upload)
            raise
        return _bare(completed["ETag"])

    def _write_part(self, request: dict[str, Any], body: Spliced, part: Part) -> str:
        if part.source is None:
            data = body[part.begin : part.end]
            with mapped(request["Key"]):
                return self.s3.upload_part(**request, Body=data)["ETag"]
        key, etag = body.former.source
        span = f"bytes={part.source}-{part.source + part.end - part.begin - 1}"
        with superseded(key):
            copied = self.s3.upload_part_copy(
                **request,
                CopySource={"Bucket": self.storage.bucket, "Key": key},
                CopySourceIfMatch=_quoted(etag),
                CopySourceRange=span,
            )
        return copied["CopyPartResult"]["ETag"]

    def _source(self, key: str, etag: str) -> tuple[Fetch, tuple[str, str]]:
        """Return how to fetch bytes of exactly this object, and what it is."""

        def fetch(begin: int, end: int) -> bytes:
            with superseded(key):
                answer = self.s3.get_object(
                    Bucket=self.storage.bucket, Key=key, IfMatch=_quoted(etag), Range=f"bytes={begin}-{end - 1}"
                )
                return answer["Body"].read()

        return fetch, (key, etag)

    def _remember(self, repo: str, key: str, found: tuple[bytes, str, Mapping[str, str]]) -> None:
        """Keep index and gzip copy of one repository, the last: together they may have 100 MB."""
        for other in [*self.last]:
            if other not in {self._key(index_path(repo)), self._key(copy_path(repo))}:
                self.last.pop(other, None)
        self.last[key] = found

    def _key(self, path: str) -> str:
        return stored_key(self.storage, path)


@dataclass(frozen=True, slots=True)
class S3Answers:
    """Stores answers too large for a Lambda under `.charthouse/answers/`, which a lifecycle rule deletes."""

    s3: "S3Client"
    storage: Storage
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def offer(self, name: str, body: bytes, content_type: str) -> str:
        """Store the answer, if it is not stored yet, and return a URL by which everyone may read it.

        `name` stands for the content. It is stored anew each day, so that no rule deletes it while a URL is valid.
        """
        key = stored_key(self.storage, f"{ANSWERS}{self.now():%Y-%m-%d}/{name}")
        if not self._is_stored(key):
            with suppress(ConditionFailed), mapped(name, failed=FAILED):
                self.s3.put_object(
                    Bucket=self.storage.bucket,
                    Key=key,
                    Body=body,
                    ContentType=content_type,
                    IfNoneMatch="*",
                    **encryption(self.storage),
                )
        return self.s3.generate_presigned_url(
            "get_object", Params={"Bucket": self.storage.bucket, "Key": key}, ExpiresIn=ANSWER_SECONDS
        )

    def _is_stored(self, key: str) -> bool:
        try:
            with mapped(key):
                self.s3.head_object(Bucket=self.storage.bucket, Key=key)
        except ClientError as error:
            if code(error) in {"404", "NoSuchKey"}:
                return False
            raise
        return True


def encryption(storage: Storage) -> dict[str, Any]:
    """Return the arguments by which a PutObject asks for encryption; none for the bucket's own default."""
    if not storage.sse:
        return {}
    key = {"SSEKMSKeyId": storage.kms_key} if storage.kms_key and storage.sse == "aws:kms" else {}
    return {"ServerSideEncryption": storage.sse, **key}


def _revision(metadata: Mapping[str, str]) -> int:
    said = metadata.get(REVISION, "")
    return int(said) if said.isascii() and said.isdigit() else 0


def _bare(etag: str) -> str:
    return etag.strip('"')


def _quoted(etag: str) -> str:
    return f'"{etag}"'


def _whole_seconds(modified: datetime) -> datetime:
    return modified.astimezone(UTC).replace(microsecond=0)
