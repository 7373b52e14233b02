"""publish: the index says what the rows say, spliced or rebuilt; and many changes share one publication."""

import gzip
import json
from dataclasses import replace

import pytest
from charthouse.errors import Unavailable
from charthouse.helm import ranges
from charthouse.helm.index import Index
from charthouse.repository.changes import Push, push
from charthouse.repository.ports import GZIP_COPY, Row
from charthouse.repository.publish import LEASE_SECONDS, entries_of, publish_index, publish_shared
from charthouse.repository.sync import TOMBSTONE_SECONDS, sync_file
from charthouse.settings import Layout, Rules

from tests.builders import a_package
from tests.fakes import Lease, World
from tests.unit.repository.in_memory import calls_in, event_names, fill, listed, ports_in, repository_in

LATER = 2e9


def test_every_dirty_row_is_published_and_clean_afterwards() -> None:
    world = World()
    stored(world, "0.1.0", "0.2.0")

    publish_index(repository_in(world))

    assert sorted(listed(world)) == ["mychart-0.1.0.tgz", "mychart-0.2.0.tgz"]
    assert not any(row.dirty for row in world.rows.values())


VIEWS = ["index.read_view", "index.write_view", "index.view", "index.write_view"]
"""The gzip copy, and the view of the chart."""


def test_without_dirty_rows_nothing_is_written() -> None:
    world = World()
    stored(world, "0.1.0")
    publish_index(repository_in(world))
    before, calls = world.indexes[""], list[str]()

    publish_index(repository_in(world, step=calls.append))

    assert world.indexes[""] == before
    assert calls_in(calls) == ["index.read", "catalog.dirty"]


def test_only_dirty_rows_are_read() -> None:
    world = World()
    fill(world, 1000)
    publish_index(repository_in(world), rebuild=True)
    stored(world, "0.1.0")
    calls: list[str] = []

    publish_index(repository_in(world, step=calls.append))

    assert calls_in(calls) == ["index.read", "catalog.dirty", "index.write", *VIEWS, "catalog.clear"]
    assert calls.count("catalog.dirty:item") == 1
    assert len(listed(world)) == 1001


def test_the_bytes_of_every_published_index_are_unique() -> None:
    world = World()
    published: set[bytes] = set()

    for description in ["a", "b", "a", "b"]:
        world.put_object("mychart-0.1.0.tgz", a_package(description=description))
        sync_file(repository_in(world), "mychart-0.1.0.tgz")
        publish_index(repository_in(world))
        published.add(world.indexes[""])

    assert len(published) == 4


def test_a_dirty_row_is_published_even_if_the_index_lists_it_already() -> None:
    """Another process may be about to publish what it read before: only a new ETag stops it."""
    world = World()
    stored(world, "0.1.0")
    publish_index(repository_in(world))
    before = world.indexes[""]
    world.rows["", "mychart-0.1.0.tgz"] = replace(world.rows["", "mychart-0.1.0.tgz"], dirty="2026-11-18T11:06:40Z")

    publish_index(repository_in(world))

    assert world.indexes[""] != before


def test_a_row_synced_during_the_publication_stays_dirty() -> None:
    world = World()
    stored(world, "0.1.0")

    def overwritten(call: str) -> None:
        if call == "index.write:done":
            world.put_object("mychart-0.1.0.tgz", a_package(description="newer"))
            sync_file(repository_in(world), "mychart-0.1.0.tgz")

    publish_index(repository_in(world, step=overwritten))

    assert world.rows["", "mychart-0.1.0.tgz"].dirty is not None


@pytest.mark.parametrize("at", ["index.write", "catalog.dirty", "catalog.dirty:done"])
def test_the_slower_publisher_starts_again_by_reading_the_index(at: str) -> None:
    world = World()
    stored(world, "0.1.0")
    publish_index(repository_in(world))
    stored(world, "0.2.0")
    meanwhile = [True]

    def another_process_is_faster(call: str) -> None:
        if call == at and meanwhile:
            meanwhile.clear()
            stored(world, "0.3.0")
            publish_index(repository_in(world))

    publish_index(repository_in(world, step=another_process_is_faster))

    assert sorted(listed(world)) == ["mychart-0.1.0.tgz", "mychart-0.2.0.tgz", "mychart-0.3.0.tgz"]
    assert not any(row.dirty for row in world.rows.values())


def test_two_concurrent_first_publications_make_one_index() -> None:
    world = World()
    stored(world, "0.1.0")
    meanwhile = [True]

    def another_process_is_faster(call: str) -> None:
        if call == "index.write" and meanwhile:
            meanwhile.clear()
            stored(world, "0.2.0")
            publish_index(repository_in(world))

    publish_index(repository_in(world, step=another_process_is_faster))

    assert sorted(listed(world)) == ["mychart-0.1.0.tgz", "mychart-0.2.0.tgz"]


