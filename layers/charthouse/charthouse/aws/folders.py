"""The bucket's folders, which are the repositories."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from charthouse.aws.keys import OURS, plain_key, stored_key
from charthouse.aws.pages import pages
from charthouse.settings import Storage

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@dataclass(frozen=True, slots=True)
class S3Folders:
    """Keeps `ports.Folders`: asks S3 for the common prefixes one level down."""

    s3: "S3Client"
    storage: Storage

    def below(self, prefix: str) -> Iterator[str]:
        """Yield the prefixes one level below, bytewise; ours left out."""
        start = stored_key(self.storage, prefix)
        for page in pages(self.s3, self.storage.bucket, prefix, Prefix=start, Delimiter="/"):
            for item in page.get("CommonPrefixes", []):
                found = plain_key(self.storage, item["Prefix"])
                if found is not None and found != OURS:
                    yield found
