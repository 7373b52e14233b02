"""Presigned URLs and signed requests without the SDK, whose import costs a cold read more than all its other work.

AWS Signature Version 4:

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html for headers,
https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html for presigned URLs.
"""

import hashlib
import hmac
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Literal
from urllib.parse import quote, unquote_plus

from charthouse.aws.http import Send, UnexpectedAnswer, send
from charthouse.aws.keys import copy_path, file_path, index_path, stored_key, view_path
from charthouse.helm.chart import possible_charts
from charthouse.settings import Credentials, Storage

ALGORITHM = "AWS4-HMAC-SHA256"

INDEX_SECONDS = 300
"""For how long the URL of an index is valid."""
FILE_SECONDS = 900
"""For how long the URL of a package or provenance file is valid."""

LISTED = "100"
"""Keys of a listing that is to find a package of a chart."""

type Method = Literal["GET", "HEAD"]
"""A URL is signed for one method."""

_SUFFIXES = {
    "cn-": "amazonaws.com.cn",
    "eusc-": "amazonaws.eu",
    "us-iso-": "c2s.ic.gov",
    "us-isob-": "sc2s.sgov.gov",
    "eu-isoe-": "cloud.adc-e.uk",
    "us-isof-": "csp.hci.ic.gov",
}
"""DNS suffix of each partition by the start of its regions' names; everywhere else `amazonaws.com`."""


@dataclass(frozen=True, slots=True)
class PresignedFiles:
    """URLs by which clients fetch indexes, packages and provenance files from S3 themselves."""

    storage: Storage
    signer: "Signer"
    """For the service `s3` in the bucket's region."""
    send: Send = send
    seen: set[str] = field(default_factory=set)
    """Paths of indexes and views this process has seen: they are replaced, never deleted."""

    def index_url(self, method: Method, repo: str, chart: str = "", *, compressed: bool = False) -> str | None:
        """Return the URL of the index, of its gzip copy, or of one chart's index; None for one that has none.

        A view that is missing (the index is older than views) is read from the whole index. One signed HEAD, which
        sees every finished write, until the object has been seen. Its absence is never remembered: it may come any
        moment. Raises `Unavailable`, and `UnexpectedAnswer` for a 403: without `s3:ListBucket` S3 answers so for a
        missing key, and guessing would hide the missing right.
        """
        if chart and self._exists(path := view_path(repo, chart)):
            return self._signed(method, path)
        if chart and not self._has_packages(repo, chart):
            return None
        paths = [copy_path(repo), index_path(repo)] if compressed else [index_path(repo)]
        return next((self._signed(method, path) for path in paths if self._exists(path)), None)

    def _signed(self, method: Method, path: str) -> str:
        return self.signer.presigned(method, object_url(self.storage, path), INDEX_SECONDS)

    def _exists(self, path: str) -> bool:
        if path not in self.seen:
            url = object_url(self.storage, path)
            answer = self.send("HEAD", url, self.signer.headers("HEAD", url, {}), b"")
            if answer.status == HTTPStatus.NOT_FOUND:
                return False
            if answer.status != HTTPStatus.OK:
                raise UnexpectedAnswer(f"HEAD of {path} was answered with {answer.status}")
            self.seen.add(path)
        return True

    def _has_packages(self, repo: str, chart: str) -> bool:
        """Return whether a package is stored whose name may be one of the chart's: at most two listings of a page."""
        # Versions begin with a digit, which comes right after the slash; or with a v.
        start = stored_key(self.storage, file_path(repo, f"{chart}-"))
        url = object_url(self.storage, "").removesuffix(f"{self.storage.prefix}/")
        for query in ({"prefix": start, "start-after": f"{start}/"}, {"prefix": f"{start}v"}):
            request = {"list-type": "2", "encoding-type": "url", "max-keys": LISTED, **query}
            answer = self.send("GET", self.signer.presigned("GET", url, INDEX_SECONDS, request), {}, b"")
            if answer.status != HTTPStatus.OK:
                raise UnexpectedAnswer(f"a listing of {repo!r} was answered with {answer.status}")
            keys = (unquote_plus(key) for key in re.findall("<Key>([^<]*)</Key>", answer.body.decode()))
            files = [key.rpartition("/")[2] for key in keys if key.endswith(".tgz")]
            if any(chart in possible_charts(file) for file in files):
                return True
        return False

    def file_url(self, method: Method, repo: str, file: str) -> str:
        """Return the URL of a package or provenance file. It is not looked for: a missing one is S3's 404."""
        return self.signer.presigned(method, object_url(self.storage, file_path(repo, file)), FILE_SECONDS)


def service_url(storage: Storage, service: str) -> str:
    """Return the URL of a service's root in the storage's region, with a slash at its end."""
    return f"{storage.endpoint or f'https://{service}.{storage.region}.{_suffix(storage.region)}'}/"


def object_url(storage: Storage, path: str) -> str:
    """Return the URL of the object at this path below the storage prefix, percent-encoded.

    The host is the bucket's regional one: the global one redirects until a new bucket's name has spread, which breaks
    the signature. A bucket with a dot in its name fits no TLS certificate, and an emulator has no name per bucket: both
    get the path style.
    """
    key = quote(stored_key(storage, path), safe="/")
    if storage.endpoint or "." in storage.bucket:
        return f"{service_url(storage, 's3')}{storage.bucket}/{key}"
    return f"https://{storage.bucket}.s3.{storage.region}.{_suffix(storage.region)}/{key}"


def _suffix(region: str) -> str:
    return next((suffix for start, suffix in _SUFFIXES.items() if region.startswith(start)), "amazonaws.com")


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs requests to one service of one region. URLs are `scheme://host/path`: path percent-encoded, no query."""

    service: str
    region: str
    credentials: Callable[[], Credentials]
    """Called for every signature, because credentials rotate."""
    now: Callable[[], float] = time.time
    """Seconds since the epoch."""

    def presigned(self, method: str, url: str, expires: int, query: Mapping[str, str] | None = None) -> str:
        """Return the URL by which everyone may make this request for `expires` seconds (at most 604,800).

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

        The path is signed unchanged, as S3 expects; other services expect it encoded twice, which is the same for `/`.
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
