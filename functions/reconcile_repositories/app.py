"""The schedules: a sweep of what is unpublished every few minutes, and the daily reconciliation of everything."""

import time
from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from charthouse.repository.reconcile import Progress, reconcile
from charthouse.repository.sweep import sweep
from charthouse.settings import Settings
from charthouse.wiring import storing
from charthouse.wiring.reconciling import folders, go_on

settings = Settings.read()
store = storing.store(settings)

RESERVE = 90
"""Seconds kept for finishing what is under way and for handing on."""


def handler(event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Do the task the event names, `sweep` or `reconcile`; return what was found.

    A reconciliation that runs out of time hands on to another invocation of this function.
    """
    store.journal.begin(context.aws_request_id)
    until = time.time() + context.get_remaining_time_in_millis() / 1000 - RESERVE
    if event.get("task") == "sweep":
        oldest = sweep(store, until=until)
        store.journal.note("swept", oldest_seconds=oldest)
        return {"oldest_seconds": oldest}
    progress = reconcile(store, folders(settings), settings.paths, until=until, start=Progress.read(event))
    if not progress.done:
        go_on(settings, context.invoked_function_arn, {"task": "reconcile", **progress.event()})
    else:
        store.journal.note("reconciled", **progress.found.facts())
    return {"done": progress.done, **progress.found.facts()}
