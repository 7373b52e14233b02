"""One change after the other, with everything that can go wrong around them, against a plain dictionary."""

from collections.abc import Callable
from hashlib import sha256

from charthouse.errors import ChartVersionExists, NotFound, Unavailable
from charthouse.helm.versions import sort_key
from charthouse.repository.outcome import Outcome
from charthouse.settings import Layout
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.builders import a_provenance
from tests.fakes import Lease
from tests.storm.acts import (
    RECONCILE,
    STORED_WITHOUT,
    SWEEP,
    Act,
    a_copy,
    a_file,
    a_repository,
    content,
    deleting,
    deleting_chart,
    deliver,
    do,
    events,
    pushing,
    signing,
)
from tests.storm.weather import Died, Fault
from tests.storm.witness import Witness

BEFORE = a_repository("1.0.0", "2.0.0", signed=["1.0.0"])
VERSIONS = ("1.0.0", "1.1.0-rc.1", "2.0.0", "2.0.0+build")
CHARTMUSEUM = b"""apiVersion: v1
entries:
  web:
  - apiVersion: v2
    created: "2020-01-01T00:00:00Z"
    digest: 0000000000000000000000000000000000000000000000000000000000000000
    name: web
    urls:
    - charts/web-0.0.1.tgz
    version: 0.0.1
generated: "2020-01-01T00:00:00Z"
serverInfo: {}
"""

versions = st.sampled_from(VERSIONS)
letters = st.sampled_from("abc")
faults = st.none() | st.tuples(st.integers(0, 25), st.sampled_from(Fault))

type Met = tuple[int, Fault] | None


