"""packages: provenance is stored with its package or alone, and never stays beside another one."""

from dataclasses import dataclass, replace

import pytest
from charthouse.errors import BadProvenance, ChartVersionExists, Unavailable
from charthouse.repository.changes import Push, push
from charthouse.repository.packages import sync_provenance
from charthouse.repository.ports import StoredFile
from charthouse.repository.publish import Outcome
from charthouse.settings import Rules

from tests.builders import a_package, a_provenance
from tests.fakes import FakePackageStore, World
from tests.unit.repository.in_memory import SentTwice, event_names, failing, listed, ports_in, repository_in, stored_in

FILE, PROV = "mychart-0.1.0.tgz", "mychart-0.1.0.tgz.prov"
OLD, NEW = a_package(description="old"), a_package(description="new")
OPEN, OVERWRITE = Rules(), Rules(allow_overwrite=True)


def test_package_and_provenance_are_stored_together() -> None:
    world = World()

    outcome = push(repository_in(world, "team"), OPEN, Push(NEW, a_provenance(NEW)))

    assert outcome is Outcome.PUBLISHED
    assert stored_in(world, "team") == {FILE: NEW, PROV: a_provenance(NEW)}
    assert list(listed(world, "team")) == [FILE], "provenance has no entry"


def test_provenance_alone_is_stored_without_touching_the_index() -> None:
    world = World()
    calls: list[str] = []

    outcome = push(repository_in(world, "team", step=calls.append), OPEN, Push(None, a_provenance(NEW)))

    assert outcome is Outcome.PUBLISHED
    assert stored_in(world, "team") == {PROV: a_provenance(NEW)}
    # There is no package yet, so no row either, whose OCI manifest the provenance would be part of.
    assert calls == ["packages.create", "packages.create:done", "catalog.get", "catalog.get:done"]


@pytest.mark.parametrize("text", ["file already exists", "chart already exists"])
def test_existing_provenance_is_not_overwritten(text: str) -> None:
    world = World()
    push(repository_in(world), OPEN, Push(None, a_provenance(OLD)))

    with pytest.raises(ChartVersionExists, match=f"^{text}$"):
        push(repository_in(world), OPEN, Push(None, a_provenance(NEW), exists=text))

    assert stored_in(world) == {PROV: a_provenance(OLD)}


@pytest.mark.parametrize(("rules", "force"), [(OVERWRITE, False), (OPEN, True)])
def test_provenance_may_be_overwritten_if_packages_may(rules: Rules, *, force: bool) -> None:
    world = World()
    push(repository_in(world), OPEN, Push(None, a_provenance(OLD)))

    push(repository_in(world), rules, Push(None, a_provenance(NEW), force=force))

    assert stored_in(world) == {PROV: a_provenance(NEW)}


def test_provenance_whose_response_was_lost_is_recognised() -> None:
    world = World()

    repository = replace(ports_in(world), packages=SentTwice(world)).repository("")

    assert push(repository, OPEN, Push(None, a_provenance(NEW))) is Outcome.PUBLISHED


def test_provenance_of_another_version_is_refused_with_a_package() -> None:
    world = World()

    with pytest.raises(
        BadProvenance, match=r"mychart-9\.9\.9\.tgz\.prov cannot be the provenance file of mychart-0\.1\.0"
    ):
        push(repository_in(world), OPEN, Push(NEW, a_provenance(NEW, version="9.9.9")))

    assert stored_in(world) == {}


def test_invalid_provenance_is_refused_before_anything_is_stored() -> None:
    world = World()

    for package in (None, NEW):
        with pytest.raises(BadProvenance):
            push(repository_in(world), OPEN, Push(package, b"no signature at all"))

    assert stored_in(world) == {}


def test_the_provenance_of_a_refused_package_is_not_stored() -> None:
    world = World()
    push(repository_in(world), OPEN, Push(OLD, None))

    with pytest.raises(ChartVersionExists):
        push(repository_in(world), OPEN, Push(NEW, a_provenance(NEW)))

    assert stored_in(world) == {FILE: OLD}


