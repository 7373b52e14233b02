"""acts: what anybody can do to a repository, as the real code does it, and what its client may then rely on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from charthouse.errors import Changed, ChartVersionExists, NotFound, Refusal, Unavailable
from charthouse.repository.delete import delete_chart, delete_version
from charthouse.repository.events import absorb
from charthouse.repository.outcome import Outcome
from charthouse.repository.push import Push, push
from charthouse.repository.reconcile import Progress, reconcile
from charthouse.repository.store import Store
from charthouse.repository.sweep import sweep
from charthouse.settings import Paths, Rules

from tests.builders import a_package, a_provenance
from tests.fakes import FakeFolders, World
from tests.storm.weather import Died, Fault, Forecast, a_process
from tests.storm.witness import PromiseBroken, Witness

REPO = "team"
PATHS = Paths(depth_dynamic=True)
STORED_WITHOUT = "the package is stored, its provenance is not"

type Run = Callable[[Store, FakeFolders], object]


@dataclass(frozen=True, slots=True)
class Act:
    """One thing somebody does."""

    name: str
    run: Run
    files: tuple[str, ...] = ()
    """The packages it is about."""
    changes: bool = True
    """Whether its client is told of a change of its own (a package pushed or deleted)."""
    deletes: bool = False
    creates: bool = False
    """Whether it must not overwrite."""
    signed: bool = False
    """Whether provenance comes with the package."""


def a_file(version: str, chart: str = "web") -> str:
    """Return the file of a chart version."""
    return f"{chart}-{version}.tgz"


def content(version: str, letter: str, chart: str = "web") -> bytes:
    """Return the bytes of a package; the letter tells one upload from another."""
    known = (version, letter, chart)
    if known not in _PACKAGES:
        _PACKAGES[known] = a_package(chart, version, description=letter)
    return _PACKAGES[known]


_PACKAGES: dict[tuple[str, str, str], bytes] = {}


def pushing(
    version: str,
    letter: str,
    *,
    chart: str = "web",
    force: bool = False,
    signed: bool = False,
    limit: int = 0,
    patient: bool = True,
) -> Act:
    """Push a package, with its provenance if it is signed."""
    body = content(version, letter, chart)
    sent = Push(body, a_provenance(body, chart, version) if signed else None, force=force, patient=patient)
    words = ["force" if force else "push", version, letter, *(["signed"] if signed else [])]
    words += ["in a hurry"] if not patient else []
    words += [f"keeping {limit}"] if limit else []
    rules = Rules(per_chart_limit=limit)

    def run(store: Store, _: FakeFolders) -> object:
        return push(store, rules, REPO, sent)

    return Act(" ".join(words), run, (a_file(version, chart),), creates=not force, signed=signed)


def signing(version: str, letter: str, *, force: bool = False) -> Act:
    """Push provenance alone."""
    sent = Push(None, a_provenance(content(version, letter), "web", version), force=force)
    return Act(f"sign {version} {letter}", lambda store, _: push(store, Rules(), REPO, sent), changes=False)


def deleting(version: str, chart: str = "web", *, patient: bool = True) -> Act:
    """Delete one version."""

    def run(store: Store, _: FakeFolders) -> object:
        return delete_version(store, REPO, chart, version, patient=patient)

    hurry = "" if patient else " in a hurry"
    return Act(f"delete {version}{hurry}", run, (a_file(version, chart),), deletes=True)


def deleting_chart(*versions: str, chart: str = "web") -> Act:
    """Delete a chart; `versions` are those that were there before anybody began."""
    files = tuple(a_file(version, chart) for version in versions)
    return Act(f"delete {chart}", lambda store, _: delete_chart(store, REPO, chart), files, deletes=True)


def events(*files: str) -> Act:
    """Handle messages, each about one file, the last one twice; they come again as long as they fail."""
    keys = [f"{REPO}/{file}" for file in (*files, *files[-1:])]
    messages = {f"message-{number}": [key] for number, key in enumerate(keys)}

    def run(store: Store, _: FakeFolders) -> object:
        return absorb(store, PATHS, messages, until=store.clock.now() + 100)

    return Act("events", run, changes=False)


def copying(version: str, letter: str, chart: str = "web") -> Act:
    """Put a package into the bucket by other means, over whatever is there."""
    key = f"{REPO}/{a_file(version, chart)}"
    body = content(version, letter, chart)
    return Act(f"copy {version} {letter}", lambda store, _: store.bucket.replace(key, body, ""), changes=False)


def taking(version: str, chart: str = "web") -> Act:
    """Take a package out of the bucket by other means."""

    def run(store: Store, _: FakeFolders) -> object:
        stored = store.bucket.head(f"{REPO}/{a_file(version, chart)}")
        if stored is not None:
            store.bucket.delete(stored)
        return stored

    return Act(f"take {version}", run, changes=False)


SWEEP = Act("sweep", lambda store, _: sweep(store, until=store.clock.now() + 600), changes=False)


def _reconcile(store: Store, folders: FakeFolders) -> Progress:
    progress = reconcile(store, folders, PATHS, until=store.clock.now() + 600)
    while not progress.done:
        progress = reconcile(store, folders, PATHS, until=store.clock.now() + 600, start=progress)
    return progress


RECONCILE = Act("reconcile", _reconcile, changes=False)


@dataclass(slots=True)
class Attempt:
    """An act under way: who does it, and what is told in the end."""

    who: str
    act: Act
    witness: Witness
    sure: bool = True
    """The network is at work: an answer "not stored" may be wrong only if more than one call fails."""
    answer: object = None

    def make(self, store: Store, folders: FakeFolders) -> object:
        """Do it, and hold the repository to what its client is told; raises `PromiseBroken`."""
        since = self.witness.now()
        if self.act.creates:
            self.witness.creators.add(self.who)
        try:
            self.answer = self.act.run(store, folders)
        except (Refusal, Changed) as refusal:
            self.answer = refusal
        except Died as death:
            self.answer = death
        try:
            self._check(since)
        except PromiseBroken as broken:
            raise PromiseBroken(f"{self.who} ({self.act.name}) was told {self.answer!r}; {broken}") from None
        return self.answer

    def _check(self, since: dict[str, int]) -> None:
        if isinstance(self.answer, Died):
            return
        for file in self.act.files if self.act.changes else ():
            self._check_file(file, since.get(file, 0))
        if self.act.signed and self.answer in {Outcome.PUBLISHED, Outcome.STORED}:
            self.witness.promise_provenance(self.act.files[0], self.who)

    def _check_file(self, file: str, start: int) -> None:
        match self.answer:
            case Outcome.PUBLISHED if self.act.deletes:
                self.witness.told(file, start, there=False)
            case Outcome.PUBLISHED:
                self.witness.told(file, start, own=self.who)
            case Outcome.STORED:
                self._check_done(file, start)
            case ChartVersionExists():
                if self.witness.has_changed(self.who, file):
                    raise PromiseBroken(f"{file}: refused, and stored")
                self.witness.told(file, start, there=True)
            case NotFound():
                self.witness.told(file, start, there=False)
            case Unavailable() as failure:
                if self.sure and self._must_be_untouched(failure) and self.witness.stands(self.who, file):
                    raise PromiseBroken(f"{file}: told 503, and changed")
            case _:
                raise PromiseBroken(f"no answer at all: {self.answer!r}")

    def _check_done(self, file: str, start: int) -> None:
        moments = self.witness.past.get(file, [])
        done = not self.act.deletes and self.witness.has_changed(self.who, file)
        if not done and not (self.act.deletes and any(not moment.there for moment in moments[start:])):
            raise PromiseBroken(f"{file}: told 202 of what never was")

    def _must_be_untouched(self, failure: Unavailable) -> bool:
        return not failure.message.startswith(STORED_WITHOUT) and len(self.act.files) == 1


def made(attempt: Attempt, skew: float = 0.0) -> Callable[[Forecast], object]:
    """Return the attempt as something to be scheduled."""

    def make(forecast: Forecast) -> object:
        return attempt.make(*a_process(attempt.witness.world, forecast, layout=attempt.witness.layout, skew=skew))

    return make


def do(
    act: Act,
    witness: Witness,
    who: str | None = None,
    *,
    at: Callable[[int, str], Fault | None] = lambda _number, _call: None,
    meanwhile: Callable[[int, str], None] = lambda _number, _call: None,
    skew: float = 0.0,
) -> Forecast:
    """Let a process do this and meet what `at` and `meanwhile` say; return what it has met, and its answer."""
    witness.clients += 1
    who = f"client {witness.clients}" if who is None else who
    forecast = Forecast(at, meanwhile, lambda: witness.look(who))
    store, folders = a_process(witness.world, forecast, layout=witness.layout, skew=skew)
    forecast.answer = Attempt(who, act, witness).make(store, folders)
    witness.look(who)
    return forecast


def deliver(witness: Witness) -> None:
    """Deliver the events of all that has changed, and sweep: nobody else is at work any more."""
    files = sorted(witness.changed)
    if files:
        left = do(events(*files), witness, "").answer
        if left:
            raise PromiseBroken(f"messages fail for ever: {left}")
    do(SWEEP, witness, "")


def a_copy(world: World) -> World:
    """Return a world that goes its own way from here."""
    return replace(
        world,
        objects={key: list(versions) for key, versions in world.objects.items()},
        indexes=dict(world.indexes),
        rows=dict(world.rows),
        markers=dict(world.markers),
        leases=dict(world.leases),
    )


def a_repository(*versions: str, signed: Sequence[str] = (), versioned: bool = True, known: bool = True) -> World:
    """Return a world with these versions of `web` (content `a`) and one of `other`; not `known`: never published."""
    world = World(versioned=versioned)
    for version in versions:
        body = content(version, "a")
        world.put_object(f"{REPO}/{a_file(version)}", body)
        if version in signed:
            world.put_object(f"{REPO}/{a_file(version)}.prov", a_provenance(body, "web", version))
    world.put_object(f"{REPO}/other-1.0.0.tgz", content("1.0.0", "a", "other"))
    if known:
        RECONCILE.run(*a_process(world))
    world.time += 60
    return world
