"""charthouse: a Helm chart repository in an S3 bucket, a DynamoDB table and a few Lambda functions."""

__version__ = "0.1.0"
