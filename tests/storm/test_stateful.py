"""One command after the other, with faults and manual changes in between, against a plain dictionary."""

from hashlib import sha256

from charthouse.errors import ChartVersionExists, NotFound
from charthouse.helm.versions import sort_key
from charthouse.repository.maintenance import Progress
from charthouse.repository.publish import Outcome
from charthouse.settings import Layout
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.builders import a_provenance
from tests.fakes import Lease
from tests.storm.commands import (
    RECONCILE,
    SWEEP,
    WITHOUT_PROVENANCE,
    Command,
    a_copy,
    a_file,
    a_repository,
    content,
    deleting,
    deleting_chart,
    events,
    execute,
    pushing,
    quiesce,
    signing,
)
from tests.storm.faults import Crash, Fault, process
from tests.storm.oracle import Oracle

PUBLISHED = a_repository("1.0.0", "2.0.0", signed=["1.0.0"])
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

type Injected = tuple[int, Fault] | None


class Repository(RuleBasedStateMachine):
    """The repository, and what it should store: file → bytes, of packages and of provenance."""

    def __init__(self) -> None:
        super().__init__()
        self.world = a_copy(PUBLISHED)
        self.oracle = Oracle(self.world, "team")
        self.files: dict[str, bytes] = {
            a_file("1.0.0"): content("1.0.0", "a"),
            a_file("1.0.0") + ".prov": a_provenance(content("1.0.0", "a"), "web", "1.0.0"),
            a_file("2.0.0"): content("2.0.0", "a"),
            "other-1.0.0.tgz": content("1.0.0", "a", "other"),
        }
        self.late: set[str] = set()
        """Packages that the index may not list as they are: no response has said so yet."""
        self.queue: list[str] = []
        self.rows_lost = False
        """Only the index knows some files, until the next reconciliation."""

    # Clients.

    @rule(
        version=versions, letter=letters, force=st.booleans(), signed=st.booleans(), no_wait=st.booleans(), fault=faults
    )
    def push(self, version: str, letter: str, *, force: bool, signed: bool, no_wait: bool, fault: Injected) -> None:
        file, body = a_file(version), content(version, letter)
        provenance = a_provenance(body, "web", version)

        response = self._execute(pushing(version, letter, force=force, signed=signed, wait=not no_wait), fault)

        after = dict(self.files) | {file: body}
        beside = after.get(f"{file}.prov", b"")
        if sha256(body).hexdigest().encode() not in beside:
            after.pop(f"{file}.prov", None)
            if signed:
                after[f"{file}.prov"] = provenance
        if isinstance(response, ChartVersionExists):
            assert file in self.files
            assert not force
        elif isinstance(response, Outcome):
            assert force or file not in self.files
            self.files = after
        elif isinstance(response, Crash) or WITHOUT_PROVENANCE in str(response):
            self._adopt(file)
        self._acknowledged(response, file)
        if isinstance(response, Outcome) and fault:
            self._adopt_provenance(file)

    @rule(version=versions, letter=letters, force=st.booleans(), fault=faults)
    def sign(self, version: str, letter: str, *, force: bool, fault: Injected) -> None:
        file = f"{a_file(version)}.prov"

        response = self._execute(signing(version, letter, force=force), fault)

        match response:
            case Outcome():
                assert force or file not in self.files
                self.files[file] = a_provenance(content(version, letter), "web", version)
            case ChartVersionExists():
                assert file in self.files
                assert not force
            case Crash():
                self._adopt_provenance(a_file(version))

    @rule(version=versions, no_wait=st.booleans(), fault=faults)
    def delete(self, version: str, *, no_wait: bool, fault: Injected) -> None:
        file = a_file(version)

        response = self._execute(deleting(version, wait=not no_wait), fault)

        if isinstance(response, NotFound):
            assert file not in self.files
            self._drop_stale_provenance(file)
        elif isinstance(response, Outcome):
            assert file in self.files
            del self.files[file]
            self._drop_stale_provenance(file)
        elif isinstance(response, Crash):
            self._adopt(file)
        elif file not in self.files:
            # Missing, and the index could not be published in time: 503, and what the package left is gone.
            self._drop_stale_provenance(file)
        self._acknowledged(response, file)
        if fault:
            self._adopt_provenance(file)

    @rule(fault=faults)
    def delete_all(self, fault: Injected) -> None:
        known = [file for (repo, file), row in self.world.rows.items() if repo == "team" and row.chart == "web"]
        state = self.world.states.get("team")
        if state is None or state.reconciled is None:
            known = [file for file in self.files if file.startswith("web-") and _is_listed(file, self.files[file])]
        stored = [file for file in known if file in self.files]

        response = self._execute(deleting_chart(), fault)

        match response:
            case NotFound():
                assert not stored
            case Outcome():
                assert stored
                for file in stored:
                    del self.files[file]
            case _:
                for file in known:
                    self._adopt(file)
        for file in known:
            self._acknowledged(response, file)
            self._drop_stale_provenance(file)
            if fault:
                self._adopt_provenance(file)

    @rule(version=versions, letter=letters, limit=st.integers(1, 2))
    def push_with_a_limit(self, version: str, letter: str, limit: int) -> None:
        file = a_file(version)
        listed = {
            row.version: row for (repo, _), row in self.world.rows.items() if repo == "team" and row.chart == "web"
        }
        kept = sorted({*listed, version}, key=lambda one: sort_key(one or ""), reverse=True)[:limit]

        response = self._execute(pushing(version, letter, force=True, limit=limit), None)

        assert isinstance(response, Outcome)
        self.files[file] = content(version, letter)
        for older, row in listed.items():
            current = self.world.current(f"team/{row.file}")
            if older not in {*kept, version} and row.file in self.files and current is None:
                del self.files[row.file]
                self._acknowledged(response, row.file)
            if older not in {*kept, version} and row.line is not None:
                self._drop_stale_provenance(row.file)
        assert all(a_file(one or "") in self.files for one in kept if one in listed and one not in self._vanished())
        self._adopt_provenance(file)
        self._acknowledged(response, file)

    # Changes of the store by other means.

    @rule(version=versions, letter=st.sampled_from(["a", "b", "bad", "another"]))
    def copy(self, version: str, letter: str) -> None:
        bodies = {"bad": b"no chart at all", "another": content("9.9.9", "a")}
        file = a_file(version)
        self.files[file] = bodies.get(letter) or content(version, letter)
        self.world.put_object(f"team/{file}", self.files[file])
        self._changed_outside(file)

    @rule(version=versions)
    def remove(self, version: str) -> None:
        file = a_file(version)
        if self.files.pop(file, None) is not None:
            self.world.delete_object(f"team/{file}")
            self._changed_outside(file)

    @rule(doubled=st.booleans(), backwards=st.booleans(), count=st.integers(1, 9), fault=faults)
    def deliver_events(self, *, doubled: bool, backwards: bool, count: int, fault: Injected) -> None:
        """Deliver messages late, twice, in any order; failed ones again."""
        batch = self.queue[-count:] if backwards else self.queue[:count]
        if not batch:
            return
        response = self._execute(events(*(reversed(batch) if doubled else batch)), fault)
        if response == []:
            self.late -= set(batch)
            self.queue = [file for file in self.queue if doubled or file not in batch]

    @rule()
    def drop_events(self) -> None:
        self.queue.clear()

    @rule(fault=faults)
    def sweep(self, fault: Injected) -> None:
        self._execute(SWEEP, fault)

    @rule(fault=faults)
    def reconcile(self, fault: Injected) -> None:
        response = self._execute(RECONCILE, fault)
        if isinstance(response, Progress) and not response.found.failed:
            self.late.clear()
            self.rows_lost = False
            self.oracle.check_at_rest()

    # Time, and manual changes.

    @rule(seconds=st.sampled_from([1, 11, 27 * 3600]))
    def wait(self, seconds: int) -> None:
        self.world.time += seconds
        self.world.expire_rows()

    @rule()
    def crash_with_the_lease(self) -> None:
        self.world.leases["team"] = Lease("crashed", self.world.time + 10)

    @precondition(lambda self: not self.rows_lost)
    @rule(body=st.sampled_from([None, b"", b"garbage", b"\xff\xfe", CHARTMUSEUM, b'{"apiVersion":"v1","entries":{}}']))
    def break_the_index(self, body: bytes | None) -> None:
        if body is None:
            self.world.indexes.pop("team", None)
        else:
            self.world.indexes["team"] = body
        self.oracle.damage_index()

    @precondition(lambda self: not self.oracle.index_damaged and self._is_spliced_next())
    @rule(version=versions)
    def lose_a_row(self, version: str) -> None:
        self.rows_lost = True
        row = self.world.rows.pop(("team", a_file(version)), None)
        self.late |= {row.file} if row and row.dirty else set()

    @rule()
    def empty_the_table(self) -> None:
        self.late |= {file for (_, file), row in self.world.rows.items() if row.dirty}
        self.world.rows.clear()
        self.world.states.clear()
        self.world.leases.clear()

    @precondition(lambda self: not self.rows_lost)
    @rule(url=st.sampled_from(["", "https://charts.example.com"]))
    def change_chart_url(self, url: str) -> None:
        self.oracle.layout = Layout(chart_url=url)

    # Invariants.

    @invariant()
    def the_store_holds_what_was_acknowledged(self) -> None:
        stored = {
            key.removeprefix("team/"): version.body
            for key in self.world.objects
            if key.startswith("team/") and (version := self.world.current(key)) is not None
        }
        assert stored == self.files

    @invariant()
    def the_index_lists_it(self) -> None:
        self.oracle.observe("")
        if self.oracle.index_damaged:
            return
        listed = self.oracle.listed()
        dirty = {file for (repo, file), row in self.world.rows.items() if repo == "team" and row.dirty}
        for file in {*listed, *self.files} - self.late - dirty:
            if file.endswith(".tgz"):
                moment = self.oracle.history[file][-1]
                assert listed.get(file) == moment.entry

    def teardown(self) -> None:
        """After all events, the sweep and the daily reconciliation everything agrees."""
        quiesce(self.oracle)
        execute(RECONCILE, self.oracle, "")
        self.late.clear()
        assert not any(row.dirty for row in self.world.rows.values())
        self.oracle.check_at_rest()
        self.the_index_lists_it()

    def _execute(self, command: Command, fault: Injected) -> object:
        def at(number: int, _call: str) -> Fault | None:
            return fault[1] if fault and fault[0] == number else None

        self.world.time += 1
        files = set(self.oracle.changed)
        self.oracle.changed.clear()
        response = execute(command, self.oracle, at=at).response
        self.queue += sorted(self.oracle.changed)
        self.late |= self.oracle.changed
        self.oracle.changed |= files
        return response

    def _acknowledged(self, response: object, file: str) -> None:
        if isinstance(response, (NotFound, ChartVersionExists)) or response is Outcome.PUBLISHED:
            self.late.discard(file)

    def _changed_outside(self, file: str) -> None:
        self.oracle.observe("")
        self.late.add(file)
        self.queue.append(file)

    def _adopt(self, file: str) -> None:
        """Expect what is stored now: the response did not say."""
        for name in (file, f"{file}.prov"):
            version = self.world.current(f"team/{name}")
            self.files.pop(name, None)
            if version is not None and version.body is not None:
                self.files[name] = version.body

    def _is_spliced_next(self) -> bool:
        """Return whether the next publication splices the index; a rebuilt one does not list files without a row."""
        return process(self.world, layout=self.oracle.layout).repository("team").index() is not None

    def _drop_stale_provenance(self, file: str) -> None:
        """Expect no provenance beside a package that it does not sign, or beside none."""
        body = self.files.get(file)
        if body is None or sha256(body).hexdigest().encode() not in self.files.get(f"{file}.prov", b""):
            self.files.pop(f"{file}.prov", None)

    def _adopt_provenance(self, file: str) -> None:
        version = self.world.current(f"team/{file}.prov")
        self.files.pop(f"{file}.prov", None)
        if version is not None and version.body is not None:
            self.files[f"{file}.prov"] = version.body

    def _vanished(self) -> set[str | None]:
        return {row.version for row in self.world.rows.values() if row.file not in self.files}


def _is_listed(file: str, body: bytes) -> bool:
    return any(body == content(version, letter) for version in VERSIONS if a_file(version) == file for letter in "abc")


class LargeRepository(Repository):
    """The same, of an index that is read where it is looked at and stored in parts."""

    def __init__(self) -> None:
        super().__init__()
        self.world.large_indexes = True


TestRepository = Repository.TestCase
TestLargeRepository = LargeRepository.TestCase
TestRepository.settings = TestLargeRepository.settings = settings(
    max_examples=100, stateful_step_count=30, deadline=None, derandomize=True
)
