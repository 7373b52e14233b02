"""Messages about changed objects: S3's own notifications and EventBridge's, as they arrive through a queue.

A message is a hint, never a fact: it may come twice, late, or in another order. Only its keys are used.
"""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote_plus

from charthouse.aws.keys import plain_path
from charthouse.settings import Storage


def read_messages(bodies: Mapping[str, str], storage: Storage) -> tuple[dict[str, list[str]], list[str]]:
    """Return the paths each message (id → body) names, and the ids of the messages that cannot be read.

    A path is a key without the storage prefix; keys that have another are left out.
    """
    paths: dict[str, list[str]] = {}
    unreadable: list[str] = []
    for message, body in bodies.items():
        try:
            found = keys(body)
        except ValueError:
            unreadable.append(message)
        else:
            paths[message] = [path for key in found if (path := plain_path(storage, key)) is not None]
    return paths, unreadable


def keys(body: str) -> list[str]:
    """Return the keys a message names, as they are in the bucket, in order and without duplicates.

    `s3:TestEvent`, the first message after a notification is configured, names none. Raises `ValueError` for a message
    that is neither of the two shapes, so that it ends in the dead-letter queue.
    """
    try:
        return list(dict.fromkeys(_keys(json.loads(body))))
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError("The message names no object") from error


def _keys(message: Any) -> list[str]:
    if message.get("Event") == "s3:TestEvent":
        return []
    if message.get("source") == "aws.s3":
        # https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html: this key is not URL-encoded.
        return [_text(message["detail"]["object"]["key"])]
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html: form-urlencoded.
    return [unquote_plus(_text(record["s3"]["object"]["key"])) for record in message["Records"]]


def _text(key: Any) -> str:
    if not isinstance(key, str):
        raise TypeError("A key is a string")
    return key
