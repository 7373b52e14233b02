"""What the read function needs of S3: whether an index is there, and URLs by which clients fetch for themselves."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Literal

from charthouse.aws.endpoints import object_url
from charthouse.aws.signer import Signer
from charthouse.aws.wire import Send, UnexpectedAnswer, send
from charthouse.settings import Storage


@dataclass(frozen=True, slots=True)
class PresignedStore:
    """The bucket as a reader sees it; keys come without the storage prefix."""

    storage: Storage
    signer: Signer
    """For the service `s3` in the bucket's region."""
    send: Send = send

    def exists(self, key: str) -> bool:
        """Ask S3 by one signed HEAD, which sees every finished write; raises `Unavailable`.

        "There" may be remembered of an object that is never deleted; "absent" must not: it may come any moment. A
        403 flies: without `s3:ListBucket` S3 answers so for a missing key, and guessing would hide it.
        """
        url = object_url(self.storage, key)
        answer = self.send("HEAD", url, self.signer.headers("HEAD", url, {}), b"")
        if answer.status not in {HTTPStatus.OK, HTTPStatus.NOT_FOUND}:
            raise UnexpectedAnswer(f"HEAD {key} was answered with {answer.status}")
        return answer.status == HTTPStatus.OK

    def url(
        self,
        method: Literal["GET", "HEAD"],
        key: str,
        expires: int,
        content_type: str | None = None,
        disposition: str | None = None,
    ) -> str:
        """Return a URL good for `expires` seconds and for this method only; whether the key exists is not looked at.

        With `content_type` or `disposition` S3 answers with these headers instead of the object's own.
        """
        overrides = {"response-content-type": content_type, "response-content-disposition": disposition}
        query = {name: value for name, value in overrides.items() if value is not None}
        return self.signer.presigned(method, object_url(self.storage, key), expires, query)
