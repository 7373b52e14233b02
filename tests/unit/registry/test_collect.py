"""The collection: what goes, what stays, and pushes beside it at every moment."""

import json
from collections.abc import Callable
from contextlib import suppress

import pytest
from charthouse.errors import Unavailable
from charthouse.oci.errors import BlobUnknown, ManifestBlobUnknown, ManifestUnknown
from charthouse.oci.manifests import CHART_LAYER, IMAGE, INDEX
from charthouse.oci.names import Digest
from charthouse.registry import uploads
from charthouse.registry.collect import Collected, collect, collect_all
from charthouse.registry.manifests import delete_manifest, push_manifest
from charthouse.settings import Rules

from tests.builders import a_package, a_provenance
from tests.fakes import FakeArtifacts, World
from tests.unit.registry.in_memory import Chart, a_descriptor, at, calls_of, pull, push_artifact, registry_in, upload
from tests.unit.repository.in_memory import ports_in

DAY = 86_401
PACKAGE = a_package()
BLOB = b"a blob"
DIGEST = Digest.of(BLOB)


def collect_in(world: World, step: Callable[[str], None] = lambda _call: None) -> Collected:
    return collect(registry_in(world, step=step))


def test_what_nothing_refers_to_goes_after_a_day_and_not_before() -> None:
    world = World()
    registry = registry_in(world)
    uploads.put_blob(registry, DIGEST, BLOB)
    untagged = push_artifact(registry)
    uploads.append(registry, uploads.begin_upload(registry), BLOB)

    assert collect_in(world) == Collected()
    world.time += DAY
    assert collect_in(world) == Collected(blobs=3, manifests=1, uploads=1)

    assert world.artifacts == {}
    with pytest.raises(BlobUnknown):
        registry.lookup.blob(DIGEST)
    with pytest.raises(ManifestUnknown):
        registry.lookup.manifest(untagged)


def test_what_a_tag_an_index_or_a_subject_keeps_stays() -> None:
    world = World()
    registry = registry_in(world)
    tagged = push_artifact(registry, "v1")
    child = push_artifact(registry, content=b"child")
    size = len(registry.lookup.manifest(child).body)
    index = {"schemaVersion": 2, "manifests": [{"mediaType": IMAGE, "digest": str(child), "size": size}]}
    push_manifest(registry, "index", json.dumps(index).encode(), INDEX)
    subject = {"mediaType": IMAGE, "digest": str(tagged), "size": 1}
    signature = push_artifact(registry, content=b"signature", more={"subject": subject})
    of_signature = {"mediaType": IMAGE, "digest": str(signature), "size": 1}
    countersigned = push_artifact(registry, content=b"countersigned", more={"subject": of_signature})
    orphan = {"mediaType": IMAGE, "digest": str(DIGEST), "size": 1}
    orphaned = push_artifact(registry, content=b"orphaned", more={"subject": orphan})
    world.time += DAY

    assert collect_in(world) == Collected(blobs=1, manifests=1)

    for digest in (tagged, child, signature, countersigned):
        pull(registry, digest)
    with pytest.raises(ManifestUnknown):
        registry.lookup.manifest(orphaned)
    assert json.loads(registry.lookup.referrers(DIGEST))["manifests"] == []


def test_the_manifests_of_a_listed_chart_and_what_signs_them_stay() -> None:
    world = World()
    registry = registry_in(world)
    chart = Chart(PACKAGE, provenance=a_provenance(PACKAGE))
    chart.push(registry)
    upload(world, a_package("mychart", "0.2.0"))
    signatures = []
    for tag in ("0.1.0", "0.2.0"):
        found = registry.lookup.manifest(tag)
        subject = {"mediaType": IMAGE, "digest": str(found.digest), "size": len(found.body)}
        signatures.append(push_artifact(registry, content=tag.encode(), more={"subject": subject}))
    world.time += DAY

    # Package and provenance are stored twice: where charts are, and as blobs.
    assert collect_in(world) == Collected(blobs=2)

    assert pull(registry, "0.1.0")[CHART_LAYER] == PACKAGE
    assert registry.lookup.manifest("0.1.0").digest == chart.digest
    for digest in signatures:
        pull(registry, digest)
    assert collect_in(world) == Collected()


