"""Messages about objects that were created or removed: syncs their rows and publishes their indexes."""

import time
from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools.utilities.data_classes import SQSEvent
from aws_lambda_powertools.utilities.typing import LambdaContext
from charthouse import wiring
from charthouse.aws.events import read_messages
from charthouse.repository.maintenance import handle_object_events
from charthouse.settings import Settings
from charthouse.telemetry import powertools_telemetry

settings = Settings.read()
telemetry = powertools_telemetry(settings.site)
ports = wiring.ports(settings, telemetry)

SECONDS = 100
"""Of the function's 120: what is not done by then is delivered again."""


def handler(event: Mapping[str, Any], context: LambdaContext) -> dict[str, list[dict[str, str]]]:
    """Return the messages that failed, so that only those are delivered again."""
    telemetry.bind(context.aws_request_id)
    records = list(SQSEvent(dict(event)).records)
    messages, unreadable = read_messages({record.message_id: record.body for record in records}, settings.storage)
    again = any(int((record.get("attributes") or {}).get("ApproximateReceiveCount", 1)) > 1 for record in records)
    failed = handle_object_events(ports, settings.paths, messages, deadline=time.time() + SECONDS, again=again)
    return {"batchItemFailures": [{"itemIdentifier": message} for message in [*unreadable, *failed]]}
