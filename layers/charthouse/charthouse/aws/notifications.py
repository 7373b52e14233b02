"""Messages that tell of objects: S3's own notifications and EventBridge's, as they arrive through a queue.

A message is a hint, never a fact: it may come twice, late, or in another order. Only its keys are used.
"""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote_plus

from charthouse.aws.keys import plain_key
from charthouse.settings import Storage


def read_messages(bodies: Mapping[str, str], storage: Storage) -> tuple[dict[str, list[str]], list[str]]:
    """Return the keys each message (id → body) is about, without the storage prefix, and the unreadable messages' ids.

    Keys outside the storage prefix are none of ours.
    """
    told: dict[str, list[str]] = {}
    unreadable: list[str] = []
    for message, body in bodies.items():
        try:
            stored = keys(body)
        except ValueError:
            unreadable.append(message)
        else:
            told[message] = [key for one in stored if (key := plain_key(storage, one)) is not None]
    return told, unreadable


def keys(body: str) -> list[str]:
    """Return the keys a message is about, as they are in the bucket, in order and without doubles.

    `s3:TestEvent`, the first message after a notification is configured, is about none. Raises `ValueError` for a
    message that is neither of the two shapes, so that it ends in the dead-letter queue.
    """
    try:
        return list(dict.fromkeys(_keys(json.loads(body))))
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError("The message tells of no object") from error


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
