"""The password of Basic authentication, from Secrets Manager, by one signed request."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus

from charthouse.aws.http import Send, UnexpectedAnswer, send
from charthouse.aws.presign import Signer, service_url
from charthouse.errors import Unavailable
from charthouse.repository.ports import Events
from charthouse.settings import Storage

FRESH_SECONDS = 300
RETRY_SECONDS = 30
"""How long the last good value is used before a failed fetch is tried again."""


@dataclass(slots=True)
class Secret:
    """A secret's text, fetched when it is first needed and again every five minutes."""

    arn: str
    storage: Storage
    signer: Signer
    """For the service `secretsmanager` in the secret's region."""
    events: Events
    now: Callable[[], float]
    """Seconds since the epoch."""
    send: Send = send
    _text: str | None = field(default=None, repr=False)
    _until: float = 0.0

    def text(self) -> str:
        """Return the text; the last good one while Secrets Manager fails.

        Raises `Unavailable` or `UnexpectedAnswer` if there never was one.
        """
        now = self.now()
        if self._text is None:
            self._text, self._until = self._fetch(), now + FRESH_SECONDS
        elif now >= self._until:
            try:
                self._text, self._until = self._fetch(), now + FRESH_SECONDS
            except (Unavailable, UnexpectedAnswer) as failure:
                self._until = now + RETRY_SECONDS
                self.events.record("secret_not_refreshed", reason=str(failure))
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
