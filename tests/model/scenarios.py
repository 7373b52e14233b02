"""scenarios: the small worlds that are explored to their end, by name; each takes the rules that are left out."""

from collections.abc import Callable
from itertools import combinations_with_replacement

from tests.model.protocol import Protocol, Starter
from tests.model.storm import Storm
from tests.model.world import FOREIGN, NOT_IN_VIEW, File, View, World, a_file

type Rules = frozenset[str]
type Scenario = Callable[[Rules], Storm]
type Starters = dict[str, Starter]

SCENARIOS: dict[str, Scenario] = {}
"""Every scenario in which the protocol keeps its promises, by its sentence."""


def scenario(sentence: str) -> Callable[[Scenario], Scenario]:
    """Name a scenario."""

    def named(build: Scenario) -> Scenario:
        SCENARIOS[sentence] = build
        return build

    return named


def a_world(*files: File, lost: int = 0, crashes: int = 0, reconciled: bool = True) -> World:
    """Return a world whose index shows what the bucket first had of each file."""
    return World(files, (1, tuple(file.past[0][0] for file in files)), reconciled, lost=lost, crashes=crashes)


# One file, two processes: every interleaving, one lost answer, one crash; with and without versioning.

PAIRS: dict[str, tuple[File, Callable[[Protocol], Starters]]] = {
    "upload, event": (a_file(), lambda p: {"u": p.upload(0, "a"), "e": p.event(0)}),
    "upload, delete": (a_file(), lambda p: {"u": p.upload(0, "a"), "d": p.delete(0)}),
    "upload, forced overwrite": (a_file(), lambda p: {"u": p.upload(0, "a"), "f": p.force(0, "b")}),
    "upload, reconcile": (a_file(), lambda p: {"u": p.upload(0, "a"), "r": p.reconcile()}),
    "two forced overwrites": (a_file("a"), lambda p: {"f": p.force(0, "b"), "g": p.force(0, "c")}),
    "delete, the same content again": (a_file("a"), lambda p: {"d": p.delete(0), "f": p.force(0, "a")}),
    "delete, other content": (a_file("a"), lambda p: {"d": p.delete(0), "f": p.force(0, "b")}),
    "delete, event": (a_file("a"), lambda p: {"d": p.delete(0), "e": p.event(0)}),
    "two deletes": (a_file("a"), lambda p: {"d": p.delete(0), "e": p.delete(0)}),
    "delete, reconcile": (a_file("a"), lambda p: {"d": p.delete(0), "r": p.reconcile()}),
    "delete, sweep": (a_file("a"), lambda p: {"d": p.delete(0), "s": p.sweep()}),
    "copied in, removed": (a_file("a"), lambda p: {"c": p.copy(0, "b"), "r": p.remove(0)}),
    "copied in something that is no chart, event": (a_file("a"), lambda p: {"c": p.copy(0, "bad"), "e": p.event(0)}),
}

for _name, (_file, _starters) in PAIRS.items():
    for _versioned in (False, True):

        @scenario(f"{_name}, with a crash and a lost answer{', versioned' if _versioned else ''}")
        def _(
            rules: Rules,
            file: File = _file,
            starters: Callable[[Protocol], Starters] = _starters,
            versioned: bool = _versioned,  # noqa: FBT001
        ) -> Storm:
            protocol = Protocol(broken=rules)
            return Storm(a_world(file, lost=1, crashes=1), protocol, starters(protocol), versioned)


@scenario("two uploads of one version, with a crash and a lost answer")
def _(rules: Rules) -> Storm:
    p = Protocol(broken=rules)
    starters = {"u": p.upload(0, "a"), "v": p.upload(0, "b")}
    return Storm(a_world(a_file(), lost=1, crashes=1), p, starters, one_winner=True)


@scenario("two uploads of the same bytes, with two crashes and two lost answers")
def _(rules: Rules) -> Storm:
    p = Protocol(broken=rules)
    starters = {"u": p.upload(0, "a"), "v": p.upload(0, "a")}
    return Storm(a_world(a_file(), lost=2, crashes=2), p, starters, one_winner=True)


# One file, three processes.


@scenario("upload, delete, event")
def _(rules: Rules) -> Storm:
    p = Protocol(broken=rules)
    return Storm(a_world(a_file()), p, {"u": p.upload(0, "a"), "d": p.delete(0), "e": p.event(0)})


@scenario("upload, delete, event, with a crash")
def _(rules: Rules) -> Storm:
    p = Protocol(broken=rules)
    return Storm(a_world(a_file(), crashes=1), p, {"u": p.upload(0, "a"), "d": p.delete(0), "e": p.event(0)})


@scenario("delete, the same content forced again, event")
def _(rules: Rules) -> Storm:
    p = Protocol(broken=rules)
    return Storm(a_world(a_file("a")), p, {"d": p.delete(0), "f": p.force(0, "a"), "e": p.event(0)}, versioned=True)


