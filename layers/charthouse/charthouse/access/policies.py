"""The access policy in force: read again once a minute, the last good one while it cannot be read."""

from collections.abc import Callable
from dataclasses import dataclass

from charthouse.access.policy import Policy
from charthouse.errors import InvalidPolicy, Unavailable

CHECK_SECONDS = 55
"""Age at which the document is asked for again: a change takes effect everywhere within 60 s, the GET included."""
RETRY_SECONDS = 5
"""Until the next try where the storage does not answer, so that a hiccup does not stretch that minute to two, and where
this process has no document yet, so that a new deployment works soon after its first one is stored."""


@dataclass(frozen=True, slots=True)
class Document:
    """The stored document."""

    etag: str
    body: bytes


type Read = Callable[[str], Document | None]
"""ETag of the document already known (empty: none) → the document, or None if it still has that ETag.

Raises `Unavailable` if the storage does not answer, `InvalidPolicy` if there is no document or it may not be read.
"""


class CurrentPolicy:
    """The policy in force in this process. `clock` returns seconds since the epoch; `failed` takes why it is stale."""

    def __init__(self, read: Read, clock: Callable[[], float], failed: Callable[[str], None]) -> None:
        """Read nothing before the first request needs it."""
        self._read = read
        self._clock = clock
        self._failed = failed
        self._policy: Policy | None = None
        self._generation = 0
        self._etag = ""
        self._mistake = ""
        self._checked = self._next = float("-inf")

    def get(self) -> tuple[int, Policy]:
        """Return the policy and its generation, which is another one for every document that was read.

        Raises `Unavailable` if this process has read no valid document yet.
        """
        now = self._clock()
        # A clock that was set back must not keep an old document in force.
        if not self._checked <= now < self._next:
            self._checked, self._next = now, now + self._refresh()
        if self._policy is None:
            raise Unavailable("the access policy cannot be read, try again later")
        return self._generation, self._policy

    def _refresh(self) -> int:
        """Read the document if it has changed; return the seconds until the next look."""
        try:
            document = self._read(self._etag)
            if document is not None:
                self._etag, self._mistake = document.etag, ""
                self._policy, self._generation = Policy.parse(document.body), self._generation + 1
        except Unavailable as failure:
            self._failed(failure.message)
            return RETRY_SECONDS
        except InvalidPolicy as mistake:
            self._mistake = str(mistake)
        # As long as the stored document is the invalid one.
        if self._mistake:
            self._failed(self._mistake)
        return CHECK_SECONDS if self._policy is not None else RETRY_SECONDS
