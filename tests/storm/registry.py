"""Commands of OCI clients, the collection, and what a client may rely on when answered."""

import json
from collections.abc import Callable

from charthouse.errors import ChartVersionExists, ConditionFailed, NotFound, Unavailable
from charthouse.oci.errors import BlobUnknown, ManifestBlobUnknown, TagTaken
from charthouse.oci.manifests import IMAGE
from charthouse.oci.names import Digest, tag_of, version_of
from charthouse.registry import layout, uploads
from charthouse.registry.collect import collect_all
from charthouse.registry.lookup import DAY
from charthouse.registry.manifests import Pushed, delete_manifest, push_manifest
from charthouse.repository.publish import Outcome
from charthouse.settings import Rules

from tests.builders import a_provenance
from tests.fakes import World
from tests.storm.commands import REPO, Command, a_file, a_repository, content, execute
from tests.storm.faults import Fault, ProcessPorts, process
from tests.storm.oracle import Oracle, PromiseBroken
from tests.storm.pulls import digest_of_tag, is_listed, manifest_of, names_in, pulled, referenced
from tests.unit.registry.in_memory import Chart, a_descriptor

type Answered = Callable[[Oracle, str, object, dict[str, int]], None]


def a_chart(version: str, letter: str, *, signed: bool = False, at: str = "1") -> Chart:
    """Return a chart as Helm pushes it; `at` stands for the time in its manifest."""
    body = content(version, letter)
    return Chart(body, "web", version, a_provenance(body, "web", version) if signed else None, at)


def an_artifact(letter: str) -> tuple[bytes, tuple[bytes, ...]]:
    """Return the manifest of an artifact, and its blobs."""
    blobs = (b"{}", f"artifact {letter}".encode())
    document = {"schemaVersion": 2, "config": a_descriptor(blobs[0]), "layers": [a_descriptor(blobs[1])]}
    return json.dumps(document).encode(), blobs


def digest_of_artifact(letter: str) -> Digest:
    """Return the digest of an artifact's manifest."""
    return Digest.of(an_artifact(letter)[0])


def oci_pushing(version: str, letter: str, *, signed: bool = False, at: str = "1", by_digest: bool = False) -> Command:
    """Push a chart: the blobs that are not there yet, its manifest, perhaps by its digest first, and by its tag."""
    chart = a_chart(version, letter, signed=signed, at=at)
    blobs = (chart.config, chart.package, *([chart.provenance] if chart.provenance else []))

    def run(ports: ProcessPorts) -> object:
        _push_blobs(ports, blobs)
        if by_digest:
            push_manifest(ports.registry(REPO, "web"), chart.digest, chart.manifest, IMAGE)
        return push_manifest(ports.registry(REPO, "web"), chart.tag, chart.manifest, IMAGE)

    def answered(oracle: Oracle, name: str, response: object, since: dict[str, int]) -> None:
        _check_pushed_chart(oracle, name, response, since, chart)

    words = ["oci push", version, letter, *(["signed"] if signed else []), *(["by digest"] if by_digest else [])]
    words += [f"at {at}"] if at != "1" else []
    return Command(
        " ".join(words), run, (a_file(version),), creates=True, answered=answered, withdraws=frozenset({chart.tag})
    )


def parking(version: str, letter: str) -> Command:
    """Push a chart by its digest; its tag is to follow."""
    chart = a_chart(version, letter)

    def run(ports: ProcessPorts) -> object:
        _push_blobs(ports, (chart.config, chart.package))
        return push_manifest(ports.registry(REPO, "web"), chart.digest, chart.manifest, IMAGE)

    def answered(oracle: Oracle, _name: str, response: object, _since: dict[str, int]) -> None:
        if isinstance(response, Pushed):
            oracle.pulls.parked[str(chart.digest)] = oracle.world.time + DAY
            oracle.pulls.check(oracle)
        _check_valid(response, Pushed, ManifestBlobUnknown)

    return Command(f"park {version} {letter}", run, answered=answered)


def oci_deleting(version: str, digest: Digest | None = None) -> Command:
    """Delete a version by its tag, or by the digest of its manifest."""
    file = a_file(version)

    def run(ports: ProcessPorts) -> object:
        delete_manifest(ports.registry(REPO, "web"), digest or tag_of(version) or "")
        return Outcome.STORED

    def answered(oracle: Oracle, _name: str, response: object, since: dict[str, int]) -> None:
        if response is Outcome.STORED and all(one.exists for one in oracle.moments(file)[since.get(file, 0) :]):
            raise PromiseBroken(f"{file}: answered 202, and never deleted")
        if isinstance(response, NotFound) and digest is None:
            oracle.acknowledge(file, since.get(file, 0), exists=False)
        _check_valid(response, Outcome, NotFound)

    words = f"oci delete {version}" if digest is None else f"oci delete {version} by digest"
    withdrawn = frozenset({str(digest)}) if digest else frozenset[str]()
    return Command(words, run, (file,), deletes=True, answered=answered, withdraws=withdrawn)


def tagging(tag: str, letter: str) -> Command:
    """Push an artifact that is no chart, under a tag."""
    manifest, blobs = an_artifact(letter)
    file = a_file(version_of(tag))

    def run(ports: ProcessPorts) -> object:
        _push_blobs(ports, blobs)
        return push_manifest(ports.registry(REPO, "web"), tag, manifest, IMAGE)

    def answered(oracle: Oracle, name: str, response: object, since: dict[str, int]) -> None:
        moments = oracle.moments(file)
        if isinstance(response, Pushed):
            if oracle.pulls.was_listed(name, file) and len(moments) == since[file] + 1:
                raise PromiseBroken(f"an artifact was accepted for the tag {tag} of a chart")
            oracle.pulls.tagged[tag] = str(response.digest)
            oracle.pulls.check(oracle)
        if isinstance(response, TagTaken) and not any(moment.entry for moment in moments):
            raise PromiseBroken(f"the tag {tag} was never that of a chart")
        _check_valid(response, Pushed, TagTaken, ManifestBlobUnknown)

    return Command(f"tag {tag} {letter}", run, answered=answered)


