"""What every step of the repository works on: the ports, and the few rules that go with them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from charthouse.errors import Unavailable
from charthouse.helm.index import Envelope
from charthouse.ports import Bucket, Clock, IndexStore, Journal, Markers, Table
from charthouse.settings import Layout

PATIENCE = 8.0
"""Seconds a client waits for its change to be published before it is answered 202."""


def one_by_one(step: Callable[[str], object], names: Iterable[str]) -> None:
    """Do a step for every name, in order."""
    for name in names:
        step(name)


@dataclass(frozen=True, slots=True)
class Store:
    """The ports, together."""

    bucket: Bucket
    indexes: IndexStore
    table: Table
    markers: Markers
    clock: Clock
    journal: Journal
    layout: Layout = field(default_factory=Layout)
    each: Callable[[Callable[[str], object], Iterable[str]], None] = one_by_one
    """How a step is done for many files; several at once where threads are at hand. Raises what a step raises."""

    def frame(self, repo: str) -> Envelope:
        """Return what the repository's index says around its entries."""
        return frame_of(self.layout, repo)

    def again(self, until: float) -> None:
        """Wait a moment before a lost step is started again; raises `Unavailable` when `until` has passed."""
        now = self.clock.now()
        if now >= until:
            raise Unavailable("the repository is busy, try again")
        self.clock.sleep(min(self._moment(), until - now))

    def _moment(self) -> float:
        return 0.005 + int(self.clock.token()[:4], 16) / 0xFFFF * 0.045


def frame_of(layout: Layout, repo: str) -> Envelope:
    """Return what a repository's index says around its entries.

    With `ChartUrl` the URLs are `<chart-url><context-path>[/<repo>]/charts/<file>`, as ChartMuseum's.
    """
    base = f"{layout.chart_url}{layout.context_path}/{folder(repo)}" if layout.chart_url else ""
    return Envelope(base, layout.context_path)


def folder(repo: str) -> str:
    """Return the prefix of the repository's keys: empty, or the name with a slash."""
    return f"{repo}/" if repo else ""


def timestamp(at: float | datetime) -> str:
    """Return a time as RFC 3339, UTC, whole seconds."""
    moment = at if isinstance(at, datetime) else datetime.fromtimestamp(int(at), UTC)
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