def test_a_publisher_that_always_loses_stops_at_the_deadline() -> None:
    world = World()
    stored(world, "0.1.0")

    def another_process_is_faster(call: str) -> None:
        if call == "index.write":
            world.indexes[""] = world.indexes.get("", b"") + b" "

    with pytest.raises(Unavailable, match="busy"):
        publish_index(repository_in(world, step=another_process_is_faster, deadline=world.time + 2))


def test_only_published_tombstones_expire() -> None:
    world = World()
    stored(world, "0.1.0")
    world.put_object("bad-0.1.0.tgz", b"garbage")
    sync_file(repository_in(world), "bad-0.1.0.tgz")
    sync_file(repository_in(world), "gone-0.1.0.tgz")

    publish_index(repository_in(world))

    ends = {file: row.expires for (_, file), row in world.rows.items()}
    assert ends == {
        "mychart-0.1.0.tgz": None,
        "bad-0.1.0.tgz": None,
        "gone-0.1.0.tgz": int(world.time) + TOMBSTONE_SECONDS,
    }


@pytest.mark.parametrize("foreign", [b"garbage", b"apiVersion: v1\nentries: {}\n", b"", b"{}"])
def test_an_index_of_another_format_is_replaced_by_the_fold_of_all_rows(foreign: bytes) -> None:
    world = World()
    stored(world, "0.1.0", "0.2.0")
    publish_index(repository_in(world))
    world.indexes[""] = foreign

    publish_index(repository_in(world))

    assert sorted(listed(world)) == ["mychart-0.1.0.tgz", "mychart-0.2.0.tgz"]


def test_a_changed_chart_url_rebuilds_every_line_at_the_next_change() -> None:
    world = World()
    stored(world, "0.1.0", "0.2.0")
    publish_index(repository_in(world))
    stored(world, "0.3.0")

    publish_index(repository_in(world, layout=Layout("https://charts.example.com")))

    assert world.indexes[""].count(b'"urls":["https://charts.example.com/charts/mychart-') == 3


def test_a_spliced_and_a_rebuilt_index_have_the_same_entries() -> None:
    world = World()
    for version in ["0.2.0", "0.10.0", "1.0.0", "1.0.0+a", "1.0.0-rc.1"]:
        stored(world, version)
        publish_index(repository_in(world))
    stepwise = json.loads(world.indexes[""])["entries"]

    publish_index(repository_in(world), rebuild=True)

    assert json.loads(world.indexes[""])["entries"] == stepwise
    assert [entry["version"] for entry in stepwise["mychart"]] == ["1.0.0+a", "1.0.0", "1.0.0-rc.1", "0.10.0", "0.2.0"]


def test_a_publication_is_recorded() -> None:
    world = World()
    stored(world, "0.1.0")
    repository = repository_in(world)

    publish_index(repository)

    assert event_names(repository) == ["index_published"]


def stored(world: World, *versions: str) -> None:
    """Store packages and sync their rows."""
    for version in versions:
        world.put_object(f"mychart-{version}.tgz", a_package(version=version))
        sync_file(repository_in(world), f"mychart-{version}.tgz")


@pytest.mark.parametrize(
    ("there", "broken"),
    [
        (b'"version":"1.0.0"}', b'"version":1}'),
        (b'"version":"1.0.0"}', b""),
        (b'"mychart":[', b'"mychart:['),
        (b"\n{", b"\n"),
    ],
)
def test_a_damaged_index_is_rebuilt(there: bytes, broken: bytes) -> None:
    world = World()
    repository = repository_in(world)
    push(repository, Rules(), Push(a_package("mychart", "1.0.0"), None))
    world.indexes[""] = world.indexes[""].replace(there, broken)

    push(repository, Rules(), Push(a_package("mychart", "2.0.0"), None))

    assert set(listed(world)) == {"mychart-1.0.0.tgz", "mychart-2.0.0.tgz"}


def test_one_publication_serves_every_row_synced_before_it() -> None:
    world = World()
    rows = [synced(world, f"0.{minor}.0") for minor in range(64)]
    calls: list[str] = []

    for row in rows:
        assert publish_shared(repository_in(world, step=calls.append, deadline=world.time + 8), rows=[row])

    assert len(listed(world)) == 64
    assert calls.count("index.write") == 1


