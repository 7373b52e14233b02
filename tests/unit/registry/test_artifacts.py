"""What is no chart: tags that move, referrers, deletes; and blobs pushed in every way."""

import json
from collections.abc import Callable
from contextlib import suppress
from functools import partial

import pytest
from charthouse.errors import TooLarge, Unavailable
from charthouse.oci.errors import (
    BlobUnknown,
    DigestInvalid,
    ManifestBlobUnknown,
    ManifestInvalid,
    ManifestUnknown,
    RangeInvalid,
    UploadInvalid,
    UploadUnknown,
)
from charthouse.oci.manifests import IMAGE, INDEX
from charthouse.oci.names import Digest
from charthouse.registry import uploads
from charthouse.registry.manifests import delete_manifest, push_manifest
from charthouse.registry.ports import Place
from charthouse.settings import Rules

from tests.builders import a_package, a_provenance
from tests.fakes import Step, World, nothing_happens
from tests.unit.registry.in_memory import a_descriptor, at, calls_of, push_artifact, registry_in, upload
from tests.unit.repository.in_memory import listed

BLOB = b"a blob"
DIGEST = Digest.of(BLOB)


def referrers(world: World, subject: Digest, kind: str = "") -> list[str]:
    index = json.loads(registry_in(world).lookup.referrers(subject, kind))
    assert (index["schemaVersion"], index["mediaType"]) == (2, INDEX)
    return [found["digest"] for found in index["manifests"]]


def test_tags_of_artifacts_move_and_show_in_no_index() -> None:
    world = World()
    registry = registry_in(world)
    first = push_artifact(registry, "latest", "artifacthub.io")

    second = push_artifact(registry, "latest", content=b"other")

    assert registry.lookup.manifest("latest").digest == second
    assert registry.lookup.manifest("artifacthub.io").digest == first
    assert registry.lookup.tags("", 10) == (["artifacthub.io", "latest"], False)
    assert listed(world, "org1") == {}


def test_tags_are_listed_bytewise_charts_and_artifacts_alike_in_pages() -> None:
    world = World()
    registry = registry_in(world)
    upload(world, a_package("mychart", "0.10.0"))
    upload(world, a_package("mychart", "0.9.0+b"))
    push_artifact(registry, "0.95", "Z", "a", "_")

    tags = ["0.10.0", "0.9.0_b", "0.95", "Z", "_", "a"]
    assert registry.lookup.tags("", 10) == (tags, False)
    for limit in range(1, 7):
        pages, last = [], ""
        while True:
            page, more = registry.lookup.tags(last, limit)
            pages += page
            if not more:
                break
            last = page[-1]
        assert pages == tags
    assert registry.lookup.tags("", 0) == ([], True)
    assert registry.lookup.tags("a", 10) == ([], False)
    assert registry.lookup.tags("0.9", 2) == (["0.9.0_b", "0.95"], True)


def test_deleting_a_tag_leaves_the_manifest_and_deleting_that_takes_its_tags() -> None:
    world = World()
    registry = registry_in(world)
    digest = push_artifact(registry, "one", "two", "three")
    other = push_artifact(registry, "three", content=b"other")

    delete_manifest(registry, "one")

    assert registry.lookup.manifest(digest).digest == digest
    assert registry.lookup.tags("", 10)[0] == ["three", "two"]

    delete_manifest(registry, digest)

    assert registry.lookup.tags("", 10)[0] == ["three"]
    assert registry.lookup.manifest("three").digest == other
    for reference in (digest, "two", "one"):
        with pytest.raises(ManifestUnknown):
            registry.lookup.manifest(reference)
        with pytest.raises(ManifestUnknown):
            delete_manifest(registry, reference)


