"""The access policy and the issued tokens without the SDK, on everything that answers over HTTP."""

from dataclasses import replace

import pytest
from charthouse.access.policies import Document
from charthouse.aws.access import DynamoTokens, S3Policy
from charthouse.aws.presign import Signer
from charthouse.errors import InvalidPolicy

from tests.contract.clouds import Cloud

DIGEST = "5f" * 32


def test_a_policy_is_fetched_when_it_has_changed_and_not_otherwise(served: Cloud) -> None:
    """See https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-reads.html."""
    policy, storage = a_policy(served, "policed")
    with pytest.raises(InvalidPolicy, match="there is no"):
        policy.read("")

    found: list[Document] = []
    for body in (b"{}", b'{"users": {}}'):
        served.s3.put_object(Bucket=storage, Key="policed/.charthouse/access.json", Body=body)
        known = found[-1].etag if found else ""
        document = policy.read(known)
        assert isinstance(document, Document)
        found.append(document)

    assert [document.body for document in found] == [b"{}", b'{"users": {}}']
    assert found[0].etag != found[1].etag
    assert policy.read(found[1].etag) is None


def test_a_token_is_found_as_soon_as_it_is_stored(keeping_secrets: Cloud) -> None:
    """A strongly consistent read, see https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_GetItem.html."""
    storage = keeping_secrets.storages[True]
    tokens = DynamoTokens(storage, Signer("dynamodb", storage.region, lambda: keeping_secrets.credentials))
    key = {"repo": {"S": f"#token/{DIGEST}"}, "file": {"S": "token"}}
    try:
        assert tokens.get(DIGEST) is None

        tokens.put(DIGEST, '{"a": "\u00fc"}', 4_000_000_000)

        assert tokens.get(DIGEST) == '{"a": "\u00fc"}'
        # What the table's time to live looks at.
        item = keeping_secrets.dynamodb.get_item(TableName=storage.table, Key=key)["Item"]
        assert item["expires"] == {"N": "4000000000"}
    finally:
        keeping_secrets.dynamodb.delete_item(TableName=storage.table, Key=key)


def a_policy(served: Cloud, prefix: str) -> tuple[S3Policy, str]:
    storage = replace(served.storages[True], prefix=prefix)
    return S3Policy(storage, Signer("s3", storage.region, lambda: served.credentials)), storage.bucket
