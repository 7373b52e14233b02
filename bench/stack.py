"""The same on a local stack as `make run` has it: 20,000 packages in the emulator's bucket, beside a few in another."""

import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from http import HTTPStatus
from itertools import batched
from typing import Any

from bench.content import file_name, package, version_name
from bench.figures import Figure
from bench.operations import RECONCILE_TIMEOUT, placed
from local.account import DeployedStack
from local.emulator import free_port
from local.laptop import Laptop, authentication
from local.places import data_folder
from local.progress import Trouble, say, step
from local.reconcile import Reconciliation
from tests.acceptance.deployment import Deployment
from tests.acceptance.repository import Answer

PACKAGES = int(os.environ.get("CHARTHOUSE_BENCH_PACKAGES") or "20000")
FEW = 10
PARAMETERS = {"DepthDynamic": "true"}
THREADS = 8
REPORTED = 1_000
"""Packages put between two lines of progress."""
TIMES = 5


def figures() -> Iterator[Figure]:
    """Measure what clients wait for. Ended before it is done, the next one goes on with what the bucket has by then."""
    folder = data_folder() / "bench"
    with Laptop(folder, free_port()) as laptop:
        stack = laptop.start(PARAMETERS)
        deployment = Deployment(stack, laptop.gateway.url, authentication(PARAMETERS, laptop.key), laptop.key)
        # The sweep would do the same work beside the reconciliation, on the same few processors.
        stack.client("events").disable_rule(Name=stack.resources["ReconcileRepositoriesSweep"])
        with _without_events(deployment):
            _fill(deployment, "few", FEW)
            _fill(deployment, "many", PACKAGES)
        what = f"on the local stack, {PACKAGES:,} packages"
        for name in ("reconcile", "reconcile once more"):
            seconds, counts = _reconciled(deployment)
            note = ", ".join(f"{counts[one]:,} {one}" for one in ("versions", "synced", "differences", "failed"))
            yield Figure(f"{name} {what}", seconds, "the function's time", RECONCILE_TIMEOUT, "s", note)
        few, many = (_changed(deployment, repo) for repo in ("few", "many"))
        for name, milliseconds in many.items():
            yield Figure(f"{name} {what}", milliseconds, f"{FEW} packages", few[name])
    shutil.rmtree(folder)


@contextmanager
def _without_events(deployment: Deployment) -> Iterator[None]:
    """Leave the bucket's events unread, and forget them: the reconciliation is to do the work."""
    stack, client = deployment.stack, deployment.stack.client("lambda")
    queue = stack.resources["IndexObjectsQueue"]
    client.update_event_source_mapping(UUID=queue, Enabled=False)
    yield
    stack.client("sqs").purge_queue(QueueUrl=stack.outputs["QueueUrl"])
    client.update_event_source_mapping(UUID=queue, Enabled=True)


def _fill(deployment: Deployment, repo: str, packages: int) -> None:
    there = set(deployment.objects(f"{repo}/"))
    missing = [number for number in range(packages) if f"{repo}/{file_name(*placed(number))}" not in there]

    def put(number: int) -> None:
        deployment.put(f"{repo}/{file_name(*placed(number))}", package(*placed(number)))

    with step(f"Putting {len(missing):,} packages into the bucket"), ThreadPoolExecutor(THREADS) as threads:
        for number, some in enumerate(batched(missing, REPORTED, strict=False), 1):
            list(threads.map(put, some))
            say(f"  {min(number * REPORTED, len(missing)):,} of {len(missing):,}")


def _reconciled(deployment: Deployment) -> tuple[float, Mapping[str, Any]]:
    """Reconcile as `make reconcile` does, which follows the run in the log until it ends."""
    stack = deployment.stack
    run = Reconciliation(DeployedStack.get(stack.name, stack.client))
    began = time.monotonic()
    run.start()
    counts = run.follow()
    return time.monotonic() - began, counts


def _changed(deployment: Deployment, repo: str) -> dict[str, float]:
    """Return the milliseconds of a push and of the delete of what it pushed, the shortest of some each."""
    repository, best = deployment.repository(repo), {"push": float("inf"), "delete": float("inf")}

    def timed(verb: str, change: Callable[[], Answer], status: int) -> None:
        began = time.perf_counter()
        answer = change()
        best[verb] = min(best[verb], (time.perf_counter() - began) * 1000)
        if answer.status != status:
            raise Trouble(f"A {verb} was answered {answer.status}: {answer.body.decode(errors='replace')[:200]}")

    # No run has the version of an earlier one that was ended.
    for version in range(int(time.time()), int(time.time()) + TIMES):
        chart, _ = placed(0)
        timed("push", partial(repository.upload, package(chart, version)), HTTPStatus.CREATED)
        timed("delete", partial(repository.delete, chart, version_name(version)), HTTPStatus.OK)
    return best