def test_of_a_deleted_version_everything_goes() -> None:
    world = World()
    registry = registry_in(world)
    Chart(PACKAGE, provenance=a_provenance(PACKAGE)).push(registry)
    delete_manifest(registry, "0.1.0")
    world.time += DAY

    collect_in(world)

    assert world.artifacts == {}


def test_a_chart_whose_tag_is_to_follow_keeps_its_blobs_for_a_day() -> None:
    world = World()
    registry, chart = registry_in(world), Chart(PACKAGE)
    chart.push_blobs(registry)
    world.time += DAY - 1_000
    push_manifest(registry, chart.digest, chart.manifest, IMAGE)
    world.time += 2_000

    assert collect_in(world) == Collected()
    push_manifest(registry_in(world), "0.1.0", chart.manifest, IMAGE)

    assert pull(registry, "0.1.0")[CHART_LAYER] == PACKAGE


def test_a_chart_whose_tag_is_to_follow_is_parked_again_at_any_moment_of_a_collection() -> None:
    chart = Chart(PACKAGE)

    def before() -> World:
        world = World()
        chart.push_blobs(registry_in(world))
        push_manifest(registry_in(world), chart.digest, chart.manifest, IMAGE)
        # A push that died before the package was stored.
        stored = world.artifacts["org1/mychart", f"_parked/sha256/{chart.digest.hex}"]
        world.artifacts["org1/mychart", f"_manifests/sha256/{chart.digest.hex}"] = stored
        world.time += DAY
        return world

    outcomes = set()
    for moment in range(calls_of(lambda step: collect_in(before(), step))):
        world = before()
        accepted = list[Digest]()

        def park(world: World = world, accepted: list[Digest] = accepted) -> None:
            with suppress(Unavailable, ManifestBlobUnknown):
                accepted.append(push_manifest(registry_in(world), chart.digest, chart.manifest, IMAGE).digest)

        collect_in(world, at(moment, park))

        outcomes.add(bool(accepted))
        for digest in accepted:
            assert pull(registry_in(world), digest)[CHART_LAYER] == PACKAGE
    assert outcomes == {True, False}


def test_a_failed_collection_of_one_place_does_not_stop_the_others() -> None:
    world = World()
    for chart in ("a", "b", "c"):
        uploads.put_blob(registry_in(world, chart), DIGEST, BLOB)
    world.time += DAY
    world.artifacts["org1/b", "_manifests/sha256/" + "0" * 64] = world.artifacts[
        "org1/b", f"_blobs/sha256/{DIGEST.hex}"
    ]
    ports = ports_in(world)

    total = collect_all(ports, FakeArtifacts(world), Rules(), deadline=world.time + 100)

    assert total == Collected(blobs=2, failed=1)


def test_without_time_nothing_is_collected() -> None:
    world = World()
    uploads.put_blob(registry_in(world), DIGEST, BLOB)
    world.time += DAY

    assert collect_all(ports_in(world), FakeArtifacts(world), Rules(), deadline=world.time - 1) == Collected()


class _Crash(BaseException):
    """The process dies."""


def push_tagged(world: World, step: Callable[[str], None]) -> None:
    """Push an artifact whose blobs are there from long ago."""
    document = {"schemaVersion": 2, "config": a_descriptor(b"{}"), "layers": [a_descriptor(BLOB)]}
    push_manifest(registry_in(world, step=step), "v1", json.dumps(document).encode(), IMAGE)


def push_index(world: World, step: Callable[[str], None]) -> None:
    """Push an index of a manifest that is there from long ago."""
    child = Digest.parse(_child(world))
    size = len(registry_in(world).lookup.manifest(child).body)
    document = {"schemaVersion": 2, "manifests": [{"mediaType": IMAGE, "digest": str(child), "size": size}]}
    push_manifest(registry_in(world, step=step), "v1", json.dumps(document).encode(), INDEX)


