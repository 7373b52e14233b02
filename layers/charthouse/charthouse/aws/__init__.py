"""The ports kept on AWS; the only place that knows boto3 and the signer that replaces it on reads."""
