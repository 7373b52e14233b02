"""What the registry refuses, with the codes of the distribution spec ("Error Codes").

Each is a refusal of `charthouse.errors`, which decides the status, and has a `code`.
"""

from typing import ClassVar

from charthouse.errors import BadRequest, ChartVersionExists, NotFound, Refusal


class BlobUnknown(NotFound):
    """There is no such blob in this repository."""

    code: ClassVar = "BLOB_UNKNOWN"


class ManifestUnknown(NotFound):
    """There is no such manifest or tag in this repository."""

    code: ClassVar = "MANIFEST_UNKNOWN"


class ManifestBlobUnknown(NotFound):
    """A manifest names a blob or a manifest that is not in this repository."""

    code: ClassVar = "MANIFEST_BLOB_UNKNOWN"


class NameUnknown(NotFound):
    """Nothing was ever pushed under this name."""

    code: ClassVar = "NAME_UNKNOWN"


class NameInvalid(NotFound):
    """No repository of this registry can have the name: OCI or `Depth` does not allow it."""

    code: ClassVar = "NAME_INVALID"


class UploadUnknown(NotFound):
    """There is no such upload, or not any more."""

    code: ClassVar = "BLOB_UPLOAD_UNKNOWN"


class UploadInvalid(BadRequest):
    """The request does not fit the upload."""

    code: ClassVar = "BLOB_UPLOAD_INVALID"


class RangeInvalid(Refusal):
    """A chunk does not begin where the upload ends, or a range lies outside of its blob (416)."""

    code: ClassVar = "BLOB_UPLOAD_INVALID"

    def __init__(self, message: str, size: int | None = None) -> None:
        """Store how many bytes the upload has; None where there is no upload."""
        super().__init__(message)
        self.size = size


class DigestInvalid(BadRequest):
    """A digest is malformed, or not the one of the bytes that were sent."""

    code: ClassVar = "DIGEST_INVALID"


class SizeInvalid(BadRequest):
    """A descriptor has another size than what it names."""

    code: ClassVar = "SIZE_INVALID"


class ManifestInvalid(BadRequest):
    """The bytes are no manifest that can be stored here."""

    code: ClassVar = "MANIFEST_INVALID"


class QueryInvalid(BadRequest):
    """A parameter of the query cannot be understood."""

    code: ClassVar = "UNSUPPORTED"


class Unsupported(Refusal):
    """The registry does not do this, or an option turns it off (405)."""

    code: ClassVar = "UNSUPPORTED"


class TagTaken(ChartVersionExists):
    """The tag is the version of a listed chart, which no other artifact replaces."""

    code: ClassVar = "DENIED"
