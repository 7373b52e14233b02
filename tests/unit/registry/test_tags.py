"""The tags of a chart with many versions: what is read for them, and that they say what was answered."""

from collections import Counter
from dataclasses import replace

import pytest
from charthouse.registry.lookup import Lookup
from charthouse.registry.manifests import delete_manifest
from charthouse.repository.changes import delete_version
from charthouse.repository.ports import FEW
from charthouse.repository.publish import publish_index

from tests.builders import a_package
from tests.fakes import World
from tests.unit.registry.in_memory import Chart, push_artifact, registry_in
from tests.unit.repository.in_memory import fill, repository_in


def many(count: int = 150) -> World:
    """Return a published root repository whose chart has so many versions, and artifacts beside them."""
    world = World()
    fill(world, count)
    publish_index(repository_in(world), rebuild=True, views=["mychart"])
    push_artifact(registry_in(world, repo=""), "0.artifact", "1.0.5_artifact", "latest")
    return world


def expected(count: int = 150) -> list[str]:
    return sorted([*(f"1.0.{number}" for number in range(count)), "0.artifact", "1.0.5_artifact", "latest"])


def lookup(world: World, calls: Counter[str] | None = None) -> Lookup:
    def step(call: str) -> None:
        if calls is not None:
            calls[call] += 1

    return registry_in(world, repo="", step=step).lookup


@pytest.mark.parametrize("count", [FEW, FEW + 1, 150])
def test_of_many_versions_the_tags_are_those_of_few(count: int) -> None:
    world, tags = many(count), expected(count)

    assert lookup(world).tags("", 1_000) == (tags, False)
    for limit in (1, 7):
        found, last, more = list[str](), "", True
        while more:
            page, more = lookup(world).tags(last, limit)
            found, last = found + page, page[-1]
        assert found == tags
    assert lookup(world).tags("", 0) == ([], True)
    assert lookup(world).tags("1.0.98", 2) == (["1.0.99", "latest"], False)


def test_of_many_versions_a_hundred_rows_are_read_and_one_index() -> None:
    calls: Counter[str] = Counter()

    lookup(many(), calls).tags("", 10)

    assert calls["catalog.chart:item"] <= FEW + 1
    assert (calls["catalog.chart"], calls["index.read_view"], calls["index.read"]) == (1, 1, 0)


def test_what_was_answered_is_in_the_tags_of_many_versions() -> None:
    world = many()
    registry = registry_in(world, repo="")

    Chart(a_package("mychart", "2.0.0+b"), version="2.0.0+b").push(registry)
    delete_version(registry.repository, "mychart", "1.0.7")
    delete_manifest(registry, "1.0.8")

    assert lookup(world).tags("", 1_000)[0] == sorted({*expected(), "2.0.0_b"} - {"1.0.7", "1.0.8"})


@pytest.mark.parametrize("damage", ["missing", "foreign"])
def test_without_an_index_of_ours_the_tags_are_in_the_rows(damage: str) -> None:
    world = many()
    view = world.views.pop(("", "mychart"))
    if damage == "foreign":
        world.views["", "mychart"] = replace(view, body=b"apiVersion: v1\n")

    assert lookup(world).tags("", 1_000) == (expected(), False)
