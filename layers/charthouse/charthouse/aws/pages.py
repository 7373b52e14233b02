"""Listings of the bucket, page after page."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from charthouse.aws.faults import translated

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def pages(s3: "S3Client", bucket: str, about: str, **request: Any) -> Iterator[Mapping[str, Any]]:
    """Yield the pages of a listing (ListObjectsV2), each asked for when its turn comes; `about` names it in errors."""
    while True:
        with translated(about):
            page: Mapping[str, Any] = s3.list_objects_v2(Bucket=bucket, **request)
        yield page
        if not page.get("IsTruncated"):
            return
        request["ContinuationToken"] = page["NextContinuationToken"]