def test_an_overwrite_without_provenance_deletes_the_old_one() -> None:
    world = World()
    push(repository_in(world), OPEN, Push(OLD, a_provenance(OLD)))

    push(repository_in(world), OPEN, Push(NEW, None, force=True))

    assert stored_in(world) == {FILE: NEW}


def test_an_overwrite_with_the_same_bytes_keeps_its_provenance() -> None:
    world = World()
    push(repository_in(world), OPEN, Push(OLD, a_provenance(OLD)))

    push(repository_in(world), OPEN, Push(OLD, None, force=True))

    assert stored_in(world) == {FILE: OLD, PROV: a_provenance(OLD)}


def test_an_overwrite_replaces_the_provenance() -> None:
    world = World()
    push(repository_in(world), OPEN, Push(OLD, a_provenance(OLD)))

    push(repository_in(world), OPEN, Push(NEW, a_provenance(NEW), force=True))

    assert stored_in(world) == {FILE: NEW, PROV: a_provenance(NEW)}


def test_provenance_uploaded_before_its_package_is_kept() -> None:
    world = World()
    push(repository_in(world), OPEN, Push(None, a_provenance(NEW)))

    push(repository_in(world), OPEN, Push(NEW, None))

    assert stored_in(world) == {FILE: NEW, PROV: a_provenance(NEW)}


@pytest.mark.parametrize("lost", ["packages.create", "packages.create:done"])
def test_a_package_stored_without_its_uploaded_provenance_is_reported(lost: str) -> None:
    """An upload is not answered 201 unless everything uploaded is stored."""
    world = World()
    calls: list[str] = []
    puts = iter([None, Unavailable("slow down")])

    def step(call: str) -> None:
        calls.append(call)
        if call == lost and (failure := next(puts, None)):
            raise failure

    with pytest.raises(Unavailable, match="the package is stored, its provenance is not"):
        push(repository_in(world, step=step), OPEN, Push(NEW, a_provenance(NEW)))

    assert stored_in(world)[FILE] == NEW


def test_provenance_that_cannot_be_checked_now_is_recorded() -> None:
    world = World()
    repository = repository_in(world, step=failing("packages.head", Unavailable("slow down")))

    outcome = push(repository, OPEN, Push(NEW, None))

    assert outcome is Outcome.PUBLISHED
    assert "provenance_left" in event_names(repository)


@dataclass(frozen=True)
class Swollen(FakePackageStore):
    """A store one of whose files is said to be huge, and must not be read."""

    huge: str = ""

    def head(self, repo: str, file: str) -> StoredFile | None:
        """Tell its size."""
        stored = super().head(repo, file)
        is_huge = stored is not None and file == self.huge and stored.size == len(b"huge")
        return replace(stored, size=5 * 1024**3, digest=None) if stored and is_huge else stored

    def read(self, stored: StoredFile) -> bytes:
        """Fail for that file."""
        assert stored.size < 1024**3, "5 GB were read"
        return super().read(stored)


def test_what_is_too_large_to_be_provenance_is_removed_unread() -> None:
    """An object of 5 GB beside a package, put there by other means, ended the function that uploaded the package."""
    world = World()
    world.put_object(PROV, b"huge")
    repository = replace(repository_in(world), packages=Swollen(world, huge=PROV))

    push(repository, OPEN, Push(NEW, a_provenance(NEW)))

    assert stored_in(world) == {FILE: NEW, PROV: a_provenance(NEW)}


def test_a_package_too_large_to_be_listed_is_not_read_for_its_provenance() -> None:
    world = World()
    world.put_object(FILE, b"huge")
    world.put_object(PROV, a_provenance(NEW))
    repository = replace(repository_in(world), packages=Swollen(world, huge=FILE))

    sync_provenance(repository, FILE)

    assert stored_in(world) == {FILE: b"huge"}