def test_referrers_are_listed_by_subject_and_type_and_go_with_their_manifest() -> None:
    world = World()
    registry = registry_in(world)
    upload(world, a_package())
    chart = registry.lookup.manifest("0.1.0")
    subject = {"mediaType": IMAGE, "digest": str(chart.digest), "size": len(chart.body)}

    one = push_artifact(registry, "sha256-x.sig", more={"subject": subject})
    two = push_artifact(registry, more={"subject": subject, "artifactType": "application/y", "annotations": {"a": "b"}})
    push_artifact(registry, more={"subject": subject})

    assert referrers(world, chart.digest) == [str(two), str(one)]
    assert referrers(world, chart.digest, "application/y") == [str(two)]
    assert referrers(world, Digest.of(b"nobody's")) == []
    delete_manifest(registry, two)
    assert referrers(world, chart.digest) == [str(one)]


def test_a_subject_may_be_missing_but_the_manifests_of_an_index_may_not() -> None:
    world = World()
    registry = registry_in(world)
    missing = {"mediaType": IMAGE, "digest": str(Digest.of(b"missing")), "size": 7}

    digest = push_artifact(registry, more={"subject": missing})
    index = json.dumps({"schemaVersion": 2, "manifests": [missing]}).encode()

    assert referrers(world, Digest.of(b"missing")) == [str(digest)]
    with pytest.raises(ManifestBlobUnknown, match="push it first"):
        push_manifest(registry, "index", index, INDEX)


def test_an_index_may_name_charts() -> None:
    world = World()
    registry = registry_in(world)
    upload(world, a_package())
    chart = registry.lookup.manifest("0.1.0")
    child = {"mediaType": IMAGE, "digest": str(chart.digest), "size": len(chart.body)}

    push_manifest(registry, "all", json.dumps({"schemaVersion": 2, "manifests": [child]}).encode(), INDEX)

    assert registry.lookup.manifest("all").media_type == INDEX


def test_a_manifest_that_is_not_what_its_digest_says_is_refused() -> None:
    registry = registry_in(World())
    body = json.dumps({"schemaVersion": 2, "manifests": []}).encode()

    with pytest.raises(DigestInvalid):
        push_manifest(registry, Digest.of(body), body + b" ", INDEX)


def test_a_digest_of_sha512_is_kept_as_it_is() -> None:
    registry = registry_in(World())
    body = json.dumps({"schemaVersion": 2, "manifests": []}).encode()
    digest = Digest.of(body, "sha512")

    pushed = push_manifest(registry, digest, body, INDEX, ["a", "b"])

    assert pushed.tags == ("a", "b")
    assert registry.lookup.manifest("a").digest == digest
    with pytest.raises(ManifestUnknown):
        registry.lookup.manifest(Digest.of(body))


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_a_blob_is_pushed_at_once_or_in_chunks(algorithm: str) -> None:
    registry = registry_in(World())
    digest = Digest.of(BLOB, algorithm)

    uploads.put_blob(registry, digest, BLOB)
    identifier = uploads.begin_upload(registry)
    assert uploads.append(registry, identifier, BLOB[:2], (0, 1)) == 2
    assert uploads.append(registry, identifier, BLOB[2:3]) == 3
    assert uploads.append(registry, identifier, b"") == 3
    assert registry.lookup.upload_size(identifier) == 3
    uploads.finish_upload(registry, identifier, digest, BLOB[3:], (3, 5))

    assert uploads.read_blob(registry, registry.lookup.blob(digest)) == BLOB
    with pytest.raises(UploadUnknown):
        registry.lookup.upload_size(identifier)


def test_an_empty_blob_is_one() -> None:
    registry = registry_in(World())

    uploads.finish_upload(registry, uploads.begin_upload(registry), Digest.of(b""), b"")

    assert registry.lookup.blob(Digest.of(b"")).size == 0


