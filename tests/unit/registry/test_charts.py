"""One chart, two protocols: what one way stores the other serves, and one content wins."""

import json

import pytest
from charthouse.errors import ChartVersionExists, NotFound, Unavailable
from charthouse.oci.errors import (
    BlobUnknown,
    ManifestBlobUnknown,
    ManifestInvalid,
    ManifestUnknown,
    NameUnknown,
    SizeInvalid,
    TagTaken,
    Unsupported,
)
from charthouse.oci.manifests import CHART_CONFIG, CHART_LAYER, IMAGE, PROVENANCE_LAYER
from charthouse.oci.names import Digest
from charthouse.registry import uploads
from charthouse.registry.manifests import delete_manifest, push_manifest
from charthouse.repository.changes import Push, delete_version, push
from charthouse.repository.maintenance import handle_object_events
from charthouse.settings import Paths, Rules

from tests.builders import a_package, a_provenance
from tests.fakes import Step, World, nothing_happens
from tests.unit.registry.in_memory import Chart, a_descriptor, at, calls_of, pull, push_artifact, registry_in, upload
from tests.unit.repository.in_memory import failing, listed, ports_in, stored_in

PACKAGE = a_package()
OTHER = a_package(description="other")
SIGNED = a_provenance(PACKAGE)
OVERWRITE = Rules(allow_overwrite=True)


@pytest.fixture(params=[True, False], ids=["versioned", "unversioned"])
def world(request: pytest.FixtureRequest) -> World:
    return World(versioned=request.param)


def test_a_pushed_chart_is_listed_and_stored_when_it_is_answered(world: World) -> None:
    registry = registry_in(world)

    Chart(PACKAGE, provenance=SIGNED).push(registry)

    assert listed(world, "org1") == {"mychart-0.1.0.tgz": Digest.of(PACKAGE).hex}
    assert stored_in(world, "org1") == {"mychart-0.1.0.tgz": PACKAGE, "mychart-0.1.0.tgz.prov": SIGNED}
    assert pull(registry, "0.1.0")[CHART_LAYER] == PACKAGE
    assert registry.lookup.tags("", 10) == (["0.1.0"], False)


def test_its_tag_leads_to_the_very_manifest_that_was_pushed(world: World) -> None:
    chart = Chart(PACKAGE, provenance=SIGNED)
    registry = registry_in(world)

    chart.push(registry)

    assert registry.lookup.manifest("0.1.0").body == chart.manifest
    assert registry.lookup.manifest(chart.digest).body == chart.manifest


def test_an_uploaded_chart_can_be_pulled_at_once_with_its_provenance(world: World) -> None:
    upload(world, PACKAGE, SIGNED)

    found = pull(registry_in(world), "0.1.0")

    assert found[CHART_LAYER] == PACKAGE
    assert found[PROVENANCE_LAYER] == SIGNED
    assert json.loads(found[CHART_CONFIG]) == {"apiVersion": "v2", "name": "mychart", "version": "0.1.0"}


def test_the_derived_manifest_and_all_it_names_are_found_by_digest(world: World) -> None:
    upload(world, PACKAGE, SIGNED)
    registry = registry_in(world)
    digest = registry.lookup.manifest("0.1.0").digest

    assert registry_in(world).lookup.manifest(digest).body == registry.lookup.manifest("0.1.0").body
    assert pull(registry_in(world), digest)[PROVENANCE_LAYER] == SIGNED
    # Also before anyone has asked for its tag: the index says it.
    assert registry.lookup.blob(Digest.of(PACKAGE)).file == "mychart-0.1.0.tgz"


def test_provenance_that_comes_later_changes_the_manifest_and_the_old_digest_leads_nowhere_wrong(world: World) -> None:
    upload(world, PACKAGE)
    registry = registry_in(world)
    before = registry.lookup.manifest("0.1.0").digest

    push(registry.repository, Rules(), Push(None, SIGNED))

    assert pull(registry, "0.1.0")[PROVENANCE_LAYER] == SIGNED
    with pytest.raises(ManifestUnknown):
        registry.lookup.manifest(before)


