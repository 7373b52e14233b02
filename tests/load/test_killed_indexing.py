"""A package at which the function is killed, twice, among a hundred that are put into the bucket."""

import threading
import time
from collections.abc import Callable

from charthouse.aws.dynamodb import DynamoCatalog

from local.emulator import Emulator
from tests.acceptance.deployment import Deployment, eventually
from tests.acceptance.repository import Repository
from tests.builders import a_package
from tests.load.killing import kill_one
from tests.load.watching import files, read_index

PACKAGES = 99
KILLER = "killer-1.0.0.tgz"
SECONDS = 240.0
SLOW = b"".join(b"key%d: value\n" % number for number in range(60_000))
"""A values.yaml that takes the function a second or two, so that it can be killed at it."""


def test_a_package_that_kills_the_function_takes_none_of_a_hundred_along(
    deployment: Deployment, emulator: Emulator, report: Callable[[str], None]
) -> None:
    repository, sqs = deployment.repository("killed"), deployment.stack.client("sqs")
    queue, letters = deployment.stack.outputs["QueueUrl"], deployment.stack.outputs["DeadLettersUrl"]
    assert repository.upload(a_package("first", "1.0.0")).status == 201
    # Messages come again after twelve minutes, longer than a test may take; a batch takes seconds where much else runs.
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"VisibilityTimeout": "20"})
    packages = {f"app-1.0.{number}.tgz": a_package("app", f"1.0.{number}") for number in range(PACKAGES)}
    ended = threading.Event()
    killed: list[int] = []
    killer = threading.Thread(target=lambda: killed.extend(kill_twice(KILLER, deployment, emulator, ended)))
    killer.start()
    try:
        deployment.put(f"killed/{KILLER}", a_package("killer", "1.0.0", files={"values.yaml": SLOW}))
        for file, body in packages.items():
            deployment.put(f"killed/{file}", body)
        looked_at = eventually(
            lambda: deployment.rows("killed").keys(), lambda rows: rows >= {KILLER, *packages}, SECONDS
        )
    finally:
        ended.set()
        killer.join()
        sqs.set_queue_attributes(QueueUrl=queue, Attributes={"VisibilityTimeout": "720"})

    assert looked_at >= {KILLER, *packages}
    # Killed with the lease, the function left what was dirty to the next change or the sweep.
    deployment.sweep()
    assert eventually(lambda: shown(repository), lambda found: found >= {KILLER, *packages}) >= {KILLER, *packages}
    assert killed
    dead = sqs.get_queue_attributes(QueueUrl=letters, AttributeNames=["ApproximateNumberOfMessages"])["Attributes"]
    assert int(dead["ApproximateNumberOfMessages"]) == 0
    report(f"{PACKAGES} packages beside one at which the function was killed {len(killed)} times: all listed")


def kill_twice(file: str, deployment: Deployment, emulator: Emulator, ended: threading.Event) -> list[int]:
    """Kill the function while it is at the file, and again if the file, come again, is on record meanwhile."""
    catalog = DynamoCatalog(deployment.stack.client("dynamodb"), deployment.stack.table)
    time.sleep(0.8)
    killed = [*kill_one(emulator, "IndexObjects")]
    while len(killed) < 2 and not ended.wait(0.002):
        state = catalog.state("killed")
        if state and file in state.begun:
            killed += kill_one(emulator, "IndexObjects")
    return killed


def shown(repository: Repository) -> set[str]:
    return files(read_index(repository))
