"""registry: pushes by OCI, uploads, deletes and the collection over one place, one yielded request per call to AWS.

One chart version and one artifact under a tag. `sync_file` and `publish_index` are one step here (`sync`): that they
are as good as one is what the rest of this folder shows. Blobs and manifests are old at first, and what is stored
meanwhile is young: nothing grows old while a request lasts.
"""

from collections.abc import Callable, Generator, Hashable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tests.model.checker import CRASHED, Done, Machine, Process, Request, Violation

type Step[T] = Generator[Request, Any, T]

OLD, YOUNG = "old", "young"
CONTENT = {"ma": "a", "mb": "b", "mc": "a"}
"""Manifest of a chart → content of its package. Two manifests can have the same package."""
BLOBS = {"ma": ("config", "a"), "mb": ("config", "b"), "mc": ("config", "a"), "x": ("blob",), "y": ("blob",)}
"""Manifest → what it names. `x` and `y` are no charts."""


class World(NamedTuple):
    """Everything outside the processes."""

    objects: tuple[tuple[str, str], ...] = ()
    """Blobs and manifests with their age, sorted by name."""
    package: tuple[str, str | None] | None = None
    """Content, and the manifest it was pushed with."""
    row: tuple[str, str | None] | None = None
    """What clients see of it: tag, index and downloads."""
    tag: str | None = None
    """The manifest an artifact's tag leads to."""
    record: str | None = None
    """Of the mutant that remembers a chart's manifest apart from its package."""
    notices: tuple[tuple[int, str], ...] = ()
    """Who is about to delete what."""
    won: frozenset[str] = frozenset()
    """Contents of the version that were answered 201."""
    deleted: bool = False
    """Whether a delete was begun: from then on another content may win."""
    promised: frozenset[str] = frozenset()
    """Artifacts whose push was answered 201."""
    lost: int = 0
    crashes: int = 0

    def age(self, name: str) -> str | None:
        """Return the age of an object, or None if it is not there."""
        return dict(self.objects).get(name)

    def with_object(self, name: str, age: str | None) -> "World":
        """Return the world with an object of this age, or without it."""
        kept = {other: found for other, found in self.objects if other != name} | ({name: age} if age else {})
        return self._replace(objects=tuple(sorted(kept.items())))

    def serves(self, manifest: str) -> bool:
        """Return whether a client that knows a manifest's digest gets it."""
        if self.age(manifest) is None:
            return False
        return manifest not in CONTENT or (self.row is not None and self.row[0] == CONTENT[manifest])


# One atomic call each: world, caller, arguments → answer and world.


def look(world: World, _who: int, name: str) -> tuple[str | None, World]:
    return world.age(name), world


def write(world: World, _who: int, name: str) -> tuple[bool, World]:
    return True, world.with_object(name, YOUNG)


def remove(world: World, _who: int, name: str) -> tuple[bool, World]:
    return True, world.with_object(name, None)


def read_notices(world: World, _who: int, names: tuple[str, ...]) -> tuple[bool, World]:
    return any(name in names for _, name in world.notices), world


def give_notice(world: World, who: int, name: str) -> tuple[bool, World]:
    return True, world._replace(notices=(*(found for found in world.notices if found != (who, name)), (who, name)))


def take_back(world: World, who: int) -> tuple[bool, World]:
    return True, world._replace(notices=tuple(found for found in world.notices if found[0] != who))


def create(world: World, _who: int, content: str, manifest: str | None) -> tuple[bool, World]:
    if world.package is not None:
        # One's own upload id tells a lost answer from another client's package; two pushes of one content agree anyway.
        return False, world
    return True, world._replace(package=(content, manifest))


def replace(world: World, _who: int, content: str, manifest: str | None) -> tuple[bool, World]:
    return True, world._replace(package=(content, manifest))


def delete(world: World, _who: int) -> tuple[bool, World]:
    return world.package is not None, world._replace(package=None, deleted=True)


def sync(world: World, _who: int) -> tuple[tuple[str, str | None] | None, World]:
    after = world._replace(row=world.package)
    if world.row and after.row and not world.deleted and world.row[0] != after.row[0]:
        raise Violation(f"the version was {world.row[0]!r} and is {after.row[0]!r}")
    return after.row, after


def remember(world: World, _who: int, manifest: str) -> tuple[bool, World]:
    return True, world._replace(record=manifest)


def set_tag(world: World, _who: int, manifest: str) -> tuple[bool, World]:
    return True, world._replace(tag=manifest)


