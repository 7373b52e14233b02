"""Answers too large for a Lambda, kept in the bucket for as long as it takes to fetch them."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from charthouse.aws.bucket import encryption
from charthouse.aws.faults import translated
from charthouse.aws.keys import ANSWERS, stored_key
from charthouse.settings import Storage

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

EXPIRES = 300
"""Seconds for which the URL is good."""


@dataclass(frozen=True, slots=True)
class S3Answers:
    """Offers an answer as an object under `.charthouse/answers/`, which a lifecycle rule removes."""

    s3: "S3Client"
    storage: Storage

    def offer(self, name: str, body: bytes, content_type: str) -> str:
        """Store the answer under a name nobody can guess (it is readable by whoever has the URL); return that URL."""
        key = stored_key(self.storage, f"{ANSWERS}{name}")
        with translated(name):
            self.s3.put_object(
                Bucket=self.storage.bucket,
                Key=key,
                Body=body,
                ContentType=content_type,
                **encryption(self.storage),
            )
        return self.s3.generate_presigned_url(
            "get_object", Params={"Bucket": self.storage.bucket, "Key": key}, ExpiresIn=EXPIRES
        )
