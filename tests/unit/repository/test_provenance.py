"""Provenance: it goes with its package, alone or together, and never stands beside another one."""

from dataclasses import replace

import pytest
from charthouse.errors import BadProvenance, ChartVersionExists, Unavailable
from charthouse.repository.outcome import Outcome
from charthouse.repository.push import Push, push
from charthouse.settings import Rules

from tests.builders import a_package, a_provenance
from tests.fakes import World
from tests.unit.repository.a_store import SentTwice, a_store, failing, held, note_names, shown

FILE, PROV = "mychart-0.1.0.tgz", "mychart-0.1.0.tgz.prov"
OLD, NEW = a_package(description="old"), a_package(description="new")
OPEN, OVERWRITE = Rules(), Rules(allow_overwrite=True)


def test_package_and_provenance_are_stored_together() -> None:
    world = World()

    outcome = push(a_store(world), OPEN, "team", Push(NEW, a_provenance(NEW)))

    assert outcome is Outcome.PUBLISHED
    assert held(world, "team") == {FILE: NEW, PROV: a_provenance(NEW)}
    assert list(shown(world, "team")) == [FILE], "provenance has no entry"


def test_provenance_alone_is_stored_and_no_index_is_touched() -> None:
    world = World()
    calls: list[str] = []

    outcome = push(a_store(world, calls.append), OPEN, "team", Push(None, a_provenance(NEW)))

    assert outcome is Outcome.PUBLISHED
    assert held(world, "team") == {PROV: a_provenance(NEW)}
    assert calls == ["bucket.create", "bucket.create:done"]


@pytest.mark.parametrize("text", ["file already exists", "chart already exists"])
def test_provenance_that_exists_stays_as_it_is(text: str) -> None:
    world = World()
    push(a_store(world), OPEN, "", Push(None, a_provenance(OLD)))

    with pytest.raises(ChartVersionExists, match=f"^{text}$"):
        push(a_store(world), OPEN, "", Push(None, a_provenance(NEW), exists=text))

    assert held(world) == {PROV: a_provenance(OLD)}


@pytest.mark.parametrize(("rules", "force"), [(OVERWRITE, False), (OPEN, True)])
def test_provenance_may_be_overwritten_where_packages_may(rules: Rules, *, force: bool) -> None:
    world = World()
    push(a_store(world), OPEN, "", Push(None, a_provenance(OLD)))

    push(a_store(world), rules, "", Push(None, a_provenance(NEW), force=force))

    assert held(world) == {PROV: a_provenance(NEW)}


def test_provenance_whose_answer_was_lost_is_known_again() -> None:
    world = World()

    store = replace(a_store(world), bucket=SentTwice(world))

    assert push(store, OPEN, "", Push(None, a_provenance(NEW))) is Outcome.PUBLISHED


def test_provenance_of_another_version_cannot_come_with_a_package() -> None:
    world = World()

    with pytest.raises(
        BadProvenance, match=r"mychart-9\.9\.9\.tgz\.prov cannot be the provenance file of mychart-0\.1\.0"
    ):
        push(a_store(world), OPEN, "", Push(NEW, a_provenance(NEW, version="9.9.9")))

    assert held(world) == {}


def test_what_is_no_provenance_is_refused_before_anything_is_stored() -> None:
    world = World()

    for package in (None, NEW):
        with pytest.raises(BadProvenance):
            push(a_store(world), OPEN, "", Push(package, b"no signature at all"))

    assert held(world) == {}


def test_the_losers_provenance_is_not_stored() -> None:
    world = World()
    push(a_store(world), OPEN, "", Push(OLD, None))

    with pytest.raises(ChartVersionExists):
        push(a_store(world), OPEN, "", Push(NEW, a_provenance(NEW)))

    assert held(world) == {FILE: OLD}


def test_an_overwrite_without_provenance_takes_the_old_one_away() -> None:
    world = World()
    push(a_store(world), OPEN, "", Push(OLD, a_provenance(OLD)))

    push(a_store(world), OPEN, "", Push(NEW, None, force=True))

    assert held(world) == {FILE: NEW}


def test_an_overwrite_with_the_same_bytes_keeps_what_signs_them() -> None:
    world = World()
    push(a_store(world), OPEN, "", Push(OLD, a_provenance(OLD)))

    push(a_store(world), OPEN, "", Push(OLD, None, force=True))

    assert held(world) == {FILE: OLD, PROV: a_provenance(OLD)}


def test_an_overwrite_brings_its_own_provenance() -> None:
    world = World()
    push(a_store(world), OPEN, "", Push(OLD, a_provenance(OLD)))

    push(a_store(world), OPEN, "", Push(NEW, a_provenance(NEW), force=True))

    assert held(world) == {FILE: NEW, PROV: a_provenance(NEW)}


def test_provenance_sent_ahead_of_its_package_stays() -> None:
    world = World()
    push(a_store(world), OPEN, "", Push(None, a_provenance(NEW)))

    push(a_store(world), OPEN, "", Push(NEW, None))

    assert held(world) == {FILE: NEW, PROV: a_provenance(NEW)}


@pytest.mark.parametrize("lost", ["bucket.create", "bucket.create:done"])
def test_a_package_without_the_provenance_it_came_with_is_said_to_be_so(lost: str) -> None:
    """Nobody may be told 201 while what was sent is not all there."""
    world = World()
    calls: list[str] = []
    puts = iter([None, Unavailable("slow down")])

    def step(call: str) -> None:
        calls.append(call)
        if call == lost and (failure := next(puts, None)):
            raise failure

    with pytest.raises(Unavailable, match="the package is stored, its provenance is not"):
        push(a_store(world, step), OPEN, "", Push(NEW, a_provenance(NEW)))

    assert held(world)[FILE] == NEW


def test_old_provenance_that_cannot_be_looked_at_now_is_noted() -> None:
    world = World()
    store = a_store(world, failing("bucket.head", Unavailable("slow down")))

    outcome = push(store, OPEN, "", Push(NEW, None))

    assert outcome is Outcome.PUBLISHED
    assert "provenance_left" in note_names(store)
