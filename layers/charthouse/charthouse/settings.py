"""The environment, read once: every option of a deployment, checked and typed.

The template writes one variable per option, named `CHARTHOUSE_<OPTION>` after the parameter (`ChartUrl` →
`CHARTHOUSE_CHART_URL`); an empty or missing variable is the default.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

MAX_UPLOAD_SIZE = 4_500_000
"""Bytes of a body that fit Lambda's request event (6,291,556 bytes) in base64, with room for 10 KB of headers."""

MAX_INDEX_SIZE = 170_000_000
"""Bytes of an index of which three copies leave half the memory of the smallest function that reads it (1,024 MiB)."""

MAX_ANSWER = 4_500_000
"""Bytes of a body that fit Lambda's response event (6 MB) in base64."""


@dataclass(frozen=True, slots=True)
class Storage:
    """Where objects and rows are."""

    bucket: str = ""
    table: str = ""
    region: str = ""
    prefix: str = ""
    """Key prefix of everything in the bucket, without slashes at its ends; empty: none."""
    sse: str = ""
    """`AES256`, `aws:kms`, or empty for the bucket's own default."""
    kms_key: str = ""
    """ARN of the key for `aws:kms`; empty: the account's default key."""
    endpoint: str = ""
    """Another endpoint for every AWS service (`AWS_ENDPOINT_URL`), as a local emulator needs."""


@dataclass(frozen=True, slots=True)
class Paths:
    """How a path splits into repository and route."""

    depth: int = 0
    depth_dynamic: bool = False
    context_path: str = ""
    """Empty, or `/` and one or more segments, without a slash at its end."""


@dataclass(frozen=True, slots=True)
class Layout:
    """What the published index says besides its entries."""

    chart_url: str = ""
    """Absolute URL base of the packages, without a slash at its end; empty: relative URLs."""
    context_path: str = ""


@dataclass(frozen=True, slots=True)
class Rules:
    """What may be written."""

    allow_overwrite: bool = False
    disable_force_overwrite: bool = False
    disable_api: bool = False
    disable_oci: bool = False
    disable_delete: bool = False
    max_upload_size: int = MAX_UPLOAD_SIZE
    """Bytes of a request body, inclusive."""
    max_storage_objects: int = 0
    max_index_size: int = MAX_INDEX_SIZE
    """Bytes of a repository's index, inclusive."""
    per_chart_limit: int = 0
    chart_field: str = "chart"
    prov_field: str = "prov"


@dataclass(frozen=True, slots=True)
class Access:
    """Who may do what."""

    bearer_auth: bool = False
    realm: str = ""
    service: str = ""
    public_key: str = ""
    """PEM, or base64 DER on one line."""
    actions_search_path: str = ""
    basic_user: str = ""
    basic_secret: str = ""
    """ARN of the Secrets Manager secret that holds the password; empty: Basic is off."""
    anonymous_get: bool = False
    anonymous_push: bool = False
    policy: bool = False
    """Whether `.charthouse/access.json` says who may do what, too."""
    unlimited_tokens: bool = False
    """Whether a token may live longer than a day, or have no `exp`."""


@dataclass(frozen=True, slots=True)
class Site:
    """The rest of what HTTP shows."""

    cors_allow_origin: str = ""
    artifact_hub_repo_ids: Mapping[str, str] = field(default_factory=dict)
    """Repository name → Artifact Hub repositoryID."""
    enable_metrics: bool = False
    alarms: bool = False
    """Whether the deployment has alarms, which read metrics of the schedules."""
    log_health: bool = False
    log_level: str = "INFO"
    service: str = "charthouse"
    """The stack's name, which tells its metrics from another stack's."""


