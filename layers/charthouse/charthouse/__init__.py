"""charthouse: a Helm chart repository in an S3 bucket, a DynamoDB table and a few Lambda functions."""

__version__ = "0.1.0"
"""The same as in `pyproject.toml`; written here because a Lambda layer holds files, not an installed distribution."""