def push_chart(world: World, step: Callable[[str], None]) -> None:
    """Push a chart whose blobs are there from long ago."""
    push_manifest(registry_in(world, step=step), "0.1.0", Chart(PACKAGE).manifest, IMAGE)


def _child(world: World) -> str:
    name = next(name for _, name in world.artifacts if name.startswith("_manifests/"))
    return "sha256:" + name.rpartition("/")[2]


def an_old_world() -> World:
    world = World()
    registry = registry_in(world)
    uploads.put_blob(registry, DIGEST, BLOB)
    push_artifact(registry, content=b"child")
    Chart(PACKAGE).push_blobs(registry)
    world.time += DAY
    return world


def check_whole(world: World, tag: str, *, accepted: bool) -> None:
    """Whatever was accepted can be pulled; and nothing that can be pulled lacks a part."""
    registry = registry_in(world)
    try:
        found = registry.lookup.manifest(tag)
    except ManifestUnknown:
        assert not accepted
        return
    document = json.loads(found.body)
    if accepted and "manifests" not in document:
        pull(registry, tag)
    for child in document.get("manifests", []) if accepted else []:
        pull(registry, Digest.parse(child["digest"]))


PUSHES = pytest.mark.parametrize(
    ("push", "tag"), [(push_tagged, "v1"), (push_index, "v1"), (push_chart, "0.1.0")], ids=["blobs", "index", "chart"]
)
type Push = Callable[[World, Callable[[str], None]], None]


@PUSHES
def test_a_whole_push_at_any_moment_of_a_collection_is_whole_or_refused(push: Push, tag: str) -> None:
    outcomes = set()
    for moment in range(calls_of(lambda step: collect_in(an_old_world(), step))):
        world = an_old_world()
        seen, accepted = [0], [False]

        def interrupt(
            _call: str, world: World = world, seen: list[int] = seen, accepted: list[bool] = accepted, at: int = moment
        ) -> None:
            seen[0] += 1
            if seen[0] == at + 1:
                try:
                    push(world, lambda _call: None)
                    accepted[0] = True
                except (Unavailable, ManifestBlobUnknown, StopIteration):
                    pass

        collect_in(world, interrupt)
        check_whole(world, tag, accepted=accepted[0])
        outcomes.add(accepted[0])
    assert outcomes == {True, False}


@PUSHES
@pytest.mark.parametrize("crash", [False, True])
def test_a_whole_collection_at_any_moment_of_a_push_leaves_it_whole_or_refused(
    push: Push, tag: str, *, crash: bool
) -> None:
    for moment in range(calls_of(lambda step: push(an_old_world(), step))):
        world = an_old_world()
        seen = [0]

        def interrupt(_call: str, world: World = world, seen: list[int] = seen, at: int = moment) -> None:
            seen[0] += 1
            if seen[0] == at + 1:
                collect_in(world)
                if crash:
                    raise _Crash

        accepted = False
        try:
            push(world, interrupt)
            accepted = True
        except (Unavailable, ManifestBlobUnknown, _Crash):
            pass
        check_whole(world, tag, accepted=accepted)


@PUSHES
def test_a_collection_that_dies_at_any_moment_leaves_pushes_whole_or_refused(push: Push, tag: str) -> None:
    for moment in range(calls_of(lambda step: collect_in(an_old_world(), step))):
        world = an_old_world()
        seen = [0]

        def die(_call: str, seen: list[int] = seen, at: int = moment) -> None:
            seen[0] += 1
            if seen[0] == at + 1:
                raise _Crash

        with pytest.raises(_Crash):
            collect_in(world, die)
        accepted = False
        try:
            push(world, lambda _call: None)
            accepted = True
        except (Unavailable, ManifestBlobUnknown, StopIteration):
            pass
        check_whole(world, tag, accepted=accepted)
        # Its notice counts for an hour, as long as anybody who wrote it may live, and not for ever.
        world.time += 3_601
        collect_in(world)
        check_whole(world, tag, accepted=accepted)
