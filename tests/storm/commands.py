"""Commands: what clients, events, schedules and people do to a repository, and what a client may rely on when answered.

A command runs the real code of the repository as one process; `execute` runs one of them, `quiesce` what is left to do
when all of them have ended.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from charthouse.errors import ChartVersionExists, ConditionFailed, NotFound, Refusal, Unavailable
from charthouse.repository.changes import Push, delete_chart, delete_version, push
from charthouse.repository.maintenance import Progress, handle_object_events, publish_pending, reconcile
from charthouse.repository.publish import Outcome
from charthouse.repository.repository import Ports
from charthouse.settings import Paths, Rules

from tests.builders import a_package, a_provenance
from tests.fakes import World
from tests.storm.faults import Crash, Fault, FaultPlan, ProcessPorts, process
from tests.storm.oracle import Oracle, PromiseBroken

REPO = "team"
PATHS = Paths(depth_dynamic=True)
WITHOUT_PROVENANCE = "the package is stored, its provenance is not"


@dataclass(frozen=True, slots=True)
class Command:
    """One thing that is done to the repository."""

    name: str
    run: Callable[[ProcessPorts], object]
    files: tuple[str, ...] = ()
    """The packages it is about."""
    is_acknowledged: bool = True
    """Whether the response says that packages were stored or deleted."""
    deletes: bool = False
    creates: bool = False
    """Whether it must not overwrite."""
    signed: bool = False
    """Whether provenance is uploaded with the package."""
    answered: Callable[[Oracle, str, object, dict[str, int]], None] | None = None
    """Checks what an OCI client was answered: process, response, and where every history stood before."""
    withdraws: frozenset[str] = frozenset()
    """Tags and digests of artifacts that it may take away."""


def a_file(version: str, chart: str = "web") -> str:
    """Return the file of a chart version."""
    return f"{chart}-{version}.tgz"


def content(version: str, letter: str, chart: str = "web") -> bytes:
    """Return the bytes of a package; the letter distinguishes uploads of the same version."""
    key = (version, letter, chart)
    if key not in _PACKAGES:
        _PACKAGES[key] = a_package(chart, version, description=letter)
    return _PACKAGES[key]


_PACKAGES: dict[tuple[str, str, str], bytes] = {}


def pushing(
    version: str,
    letter: str,
    *,
    chart: str = "web",
    force: bool = False,
    signed: bool = False,
    limit: int = 0,
    wait: bool = True,
) -> Command:
    """Push a package, with its provenance if it is signed."""
    body = content(version, letter, chart)
    upload = Push(body, a_provenance(body, chart, version) if signed else None, force=force, wait=wait)
    words = ["force" if force else "push", version, letter, *(["signed"] if signed else [])]
    words += ["without waiting"] if not wait else []
    words += [f"keeping {limit}"] if limit else []
    rules = Rules(per_chart_limit=limit)

    def run(ports: Ports) -> object:
        return push(ports.repository(REPO), rules, upload)

    return Command(" ".join(words), run, (a_file(version, chart),), creates=not force, signed=signed)


def signing(version: str, letter: str, *, force: bool = False) -> Command:
    """Push provenance alone."""
    upload = Push(None, a_provenance(content(version, letter), "web", version), force=force)

    def run(ports: Ports) -> object:
        return push(ports.repository(REPO), Rules(), upload)

    return Command(f"sign {version} {letter}", run, is_acknowledged=False)


def deleting(version: str, chart: str = "web", *, wait: bool = True) -> Command:
    """Delete one version."""

    def run(ports: Ports) -> object:
        return delete_version(ports.repository(REPO), chart, version, wait=wait)

    words = f"delete {version}" if wait else f"delete {version} without waiting"
    return Command(words, run, (a_file(version, chart),), deletes=True)


def deleting_chart(*versions: str, chart: str = "web") -> Command:
    """Delete a chart; `versions` are those that are stored before any command runs."""
    files = tuple(a_file(version, chart) for version in versions)
    return Command(f"delete {chart}", lambda ports: delete_chart(ports.repository(REPO), chart), files, deletes=True)


def events(*files: str, again: bool = False) -> Command:
    """Handle messages, each about one file, the last one twice; the response is the ids of those that failed.

    `again`: some were delivered before, and every file is worked off alone.
    """
    paths = [f"{REPO}/{file}" for file in (*files, *files[-1:])]
    messages = {f"message-{number}": [path] for number, path in enumerate(paths)}

    def run(ports: Ports) -> object:
        return handle_object_events(ports, PATHS, messages, deadline=ports.clock.now() + 100, again=again)

    return Command("events again" if again else "events", run, is_acknowledged=False)


def copying(version: str, letter: str, chart: str = "web") -> Command:
    """Put a package into the store by other means, over whatever is there."""
    file, body = a_file(version, chart), content(version, letter, chart)

    def run(ports: Ports) -> None:
        ports.packages.replace(REPO, file, body, "")

    return Command(f"copy {version} {letter}", run, is_acknowledged=False)


def removing(version: str, chart: str = "web") -> Command:
    """Remove a package from the store by other means."""

    def run(ports: Ports) -> object:
        stored = ports.packages.head(REPO, a_file(version, chart))
        if stored is not None:
            ports.packages.delete(stored)
        return stored

    return Command(f"remove {version}", run, is_acknowledged=False)


SWEEP = Command("sweep", lambda ports: publish_pending(ports, deadline=ports.clock.now() + 600), is_acknowledged=False)


def _reconcile(ports: Ports) -> Progress:
    """Reconcile as the function does: continue where time ran out, and give what a process died of its own run."""
    progress = _reconcile_from(ports, Progress())
    for name in progress.alone:
        _reconcile_from(ports, Progress(only=name))
    return progress


def _reconcile_from(ports: Ports, progress: Progress) -> Progress:
    while not progress.done:
        progress = reconcile(ports, PATHS, deadline=ports.clock.now() + 600, start=progress)
    return progress


RECONCILE = Command("reconcile", _reconcile, is_acknowledged=False)


@dataclass(slots=True)
class Execution:
    """One execution of a command by a process, held to what its client is answered."""

    process: str
    command: Command
    oracle: Oracle
    single_fault: bool = True
    """At most one call fails: then a response that says "not stored" has to be true."""
    response: object = None

    def run(self, ports: ProcessPorts) -> object:
        """Execute the command and check the response; raises `PromiseBroken`."""
        since = self.oracle.now()
        if self.command.creates:
            self.oracle.creators.add(self.process)
        self.oracle.pulls.begin(self.process, self.command.withdraws)
        try:
            self.response = self.command.run(ports)
        except (Refusal, ConditionFailed) as refusal:
            self.response = refusal
        except Crash as crash:
            self.response = crash
        try:
            self._check(since)
        except PromiseBroken as broken:
            answered = f"{self.process} ({self.command.name}) was answered {self.response!r}"
            raise PromiseBroken(f"{answered}; {broken}") from None
        return self.response

    def _check(self, since: dict[str, int]) -> None:
        if isinstance(self.response, Crash):
            return
        if self.command.answered is not None:
            self.command.answered(self.oracle, self.process, self.response, since)
            return
        for file in self.command.files if self.command.is_acknowledged else ():
            self._check_file(file, since.get(file, 0))
        if self.command.signed and self.response in {Outcome.PUBLISHED, Outcome.STORED}:
            self.oracle.acknowledge_provenance(self.command.files[0], self.process)

    def _check_file(self, file: str, start: int) -> None:
        match self.response:
            case Outcome.PUBLISHED if self.command.deletes:
                self.oracle.acknowledge(file, start, exists=False)
            case Outcome.PUBLISHED:
                self.oracle.acknowledge(file, start, own=self.process)
            case Outcome.STORED:
                self._check_done(file, start)
            case ChartVersionExists():
                if self.oracle.has_written(self.process, file):
                    raise PromiseBroken(f"{file}: refused, and stored")
                self.oracle.acknowledge(file, start, exists=True)
            case NotFound():
                self.oracle.acknowledge(file, start, exists=False)
            case Unavailable() as failure:
                unchanged = self.single_fault and self._must_be_unchanged(failure)
                if unchanged and self.oracle.is_as_written_by(self.process, file):
                    raise PromiseBroken(f"{file}: answered 503, and changed")
            case _:
                raise PromiseBroken(f"no valid response: {self.response!r}")

    def _check_done(self, file: str, start: int) -> None:
        moments = self.oracle.moments(file)
        done = not self.command.deletes and self.oracle.has_written(self.process, file)
        if not done and not (self.command.deletes and any(not moment.exists for moment in moments[start:])):
            raise PromiseBroken(f"{file}: answered 202, and never done")

    def _must_be_unchanged(self, failure: Unavailable) -> bool:
        return not failure.message.startswith(WITHOUT_PROVENANCE) and len(self.command.files) == 1


def scheduled(execution: Execution, skew: float = 0.0) -> Callable[[FaultPlan], object]:
    """Return the execution as the action of a scheduled process."""

    def action(plan: FaultPlan) -> object:
        return execution.run(process(execution.oracle.world, plan, layout=execution.oracle.layout, skew=skew))

    return action


def execute(
    command: Command,
    oracle: Oracle,
    name: str | None = None,
    *,
    at: Callable[[int, str], Fault | None] = lambda _number, _call: None,
    meanwhile: Callable[[int, str], None] = lambda _number, _call: None,
    skew: float = 0.0,
) -> FaultPlan:
    """Execute the command in a process with the faults of `at`; return its calls, its faults and its response."""
    oracle.executions += 1
    name = f"process {oracle.executions}" if name is None else name
    plan = FaultPlan(at, meanwhile, lambda: oracle.observe(name))
    plan.response = scheduled(Execution(name, command, oracle), skew)(plan)
    oracle.observe(name)
    return plan


def quiesce(oracle: Oracle) -> None:
    """Deliver the events of all that has changed, then sweep: no other process is running any more."""
    files = sorted(oracle.changed)
    if files:
        left = execute(events(*files), oracle, "").response
        if left:
            raise PromiseBroken(f"messages that never succeed: {left}")
    execute(SWEEP, oracle, "")


def a_copy(world: World) -> World:
    """Return a world that develops separately from here on."""
    return replace(
        world,
        objects={path: list(versions) for path, versions in world.objects.items()},
        indexes=dict(world.indexes),
        views=dict(world.views),
        rows=dict(world.rows),
        digests=dict(world.digests),
        artifacts=dict(world.artifacts),
        states=dict(world.states),
        leases=dict(world.leases),
    )


def a_repository(*versions: str, signed: Sequence[str] = (), versioned: bool = True, published: bool = True) -> World:
    """Return a world with these versions of `web` (content `a`) and one of `other`."""
    world = World(versioned=versioned)
    for version in versions:
        body = content(version, "a")
        world.put_object(f"{REPO}/{a_file(version)}", body)
        if version in signed:
            world.put_object(f"{REPO}/{a_file(version)}.prov", a_provenance(body, "web", version))
    world.put_object(f"{REPO}/other-1.0.0.tgz", content("1.0.0", "a", "other"))
    if published:
        RECONCILE.run(process(world))
    world.time += 60
    return world