def references(world: World, _who: int) -> tuple[frozenset[str], World]:
    """All that is kept: read at once here, for what is read too early only keeps more or is fresh."""
    kept = {name for name, age in world.objects if name in BLOBS and (age == YOUNG or name == world.tag)}
    kept |= {name for name, _ in world.objects if name in CONTENT and world.serves(name)}
    blobs = {blob for name in kept if world.age(name) is not None for blob in BLOBS[name]}
    stored_twice = {world.row[0]} if world.row else set()
    return frozenset(kept | (blobs - stored_twice)), world


def old_objects(world: World, _who: int) -> tuple[tuple[str, ...], World]:
    # Manifests first.
    names = [name for name, age in world.objects if age == OLD]
    return tuple(sorted(names, key=lambda name: (name not in BLOBS, name))), world


CALLS: dict[str, Callable[..., tuple[Any, World]]] = {
    call.__name__: call
    for call in (
        look,
        write,
        remove,
        read_notices,
        give_notice,
        take_back,
        create,
        replace,
        delete,
        sync,
        remember,
        set_tag,
        references,
        old_objects,
    )
}
READS = frozenset({"look", "read_notices", "references", "old_objects"})
LOST = object()


@dataclass(frozen=True, slots=True)
class Rules:
    """The processes, by the rules that `broken` leaves out."""

    broken: frozenset[str] = frozenset()

    def push(self, manifest: str) -> Callable[[int], Process]:
        """Push a manifest as clients do: the blobs that are not there yet, then the manifest under its tag."""

        def run(_who: int) -> Process:
            left = BLOBS[manifest]
            while left:
                if (yield "look", left[0]) is None:
                    yield "write", left[0]
                left = left[1:]
            if manifest in CONTENT:
                return (yield from self._push_chart(manifest))
            return (yield from self._push_artifact(manifest))

        return run

    def upload(self, content: str) -> Callable[[int], Process]:
        """Upload a package the classic way."""

        def run(_who: int) -> Process:
            created = yield "create", content, None
            row = yield ("sync",)
            # A retry of one's own that meets its first try has the same content.
            return (201, content) if created or (row and row[0] == content) else (409, content)

        return run

    def delete(self) -> Callable[[int], Process]:
        """Delete the version, by either protocol."""

        def run(_who: int) -> Process:
            yield ("delete",)
            yield ("sync",)
            return 202, None

        return run

    def collect(self) -> Callable[[int], Process]:
        """Collect what is old and unreferenced."""

        def run(_who: int) -> Process:
            while True:
                old = yield ("old_objects",)
                kept = yield ("references",)
                candidates = tuple(name for name in old if name not in kept)
                if not candidates:
                    return None
                yield "give_notice", candidates[0]
                if "references are read before the notice only" not in self.broken:
                    old = yield ("old_objects",)
                    kept = yield ("references",)
                if "the notice is taken back before the deletion" in self.broken:
                    yield ("take_back",)
                if candidates[0] in old and candidates[0] not in kept:
                    yield "remove", candidates[0]
                if "the notice is taken back before the deletion" not in self.broken:
                    yield ("take_back",)
                if candidates[0] in kept or candidates[0] not in old:
                    return None

        return run

    def _write(self, manifest: str) -> Step[bool]:
        """Store the manifest so that all it names is there; False: refused."""
        if not (yield from self._check(manifest)):
            return False
        before = yield "look", manifest
        late = "the manifest is written after the notices are looked for" in self.broken
        if not late:
            yield "write", manifest
        if "young content is not looked at again" in self.broken and (yield from self._check(manifest, YOUNG)):
            return True
        fine = yield from self._check_again(manifest)
        if late:
            yield "write", manifest
        if not fine and before is None:
            yield "remove", manifest
        return fine

    def _check_again(self, manifest: str) -> Step[bool]:
        if "content is looked at before the notices" in self.broken and not (yield from self._check(manifest)):
            return False
        if "notices are not looked for" not in self.broken and (yield "read_notices", (manifest, *BLOBS[manifest])):
            return False
        if {"content is not looked at again", "content is looked at before the notices"} & self.broken:
            return True
        if (yield "look", manifest) is None:
            return False
        return (yield from self._check(manifest))

    def _check(self, manifest: str, *ages: str) -> Step[bool]:
        """Return whether all that the manifest names is there, and of one of these ages if any are given."""
        left, ages = BLOBS[manifest], ages or (OLD, YOUNG)
        while left and (yield "look", left[0]) in ages:
            left = left[1:]
        return not left

    def _push_chart(self, manifest: str) -> Step[Hashable]:
        content = CONTENT[manifest]
        if not (yield from self._write(manifest)):
            return 503, content
        if "the manifest is remembered apart from the package" in self.broken:
            yield "remember", manifest
        if "the package is stored without a condition" in self.broken:
            yield "replace", content, manifest
            created = True
        else:
            created = yield "create", content, manifest
        if "answered before the row is synced" in self.broken and created:
            return 201, content
        row = yield ("sync",)
        if created or (row and row[0] == content):
            return 201, content
        return 409, content

    def _push_artifact(self, manifest: str) -> Step[Hashable]:
        if not (yield from self._write(manifest)):
            return 503, manifest
        yield "set_tag", manifest
        return 201, manifest