class Repository(RuleBasedStateMachine):
    """The repository, and what it should hold: file → bytes, of packages and of provenance."""

    def __init__(self) -> None:
        super().__init__()
        self.world = a_copy(BEFORE)
        self.witness = Witness(self.world, "team")
        self.files: dict[str, bytes] = {
            a_file("1.0.0"): content("1.0.0", "a"),
            a_file("1.0.0") + ".prov": a_provenance(content("1.0.0", "a"), "web", "1.0.0"),
            a_file("2.0.0"): content("2.0.0", "a"),
            "other-1.0.0.tgz": content("1.0.0", "a", "other"),
        }
        self.late: set[str] = set()
        """Packages that the index may not show as they are: nobody has said so yet."""
        self.queue: list[str] = []
        self.rows_lost = False
        """The index is all that tells of some files, until the next reconciliation."""

    # Clients.

    @rule(version=versions, letter=letters, force=st.booleans(), signed=st.booleans(), hasty=st.booleans(), met=faults)
    def push(self, version: str, letter: str, *, force: bool, signed: bool, hasty: bool, met: Met) -> None:
        file, body = a_file(version), content(version, letter)
        provenance = a_provenance(body, "web", version)

        answer = self._do(pushing(version, letter, force=force, signed=signed, patient=not hasty), met)

        after = dict(self.files) | {file: body}
        beside = after.get(f"{file}.prov", b"")
        if sha256(body).hexdigest().encode() not in beside:
            after.pop(f"{file}.prov", None)
            if signed:
                after[f"{file}.prov"] = provenance
        if isinstance(answer, ChartVersionExists):
            assert file in self.files
            assert not force
        elif isinstance(answer, Outcome):
            assert force or file not in self.files
            self.files = after
        elif isinstance(answer, Died) or STORED_WITHOUT in str(answer):
            self._adopt(file)
        self._acknowledged(answer, file)
        if isinstance(answer, Outcome) and met:
            self._adopt_provenance(file)

    @rule(version=versions, letter=letters, force=st.booleans(), met=faults)
    def sign(self, version: str, letter: str, *, force: bool, met: Met) -> None:
        file = f"{a_file(version)}.prov"

        answer = self._do(signing(version, letter, force=force), met)

        match answer:
            case Outcome.PUBLISHED:
                assert force or file not in self.files
                self.files[file] = a_provenance(content(version, letter), "web", version)
            case ChartVersionExists():
                assert file in self.files
                assert not force
            case Died():
                self._adopt_provenance(a_file(version))

    @rule(version=versions, hasty=st.booleans(), met=faults)
    def delete(self, version: str, *, hasty: bool, met: Met) -> None:
        file = a_file(version)

        answer = self._do(deleting(version, patient=not hasty), met)

        if isinstance(answer, NotFound):
            assert file not in self.files
        elif isinstance(answer, Outcome):
            assert file in self.files
            del self.files[file]
            self.files.pop(f"{file}.prov", None)
        elif isinstance(answer, Died):
            self._adopt(file)
        self._acknowledged(answer, file)
        if met:
            self._adopt_provenance(file)

    @rule(met=faults)
    def delete_all(self, met: Met) -> None:
        known = [file for (repo, file), row in self.world.rows.items() if repo == "team" and row.chart == "web"]
        marker = self.world.markers.get("team")
        if marker is None or marker.reconciled is None:
            known = [file for file in self.files if file.startswith("web-") and _is_listed(file, self.files[file])]
        there = [file for file in known if file in self.files]

        answer = self._do(deleting_chart(), met)

        match answer:
            case NotFound():
                assert not there
            case Outcome():
                assert there
                for file in there:
                    del self.files[file]
                    self.files.pop(f"{file}.prov", None)
            case _:
                for file in known:
                    self._adopt(file)
        for file in known:
            self._acknowledged(answer, file)
            if met:
                self._adopt_provenance(file)

    @rule(version=versions, letter=letters, limit=st.integers(1, 2))
    def push_with_a_limit(self, version: str, letter: str, limit: int) -> None:
        file = a_file(version)
        listed = {
            row.version: row for (repo, _), row in self.world.rows.items() if repo == "team" and row.chart == "web"
        }
        kept = sorted({*listed, version}, key=lambda one: sort_key(one or ""), reverse=True)[:limit]

        answer = self._do(pushing(version, letter, force=True, limit=limit), None)

        assert isinstance(answer, Outcome)
        self.files[file] = content(version, letter)
        for older, row in listed.items():
            current = self.world.current(f"team/{row.file}")
            if older not in {*kept, version} and row.file in self.files and current is None:
                del self.files[row.file]
                self.files.pop(f"{row.file}.prov", None)
                self._acknowledged(answer, row.file)
        assert all(a_file(one or "") in self.files for one in kept if one in listed and one not in self._vanished())
        self._adopt_provenance(file)
        self._acknowledged(answer, file)

    # Other means.

    @rule(version=versions, letter=st.sampled_from(["a", "b", "bad", "another"]))
    def copy(self, version: str, letter: str) -> None:
        bodies = {"bad": b"no chart at all", "another": content("9.9.9", "a")}
        file = a_file(version)
        self.files[file] = bodies.get(letter) or content(version, letter)
        self.world.put_object(f"team/{file}", self.files[file])
        self._changed_outside(file)

    @rule(version=versions)
    def take(self, version: str) -> None:
        file = a_file(version)
        if self.files.pop(file, None) is not None:
            self.world.delete_object(f"team/{file}")
            self._changed_outside(file)

    @rule(doubled=st.booleans(), backwards=st.booleans(), count=st.integers(1, 9), met=faults)
    def deliver_events(self, *, doubled: bool, backwards: bool, count: int, met: Met) -> None:
        """Deliver some late, some twice, in any order; what fails comes again."""
        batch = self.queue[-count:] if backwards else self.queue[:count]
        if not batch:
            return
        answer = self._do(events(*(reversed(batch) if doubled else batch)), met)
        if answer == []:
            self.late -= set(batch)
            self.queue = [file for file in self.queue if doubled or file not in batch]

    @rule()
    def drop_events(self) -> None:
        self.queue.clear()

    @rule(met=faults)
    def sweep(self, met: Met) -> None:
        self._do(SWEEP, met)

    @rule(met=faults)
    def reconcile(self, met: Met) -> None:
        answer = self._do(RECONCILE, met)
        if not isinstance(answer, (Unavailable, Died)):
            self.late.clear()
            self.rows_lost = False
            self.witness.check_quiet()

    # Time, and what people do by hand.

    @rule(seconds=st.sampled_from([1, 11, 27 * 3600]))
    def wait(self, seconds: int) -> None:
        self.world.time += seconds
        self.world.expire_rows()

    @rule()
    def die_with_the_lease(self) -> None:
        self.world.leases["team"] = Lease("dead", self.world.time + 10)

    @precondition(lambda self: not self.rows_lost)
    @rule(body=st.sampled_from([None, b"", b"garbage", b"\xff\xfe", CHARTMUSEUM, b'{"apiVersion":"v1","entries":{}}']))
    def break_the_index(self, body: bytes | None) -> None:
        if body is None:
            self.world.indexes.pop("team", None)
        else:
            self.world.indexes["team"] = body
        self.witness.damage()

    @precondition(lambda self: not self.witness.damaged and not self.witness.layout.chart_url)
    @rule(version=versions)
    def lose_a_row(self, version: str) -> None:
        self.rows_lost = True
        self.world.rows.pop(("team", a_file(version)), None)

    @rule()
    def empty_the_table(self) -> None:
        self.world.rows.clear()
        self.world.markers.clear()
        self.world.leases.clear()

    @precondition(lambda self: not self.rows_lost)
    @rule(url=st.sampled_from(["", "https://charts.example.com"]))
    def change_chart_url(self, url: str) -> None:
        self.witness.layout = Layout(chart_url=url)

    # What must be so after every step.

    @invariant()
    def the_bucket_holds_what_was_acknowledged(self) -> None:
        held = {
            key.removeprefix("team/"): version.body
            for key in self.world.objects
            if key.startswith("team/") and (version := self.world.current(key)) is not None
        }
        assert held == self.files

    @invariant()
    def the_index_shows_it(self) -> None:
        self.witness.look("")
        if self.witness.damaged:
            return
        shown = self.witness.shown()
        waiting = {file for (repo, file), row in self.world.rows.items() if repo == "team" and row.dirty}
        for file in {*shown, *self.files} - self.late - waiting:
            if file.endswith(".tgz"):
                moment = self.witness.past[file][-1]
                assert shown.get(file) == moment.shown

    def teardown(self) -> None:
        """All events that were not dropped, the sweep, and the daily reconciliation: everything agrees."""
        deliver(self.witness)
        do(RECONCILE, self.witness, "")
        self.late.clear()
        assert not any(row.dirty for row in self.world.rows.values())
        self.witness.check_quiet()
        self.the_index_shows_it()

    def _do(self, act: Act, met: Met) -> object:
        at: Callable[[int, str], Fault | None] = lambda number, _call: met[1] if met and met[0] == number else None  # noqa: E731
        self.world.time += 1
        files = set(self.witness.changed)
        self.witness.changed.clear()
        answer = do(act, self.witness, at=at).answer
        self.queue += sorted(self.witness.changed)
        self.late |= self.witness.changed
        self.witness.changed |= files
        return answer

    def _acknowledged(self, answer: object, file: str) -> None:
        if isinstance(answer, (NotFound, ChartVersionExists)) or answer is Outcome.PUBLISHED:
            self.late.discard(file)

    def _changed_outside(self, file: str) -> None:
        self.witness.look("")
        self.late.add(file)
        self.queue.append(file)

    def _adopt(self, file: str) -> None:
        """Take over whatever is there: nobody was told."""
        for name in (file, f"{file}.prov"):
            version = self.world.current(f"team/{name}")
            self.files.pop(name, None)
            if version is not None and version.body is not None:
                self.files[name] = version.body

    def _adopt_provenance(self, file: str) -> None:
        version = self.world.current(f"team/{file}.prov")
        self.files.pop(f"{file}.prov", None)
        if version is not None and version.body is not None:
            self.files[f"{file}.prov"] = version.body

    def _vanished(self) -> set[str | None]:
        return {row.version for row in self.world.rows.values() if row.file not in self.files}


def _is_listed(file: str, body: bytes) -> bool:
    return any(body == content(version, letter) for version in VERSIONS if a_file(version) == file for letter in "abc")


TestRepository = Repository.TestCase
TestRepository.settings = settings(max_examples=100, stateful_step_count=30, deadline=None, derandomize=True)