@scenario("delete, other content forced, event")
def _(rules: Rules) -> Storm:
    p = Protocol(broken=rules)
    return Storm(a_world(a_file("a")), p, {"d": p.delete(0), "f": p.force(0, "b"), "e": p.event(0)})


@scenario("three uploads of one version")
def _(rules: Rules) -> Storm:
    p = Protocol(broken=rules)
    starters = {"u": p.upload(0, "a"), "v": p.upload(0, "b"), "w": p.upload(0, "a")}
    return Storm(a_world(a_file()), p, starters, one_winner=True)


@scenario("two events and a removal beside an index that shows the file, without a row")
def _(rules: Rules) -> Storm:
    p = Protocol(broken=rules)
    file = a_file("a")._replace(package=None, row=None, past=(("a", 0), (None, 0)))
    return Storm(a_world(file, crashes=1), p, {"e": p.event(0), "f": p.event(0)})


# Two files.


@scenario("two uploads of two files, with a crash and a lost answer")
def _(rules: Rules) -> Storm:
    p = Protocol(2, broken=rules)
    starters = {"u": p.upload(0, "a"), "v": p.upload(1, "a")}
    return Storm(a_world(a_file(), a_file(), lost=1, crashes=1), p, starters)


@scenario("upload, delete of another file, event")
def _(rules: Rules) -> Storm:
    p = Protocol(2, broken=rules)
    starters = {"u": p.upload(0, "a"), "d": p.delete(1), "e": p.event(1)}
    return Storm(a_world(a_file(), a_file("a")), p, starters)


@scenario("reconcile beside an upload and a row deleted by hand")
def _(rules: Rules) -> Storm:
    p = Protocol(2, broken=rules)
    starters = {"r": p.reconcile(), "u": p.upload(1, "a")}
    return Storm(a_world(a_file("a")._replace(row=None), a_file(), lost=1, crashes=1), p, starters)


# The lease.


@scenario("lease: upload, event, with a crash and a lost answer")
def _(rules: Rules) -> Storm:
    p = Protocol(lease=True, rounds=2, broken=rules)
    return Storm(a_world(a_file(), lost=1, crashes=1), p, {"u": p.upload(0, "a"), "e": p.event(0)})


@scenario("lease: event, event of another file, with a crash and a lost answer")
def _(rules: Rules) -> Storm:
    p = Protocol(2, lease=True, rounds=2, broken=rules)
    starters = {"c": p.copy(0, "a"), "d": p.copy(1, "a")}
    return Storm(a_world(a_file(), a_file(), lost=1, crashes=1), p, starters)


@scenario("lease: two uploads of two files, with a crash")
def _(rules: Rules) -> Storm:
    p = Protocol(2, lease=True, broken=rules)
    starters = {"u": p.upload(0, "a"), "v": p.upload(1, "a")}
    return Storm(a_world(a_file(), a_file(), crashes=1), p, starters)


@scenario("lease: three events of one file")
def _(rules: Rules) -> Storm:
    p = Protocol(lease=True, broken=rules)
    return Storm(a_world(a_file()), p, {"c": p.copy(0, "a"), "e": p.event(0), "s": p.sweep()})


@scenario("lease: hasty upload, event of another file")
def _(rules: Rules) -> Storm:
    p = Protocol(2, lease=True, broken=rules)
    starters = {"h": p.upload(0, "a", hasty=True), "e": p.copy(1, "a")}
    return Storm(a_world(a_file(), a_file()), p, starters)


@scenario("lease: delete, hasty upload of the same file, with a crash")
def _(rules: Rules) -> Storm:
    p = Protocol(lease=True, broken=rules)
    starters = {"d": p.delete(0), "h": p.force(0, "b", hasty=True)}
    return Storm(a_world(a_file("a"), crashes=1), p, starters)


@scenario("lease: a dead holder, a removal that leaves the publication to it, and then only the sweep")
def _(rules: Rules) -> Storm:
    p = Protocol(2, lease=True, broken=rules)
    starters = {"e": p.event(1), "r": p.remove(0)}
    world = a_world(a_file("a"), a_file(), crashes=1)
    return Storm(world, p, starters, may_crash=frozenset("e"), afterwards=p.sweep())


# First publication, and what people do by hand.


@scenario("first: two uploads into a new repository, with a crash and a lost answer")
def _(rules: Rules) -> Storm:
    p = Protocol(2, known=False, broken=rules)
    starters = {"u": p.upload(0, "a"), "v": p.upload(1, "a")}
    return Storm(World((a_file(), a_file()), None, reconciled=False, lost=1, crashes=1), p, starters)