def test_chunks_out_of_order_are_refused_and_the_upload_goes_on() -> None:
    registry = registry_in(World())
    identifier = uploads.begin_upload(registry)

    with pytest.raises(RangeInvalid, match="the upload has 0 bytes") as first:
        uploads.append(registry, identifier, BLOB[2:], (2, 5))
    uploads.append(registry, identifier, BLOB[:2], (0, 1))
    with pytest.raises(RangeInvalid, match="the upload has 2 bytes") as repeated:
        uploads.append(registry, identifier, BLOB[:2], (0, 1))
    assert (first.value.size, repeated.value.size, registry.lookup.upload_size(identifier)) == (0, 2, 2)
    with pytest.raises(RangeInvalid):
        uploads.finish_upload(registry, identifier, DIGEST, BLOB[:2], (0, 1))
    with pytest.raises(UploadInvalid, match="is 3 bytes, the body has 4"):
        uploads.append(registry, identifier, BLOB[2:], (2, 4))
    uploads.finish_upload(registry, identifier, DIGEST, BLOB[2:], (2, 5))

    assert uploads.read_blob(registry, registry.lookup.blob(DIGEST)) == BLOB


def test_of_two_chunks_for_one_place_one_is_stored() -> None:
    world = World()
    identifier = uploads.begin_upload(registry_in(world))

    def other_is_faster(call: str) -> None:
        if call == "artifacts.replace" and registry_in(world).lookup.upload_size(identifier) == 0:
            uploads.append(registry_in(world), identifier, b"theirs")

    with pytest.raises(RangeInvalid, match="another chunk"):
        uploads.append(registry_in(world, step=other_is_faster), identifier, b"ours")

    assert registry_in(world).lookup.upload_size(identifier) == 6


def test_a_wrong_digest_stores_no_blob() -> None:
    world = World()
    registry = registry_in(world)

    with pytest.raises(DigestInvalid):
        uploads.put_blob(registry, DIGEST, BLOB + b"!")
    with pytest.raises(DigestInvalid):
        uploads.finish_upload(registry, uploads.begin_upload(registry), DIGEST, BLOB + b"!")

    with pytest.raises(BlobUnknown):
        registry.lookup.blob(DIGEST)


def test_a_cancelled_upload_is_gone() -> None:
    world = World()
    registry = registry_in(world)
    identifier = uploads.begin_upload(registry)
    uploads.append(registry, identifier, BLOB)

    uploads.cancel_upload(registry, identifier)

    assert world.artifacts == {}
    with pytest.raises(UploadUnknown):
        uploads.cancel_upload(registry, identifier)
    with pytest.raises(UploadUnknown):
        uploads.append(registry, identifier, BLOB)


def test_what_is_larger_than_an_upload_may_be_is_refused_with_the_way_to_go() -> None:
    registry = registry_in(World(), rules=Rules(max_upload_size=5))
    identifier = uploads.begin_upload(registry)
    uploads.append(registry, identifier, b"123")

    for push in (
        lambda: uploads.put_blob(registry, DIGEST, BLOB),
        lambda: uploads.append(registry, identifier, b"456"),
        lambda: uploads.finish_upload(registry, identifier, DIGEST, b"456"),
    ):
        with pytest.raises(TooLarge, match="6 bytes: a blob may have 5 here"):
            push()


@pytest.mark.parametrize("what", ["blob", "package", "provenance", "config"])
def test_a_blob_of_any_kind_is_mounted(what: str) -> None:
    world = World()
    package = a_package()
    upload(world, package, a_provenance(package))
    registry, source = registry_in(world, repo="org2"), Place("org1", "mychart")
    uploads.put_blob(registry_in(world), DIGEST, BLOB)
    derived = json.loads(registry_in(world).lookup.manifest("0.1.0").body)
    digest = {
        "blob": DIGEST,
        "package": Digest.of(package),
        "provenance": Digest.of(a_provenance(package)),
        "config": Digest.parse(derived["config"]["digest"]),
    }[what]

    assert uploads.mount_blob(registry, digest, source)

    digest.check(uploads.read_blob(registry, registry.lookup.blob(digest)))
    assert not uploads.mount_blob(registry, Digest.of(b"missing"), source)


