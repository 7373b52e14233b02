"""The stacks that the options are tried on. Options that do not affect each other share one."""

from collections.abc import Mapping

ORIGIN = "https://ui.example.com"
ROOT_ID = "7a8b3f8e-4a0c-4d34-9d27-3f0a1c2b4d5e"
TEAM_ID = "0c1d2e3f-1111-4222-8333-444455556666"

TENANTS: Mapping[str, str | int | bool] = {
    "DepthDynamic": True,
    "BearerAuth": True,
    "AuthRealm": "https://tokens.example.com/auth",
    "AuthService": "charts.example.com",
    "BasicAuthUser": "robot",
    "BasicAuthPass": 'pa$$ "word" ü, long',
    "EnableMetrics": True,
    "LogHealth": True,
    "CorsAllowOrigin": ORIGIN,
    "ArtifactHubRepoId": f"{ROOT_ID},teams/charts={TEAM_ID}",
}
"""Repositories of any depth, private, for tokens and for one user; pages of one origin may read them."""

MAX_UPLOAD = 20_000
MAX_OBJECTS = 5
MAX_INDEX = 1_000_000

LIMITS: Mapping[str, str | int | bool] = {
    "Depth": 1,
    "AllowAnonymousPush": True,
    "AllowOverwrite": True,
    "DisableDelete": True,
    "DisableOci": True,
    "MaxUploadSize": MAX_UPLOAD,
    "MaxStorageObjects": MAX_OBJECTS,
    "PerChartLimit": 2,
    "ChartPostFormFieldName": "package",
    "ProvPostFormFieldName": "signature",
    "EnableMetrics": True,
    "LogLevel": "ERROR",
}
"""Anonymous reads and writes, and small limits."""

CONTEXT = "/charts"
PREFIX = "team/charts"

BASED: Mapping[str, str | int | bool] = {
    # The segment that stands before every package, too.
    "ContextPath": CONTEXT,
    "StorageAmazonPrefix": PREFIX,
    "StorageAmazonSse": "AES256",
    "DisableForceOverwrite": True,
    "BearerAuth": True,
    "BasicAuthUser": "robot",
    "BasicAuthPass": "0123456789abcdef",
    "AuthAnonymousGet": True,
    "AllowTokensWithoutExpiry": True,
    "AuthActionsSearchPath": "scopes[?name=='$NAMESPACE' && type=='$ACCESS_ENTRY_TYPE'].actions[]",
}
"""Below a base path, in a corner of its bucket, with tokens that are not ChartMuseum's."""

DOMAIN = "charts.example.com"

OPERATED: Mapping[str, str | int | bool] = {
    "DomainName": DOMAIN,
    "TruststoreUri": "s3://truststore/authorities.pem",
    "TruststoreVersion": "3LgO1xkMyVersion",
    "DisableApi": True,
    "RequireTls": True,
    "AccessLogs": True,
    "AlarmEmail": "on-call@example.com",
    "LogRetention": 7,
    "KeepOldVersionsDays": 30,
    "LogLevel": "WARNING",
}
"""A domain with mutual TLS, alarms, logs; read only."""

ADOPTED: Mapping[str, str | int | bool] = {
    "StorageAmazonPrefix": "museum",
    "StorageAmazonSse": "aws:kms",
    "Depth": 1,
    "MaxIndexSize": MAX_INDEX,
}
"""An existing bucket."""

POLICED: Mapping[str, str | int | bool] = {"AccessPolicy": True, "Depth": 1}
"""With an access policy."""

ALL = (TENANTS, LIMITS, BASED, OPERATED, ADOPTED, POLICED)

MADE_FIRST = frozenset(
    {
        "CertificateArn",
        "OwnershipVerificationCertificateArn",
        "HostedZoneId",
        "AlarmTopic",
        "BucketName",
        "KmsKeyArn",
        "FormerKmsKeyArn",
    }
)
"""Options that name what has to be there before the stack; the fixtures make it."""