@scenario("first: upload, event, beside an object that was there before, with a crash and a lost answer")
def _(rules: Rules) -> Storm:
    p = Protocol(2, known=False, broken=rules)
    old = a_file("a")._replace(row=None)
    starters = {"u": p.upload(1, "a"), "e": p.event(1)}
    return Storm(World((old, a_file()), None, reconciled=False, lost=1, crashes=1), p, starters)


@scenario("first: delete of an object that was there before, copy, under the lease, with a crash")
def _(rules: Rules) -> Storm:
    p = Protocol(2, lease=True, broken=rules)
    old, older = a_file("a")._replace(row=None), a_file("b")._replace(row=None)
    starters = {"d": p.delete(0), "c": p.copy(1, "a")}
    return Storm(World((old, older), None, reconciled=False, crashes=1), p, starters)


@scenario("by hand: a foreign index, delete, upload, with a crash")
def _(rules: Rules) -> Storm:
    p = Protocol(3, broken=rules)
    starters = {"d": p.delete(0), "u": p.upload(1, "a")}
    return Storm(World((a_file("a"), a_file(), a_file("a")), (1, FOREIGN), crashes=1), p, starters)


@scenario("by hand: an emptied table, an object gone with it, upload, event, with a crash")
def _(rules: Rules) -> Storm:
    p = Protocol(3, known=False, broken=rules)
    gone = a_file("a")._replace(package=None, row=None, past=(("a", 0), (None, 0)))
    there = a_file("a")._replace(row=None)
    starters = {"u": p.upload(1, "a"), "e": p.event(1)}
    return Storm(a_world(gone, a_file(), there, crashes=1, reconciled=False), p, starters)


@scenario("by hand: an emptied table, an object gone with it, a dead upload, and then another")
def _(rules: Rules) -> Storm:
    p = Protocol(2, known=False, broken=rules)
    gone = a_file("a")._replace(package=None, row=None, past=(("a", 0), (None, 0)))
    world = a_world(gone, a_file(), crashes=1, reconciled=False)
    return Storm(world, p, {"u": p.upload(1, "a")}, afterwards=p.force(1, "b"))


# Pruning.


@scenario("pruning: upload beside a forced overwrite of the oldest version, with a crash")
def _(rules: Rules) -> Storm:
    p = Protocol(3, keep=2, broken=rules)
    starters = {"u": p.upload(2, "a"), "f": p.force(0, "b")}
    return Storm(a_world(a_file("a"), a_file("a"), a_file(), crashes=1), p, starters)


@scenario("pruning: two uploads that both prune, with a crash")
def _(rules: Rules) -> Storm:
    p = Protocol(3, keep=1, broken=rules)
    starters = {"u": p.upload(1, "a"), "v": p.upload(2, "a")}
    return Storm(a_world(a_file("a"), a_file(), a_file(), crashes=1), p, starters)


# Views: a gzip copy is one of all files, the index of a chart is one of its files.


def a_world_with_views(p: Protocol, *files: File, lost: int = 0, crashes: int = 0, deletions: int = 0) -> World:
    """Return a world whose views show what its index does."""
    world = a_world(*files, lost=lost, crashes=crashes)
    lines = tuple(file.past[0][0] for file in files)
    views = tuple(
        View(1, tuple(line if key in view else NOT_IN_VIEW for key, line in enumerate(lines))) for view in p.views
    )
    return world._replace(views=views, deletions=deletions)


ONE_VIEW = (frozenset({0}),)
TWO_CHARTS = (frozenset({0, 1}), frozenset({0}), frozenset({1}))


@scenario("views: upload, delete, event, with a crash")
def _(rules: Rules) -> Storm:
    p = Protocol(views=ONE_VIEW, broken=rules)
    starters = {"u": p.upload(0, "a"), "d": p.delete(0), "e": p.event(0)}
    return Storm(a_world_with_views(p, a_file(), crashes=1), p, starters)


@scenario("views: two forced overwrites, with a crash and a lost answer")
def _(rules: Rules) -> Storm:
    p = Protocol(views=ONE_VIEW, broken=rules)
    starters = {"f": p.force(0, "b"), "g": p.force(0, "c")}
    return Storm(a_world_with_views(p, a_file("a"), lost=1, crashes=1), p, starters)


@scenario("views: uploads of two charts, with a crash")
def _(rules: Rules) -> Storm:
    p = Protocol(2, views=TWO_CHARTS, broken=rules)
    starters = {"u": p.upload(0, "a"), "v": p.upload(1, "a")}
    return Storm(a_world_with_views(p, a_file(), a_file(), crashes=1), p, starters)


@scenario("views: upload, delete, reconcile, a view deleted by hand at any moment")
def _(rules: Rules) -> Storm:
    p = Protocol(views=ONE_VIEW, broken=rules)
    starters = {"f": p.force(0, "b"), "r": p.reconcile()}
    return Storm(a_world_with_views(p, a_file("a"), lost=1, crashes=1, deletions=1), p, starters)


