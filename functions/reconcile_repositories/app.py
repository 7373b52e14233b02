"""The schedules: a sweep of what is unpublished every few minutes, and the daily reconciliation of everything."""

import time
from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from charthouse import wiring
from charthouse.registry.collect import collect_all
from charthouse.repository.maintenance import Progress, publish_pending, reconcile
from charthouse.settings import Settings
from charthouse.telemetry import powertools_telemetry

settings = Settings.read()
telemetry = powertools_telemetry(settings.site)
ports = wiring.ports(settings, telemetry)
store = wiring.artifacts(settings)

RESERVE = 90
"""Seconds kept for finishing what is under way and for handing on."""


def handler(event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Do the task the event names, `sweep` or `reconcile`; return what was found.

    A reconciliation that runs out of time invokes this function again with what is left. All lines of it have one
    request id: the first invocation's, or the `run` that `make reconcile` looks for in the log.
    """
    run = str(event.get("run", context.aws_request_id))
    telemetry.bind(run)
    deadline = time.time() + context.get_remaining_time_in_millis() / 1000 - RESERVE
    if event.get("task") == "sweep":
        oldest = publish_pending(ports, deadline=deadline)
        telemetry.record("swept", oldest_seconds=oldest)
        return {"oldest_seconds": oldest}
    progress = reconcile(ports, settings.paths, deadline=deadline, start=Progress.read(event))
    counts = progress.found.counts()
    if not progress.done:
        telemetry.record("reconcile_continues", repository=progress.repo or "")
        again = {"task": "reconcile", "run": run, **progress.event()}
        wiring.invoke_again(settings, context.invoked_function_arn, again)
    else:
        counts |= collect_all(ports, store, settings.rules, deadline=deadline).counts()
        telemetry.record("reconciled", **counts)
    for repository in progress.alone if progress.done else ():
        wiring.invoke_again(settings, context.invoked_function_arn, {"task": "reconcile", "only": repository})
    return {"done": progress.done, **counts, "failed_repositories": list(progress.failed)}