def untagging(tag: str) -> Command:
    """Delete the tag of an artifact."""
    return _removing(f"untag {tag}", tag, tag)


def deleting_artifact(letter: str) -> Command:
    """Delete the manifest of an artifact, and its tags."""
    digest = digest_of_artifact(letter)
    return _removing(f"delete artifact {letter}", digest, str(digest))


def _removing(words: str, reference: Digest | str, withdrawn: str) -> Command:
    def run(ports: ProcessPorts) -> object:
        delete_manifest(ports.registry(REPO, "web"), reference)
        return Outcome.STORED

    def answered(_oracle: Oracle, _name: str, response: object, _since: dict[str, int]) -> None:
        _check_valid(response, Outcome, NotFound)

    return Command(words, run, answered=answered, withdraws=frozenset({withdrawn}))


def _collect(ports: ProcessPorts) -> object:
    return collect_all(ports, ports.artifacts, Rules(), deadline=ports.clock.now() + 600)


COLLECT = Command("collect", _collect, is_acknowledged=False)


def a_registry() -> World:
    """Return a published repository, a day later: 1.0.0 and an artifact were pushed by OCI, and others broke off.

    Of 3.0.0 (content `b`), the artifact `x` and an upload there is everything but what makes clients see them.
    """
    world = a_repository("2.0.0")
    oracle = Oracle(world, REPO)
    for command in (oci_pushing("1.0.0", "a", signed=True), tagging("latest", "y"), tagging("old", "z")):
        execute(command, oracle)
    broken = oci_pushing("3.0.0", "b", by_digest=True)
    execute(broken, oracle, at=lambda _number, call: Fault.CRASH if call == "packages.create" else None)
    ports = process(world)
    manifest, blobs = an_artifact("x")
    _push_blobs(ports, blobs)
    registry = ports.registry(REPO, "web")
    push_manifest(registry, Digest.of(manifest), manifest, IMAGE)
    uploads.append(registry, uploads.begin_upload(registry), b"a chunk")
    world.time += DAY + 60
    return world


def check_collection(oracle: Oracle) -> None:
    """Collect a day after everything: what can be pulled by tag is still there, and nothing that is not kept."""
    for tag in names_in(oracle.world, layout.TAGS):
        accepted = oracle.pulls.tagged.get(tag) == digest_of_tag(oracle.world, tag)
        if accepted and manifest_of(oracle.world, tag) is None:
            raise oracle.breaks(f"the tag {tag} was accepted, and leads nowhere")
        hint = layout.tagged(Digest.parse(digest_of_tag(oracle.world, tag)), tag)
        if accepted and hint not in names_in(oracle.world, layout.TAGGED, whole=True):
            raise oracle.breaks(f"the tag {tag} was accepted, and would outlast its manifest")
    oracle.world.time += DAY + 60
    before = pulled(oracle.world)
    execute(COLLECT, oracle, "")
    if pulled(oracle.world) != before:
        raise oracle.breaks(f"before a collection {before} could be pulled, after it {pulled(oracle.world)}")
    left = {name for name in names_in(oracle.world, "", whole=True) if name not in referenced(oracle.world)}
    if left:
        raise oracle.breaks(f"a collection left {sorted(left)}")


def _push_blobs(ports: ProcessPorts, blobs: tuple[bytes, ...]) -> None:
    """Push the blobs that are not there yet, as clients do."""
    for body in blobs:
        digest = Digest.of(body)
        try:
            ports.registry(REPO, "web").lookup.blob(digest)
        except BlobUnknown:
            uploads.put_blob(ports.registry(REPO, "web"), digest, body)


def _check_pushed_chart(oracle: Oracle, name: str, response: object, since: dict[str, int], chart: Chart) -> None:
    file, digest = a_file(chart.version), Digest.of(chart.package)
    moments = oracle.moments(file)[since.get(file, 0) :]
    if isinstance(response, Pushed):
        oracle.acknowledge(file, since.get(file, 0), digest=digest.hex)
        if chart.provenance is not None and oracle.has_written(name, file):
            oracle.acknowledge_provenance(file, name)
        if moments[-1].entry and moments[-1].entry[0] == digest.hex:
            _check_pull(oracle, chart)
    elif isinstance(response, ChartVersionExists):
        if oracle.has_written(name, file):
            raise PromiseBroken(f"{file}: refused, and stored")
        if all(moment.entry and moment.entry[0] == digest.hex for moment in moments):
            raise PromiseBroken(f"{file}: refused, and the content is the same")
        oracle.acknowledge(file, since.get(file, 0), exists=True)
    _check_valid(response, Pushed, ChartVersionExists, ManifestBlobUnknown)


def _check_pull(oracle: Oracle, chart: Chart) -> None:
    """Check what an accepted chart's client gets by its tag and by the digest that was pushed."""
    found = manifest_of(oracle.world, chart.tag)
    if found is None or not is_listed(oracle.world, chart.tag):
        raise PromiseBroken(f"{chart.version} was accepted, and its tag leads nowhere")
    oracle.pulls.charts[str(chart.digest)] = a_file(chart.version), Digest.of(chart.package).hex
    oracle.pulls.accepted.add(str(chart.digest))
    oracle.pulls.check(oracle)


def _check_valid(response: object, *valid: type) -> None:
    if not isinstance(response, (*valid, Unavailable, ConditionFailed)):
        raise PromiseBroken(f"no valid response: {response!r}")