def test_rows_synced_during_a_publication_share_the_next_one() -> None:
    """Sixteen uploads arrive while the first of them publishes: two publications, not seventeen."""
    world = World()
    others = iter(range(1, 17))
    first, calls = synced(world, "0.0.0"), list[str]()

    def others_arrive(call: str) -> None:
        calls.append(call)
        if call == "index.write":
            for minor in others:
                row = synced(world, f"0.{minor}.0")
                assert not publish_shared(repository_in(world, deadline=world.time + 1), rows=[row], wait=False)

    assert publish_shared(repository_in(world, step=others_arrive, deadline=world.time + 8), rows=[first])

    assert len(listed(world)) == 17
    assert calls.count("index.write") == 2


def test_a_caller_without_the_lease_waits_until_its_row_is_published() -> None:
    world = World()
    row = synced(world, "0.1.0")
    world.leases[""] = Lease("another process", world.time + LEASE_SECONDS)
    calls: list[str] = []

    def holder_publishes(call: str) -> None:
        calls.append(call)
        if call == "clock.sleep" and calls.count("clock.sleep") == 3:
            ports_in(world).catalog.release_lease("", "another process")
            publish_shared(repository_in(world, deadline=world.time + 8))
            world.leases[""] = Lease("another", world.time + LEASE_SECONDS)

    assert publish_shared(repository_in(world, step=holder_publishes, deadline=world.time + 8), rows=[row])

    assert "index.write" not in calls
    assert calls_in(calls).count("catalog.get") == 4, "one look at its own row after each refused lease"


def test_a_row_counts_as_published_when_a_later_revision_is() -> None:
    world = World()
    row = synced(world, "0.1.0")
    world.put_object(row.file, a_package(description="newer"))
    sync_file(repository_in(world, deadline=world.time + 8), row.file)
    publish_shared(repository_in(world, deadline=world.time + 8))
    world.leases[""] = Lease("another process", world.time + LEASE_SECONDS)

    assert publish_shared(repository_in(world, deadline=world.time + 8), rows=[row])


def test_the_lease_of_a_crashed_holder_is_acquired_when_it_expires() -> None:
    world = World()
    row, died = synced(world, "0.1.0"), world.time
    world.leases[""] = Lease("crashed", died + LEASE_SECONDS)

    assert publish_shared(repository_in(world, deadline=died + 60), rows=[row])

    assert LEASE_SECONDS <= world.time - died < LEASE_SECONDS + 1.5
    assert list(listed(world)) == ["mychart-0.1.0.tgz"]


def test_at_the_deadline_the_result_is_false() -> None:
    world = World()
    row, began = synced(world, "0.1.0"), world.time
    world.leases[""] = Lease("another process", began + 100)

    assert not publish_shared(repository_in(world, deadline=began + 8), rows=[row])

    assert world.time <= began + 8


def test_without_wait_it_returns_at_once() -> None:
    world = World()
    synced(world, "0.1.0")
    world.leases[""] = Lease("another process", world.time + LEASE_SECONDS)
    calls: list[str] = []

    assert not publish_shared(repository_in(world, step=calls.append, deadline=world.time + 8), wait=False)

    assert calls_in(calls) == ["catalog.acquire_lease"]


def test_rows_synced_before_the_lease_is_released_are_published_by_its_holder() -> None:
    """A caller that does not wait relies on it: the holder looks for dirty rows after the release."""
    world = World()
    synced(world, "0.1.0")
    late = [True]

    def late_event(call: str) -> None:
        if call == "catalog.release_lease" and late:
            late.clear()
            synced(world, "0.2.0")
            assert not publish_shared(repository_in(world, deadline=world.time + 8), wait=False)

    assert publish_shared(repository_in(world, step=late_event, deadline=world.time + 8))

    assert sorted(listed(world)) == ["mychart-0.1.0.tgz", "mychart-0.2.0.tgz"]


def test_the_lease_is_released_when_the_publication_fails() -> None:
    world = World()
    synced(world, "0.1.0")

    def fails(call: str) -> None:
        if call == "index.read":
            raise Unavailable("slow down")

    with pytest.raises(Unavailable):
        publish_shared(repository_in(world, step=fails, deadline=world.time + 8))

    assert world.leases == {}


def test_a_holder_whose_lease_expired_does_not_release_the_next_one() -> None:
    world = World()
    synced(world, "0.1.0")

    def overtaken(call: str) -> None:
        if call == "index.write":
            world.leases[""] = Lease("the next", world.time + LEASE_SECONDS)

    publish_shared(repository_in(world, step=overtaken, deadline=world.time + 8))

    assert world.leases[""].owner == "the next"


def test_the_first_publication_imports_the_stored_packages() -> None:
    world = World()
    for minor in range(5):
        world.put_object(f"mychart-0.{minor}.0.tgz", a_package(version=f"0.{minor}.0"))

    push(repository_in(world), Rules(), Push(a_package("first"), None))

    assert len(listed(world)) == 6
    assert world.states[""].reconciled is not None
    assert (world.states[""].charts, world.states[""].versions) == (2, 6)


