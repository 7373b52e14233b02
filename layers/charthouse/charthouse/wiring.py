"""The composition root: what each function is made of.

What not every function needs is imported where it is: the read function starts without the SDK, the index and OCI.
"""

import json
import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from charthouse.access.authorizer import Authorizer, Sources
from charthouse.aws.presign import PresignedFiles, Signer
from charthouse.aws.secrets import Secret
from charthouse.settings import Settings, credentials

if TYPE_CHECKING:
    from charthouse.aws.registry import SignedArtifacts
    from charthouse.registry.lookup import Lookup
    from charthouse.registry.ports import ArtifactStore, Place
    from charthouse.repository.ports import Events
    from charthouse.repository.repository import Ports

READING_SECONDS, READING_MEMORY = 8, 256 * 1024 * 1024
"""For one package, far below the functions' own: at least 25 s and 1,024 MB."""

THREADS = 4
"""Files synced at once: each waits for AWS most of the time, and may hold a package of 100 MiB."""


def authorizer(settings: Settings, events: "Events", *, registry: bool = False) -> Authorizer:
    """Return the authorizer; nothing is fetched before a request needs it.

    With `registry` it also issues and accepts tokens for the OCI routes, for which the function needs rights on the
    table.
    """
    storage, region = settings.storage, settings.storage.region
    secret = Secret(
        settings.access.basic_secret, storage, Signer("secretsmanager", region, credentials), events, time.time
    )
    sources = Sources(lambda: secret.text().encode(), note=lambda why: events.record("access_key_unusable", reason=why))
    if settings.access.policy:
        sources = _with_policy(sources, settings, events)
    if registry:
        sources = _with_tokens(sources, settings)
    return Authorizer(settings.access, sources, time.time, dynamic=settings.paths.depth_dynamic)


def _with_policy(sources: Sources, settings: Settings, events: "Events") -> Sources:
    # Only deployments with a policy pay for the imports.
    from charthouse.access.issuers import IssuerKeys  # noqa: PLC0415
    from charthouse.access.policies import CurrentPolicy  # noqa: PLC0415
    from charthouse.aws.access import S3Policy  # noqa: PLC0415
    from charthouse.aws.http import fetch  # noqa: PLC0415

    document = S3Policy(settings.storage, Signer("s3", settings.storage.region, credentials))

    def failed(reason: str) -> None:
        events.record("access_policy_not_refreshed", reason=reason, policy_failures=1)

    def not_fetched(reason: str) -> None:
        events.record("issuer_keys_not_fetched", reason=reason)

    policy = CurrentPolicy(document.read, time.time, failed)
    return replace(sources, policy=policy, issuers=IssuerKeys(fetch, time.time, not_fetched))


def _with_tokens(sources: Sources, settings: Settings) -> Sources:
    from charthouse.access.registry import RegistryTokens  # noqa: PLC0415
    from charthouse.aws.access import DynamoTokens  # noqa: PLC0415

    tokens = DynamoTokens(settings.storage, Signer("dynamodb", settings.storage.region, credentials))
    return replace(sources, registry=RegistryTokens(tokens, time.time))


def presigned_files(settings: Settings) -> PresignedFiles:
    """Return the URLs of indexes and files, without the SDK."""
    return PresignedFiles(settings.storage, Signer("s3", settings.storage.region, credentials))


def ports(settings: Settings, events: "Events") -> "Ports":
    """Return the ports of every repository, on S3 and DynamoDB."""
    from charthouse.aws.clients import dynamodb_client, s3_client  # noqa: PLC0415
    from charthouse.aws.dynamodb import DynamoCatalog  # noqa: PLC0415
    from charthouse.aws.s3 import S3IndexStore, S3PackageStore  # noqa: PLC0415
    from charthouse.helm.reading import Reader  # noqa: PLC0415
    from charthouse.repository.repository import Ports, readable_size  # noqa: PLC0415
    from charthouse.sandbox import Limits, Sandbox  # noqa: PLC0415

    s3 = s3_client(settings.storage)
    return Ports(
        packages=S3PackageStore(s3, settings.storage),
        indexes=S3IndexStore(s3, settings.storage, readable_size(settings.rules.max_index_size), map=map_in_threads),
        catalog=DynamoCatalog(dynamodb_client(settings.storage), settings.storage.table),
        clock=SystemClock(),
        events=events,
        layout=settings.layout,
        map=map_in_threads,
        max_index_size=settings.rules.max_index_size,
        reader=Reader(Sandbox("charthouse.helm.reading", Limits(READING_SECONDS, READING_MEMORY)).call),
    )


def lookup(settings: Settings) -> "Callable[[Place], Lookup]":
    """Return how a place of the registry is read, without the SDK."""
    from charthouse.aws.registry import SignedCatalog, SignedIndexes  # noqa: PLC0415
    from charthouse.registry.lookup import Lookup  # noqa: PLC0415

    artifacts = registry_urls(settings)
    catalog = SignedCatalog(settings.storage, Signer("dynamodb", settings.storage.region, credentials))
    indexes = SignedIndexes(settings.storage, settings.layout, Signer("s3", settings.storage.region, credentials))
    return lambda place: Lookup(place, artifacts, catalog, indexes.of_chart, time.time)


def registry_urls(settings: Settings) -> "SignedArtifacts":
    """Return the URLs of blobs, without the SDK."""
    from charthouse.aws.registry import SignedArtifacts  # noqa: PLC0415

    return SignedArtifacts(settings.storage, Signer("s3", settings.storage.region, credentials))


def artifacts(settings: Settings) -> "ArtifactStore":
    """Return the objects of the registry, on S3."""
    from charthouse.aws.artifacts import S3Artifacts  # noqa: PLC0415
    from charthouse.aws.clients import s3_client  # noqa: PLC0415

    return S3Artifacts(s3_client(settings.storage), settings.storage)


def offer(settings: Settings) -> Callable[[str, bytes, str], str]:
    """Return how a response too large for a Lambda is stored: name, body and content type to a URL."""
    from charthouse.aws.clients import s3_client  # noqa: PLC0415
    from charthouse.aws.s3 import S3Answers  # noqa: PLC0415

    return S3Answers(s3_client(settings.storage), settings.storage).offer


def invoke_again(settings: Settings, function: str, event: Mapping[str, Any]) -> None:
    """Invoke a function asynchronously with this event; returns at once."""
    from charthouse.aws.clients import lambda_client  # noqa: PLC0415

    payload = json.dumps(event).encode()
    lambda_client(settings.storage).invoke(FunctionName=function, InvocationType="Event", Payload=payload)


@dataclass(frozen=True, slots=True)
class SystemClock:
    """Implements `Clock` with the system's time and randomness."""

    def now(self) -> float:
        """Return seconds since the epoch."""
        return time.time()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)

    def token(self) -> str:
        """Return 32 random hex digits."""
        return secrets.token_hex(16)

    def jitter(self) -> float:
        """Return a random number from 0 to 1."""
        return secrets.randbits(32) / 2**32


def map_in_threads[Item, Result](step: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """Implement `Map` with `THREADS` threads; a single item needs none."""
    todo = list(items)
    if len(todo) <= 1:
        return [step(item) for item in todo]
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415

    with ThreadPoolExecutor(THREADS) as threads:
        return list(threads.map(step, todo))