@dataclass(frozen=True, slots=True)
class Settings:
    """All options of a deployment."""

    storage: Storage = field(default_factory=Storage)
    paths: Paths = field(default_factory=Paths)
    layout: Layout = field(default_factory=Layout)
    rules: Rules = field(default_factory=Rules)
    access: Access = field(default_factory=Access)
    site: Site = field(default_factory=Site)

    @classmethod
    def read(cls, environ: Mapping[str, str] | None = None) -> Self:
        """Read the process's environment; raises `ValueError` naming the variable that makes no sense."""
        env = _Environment(os.environ if environ is None else environ)
        context_path = env.path("CONTEXT_PATH")
        return cls(
            storage=Storage(
                bucket=env.text("BUCKET"),
                table=env.text("TABLE"),
                region=env.environ.get("AWS_REGION", ""),
                prefix=env.text("STORAGE_AMAZON_PREFIX").strip("/"),
                sse=env.text("STORAGE_AMAZON_SSE"),
                kms_key=env.text("KMS_KEY_ARN"),
                endpoint=env.environ.get("AWS_ENDPOINT_URL", "").rstrip("/"),
            ),
            paths=Paths(env.number("DEPTH", 0), env.flag("DEPTH_DYNAMIC"), context_path),
            layout=Layout(env.text("CHART_URL").rstrip("/"), context_path),
            rules=Rules(
                allow_overwrite=env.flag("ALLOW_OVERWRITE"),
                disable_force_overwrite=env.flag("DISABLE_FORCE_OVERWRITE"),
                disable_api=env.flag("DISABLE_API"),
                disable_oci=env.flag("DISABLE_OCI"),
                disable_delete=env.flag("DISABLE_DELETE"),
                max_upload_size=env.number("MAX_UPLOAD_SIZE", MAX_UPLOAD_SIZE),
                max_storage_objects=env.number("MAX_STORAGE_OBJECTS", 0),
                max_index_size=env.number("MAX_INDEX_SIZE", MAX_INDEX_SIZE),
                per_chart_limit=env.number("PER_CHART_LIMIT", 0),
                chart_field=env.text("CHART_POST_FORM_FIELD_NAME") or "chart",
                prov_field=env.text("PROV_POST_FORM_FIELD_NAME") or "prov",
            ),
            access=Access(
                bearer_auth=env.flag("BEARER_AUTH"),
                realm=env.text("AUTH_REALM"),
                service=env.text("AUTH_SERVICE"),
                public_key=env.text("AUTH_PUBLIC_KEY"),
                actions_search_path=env.text("AUTH_ACTIONS_SEARCH_PATH"),
                basic_user=env.text("BASIC_AUTH_USER"),
                basic_secret=env.text("BASIC_AUTH_SECRET"),
                anonymous_get=env.flag("AUTH_ANONYMOUS_GET"),
                anonymous_push=env.flag("ALLOW_ANONYMOUS_PUSH"),
                policy=env.flag("ACCESS_POLICY"),
                unlimited_tokens=env.flag("ALLOW_TOKENS_WITHOUT_EXPIRY"),
            ),
            site=Site(
                cors_allow_origin=env.text("CORS_ALLOW_ORIGIN"),
                artifact_hub_repo_ids=env.pairs("ARTIFACT_HUB_REPO_ID"),
                enable_metrics=env.flag("ENABLE_METRICS"),
                alarms=env.flag("ALARMS"),
                log_health=env.flag("LOG_HEALTH"),
                log_level=env.text("LOG_LEVEL") or "INFO",
                service=env.environ.get("POWERTOOLS_SERVICE_NAME") or "charthouse",
            ),
        )


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a request to AWS is signed with; never shown in a repr."""

    access_key: str
    secret_key: str = field(repr=False)
    token: str = field(default="", repr=False)
    """The session's token; empty for a user's own long-lived key."""


def credentials(environ: Mapping[str, str] | None = None) -> Credentials:
    """Read the function's credentials, each time anew: a session ends, and a process may outlive it.

    Raises `KeyError` naming the variable that Lambda should have set.
    """
    env = os.environ if environ is None else environ
    return Credentials(
        env["AWS_ACCESS_KEY_ID"],
        env["AWS_SECRET_ACCESS_KEY"],
        env.get("AWS_SESSION_TOKEN", ""),
    )


@dataclass(frozen=True, slots=True)
class _Environment:
    environ: Mapping[str, str]

    def text(self, option: str) -> str:
        return self.environ.get(f"CHARTHOUSE_{option}", "").strip()

    def flag(self, option: str) -> bool:
        value = self.text(option).lower()
        if value not in {"", "true", "false"}:
            raise ValueError(f"CHARTHOUSE_{option} must be true or false, not {value!r}")
        return value == "true"

    def number(self, option: str, default: int) -> int:
        value = self.text(option)
        if not value:
            return default
        if not value.isascii() or not value.isdigit():
            raise ValueError(f"CHARTHOUSE_{option} must be a whole number, not {value!r}")
        return int(value)

    def path(self, option: str) -> str:
        segments = [segment for segment in self.text(option).split("/") if segment]
        return "".join(f"/{segment}" for segment in segments)

    def pairs(self, option: str) -> dict[str, str]:
        """Read `id` (for the repository without a name) and `repo=id` pairs, separated by commas."""
        found: dict[str, str] = {}
        for item in self.text(option).split(","):
            name, equals, value = item.strip().rpartition("=")
            if value:
                found[name.strip("/") if equals else ""] = value
        return found
