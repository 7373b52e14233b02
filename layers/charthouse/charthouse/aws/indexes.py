"""The published indexes in S3."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from charthouse.aws.bucket import encryption
from charthouse.aws.faults import LOST, code, translated
from charthouse.aws.keys import INDEXES, index_key, index_repo, plain_key, stored_key
from charthouse.aws.pages import pages
from charthouse.ports import StoredIndex
from charthouse.settings import Storage

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

CONTENT_TYPE = "application/x-yaml"
CACHE_CONTROL = "no-cache"
"""A cache may keep an index but has to ask S3 whether it is still the newest."""


@dataclass(frozen=True, slots=True)
class S3IndexStore:
    """Keeps `ports.IndexStore` under `.charthouse/index/` of the bucket."""

    s3: "S3Client"
    storage: Storage

    def read(self, repo: str) -> StoredIndex | None:
        """Return the index published last and its ETag, or None."""
        try:
            with translated(repo):
                answer = self.s3.get_object(Bucket=self.storage.bucket, Key=self._at(repo))
                return StoredIndex(answer["Body"].read(), answer["ETag"].strip('"'))
        except ClientError as error:
            if code(error) == "NoSuchKey":
                return None
            raise

    def write(self, repo: str, body: bytes, etag: str | None) -> None:
        """Replace the index with this ETag, else `Changed`; so is a 409, since the caller reads again anyway.

        After a lost answer the SDK's own retry meets its own first try and says `Changed`, though it was written:
        starting again is right then too, for the dirty rows are still dirty.
        """
        condition: dict[str, Any] = {"IfNoneMatch": "*"} if etag is None else {"IfMatch": f'"{etag}"'}
        with translated(repo, lost=LOST):
            self.s3.put_object(
                Bucket=self.storage.bucket,
                Key=self._at(repo),
                Body=body,
                ContentType=CONTENT_TYPE,
                CacheControl=CACHE_CONTROL,
                **encryption(self.storage),
                **condition,
            )

    def repositories(self) -> Iterator[str]:
        """Yield the name of every repository that has an index, bytewise.

        All names are held first: keys sort `a-b/index.yaml` before `a/index.yaml`, names sort `a` before `a-b`.
        """
        names: list[str] = []
        for page in pages(self.s3, self.storage.bucket, INDEXES, Prefix=stored_key(self.storage, INDEXES)):
            for item in page.get("Contents", []):
                key = plain_key(self.storage, item["Key"])
                name = None if key is None else index_repo(key)
                if name is not None:
                    names.append(name)
        yield from sorted(names, key=str.encode)

    def _at(self, repo: str) -> str:
        return stored_key(self.storage, index_key(repo))