type State = tuple[World, tuple[int, ...]]


@dataclass
class Registry:
    """What the checker explores."""

    world: World
    rules: Rules
    starters: dict[str, Callable[[int], Process]]
    machines: tuple[Machine, ...] = field(init=False)

    def __post_init__(self) -> None:
        self.machines = tuple(
            Machine(name, _begin(start, who)) for who, (name, start) in enumerate(self.starters.items())
        )

    def first(self) -> State:
        """Return the world before any process begins."""
        return self.world, (0,) * len(self.starters)

    def successors(self, state: State) -> Iterator[tuple[str, State]]:
        """Yield every call that can come next, and every crash."""
        world, memories = state
        for who, memory in enumerate(memories):
            if memory == CRASHED or isinstance(self.machines[who].pending[memory], Done):
                continue
            for label, after, remembered in self._calls(world, who, memory):
                yield label, (after, (*memories[:who], remembered, *memories[who + 1 :]))
            if world.crashes and memory:
                crashed = world._replace(crashes=world.crashes - 1)
                yield f"{self.machines[who].name}: crashes", (crashed, (*memories[:who], CRASHED, *memories[who + 1 :]))

    def check_end(self, state: State) -> bool:
        """Check the promises that hold when all have ended."""
        world, memories = state
        if not all(m == CRASHED or isinstance(self.machines[w].pending[m], Done) for w, m in enumerate(memories)):
            return False
        for artifact in world.promised:
            if world.tag == artifact:
                _check_whole(world, artifact)
        return True

    def _calls(self, world: World, who: int, memory: int) -> Iterator[tuple[str, World, int]]:
        machine = self.machines[who]
        pending = machine.pending[memory]
        assert not isinstance(pending, Done)
        label = f"{machine.name}: {' '.join(map(str, pending))}"
        try:
            answer, after = CALLS[pending[0]](world, who, *pending[1:])
            if world.lost and pending[0] not in READS and after is not world:
                yield f"{label}, and the answer is lost", after._replace(lost=world.lost - 1), memory
            remembered = machine.step(memory, answer)
            ended = machine.pending[remembered]
            yield (
                f"{label} -> {answer}",
                _answered(after, ended.answer) if isinstance(ended, Done) else after,
                remembered,
            )
            _check(after, self.rules)
        except Violation as broken:
            raise Violation(str(broken), label) from None


def _answered(world: World, answer: object) -> World:
    """Hold the world to what a client is answered."""
    if not isinstance(answer, tuple):
        return world
    status, what = answer
    if status == 201 and what in BLOBS:
        _check_whole(world, what)
        return world._replace(promised=world.promised | {what})
    if status == 201:
        if not world.deleted and (world.row is None or world.row[0] != what):
            raise Violation(f"answered 201 for {what!r}, and clients see {world.row!r}")
        world = world._replace(won=world.won | {what})
        if len(world.won) > 1 and not world.deleted:
            raise Violation("two contents of one version were answered 201")
    if status == 409 and world.row is not None and world.row[0] == what and not world.deleted:
        raise Violation(f"answered 409 for {what!r}, which is what clients see")
    return world


def _check(world: World, rules: Rules) -> None:
    """Check what holds at every moment."""
    if world.row is not None and "the manifest is remembered apart from the package" in rules.broken:
        manifest = world.record
    else:
        manifest = world.row[1] if world.row else None
    if world.row is not None and manifest is not None and CONTENT[manifest] != world.row[0]:
        raise Violation(f"the tag leads to {manifest!r}, and clients see {world.row[0]!r}")
    if world.row is not None and manifest is not None and world.serves(manifest):
        _check_whole(world, manifest)


def _check_whole(world: World, manifest: str) -> None:
    """Check that all that a manifest names is there; a listed chart's package is where charts are."""
    missing = [blob for blob in BLOBS[manifest] if world.age(blob) is None and (world.row or ("",))[0] != blob]
    if missing or world.age(manifest) is None:
        raise Violation(f"the manifest {manifest!r} lacks {missing or 'itself'}")


def _begin(start: Callable[[int], Process], who: int) -> Callable[[], Process]:
    return lambda: start(who)
