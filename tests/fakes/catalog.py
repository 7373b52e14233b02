"""DynamoDB in memory: the rows, and the states of the repositories."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from charthouse.errors import ConditionFailed
from charthouse.repository.ports import RepositoryState, Row

from tests.fakes.world import Lease, Step, World, nothing_happens


@dataclass(frozen=True, slots=True)
class FakeCatalog:
    """Implements `Catalog`. A query reads one item after the other: what changes behind it stays unseen."""

    world: World
    step: Step = nothing_happens

    def get(self, repo: str, file: str) -> Row | None:
        """Return the row, or None."""
        self.step("catalog.get")
        row = self.world.rows.get((repo, file))
        self.step("catalog.get:done")
        return row

    def put(self, row: Row, over: int | None) -> None:
        """Write the row if the stored one has this `rev` (None: there is none), else raise `ConditionFailed`."""
        self.step("catalog.put")
        stored = self.world.rows.get((row.repo, row.file))
        matches = (None if stored is None else stored.rev) == over
        if matches:
            self.world.rows[row.repo, row.file] = row
        self.step("catalog.put:done")
        if not matches:
            raise ConditionFailed(row.file)

    def dirty(self, repo: str) -> list[Row]:
        """Read the keys in the sparse index one by one, then their rows one by one; rows clean by then are dropped."""
        self.step("catalog.dirty")
        files: list[str] = []
        after = ("", "")
        while (entry := self._next_dirty(repo, after)) is not None:
            files.append(entry[1])
            after = entry
            self.step("catalog.dirty:key")
        rows: list[Row] = []
        for file in files:
            self.step("catalog.dirty:item")
            row = self.world.rows.get((repo, file))
            if row is not None and row.dirty is not None:
                rows.append(row)
        self.step("catalog.dirty:done")
        return rows

    def clear(self, row: Row, expires: int | None) -> None:
        """Remove `dirty` if the stored `rev` is still `row.rev`, and set `expires`; otherwise do nothing."""
        self.step("catalog.clear")
        stored = self.world.rows.get((row.repo, row.file))
        if stored is not None and stored.rev == row.rev:
            self.world.rows[row.repo, row.file] = replace(stored, dirty=None, expires=expires)
        self.step("catalog.clear:done")

    def rows(self, repo: str, after: str = "") -> Iterator[Row]:
        """Yield all rows, bytewise by file name; each is read when it is reached."""
        self.step("catalog.rows")
        while (file := self._next_file(repo, after)) is not None:
            self.step("catalog.rows:item")
            row = self.world.rows.get((repo, file))
            if row is not None:
                yield row
            after = file
        self.step("catalog.rows:done")

    def add_digests(self, row: Row, digests: Iterable[str]) -> None:
        """Record the file under each of the digests."""
        self.step("catalog.add_digests")
        self.world.digests.update({(row.repo, row.chart or "", digest): row.file for digest in digests})
        self.step("catalog.add_digests:done")

    def find_digest(self, repo: str, chart: str, digest: str) -> str | None:
        """Return the file that was recorded for this digest, or None."""
        self.step("catalog.find_digest")
        file = self.world.digests.get((repo, chart, digest))
        self.step("catalog.find_digest:done")
        return file

    def chart(self, repo: str, name: str, limit: int | None = None) -> list[Row]:
        """Return the rows whose chart has this name, or so many of them, read one by one."""
        self.step("catalog.chart")
        found: list[Row] = []
        after = ""
        while (file := self._next_file(repo, after)) is not None:
            self.step("catalog.chart:item")
            row = self.world.rows.get((repo, file))
            if row is not None and row.chart == name:
                found.append(row)
            if len(found) == limit:
                break
            after = file
        self.step("catalog.chart:done")
        return found

    def state(self, repo: str) -> RepositoryState | None:
        """Return the repository's state, or None."""
        self.step("catalog.state")
        state = self.world.states.get(repo)
        self.step("catalog.state:done")
        return state

    def states(self, repos: Iterable[str]) -> list[RepositoryState]:
        """Return the states of these repositories, read one by one."""
        self.step("catalog.states")
        found: list[RepositoryState] = []
        for repo in repos:
            self.step("catalog.states:item")
            if repo in self.world.states:
                found.append(self.world.states[repo])
        self.step("catalog.states:done")
        return found

    def acquire_lease(self, repo: str, owner: str, now: float, until: float) -> RepositoryState | None:
        """Acquire the lease if it is free, expired at `now` or already this owner's; None if another holds it."""
        self.step("catalog.acquire_lease")
        lease = self.world.leases.get(repo)
        free = lease is None or lease.until <= now or lease.owner == owner
        if free:
            self.world.leases[repo] = Lease(owner, until)
            self._change(repo)
        state = self.world.states.get(repo) if free else None
        self.step("catalog.acquire_lease:done")
        return state

    def release_lease(self, repo: str, owner: str) -> None:
        """Release the lease if this owner still holds it; otherwise do nothing."""
        self.step("catalog.release_lease")
        lease = self.world.leases.get(repo)
        if lease is not None and lease.owner == owner:
            del self.world.leases[repo]
        self.step("catalog.release_lease:done")

    def set_reconciled(self, repo: str, at: str) -> None:
        """Record that all stored files have been compared with the rows."""
        self.step("catalog.set_reconciled")
        self._change(repo, reconciled=at)
        self.step("catalog.set_reconciled:done")

    def set_counts(self, repo: str, charts: int, versions: int) -> None:
        """Record the counts of the index just published."""
        self.step("catalog.set_counts")
        self._change(repo, charts=charts, versions=versions)
        self.step("catalog.set_counts:done")

    def begin(self, repo: str, task: str) -> None:
        """Record that a process begins a task."""
        self.step("catalog.begin")
        self._change(repo, begun=self._state(repo).begun | {task})
        self.step("catalog.begin:done")

    def end(self, repo: str, task: str, *, failed: bool = False) -> None:
        """Remove that record, and record whether the task failed."""
        self.step("catalog.end")
        state = self._state(repo)
        tried = state.failed | {task} if failed else state.failed - {task}
        self._change(repo, begun=state.begun - {task}, failed=tried)
        self.step("catalog.end:done")

    def unpublished(self) -> dict[str, str]:
        """Read the rows one by one; return the repositories with dirty ones, each with the oldest `dirty`."""
        self.step("catalog.unpublished")
        oldest: dict[str, str] = {}
        for at in sorted(self.world.rows):
            self.step("catalog.unpublished:item")
            row = self.world.rows.get(at)
            if row is not None and row.dirty is not None:
                oldest[row.repo] = min(row.dirty, oldest.get(row.repo, row.dirty))
        self.step("catalog.unpublished:done")
        return oldest

    def _change(self, repo: str, **changes: Any) -> None:
        self.world.states[repo] = replace(self._state(repo), **changes)

    def _state(self, repo: str) -> RepositoryState:
        return self.world.states.get(repo, RepositoryState(repo))

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
