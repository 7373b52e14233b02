"""DynamoDB in memory: the rows and the markers."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from charthouse.errors import Changed
from charthouse.ports import Marker, Row

from tests.fakes.world import Lease, Step, World, nothing_happens


@dataclass(frozen=True, slots=True)
class FakeTable:
    """Keeps `ports.Table`. A query reads one item after the other: what changes behind it stays unseen."""

    world: World
    step: Step = nothing_happens

    def get(self, repo: str, file: str) -> Row | None:
        """Return the row, or None."""
        self.step("table.get")
        row = self.world.rows.get((repo, file))
        self.step("table.get:done")
        return row

    def put(self, row: Row, over: int | None) -> None:
        """Write the row if the stored one has the `rev` that is given (None: there is none), else raise `Changed`."""
        self.step("table.put")
        stored = self.world.rows.get((row.repo, row.file))
        matches = (None if stored is None else stored.rev) == over
        if matches:
            self.world.rows[row.repo, row.file] = row
        self.step("table.put:done")
        if not matches:
            raise Changed(row.file)

    def dirty(self, repo: str) -> list[Row]:
        """Read the keys in the sparse index one by one, then their rows one by one; rows clean by then are dropped."""
        self.step("table.dirty")
        files: list[str] = []
        after = ("", "")
        while (entry := self._next_dirty(repo, after)) is not None:
            files.append(entry[1])
            after = entry
            self.step("table.dirty:key")
        rows: list[Row] = []
        for file in files:
            self.step("table.dirty:item")
            row = self.world.rows.get((repo, file))
            if row is not None and row.dirty is not None:
                rows.append(row)
        self.step("table.dirty:done")
        return rows

    def clear(self, row: Row, expires: int | None) -> None:
        """Take `dirty` off if the stored `rev` is still `row.rev`, and set `expires`; otherwise do nothing."""
        self.step("table.clear")
        stored = self.world.rows.get((row.repo, row.file))
        if stored is not None and stored.rev == row.rev:
            self.world.rows[row.repo, row.file] = replace(stored, dirty=None, expires=expires)
        self.step("table.clear:done")

    def rows(self, repo: str, after: str = "") -> Iterator[Row]:
        """Yield all rows, bytewise by file name; each is read when its turn comes."""
        self.step("table.rows")
        while (file := self._next_file(repo, after)) is not None:
            self.step("table.rows:item")
            row = self.world.rows.get((repo, file))
            if row is not None:
                yield row
            after = file
        self.step("table.rows:done")

    def chart(self, repo: str, name: str) -> list[Row]:
        """Return all rows whose chart has this name, read one by one."""
        self.step("table.chart")
        found: list[Row] = []
        after = ""
        while (file := self._next_file(repo, after)) is not None:
            self.step("table.chart:item")
            row = self.world.rows.get((repo, file))
            if row is not None and row.chart == name:
                found.append(row)
            after = file
        self.step("table.chart:done")
        return found

    def _next_file(self, repo: str, after: str) -> str | None:
        files = (file for owner, file in self.world.rows if owner == repo and file.encode() > after.encode())
        return min(files, key=str.encode, default=None)

    def _next_dirty(self, repo: str, after: tuple[str, str]) -> tuple[str, str] | None:
        entries = (
            (row.dirty, file)
            for (owner, file), row in self.world.rows.items()
            if owner == repo and row.dirty is not None and (row.dirty, file) > after
        )
        return min(entries, default=None)


@dataclass(frozen=True, slots=True)
class FakeMarkers:
    """Keeps `ports.Markers`."""

    world: World
    step: Step = nothing_happens

    def get(self, repo: str) -> Marker | None:
        """Return the marker, or None."""
        self.step("markers.get")
        marker = self.world.markers.get(repo)
        self.step("markers.get:done")
        return marker

    def take_lease(self, repo: str, owner: str, now: float, until: float) -> Marker | None:
        """Take the lease if it is free, expired at `now` or this owner's already; None if somebody has it."""
        self.step("markers.take_lease")
        lease = self.world.leases.get(repo)
        free = lease is None or lease.until <= now or lease.owner == owner
        if free:
            self.world.leases[repo] = Lease(owner, until)
            self._change(repo, lease_until=until)
        marker = self.world.markers.get(repo) if free else None
        self.step("markers.take_lease:done")
        return marker

    def drop_lease(self, repo: str, owner: str) -> None:
        """Let go of the lease if it is still this owner's; otherwise do nothing."""
        self.step("markers.drop_lease")
        lease = self.world.leases.get(repo)
        if lease is not None and lease.owner == owner:
            del self.world.leases[repo]
            self._change(repo, lease_until=0.0)
        self.step("markers.drop_lease:done")

    def reconciled(self, repo: str, at: str) -> None:
        """Note that the bucket has been listed to its end into rows."""
        self.step("markers.reconciled")
        self._change(repo, reconciled=at)
        self.step("markers.reconciled:done")

    def count(self, repo: str, charts: int, versions: int) -> None:
        """Note the counts of the index just published."""
        self.step("markers.count")
        self._change(repo, charts=charts, versions=versions)
        self.step("markers.count:done")

    def unpublished(self) -> dict[str, str]:
        """Scan the sparse index: repositories with dirty rows, each with the oldest `dirty` time."""
        self.step("markers.unpublished")
        oldest: dict[str, str] = {}
        for at in sorted(self.world.rows):
            self.step("markers.unpublished:item")
            row = self.world.rows.get(at)
            if row is not None and row.dirty is not None:
                oldest[row.repo] = min(row.dirty, oldest.get(row.repo, row.dirty))
        self.step("markers.unpublished:done")
        return oldest

    def _change(
        self,
        repo: str,
        *,
        reconciled: str | None = None,
        charts: int | None = None,
        versions: int | None = None,
        lease_until: float | None = None,
    ) -> None:
        was = self.world.markers.get(repo, Marker(repo))
        self.world.markers[repo] = Marker(
            repo,
            was.reconciled if reconciled is None else reconciled,
            was.charts if charts is None else charts,
            was.versions if versions is None else versions,
            was.lease_until if lease_until is None else lease_until,
        )