def test_an_import_that_exceeds_the_deadline_publishes_no_partial_index() -> None:
    world = World()
    for minor in range(130):
        world.put_object(f"mychart-0.{minor}.0.tgz", a_package(version=f"0.{minor}.0"))
    row = synced(world, "9.0.0")

    def slow(call: str) -> None:
        if call == "packages.read:done":
            world.time += 0.1

    with pytest.raises(Unavailable, match="being imported"):
        publish_shared(repository_in(world, step=slow, deadline=world.time + 8), rows=[row])

    assert world.indexes == {}
    assert world.states[""].reconciled is None


def test_after_the_catalog_was_emptied_the_next_change_imports_the_store_again() -> None:
    world = World()
    for version in ["0.1.0", "0.2.0"]:
        push(repository_in(world), Rules(), Push(a_package(version=version), None))
    world.rows.clear()
    world.states.clear()
    world.leases.clear()

    push(repository_in(world), Rules(), Push(a_package(version="0.3.0"), None))

    assert sorted(listed(world)) == ["mychart-0.1.0.tgz", "mychart-0.2.0.tgz", "mychart-0.3.0.tgz"]


def test_after_the_catalog_was_emptied_the_next_change_drops_stale_entries_of_the_old_index() -> None:
    world = World()
    for version in ["0.1.0", "0.2.0"]:
        push(repository_in(world), Rules(), Push(a_package(version=version), None))
    world.rows.clear()
    world.states.clear()
    world.delete_object("mychart-0.1.0.tgz")

    push(repository_in(world), Rules(), Push(a_package(version="0.3.0"), None))

    assert sorted(listed(world)) == ["mychart-0.2.0.tgz", "mychart-0.3.0.tgz"]


def test_counts_are_written_only_when_they_change() -> None:
    world = World()
    push(repository_in(world), Rules(), Push(a_package(), None))
    calls: list[str] = []

    push(repository_in(world, step=calls.append), Rules(), Push(a_package(description="new"), None, force=True))

    assert "index.write" in calls
    assert "catalog.set_counts" not in calls


def synced(world: World, version: str) -> Row:
    """Store a package and sync its row."""
    world.put_object(f"mychart-{version}.tgz", a_package(version=version))
    return sync_file(repository_in(world, deadline=world.time + 8), f"mychart-{version}.tgz")


def test_of_charts_that_file_names_may_also_be_of_each_is_looked_up_once() -> None:
    """`chart-3-1.0.0.tgz` may be a version of `chart` as well."""
    world = World()
    for number in range(30):
        world.put_object(f"chart-{number}-1.0.0.tgz", a_package(f"chart-{number}", "1.0.0"))
        sync_file(repository_in(world), f"chart-{number}-1.0.0.tgz")
    calls: list[str] = []

    publish_index(repository_in(world, step=calls.append))

    # The gzip copy's, for a revision that never came; each chart's; and that of `chart`.
    assert calls.count("index.view") == 1 + 30 + 1
    assert not any(row.dirty for row in world.rows.values())


def test_no_chart_is_looked_up_when_no_time_is_left() -> None:
    world = World()
    versions = [f"1.0.{number}-{number}" for number in range(300)]
    stored(world, *versions)

    def slow(call: str) -> None:
        if call == "index.view":
            world.time += 1

    with pytest.raises(Unavailable):
        publish_index(repository_in(world, step=slow, deadline=world.time + 30))

    assert world.time < 1_795_000_000 + 300 / 2
    assert all(row.dirty for row in world.rows.values())


@pytest.mark.parametrize("call", range(1, 40))
def test_a_large_index_replaced_while_it_is_read_or_copied_from_is_published_again(
    call: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranges, "BLOCK", 256)
    world = World(large_indexes=True)
    stored(world, *(f"0.{number}.0" for number in range(20)))
    publish_index(repository_in(world))
    stored(world, "1.0.0")
    calls: list[str] = []

    def replaced(name: str) -> None:
        if ":" in name:
            return
        calls.append(name)
        if len(calls) == call:
            stored(world, "0.1.5")
            publish_index(repository_in(world))

    repository = repository_in(world, step=replaced)
    publish_index(repository)
    publish_index(repository_in(world))

    assert len(listed(world)) == 21 + (len(calls) >= call)
    index, rows = Index.read(world.indexes[""], repository.envelope), world.rows.values()
    assert index is not None
    assert index.blocks == Index.fold(repository.envelope, entries_of(rows)).blocks
    assert not any(row.dirty for row in rows)
    for name in (GZIP_COPY, "mychart"):
        view = bytes(world.views["", name].body)
        assert (view if name else gzip.decompress(view)) == world.indexes[""]
    assert "index.fetch" in calls
