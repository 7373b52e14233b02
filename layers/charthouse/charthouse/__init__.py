"""charthouse: a Helm chart repository in an S3 bucket, a DynamoDB table and a few Lambda functions."""