@scenario("views: an index older than them, upload, upload, with a crash and a lost answer")
def _(rules: Rules) -> Storm:
    p = Protocol(views=ONE_VIEW, broken=rules)
    world = a_world_with_views(p, a_file("a"), lost=1, crashes=1)._replace(views=(None,))
    return Storm(world, p, {"f": p.force(0, "b"), "g": p.force(0, "c")})


@scenario("views: the first version of a chart, and its deletion, with a crash")
def _(rules: Rules) -> Storm:
    p = Protocol(views=ONE_VIEW, broken=rules)
    world = a_world_with_views(p, a_file(), crashes=1)._replace(views=(None,))
    return Storm(world, p, {"u": p.upload(0, "a"), "d": p.delete(0)})


@scenario("views: the index deleted by hand, its views left, upload, delete, with a crash")
def _(rules: Rules) -> Storm:
    p = Protocol(views=ONE_VIEW, broken=rules)
    world = a_world_with_views(p, a_file("a"), lost=1, crashes=1)
    former = world.views[0]
    left = world._replace(published=None, views=(former._replace(revision=5) if former else None,))
    return Storm(left, p, {"f": p.force(0, "b"), "d": p.delete(0)})


@scenario("views: one restored by hand, later than the index, and one missing: reconcile, a crash")
def _(rules: Rules) -> Storm:
    p = Protocol(2, views=TWO_CHARTS, broken=rules)
    world = a_world_with_views(p, a_file("a"), a_file("a"), crashes=1)
    restored = View(9, ("b", NOT_IN_VIEW), by_hand=True)
    return Storm(
        world._replace(views=(None, restored, world.views[2])), p, {"r": p.reconcile()}, afterwards=p.reconcile()
    )


@scenario("views: under the lease, two uploads of two charts, with a crash")
def _(rules: Rules) -> Storm:
    p = Protocol(2, lease=True, views=TWO_CHARTS[1:], broken=rules)
    starters = {"u": p.upload(0, "a"), "v": p.upload(1, "a")}
    return Storm(a_world_with_views(p, a_file(), a_file(), crashes=1), p, starters)


# A bucket whose versioning was switched on minutes ago.


@scenario("an upload whose object looks absent right after, its event, and a delete")
def _(rules: Rules) -> Storm:
    p = Protocol(broken=rules)
    starters = {"u": p.upload(0, "a"), "e": p.event(0), "d": p.delete(0)}
    return Storm(a_world(a_file())._replace(hidden=1), p, starters, versioned=True, events_follow=True)


@scenario("a forced overwrite whose object looks absent right after, and an upload")
def _(rules: Rules) -> Storm:
    p = Protocol(broken=rules)
    starters = {"f": p.force(0, "b"), "u": p.upload(0, "a")}
    world = a_world(a_file("a"), lost=1, crashes=1)._replace(hidden=1)
    return Storm(world, p, starters, versioned=True, events_follow=True)


# Provenance: it never meets rows or index, so all that matters are the calls on the bucket.

ACTS: dict[str, Callable[[Protocol], Starter]] = {
    "upload a": lambda p: p.upload(0, "a"),
    "upload b": lambda p: p.upload(0, "b"),
    "upload a with provenance": lambda p: p.upload(0, "a", provenance=True),
    "upload b with provenance": lambda p: p.upload(0, "b", provenance=True),
    "force a": lambda p: p.force(0, "a"),
    "force b": lambda p: p.force(0, "b"),
    "force a with provenance": lambda p: p.force(0, "a", provenance=True),
    "force b with provenance": lambda p: p.force(0, "b", provenance=True),
    "delete": lambda p: p.delete(0),
    "prune a": lambda p: p.prune(0, "a"),
}
BEFORE = {
    "nothing": a_file(),
    "a": a_file("a"),
    "a with provenance": a_file("a", provenance="a"),
    "provenance of a alone": a_file(provenance="a"),
}


def provenance_storm(
    before: str, acts: tuple[str, ...], rules: Rules = frozenset(), *, crashes: int = 0, then: str | None = None
) -> Storm:
    """Return some acts on one file; after a crash, `then` is the write that follows."""
    p = Protocol(indexed=False, broken=rules)
    starters = {f"{act} ({who})": ACTS[act](p) for who, act in enumerate(acts)}
    world = World((BEFORE[before],), lost=1 if len(acts) < 3 else 0, crashes=crashes)
    return Storm(world, p, starters, afterwards=ACTS[then](p) if then else None)


def provenance_storms(count: int) -> list[tuple[str, tuple[str, ...]]]:
    """Return every choice of so many acts on every file there was before."""
    befores = BEFORE if count < 3 else ("a with provenance",)
    return [(before, acts) for before in befores for acts in combinations_with_replacement(ACTS, count)]