def test_build_metadata_is_a_plus_in_versions_and_an_underscore_in_tags(world: World) -> None:
    package = a_package("mychart", "1.0.0+build.7")
    registry = registry_in(world)

    Chart(package, version="1.0.0+build.7").push(registry)

    assert registry.lookup.tags("", 10) == (["1.0.0_build.7"], False)
    assert list(listed(world, "org1")) == ["mychart-1.0.0+build.7.tgz"]


@pytest.mark.parametrize("by", ["tag", "digest", "api"])
@pytest.mark.parametrize("how", ["pushed", "uploaded"])
def test_deleting_either_way_deletes_both_at_once(world: World, by: str, how: str) -> None:
    registry, chart = registry_in(world), Chart(PACKAGE, provenance=SIGNED)
    if how == "pushed":
        chart.push(registry)
    else:
        upload(world, PACKAGE, SIGNED)
    digest = registry.lookup.manifest("0.1.0").digest

    match by:
        case "tag":
            delete_manifest(registry, "0.1.0")
        case "digest":
            delete_manifest(registry, digest)
        case "api":
            delete_version(registry.repository, "mychart", "0.1.0")

    assert listed(world, "org1") == {}
    assert stored_in(world, "org1") == {}
    references: list[Digest | str] = ["0.1.0", digest, chart.digest]
    for reference in references:
        with pytest.raises(ManifestUnknown):
            registry.lookup.manifest(reference)
    with pytest.raises(NotFound):
        delete_version(registry.repository, "mychart", "0.1.0")
    with pytest.raises(ManifestUnknown):
        delete_manifest(registry, "0.1.0")


@pytest.mark.parametrize("by", ["tag", "digest"])
def test_a_delete_that_crashed_is_finished_by_its_retry(world: World, by: str) -> None:
    registry, chart = registry_in(world), Chart(PACKAGE)
    chart.push(registry)
    reference = chart.digest if by == "digest" else "0.1.0"
    with pytest.raises(KeyboardInterrupt):
        delete_manifest(registry_in(world, step=failing("index.write", KeyboardInterrupt())), reference)
    assert list(listed(world, "org1")) == ["mychart-0.1.0.tgz"]

    with pytest.raises(ManifestUnknown):
        delete_manifest(registry, reference)

    assert listed(world, "org1") == {}


def test_the_same_file_can_be_pushed_again_after_a_delete(world: World) -> None:
    registry, chart = registry_in(world), Chart(PACKAGE)
    chart.push(registry)
    delete_version(registry.repository, "mychart", "0.1.0")

    chart.push(registry)

    assert registry.lookup.manifest("0.1.0").body == chart.manifest


def test_another_content_is_refused_and_nothing_of_it_can_be_found(world: World) -> None:
    registry, chart, other = registry_in(world), Chart(PACKAGE), Chart(OTHER)
    chart.push(registry)

    other.push_blobs(registry)
    with pytest.raises(ChartVersionExists, match=r"mychart 0\.1\.0 exists already"):
        push_manifest(registry, "0.1.0", other.manifest, IMAGE)

    assert pull(registry, "0.1.0")[CHART_LAYER] == PACKAGE
    with pytest.raises(ManifestUnknown):
        registry.lookup.manifest(other.digest)


def test_the_same_content_in_another_manifest_is_accepted_and_the_tag_keeps_its_own(world: World) -> None:
    registry = registry_in(world)
    first, second = Chart(PACKAGE), Chart(PACKAGE, created="2027-01-01T00:00:00Z")
    first.push(registry)

    second.push(registry)

    assert registry.lookup.manifest("0.1.0").digest == first.digest
    assert pull(registry, first.digest) == pull(registry, second.digest)


