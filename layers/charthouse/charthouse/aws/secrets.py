"""The password of Basic authentication, from Secrets Manager, by one signed request."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING

from charthouse.aws.http import Send, UnexpectedAnswer, send
from charthouse.aws.presign import Signer, service_url
from charthouse.errors import Unavailable
from charthouse.settings import Storage

if TYPE_CHECKING:
    from charthouse.repository.ports import Events

FRESH_SECONDS = 300
RETRY_SECONDS = 30
"""How long the last good value is used before a failed fetch is tried again."""
KEPT_SECONDS = 3600
"""How long the last good value is used at all while Secrets Manager does not answer."""


@dataclass(slots=True)
class Secret:
    """A secret's text, fetched when it is first needed and again every five minutes."""

    arn: str
    storage: Storage
    signer: Signer
    """For the service `secretsmanager` in the secret's region."""
    events: "Events"
    now: Callable[[], float]
    """Seconds since the epoch."""
    send: Send = send
    _text: str | None = field(default=None, repr=False)
    _until: float = 0.0
    _fetched: float = 0.0

    def text(self) -> str:
        """Return the text; while Secrets Manager does not answer, the last good one for at most an hour.

        Raises `Unavailable` without one, and `UnexpectedAnswer` where Secrets Manager refuses: a secret that was
        deleted, or may not be read any more, admits nobody from then on.
        """
        now = self.now()
        if self._text is not None and now < self._until:
            return self._text
        try:
            self._text, self._until, self._fetched = self._fetch(), now + FRESH_SECONDS, now
        except Unavailable as failure:
            if self._text is None or now >= self._fetched + KEPT_SECONDS:
                raise
            self._until = now + RETRY_SECONDS
            self.events.record("secret_not_refreshed", reason=str(failure))
        except UnexpectedAnswer:
            self._text = None
            raise
        return self._text

    def _fetch(self) -> str:
        # https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html
        url = service_url(self.storage, "secretsmanager")
        body = json.dumps({"SecretId": self.arn}).encode()
        headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "secretsmanager.GetSecretValue"}
        answer = self.send("POST", url, self.signer.headers("POST", url, headers, body), body)
        if answer.status == HTTPStatus.OK:
            text = json.loads(answer.body).get("SecretString")
            if isinstance(text, str):
                return text
            raise UnexpectedAnswer("The secret holds no text")
        if b"ThrottlingException" in answer.body:
            raise Unavailable("The secret cannot be read now, try again later")
        raise UnexpectedAnswer(f"The secret was answered with {answer.status}: {answer.body[:500]!r}")
