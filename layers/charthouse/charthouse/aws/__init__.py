"""The ports implemented on AWS: the only code that uses boto3, and the signer that replaces it for reads."""