def test_a_chart_uploaded_first_keeps_its_derived_manifest(world: World) -> None:
    upload(world, PACKAGE)
    registry, chart = registry_in(world), Chart(PACKAGE)
    derived = registry.lookup.manifest("0.1.0").digest

    chart.push(registry)

    assert registry.lookup.manifest("0.1.0").digest == derived
    assert pull(registry, derived)[CHART_LAYER] == pull(registry, chart.digest)[CHART_LAYER] == PACKAGE


def test_provenance_pushed_to_a_chart_that_has_none_is_stored_with_it(world: World) -> None:
    upload(world, PACKAGE)

    Chart(PACKAGE, provenance=SIGNED).push(registry_in(world))

    assert stored_in(world, "org1")["mychart-0.1.0.tgz.prov"] == SIGNED
    assert pull(registry_in(world), "0.1.0")[PROVENANCE_LAYER] == SIGNED


def test_with_overwriting_allowed_the_tag_moves_and_no_old_digest_leads_to_other_bytes(world: World) -> None:
    registry = registry_in(world, rules=OVERWRITE)
    first, second = Chart(PACKAGE, provenance=SIGNED), Chart(OTHER)
    first.push(registry)

    second.push(registry)

    assert registry.lookup.manifest("0.1.0").digest == second.digest
    assert stored_in(world, "org1") == {"mychart-0.1.0.tgz": OTHER}
    with pytest.raises(ManifestUnknown):
        registry.lookup.manifest(first.digest)


def test_with_overwriting_allowed_the_same_content_in_another_manifest_moves_the_tag(world: World) -> None:
    registry = registry_in(world, rules=OVERWRITE)
    first, second = Chart(PACKAGE), Chart(PACKAGE, created="2027-01-01T00:00:00Z")
    first.push(registry)

    second.push(registry)

    assert registry.lookup.manifest("0.1.0").digest == second.digest
    assert pull(registry, first.digest)[CHART_LAYER] == PACKAGE


def test_a_forced_upload_of_the_same_bytes_has_the_derived_manifest(world: World) -> None:
    registry, chart = registry_in(world), Chart(PACKAGE)
    chart.push(registry)
    world.time += 10

    upload(world, PACKAGE, force=True)

    assert registry.lookup.manifest("0.1.0").digest != chart.digest
    assert registry.lookup.manifest(chart.digest).body == chart.manifest


def test_a_chart_that_is_copied_into_the_bucket_is_a_tag_once_its_event_came(world: World) -> None:
    world.put_object("org1/mychart-0.1.0.tgz", PACKAGE)
    world.put_object("org1/mychart-0.1.0.tgz.prov", SIGNED)
    messages = {"1": ["org1/mychart-0.1.0.tgz.prov"], "2": ["org1/mychart-0.1.0.tgz"]}

    handle_object_events(ports_in(world), Paths(1), messages, deadline=world.time + 100)

    assert pull(registry_in(world), "0.1.0")[PROVENANCE_LAYER] == SIGNED


def test_a_push_by_digest_alone_lists_nothing_and_can_be_pulled(world: World) -> None:
    registry, chart = registry_in(world), Chart(PACKAGE)
    chart.push_blobs(registry)

    push_manifest(registry, chart.digest, chart.manifest, IMAGE)

    assert listed(world, "org1") == {}
    assert stored_in(world, "org1") == {}
    assert pull(registry, chart.digest)[CHART_LAYER] == PACKAGE
    world.time += 86_401
    with pytest.raises(ManifestUnknown):
        registry.lookup.manifest(chart.digest)


def bad(chart: Chart, **fields: object) -> bytes:
    return json.dumps(json.loads(chart.manifest) | fields).encode()


CHART = Chart(PACKAGE)


