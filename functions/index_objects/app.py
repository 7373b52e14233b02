"""Messages about objects that were put, overwritten or removed: settles their rows and publishes their indexes."""

import time
from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools.utilities.data_classes import SQSEvent
from aws_lambda_powertools.utilities.typing import LambdaContext
from charthouse.aws.notifications import read_messages
from charthouse.repository.events import absorb
from charthouse.settings import Settings
from charthouse.wiring import storing

settings = Settings.read()
store = storing.store(settings)

SECONDS = 100
"""Of the function's 120: what is not done by then comes again."""


def handler(event: Mapping[str, Any], context: LambdaContext) -> dict[str, list[dict[str, str]]]:
    """Return the messages that failed, alone to be delivered again."""
    store.journal.begin(context.aws_request_id)
    records = {record.message_id: record.body for record in SQSEvent(dict(event)).records}
    messages, unreadable = read_messages(records, settings.storage)
    failed = absorb(store, settings.paths, messages, until=time.time() + SECONDS)
    return {"batchItemFailures": [{"itemIdentifier": message} for message in [*unreadable, *failed]]}
