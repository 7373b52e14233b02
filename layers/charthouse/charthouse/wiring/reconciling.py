"""What the reconcile function has besides the store: the walk through the bucket's folders, and its own successor."""

import json
from collections.abc import Mapping
from typing import Any

import boto3

from charthouse.aws.clients import s3_client
from charthouse.aws.folders import S3Folders
from charthouse.ports import Folders
from charthouse.settings import Settings


def folders(settings: Settings) -> Folders:
    """Return the walk through the bucket's folders."""
    return S3Folders(s3_client(settings.storage), settings.storage)


def go_on(settings: Settings, function: str, event: Mapping[str, Any]) -> None:
    """Start the function again with what is left to do; returns at once."""
    storage = settings.storage
    client = boto3.client("lambda", region_name=storage.region or None, endpoint_url=storage.endpoint or None)
    client.invoke(FunctionName=function, InvocationType="Event", Payload=json.dumps(event).encode())
