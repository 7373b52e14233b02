"""Whole operations on a large repository in memory, each in a process of its own as a function on AWS.

What takes time: the calls (`tests.fakes.costs`), the bytes of indexes and views on their way, and this process's
processor. What is left out: the processor time of the SDK, and the child process in which production reads packages.
Memory is that of the process, the SDK in it, less what holds the fakes' repository. `bench.endings` ends them.
"""

import json
import pickle
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from itertools import batched
from pathlib import Path
from typing import Any

import boto3
from charthouse.repository.changes import Push, delete_version, push
from charthouse.repository.maintenance import FULL_BATCH, Progress, handle_object_events, publish_pending, reconcile
from charthouse.repository.publish import publish_index
from charthouse.repository.repository import Ports
from charthouse.settings import Paths, Rules

from bench.content import file_name, package, version_name
from bench.processes import Calls, ports_of, quick_etags
from local.places import ROOT
from local.progress import step
from tests.fakes import World
from tests.template.parsed import FUNCTIONS, GLOBALS, constant

CHARTS = 200
SYNCED = 2_000
"""Packages put into the bucket by other means."""

EVENTS_SECONDS = constant("index_objects", "SECONDS")
RECONCILE_TIMEOUT: int = FUNCTIONS["ReconcileRepositories"]["Properties"]["Timeout"]
RECONCILE_SECONDS = RECONCILE_TIMEOUT - constant("reconcile_repositories", "RESERVE")

MOST_RUNS = 200