def test_a_blob_can_be_deleted_and_pushed_again() -> None:
    registry = registry_in(World())
    uploads.put_blob(registry, DIGEST, BLOB)

    uploads.delete_blob(registry, DIGEST)

    with pytest.raises(BlobUnknown):
        uploads.delete_blob(registry, DIGEST)
    uploads.put_blob(registry, DIGEST, BLOB)
    assert registry.lookup.blob(DIGEST).size == len(BLOB)


def test_the_chunks_of_an_upload_that_lost_a_part_make_no_blob() -> None:
    world = World()
    registry = registry_in(world)
    identifier = uploads.begin_upload(registry)
    uploads.append(registry, identifier, BLOB[:2])
    uploads.append(registry, identifier, BLOB[2:])
    del world.artifacts["org1/mychart", f"_uploads/{identifier}/000000000000"]

    with pytest.raises(UploadInvalid, match="a part of the upload is missing"):
        uploads.finish_upload(registry, identifier, DIGEST, b"")


def test_two_manifests_with_one_subject_pushed_at_once_are_both_listed() -> None:
    world = World()
    subject = a_descriptor(b"subject", IMAGE)
    pushed: list[Digest] = []

    def other_is_faster(call: str) -> None:
        if call == "artifacts.replace" and not pushed:
            pushed.append(Digest.of(b""))
            pushed[0] = push_artifact(registry_in(world), content=b"theirs", more={"subject": subject})

    ours = push_artifact(registry_in(world, step=other_is_faster), more={"subject": subject})

    assert set(referrers(world, Digest.of(b"subject"))) == {str(ours), str(pushed[0])}


def test_annotations_beyond_what_can_be_answered_are_refused() -> None:
    registry = registry_in(World())
    subject = a_descriptor(b"subject", IMAGE)
    large = {"subject": subject, "annotations": {"a": "x" * 3_000_000}}
    push_artifact(registry, more=large)

    with pytest.raises(ManifestInvalid, match="too many annotations"):
        push_artifact(registry, content=b"other", more=large)


def test_a_tag_moved_meanwhile_is_not_deleted_with_the_manifest_it_had() -> None:
    world = World()
    digest = push_artifact(registry_in(world), "latest")
    moved: list[Digest] = []

    def move(call: str) -> None:
        if call == "artifacts.delete" and not moved:
            moved.append(digest)
            moved[0] = push_artifact(registry_in(world), "latest", content=b"other")

    delete_manifest(registry_in(world, step=move), digest)

    assert registry_in(world).lookup.manifest("latest").digest == moved[0]


def push_one(world: World, step: Step = nothing_happens) -> None:
    try:
        push_artifact(registry_in(world, step=step), "one")
    except Unavailable:
        with suppress(Unavailable):
            push_artifact(registry_in(world), "one")


def delete_one(world: World, step: Step = nothing_happens) -> None:
    with suppress(ManifestUnknown):
        delete_manifest(registry_in(world, step=step), push_artifact(registry_in(World())))


@pytest.mark.parametrize(("first", "second"), [(push_one, delete_one), (delete_one, push_one)])
def test_a_manifest_that_is_pushed_and_deleted_at_once_leaves_no_tag_that_leads_nowhere(
    first: Callable[..., None], second: Callable[..., None]
) -> None:
    def before() -> World:
        world = World()
        push_one(world)
        return world

    for moment in range(calls_of(lambda step: first(before(), step))):
        world = before()
        first(world, at(moment, partial(second, world)))

        tags = [name for _, name in world.artifacts if name.startswith("_tags/")]
        assert tags == [] or registry_in(world).lookup.manifest("one")
        # And what is deleted afterwards goes with its tag.
        delete_one(world)
        assert not any(name.startswith(("_tags/", "_notices/")) for _, name in world.artifacts)
