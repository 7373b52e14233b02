"""What charthouse refuses or cannot do, in Helm's and ChartMuseum's words.

    CharthouseError
    ├── Refusal                     the answer to a client; its message is shown
    │   ├── BadRequest              the request itself is wrong (400)
    │   │   ├── BadPackage          not a chart package Helm would load
    │   │   └── BadProvenance       not a provenance file
    │   ├── Unauthorized            credentials missing or wrong (401); carries the challenge
    │   ├── Forbidden               credentials right but not enough (403)
    │   ├── NotFound                no such chart, version, object or route (404)
    │   │   └── Unreadable          the file is stored, but we may not read it
    │   ├── ChartVersionExists      the version is there and may not be overwritten (409)
    │   ├── TooLarge                more bytes than may be sent or answered (413)
    │   ├── StorageLimitReached     the repository is full (507)
    │   └── Unavailable             AWS throttles or fails; nothing was stored (503)
    ├── InvalidPolicy               the access policy cannot be read or has a mistake
    ├── ConditionFailed             a conditional write lost to another process; start again
    └── Superseded                  an index that is read bit by bit was replaced meanwhile; start again

The status of each is decided in one place, `charthouse.web.problems`.
"""

MAX_MESSAGE = 1_000
"""Characters. A message may quote what a client sent, and is stored in a row and returned to other clients."""
_GAP = " … "


class CharthouseError(Exception):
    """Anything charthouse itself raises; every other exception is a bug."""


class Refusal(CharthouseError):
    """An error whose message is sent to the client."""

    @property
    def message(self) -> str:
        """The text of the `error` member of the answer, at most `MAX_MESSAGE` characters."""
        text = str(self)
        if len(text) <= MAX_MESSAGE:
            return text
        half = (MAX_MESSAGE - len(_GAP)) // 2
        return f"{text[:half]}{_GAP}{text[-half:]}"


class BadRequest(Refusal):
    """The request cannot be understood or breaks a rule of the API."""


class BadPackage(BadRequest):
    """The bytes are no chart package that Helm would load."""


class BadProvenance(BadRequest):
    """The bytes are no provenance file."""


class Unauthorized(Refusal):
    """Credentials are missing or wrong; `challenge` is the value of `WWW-Authenticate`."""

    def __init__(self, message: str, challenge: str) -> None:
        """Keep the challenge beside the message."""
        super().__init__(message)
        self.challenge = challenge


class Forbidden(Refusal):
    """The credentials are right but do not allow this action here."""


class NotFound(Refusal):
    """There is no such chart, version, object or route."""


class Unreadable(NotFound):
    """The file is stored, but we may not read it: encrypted with a key of others, or in an archive class."""


class ChartVersionExists(Refusal):
    """The version (or its provenance) is stored already and may not be overwritten."""


class TooLarge(Refusal):
    """The body sent, or the answer asked for, is larger than can pass."""


class StorageLimitReached(Refusal):
    """The repository holds as many objects as it may."""


class Unavailable(Refusal):
    """AWS throttled or failed after retries."""


class InvalidPolicy(CharthouseError):
    """The access policy cannot be read or has a mistake; the message says where, and quotes no password."""


class Superseded(CharthouseError):
    """An index that is read bit by bit has been replaced; what was found out so far belongs to the former one."""


class ConditionFailed(CharthouseError):
    """A conditional write lost: the file, index or row is no longer what was read. Start again from reading."""
