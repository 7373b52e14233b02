"""AWS Signature Version 4 without the SDK, whose import costs a cold read more than everything else it does.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html for headers,
https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html for presigned URLs.
"""

import hashlib
import hmac
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import quote

from charthouse.settings import Credentials

ALGORITHM = "AWS4-HMAC-SHA256"


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs requests to one service of one region. URLs are `scheme://host/path`: path percent-encoded, no query."""

    service: str
    region: str
    credentials: Callable[[], Credentials]
    """Asked for every signature, for credentials rotate."""
    now: Callable[[], float] = time.time
    """Seconds since the epoch."""

    def presigned(self, method: str, url: str, expires: int, query: Mapping[str, str] | None = None) -> str:
        """Return the URL by which anybody may make this request for `expires` seconds (at most 604,800).

        With a session's credentials it ends when the session does, if that is sooner. `query` holds S3's overrides
        (`response-content-type` and the like), which are signed too.
        """
        credentials, stamp = self.credentials(), self._stamp()
        _scheme, host, path = _parts(url)
        authorization = {
            "X-Amz-Algorithm": ALGORITHM,
            "X-Amz-Credential": f"{credentials.access_key}/{self._scope(stamp)}",
            "X-Amz-Date": stamp,
            "X-Amz-Expires": str(expires),
            "X-Amz-SignedHeaders": "host",
        }
        if credentials.token:
            authorization["X-Amz-Security-Token"] = credentials.token
        pairs = [f"{_encoded(name)}={_encoded(value)}" for name, value in {**(query or {}), **authorization}.items()]
        canonical = "\n".join([method, path, "&".join(sorted(pairs)), f"host:{host}", "", "host", "UNSIGNED-PAYLOAD"])
        signature = self._signature(credentials, stamp, canonical)
        return f"{url}?{'&'.join(pairs)}&X-Amz-Signature={signature}"

    def headers(self, method: str, url: str, headers: Mapping[str, str], body: bytes = b"") -> dict[str, str]:
        """Return the headers of this request with those that sign it (all of `headers` are signed).

        The path is signed as it is, as S3 wants it; other services want it encoded twice, which is the same for `/`.
        """
        credentials, stamp = self.credentials(), self._stamp()
        _scheme, host, path = _parts(url)
        digest = hashlib.sha256(body).hexdigest()
        sent = {**headers, "X-Amz-Date": stamp}
        if credentials.token:
            sent["X-Amz-Security-Token"] = credentials.token
        if self.service == "s3":
            sent["X-Amz-Content-SHA256"] = digest
        signed = {"host": host, **{name.lower(): " ".join(value.split()) for name, value in sent.items()}}
        names = ";".join(sorted(signed))
        lines = [f"{name}:{signed[name]}" for name in sorted(signed)]
        canonical = "\n".join([method, path, "", *lines, "", names, digest])
        signature = self._signature(credentials, stamp, canonical)
        claim = f"Credential={credentials.access_key}/{self._scope(stamp)}"
        sent["Authorization"] = f"{ALGORITHM} {claim}, SignedHeaders={names}, Signature={signature}"
        return sent

    def _stamp(self) -> str:
        return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(self.now()))

    def _scope(self, stamp: str) -> str:
        return f"{stamp[:8]}/{self.region}/{self.service}/aws4_request"

    def _signature(self, credentials: Credentials, stamp: str, canonical: str) -> str:
        digest = hashlib.sha256(canonical.encode()).hexdigest()
        key = f"AWS4{credentials.secret_key}".encode()
        for part in self._scope(stamp).split("/"):
            key = hmac.digest(key, part.encode(), "sha256")
        message = "\n".join([ALGORITHM, stamp, self._scope(stamp), digest])
        return hmac.digest(key, message.encode(), "sha256").hex()


def _parts(url: str) -> tuple[str, str, str]:
    """Split a URL without query; the port counts as part of the host, as in the header."""
    scheme, _, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    return scheme, host, slash + path


def _encoded(text: str) -> str:
    return quote(text, safe="")