@pytest.mark.parametrize(
    ("place", "tag", "body", "words"),
    [
        ("mychart", "0.2.0", CHART.manifest, "cannot have the tag 0.2.0: the tag of a chart is its version"),
        ("mychart", "latest", CHART.manifest, "cannot have the tag latest"),
        ("other", "0.1.0", CHART.manifest, "the chart mychart cannot be pushed to the repository org1/other"),
        (
            "mychart",
            "0.1.0",
            bad(CHART, layers=[a_descriptor(CHART.config, CHART_LAYER)]),
            "gzip|archive|chart",
        ),
        ("mychart", "0.1.0", bad(CHART, config=a_descriptor(PACKAGE, CHART_CONFIG)), "not JSON"),
        (
            "mychart",
            "0.1.0",
            bad(CHART, layers=[a_descriptor(PACKAGE, CHART_LAYER), a_descriptor(CHART.config, PROVENANCE_LAYER)]),
            "invalid provenance file",
        ),
    ],
)
def test_a_bad_push_is_refused_with_the_reason_and_leaves_nothing(
    place: str, tag: str, body: bytes, words: str
) -> None:
    world = World()
    registry = registry_in(world, place)
    CHART.push_blobs(registry)

    references: list[Digest | str] = [tag, Digest.of(body)] if tag == "0.1.0" else [tag]
    for reference in references:
        with pytest.raises(ManifestInvalid, match=words):
            push_manifest(registry, reference, body, IMAGE)

    assert stored_in(world, "org1") == {}
    assert listed(world, "org1") == {}
    assert not any("_manifests" in name or "_parked" in name for _, name in world.artifacts)
    with pytest.raises(ManifestUnknown):
        registry.lookup.manifest(Digest.of(body))


def test_a_config_of_another_chart_is_refused() -> None:
    world = World()
    registry, chart = registry_in(world), Chart(PACKAGE, version="0.9.9")
    chart.push_blobs(registry)

    with pytest.raises(ManifestInvalid, match=r"the config is not the metadata of mychart 0\.1\.0"):
        push_manifest(registry, "0.1.0", chart.manifest, IMAGE)


def test_provenance_of_another_version_is_refused() -> None:
    world = World()
    registry = registry_in(world)
    chart = Chart(PACKAGE, provenance=a_provenance(PACKAGE, "mychart", "0.9.9"))
    chart.push_blobs(registry)

    with pytest.raises(ManifestInvalid, match=r"cannot be the provenance file of mychart-0\.1\.0\.tgz"):
        push_manifest(registry, "0.1.0", chart.manifest, IMAGE)


@pytest.mark.parametrize("missing", [CHART_LAYER, CHART_CONFIG])
def test_a_manifest_whose_blobs_are_missing_is_refused(missing: str) -> None:
    world = World()
    registry = registry_in(world)
    CHART.push_blobs(registry)
    lost = PACKAGE if missing == CHART_LAYER else CHART.config
    uploads.delete_blob(registry, Digest.of(lost))

    with pytest.raises(ManifestBlobUnknown, match="push it first"):
        push_manifest(registry, "0.1.0", CHART.manifest, IMAGE)


def test_a_wrong_size_is_refused() -> None:
    registry = registry_in(World())
    CHART.push_blobs(registry)
    layer = a_descriptor(PACKAGE, CHART_LAYER) | {"size": len(PACKAGE) + 1}

    with pytest.raises(SizeInvalid, match=f"has {len(PACKAGE)} bytes, not {len(PACKAGE) + 1}"):
        push_manifest(registry, "0.1.0", bad(CHART, layers=[layer]), IMAGE)


def test_an_artifact_never_takes_the_tag_of_a_listed_chart(world: World) -> None:
    upload(world, PACKAGE)
    registry = registry_in(world)

    with pytest.raises(TagTaken, match=r"0\.1\.0 is mychart 0\.1\.0, a listed chart"):
        push_artifact(registry, "0.1.0")

    assert pull(registry, "0.1.0")[CHART_LAYER] == PACKAGE