@dataclass(frozen=True, slots=True)
class Operation:
    """What is done, to a repository of so many versions, by a function of the template."""

    name: str
    function: str
    run: "Callable[[Function, int], str]"
    """Returns what is to be noted."""

    @property
    def seconds(self) -> int:
        """The function's time."""
        timeout: int = self._properties.get("Timeout", GLOBALS["Timeout"])
        return timeout

    @property
    def megabytes(self) -> int:
        """The function's memory."""
        size: int = self._properties["MemorySize"]
        return size

    @property
    def _properties(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = FUNCTIONS[self.function]["Properties"]
        return found


@dataclass(frozen=True, slots=True)
class Measured:
    """What an operation took."""

    invocations: list[float]
    """Seconds on AWS of each."""
    processor: float
    """Seconds of it that the processor was busy."""
    wall: float
    """Seconds that passed here."""
    megabytes: float | None
    """None where the fakes' repository grows meanwhile."""
    note: str


def measure(name: str, versions: int, file: Path) -> Measured:
    """Do the operation in a process of its own on the repository in the file; `import` makes the file."""
    return Measured(**json.loads(alone("bench.operations", name, versions, file)))


def alone(program: str, *arguments: object) -> str:
    """Run a module of ours in a process of its own, and return what it prints."""
    command = [sys.executable, "-m", program, *map(str, arguments)]
    with step(f"Measuring {' '.join(command[2:-1])}"):
        return subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout


@dataclass(slots=True)
class Function:
    """A function whose invocations are measured."""

    world: World
    invocations: list[float] = field(default_factory=list)
    processor: float = 0.0
    calls: int = 0

    def invoke[Result](self, action: Callable[[Ports], Result]) -> Result:
        """Do it as one invocation."""
        calls = Calls(self.world)
        began, busy = self.world.time, time.process_time()
        result = action(ports_of(self.world, calls))
        processor = time.process_time() - busy
        self.processor += processor
        self.calls += calls.made
        self.invocations.append(self.world.time - began + processor)
        return result


def placed(number: int) -> tuple[str, int]:
    """Return chart and version of a package by its number: evenly in all charts, oldest first.

    Files of these names can be read in one way only, unlike those of a chart with a number after a hyphen.
    """
    return f"chart-n{number % CHARTS:03d}", number // CHARTS


def unknown(versions: int) -> World:
    """Return a store of packages that the catalog does not know, one put a second."""
    world = World()
    for number in range(versions):
        world.time += 1
        put(world, number)
    return world


def put(world: World, number: int) -> str:
    """Put a package into the store by other means; return its file."""
    file = file_name(*placed(number))
    world.put_object(file, package(*placed(number)))
    return file


def compare(ports: Ports, start: Progress | None = None) -> Progress:
    """Reconcile from there on, as long as the function does."""
    return reconcile(ports, Paths(), deadline=ports.clock.now() + RECONCILE_SECONDS, start=start)


def sweep(ports: Ports) -> float:
    """Publish what is unpublished."""
    return publish_pending(ports, deadline=ports.clock.now() + RECONCILE_SECONDS)


def handle(ports: Ports, files: Iterable[str], *, again: bool = False) -> list[str]:
    """Handle a message about each of the files."""
    messages = {file: [file] for file in files}
    return handle_object_events(ports, Paths(), messages, deadline=ports.clock.now() + EVENTS_SECONDS, again=again)


def _importing(function: Function, versions: int) -> str:
    progress = Progress()
    for _ in range(MOST_RUNS):
        progress = function.invoke(partial(compare, start=progress))
        if progress.done:
            break
    while any(row.dirty for row in function.world.rows.values()):
        # What no time was left for.
        function.invoke(sweep)
    return listed(function.world, versions)


def push_one(ports: Ports, number: int) -> str:
    """Push the package of this number."""
    return push(ports.repository(""), Rules(), Push(package(*placed(number)), None))


def delete_one(ports: Ports, number: int) -> str:
    """Delete the version of this number."""
    chart, version = placed(number)
    return delete_version(ports.repository(""), chart, version_name(version))


def _pushing(function: Function, versions: int) -> str:
    return function.invoke(partial(push_one, number=versions))


def _deleting(function: Function, versions: int) -> str:
    return function.invoke(partial(delete_one, number=versions // 2))


def _syncing(function: Function, versions: int) -> str:
    files = [put(function.world, versions + number) for number in range(SYNCED)]
    for batch in batched(files, FULL_BATCH, strict=False):
        function.invoke(partial(handle, files=batch))
    return f"{listed(function.world, versions + SYNCED)}, one batch after another"


def _rebuilding(function: Function, versions: int) -> str:
    function.invoke(lambda ports: publish_index(ports.repository(""), rebuild=True))
    return listed(function.world, versions)


def _comparing(function: Function, _versions: int) -> str:
    def both(ports: Ports) -> Progress:
        sweep(ports)
        return compare(ports)

    return _said(function.invoke(both))


def _repairing(function: Function, versions: int) -> str:
    for number in range(SYNCED):
        put(function.world, versions + number)
    return _said(function.invoke(compare))


def _said(progress: Progress) -> str:
    return f"{progress.found.synced:,} synced, {progress.found.differences} differences, done: {progress.done}"


def listed(world: World, wanted: int) -> str:
    """Say so; fails if the index does not show so many versions, or a row is left to publish."""
    if not is_listed(world, wanted):
        raise AssertionError(f"the index does not show {wanted} versions, or rows are left: {world.states}")
    return f"{wanted:,} listed"


def is_listed(world: World, wanted: int) -> bool:
    """Return whether the index shows so many versions, and no row is left to publish."""
    state = world.states.get("")
    return state is not None and state.versions == wanted and not any(row.dirty for row in world.rows.values())


OPERATIONS = {
    "import": Operation("import", "ReconcileRepositories", _importing),
    "push": Operation("push", "UploadCharts", _pushing),
    "delete": Operation("delete of a version", "DeleteCharts", _deleting),
    "sync": Operation(f"events of {SYNCED:,} packages", "IndexObjects", _syncing),
    "rebuild": Operation("rebuild of the index, by an upload", "UploadCharts", _rebuilding),
    "reconcile": Operation("sweep and reconcile, nothing differs", "ReconcileRepositories", _comparing),
    "repair": Operation(f"reconcile, {SYNCED:,} packages are new", "ReconcileRepositories", _repairing),
}


def _resident(name: str) -> float:
    """Return a value of the process's status, in MB."""
    status = Path("/proc/self/status").read_text().splitlines()
    (found,) = (int(line.split()[1]) / 1000 for line in status if line.startswith(f"{name}:"))
    return found


def _run(name: str, versions: int, file: Path) -> Measured:
    clients = [boto3.client(service, region_name="us-east-1") for service in ("s3", "dynamodb")]
    empty = _resident("VmRSS")
    world = unknown(versions) if name == "import" else read(file)
    function, holds = Function(world), _resident("VmRSS") - empty
    # The peak from here on.
    Path("/proc/self/clear_refs").write_text("5")
    began = time.perf_counter()
    note = OPERATIONS[name].run(function, versions)
    wall, megabytes = time.perf_counter() - began, _resident("VmHWM") - holds
    del clients
    if name == "import":
        world.time += time.process_time()
        file.write_bytes(pickle.dumps(world))
    note = f"{function.calls:,} calls, {note}"
    return Measured(function.invocations, function.processor, wall, None if name == "import" else megabytes, note)


def read(file: Path) -> World:
    """Return the repository that a process of ours has left."""
    world: World = pickle.loads(file.read_bytes())  # noqa: S301  our own
    return world


if __name__ == "__main__":
    quick_etags()
    sys.stdout.write(json.dumps(asdict(_run(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])))))
