"""The bucket's folders, which are the repositories."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from charthouse.aws.faults import translated
from charthouse.aws.keys import OURS, plain_key, stored_key
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
        request: dict[str, Any] = {"Prefix": stored_key(self.storage, prefix), "Delimiter": "/"}
        while True:
            with translated(prefix):
                page: Mapping[str, Any] = self.s3.list_objects_v2(Bucket=self.storage.bucket, **request)
            for item in page.get("CommonPrefixes", []):
                found = plain_key(self.storage, item["Prefix"])
                if found is not None and found != OURS:
                    yield found
            if not page.get("IsTruncated"):
                return
            request["ContinuationToken"] = page["NextContinuationToken"]