@pytest.mark.parametrize("how", ["pushed", "uploaded"])
def test_a_chart_wins_the_tag_of_an_artifact(world: World, how: str) -> None:
    registry = registry_in(world)
    artifact = push_artifact(registry, "0.1.0")

    if how == "pushed":
        Chart(PACKAGE).push(registry)
    else:
        upload(world, PACKAGE)

    assert pull(registry, "0.1.0")[CHART_LAYER] == PACKAGE
    assert registry.lookup.manifest(artifact).digest == artifact
    assert registry.lookup.tags("", 10) == (["0.1.0"], False)


def test_deleting_the_tag_of_a_chart_deletes_what_it_hid(world: World) -> None:
    registry = registry_in(world)
    push_artifact(registry, "0.1.0")
    upload(world, PACKAGE)

    delete_manifest(registry, "0.1.0")

    with pytest.raises(ManifestUnknown):
        registry.lookup.manifest("0.1.0")


def test_the_package_of_a_chart_is_no_blob_to_delete(world: World) -> None:
    registry = registry_in(world)
    Chart(PACKAGE).push(registry)

    with pytest.raises(Unsupported, match=r"belongs to mychart 0\.1\.0: delete that version"):
        uploads.delete_blob(registry, Digest.of(PACKAGE))


def test_a_place_knows_nothing_of_another(world: World) -> None:
    Chart(PACKAGE).push(registry_in(world))
    other = registry_in(world, repo="org2")

    with pytest.raises(ManifestUnknown):
        other.lookup.manifest("0.1.0")
    with pytest.raises(BlobUnknown):
        other.lookup.blob(Digest.of(PACKAGE))
    with pytest.raises(NameUnknown):
        other.lookup.tags("", 10)


@pytest.mark.parametrize("tagged", [True, False], ids=["listed", "parked"])
def test_a_push_at_any_moment_of_a_delete_by_digest_keeps_its_manifest(*, tagged: bool) -> None:
    chart = Chart(PACKAGE)

    def before() -> World:
        world = World()
        chart.push_blobs(registry_in(world))
        push_manifest(registry_in(world), "0.1.0" if tagged else chart.digest, chart.manifest, IMAGE)
        return world

    def delete(world: World, step: Step = nothing_happens) -> None:
        delete_manifest(registry_in(world, step=step), chart.digest)

    for moment in range(calls_of(lambda step: delete(before(), step))):
        world = before()
        delete(world, at(moment, lambda: push_manifest(registry_in(world), "0.1.0", chart.manifest, IMAGE)))  # noqa: B023

        if listed(world, "org1"):
            assert registry_in(world).lookup.manifest("0.1.0").digest == chart.digest
            assert pull(registry_in(world), chart.digest)[CHART_LAYER] == PACKAGE


def test_a_manifest_is_found_by_its_digest_at_any_moment_its_tag_follows() -> None:
    chart = Chart(PACKAGE)

    def before() -> World:
        world = World()
        chart.push_blobs(registry_in(world))
        push_manifest(registry_in(world), chart.digest, chart.manifest, IMAGE)
        return world

    def pull_it(world: World, step: Step = nothing_happens) -> None:
        assert registry_in(world, step=step).lookup.manifest(chart.digest).body == chart.manifest

    for moment in range(calls_of(lambda step: pull_it(before(), step))):
        world = before()
        pull_it(world, at(moment, lambda: push_manifest(registry_in(world), "0.1.0", chart.manifest, IMAGE)))  # noqa: B023


def test_a_push_whose_index_is_late_has_to_be_sent_again_and_then_succeeds(world: World) -> None:
    chart = Chart(PACKAGE)
    chart.push_blobs(registry_in(world))

    def storage_fails(call: str) -> None:
        if call == "index.write":
            raise Unavailable("busy")

    with pytest.raises(Unavailable, match="push it again"):
        push_manifest(registry_in(world, step=storage_fails), "0.1.0", chart.manifest, IMAGE)

    push_manifest(registry_in(world), "0.1.0", chart.manifest, IMAGE)
    assert listed(world, "org1") == {"mychart-0.1.0.tgz": Digest.of(PACKAGE).hex}
    assert registry_in(world).lookup.manifest("0.1.0").digest == chart.digest
