"""Where AWS's services answer, or the emulator that stands in for all of them."""

from urllib.parse import quote

from charthouse.aws.keys import stored_key
from charthouse.settings import Storage

_SUFFIXES = {"cn-": "amazonaws.com.cn", "us-iso-": "c2s.ic.gov", "us-isob-": "sc2s.sgov.gov"}
"""DNS suffix by the start of a region's name; everywhere else `amazonaws.com`."""


def service_url(storage: Storage, service: str) -> str:
    """Return the URL of a service's root in the storage's region, with a slash at its end."""
    return f"{storage.endpoint or f'https://{service}.{storage.region}.{_suffix(storage.region)}'}/"


def object_url(storage: Storage, key: str) -> str:
    """Return the URL of the object under this key (the storage prefix is put before it), percent-encoded.

    The host is the bucket's regional one: the global one redirects until a new bucket's name has spread, and a
    signature does not survive that. A bucket with a dot in its name fits no TLS certificate, an emulator has no name
    per bucket: both get the path style.
    """
    path = quote(stored_key(storage, key), safe="/")
    if storage.endpoint or "." in storage.bucket:
        return f"{service_url(storage, 's3')}{storage.bucket}/{path}"
    return f"https://{storage.bucket}.s3.{storage.region}.{_suffix(storage.region)}/{path}"


def _suffix(region: str) -> str:
    return next((suffix for start, suffix in _SUFFIXES.items() if region.startswith(start)), "amazonaws.com")
