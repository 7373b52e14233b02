"""Both protocols and the collection keep their promises in every interleaving, and every rule is needed."""

from collections.abc import Callable

import pytest

from tests.model.checker import Process, explore
from tests.model.registry import OLD, Registry, Rules, World

EMPTY = World(lost=1, crashes=1)
LEFT_OVER = World(
    objects=tuple(sorted((name, OLD) for name in ("config", "a", "b", "blob", "ma", "x"))), lost=1, crashes=1
)
"""Blobs and manifests that nothing refers to any more, of yesterday's pushes."""

type Starters = dict[str, Callable[[int], Process]]

SCENARIOS: dict[str, tuple[World, Callable[[Rules], Starters]]] = {
    "two pushes of one version": (EMPTY, lambda r: {"p": r.push("ma"), "q": r.push("mb")}),
    "two pushes of one package": (EMPTY, lambda r: {"p": r.push("ma"), "q": r.push("mc")}),
    "a push, an upload of another content": (EMPTY, lambda r: {"p": r.push("ma"), "u": r.upload("b")}),
    "a push, an upload of the same content": (EMPTY, lambda r: {"p": r.push("ma"), "u": r.upload("a")}),
    "a push, a push of another, an upload": (
        EMPTY._replace(lost=0, crashes=0),
        lambda r: {"p": r.push("ma"), "q": r.push("mb"), "u": r.upload("b")},
    ),
    "a push, a delete": (
        EMPTY._replace(package=("b", None), row=("b", None)),
        lambda r: {"p": r.push("ma"), "d": r.delete()},
    ),
    "a push, the collection": (LEFT_OVER, lambda r: {"p": r.push("ma"), "c": r.collect()}),
    "a push, a delete, the collection": (
        LEFT_OVER._replace(lost=0, package=("b", "mb"), row=("b", "mb")),
        lambda r: {"p": r.push("ma"), "d": r.delete(), "c": r.collect()},
    ),
    "an artifact, the collection": (LEFT_OVER, lambda r: {"p": r.push("x"), "c": r.collect()}),
    "an artifact, two collections": (
        LEFT_OVER._replace(lost=0),
        lambda r: {"p": r.push("x"), "c": r.collect(), "k": r.collect()},
    ),
    "two artifacts for one tag, the collection": (
        LEFT_OVER._replace(lost=0, crashes=0),
        lambda r: {"p": r.push("x"), "q": r.push("y"), "c": r.collect()},
    ),
}

MUTANTS = [
    ("the package is stored without a condition", "two pushes of one version", "answered 201"),
    ("answered before the row is synced", "two pushes of one version", "answered 201"),
    ("the manifest is remembered apart from the package", "two pushes of one version", "the tag leads to"),
    ("notices are not looked for", "an artifact, the collection", "lacks"),
    ("young content is not looked at again", "an artifact, the collection", "lacks"),
    ("content is not looked at again", "an artifact, the collection", "lacks"),
    ("content is looked at before the notices", "an artifact, the collection", "lacks"),
    ("the manifest is written after the notices are looked for", "an artifact, the collection", "lacks"),
    ("references are read before the notice only", "an artifact, the collection", "lacks"),
    ("the notice is taken back before the deletion", "an artifact, the collection", "lacks"),
]


LARGE = "an artifact, two collections"
"""420,000 states, most of a minute."""


@pytest.mark.parametrize(
    "sentence", [pytest.param(each, marks=[pytest.mark.slow] * (each == LARGE)) for each in SCENARIOS]
)
def test_every_interleaving_keeps_the_promises_of_both_protocols(sentence: str) -> None:
    world, starters = SCENARIOS[sentence]

    explored = explore(Registry(world, Rules(), starters(Rules())))

    print(f"{explored.states} states, {explored.steps} steps: {sentence}")  # noqa: T201
    assert explored.violation is None, "\n".join([str(explored.violation), *explored.trace])


@pytest.mark.parametrize(("rule", "sentence", "harm"), MUTANTS, ids=[rule for rule, *_ in MUTANTS])
def test_without_the_rule_a_promise_of_the_registry_breaks(rule: str, sentence: str, harm: str) -> None:
    world, starters = SCENARIOS[sentence]
    rules = Rules(frozenset({rule}))

    explored = explore(Registry(world, rules, starters(rules)))

    assert explored.violation is not None
    assert harm in explored.violation
