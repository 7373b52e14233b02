"""Turns: publishing together, one at a time where that saves work.

The lease only keeps publishers from doing the same work; `publish` is safe without it.
"""

from collections.abc import Sequence

from charthouse.errors import Unavailable
from charthouse.ports import Marker, Row
from charthouse.repository.align import align
from charthouse.repository.publish import publish
from charthouse.repository.store import Store, timestamp

LEASE_SECONDS = 10.0
"""How long a holder that died can keep others waiting."""

FIRST_WAIT, LONGEST_WAIT = 0.05, 0.8
"""Seconds between two looks at one's own row; the first, and what it grows to."""


def publish_together(store: Store, repo: str, *, until: float, rows: Sequence[Row] = (), wait: bool = True) -> bool:
    """Publish, or see to it that somebody does; True once the index shows the rows (or all that was dirty).

    Whoever gets the lease publishes for everybody. Whoever does not waits until its own rows are clean, and keeps
    trying, since a holder may die; with `wait=False` it leaves at once: every holder looks for dirty rows once more
    after letting go, so somebody has seen the rows. Returns False if `until` (seconds since the epoch) passes first.
    """
    owner = store.clock.token()
    pause = FIRST_WAIT
    done = False
    while True:
        if _take_turn(store, repo, owner, until):
            done = True
            if not store.table.dirty(repo):
                return True
        elif done or not wait:
            # Somebody else has the lease, taken after the rows still dirty were seen: they are theirs to publish.
            return done
        elif rows and all(_shown(store, row) for row in rows):
            return True
        if store.clock.now() + pause >= until:
            return done
        store.clock.sleep(pause * (0.5 + int(store.clock.token()[:4], 16) / 0xFFFF))
        pause = min(pause * 1.5, LONGEST_WAIT)


def _take_turn(store: Store, repo: str, owner: str, until: float) -> bool:
    """Publish under the lease; False if somebody else has it."""
    now = store.clock.now()
    marker = store.markers.take_lease(repo, owner, now, now + LEASE_SECONDS)
    if marker is None:
        return False
    try:
        _publish(store, marker, until)
    finally:
        store.markers.drop_lease(repo, owner)
    return True


def _publish(store: Store, marker: Marker, until: float) -> None:
    repo = marker.repo
    unknown = marker.reconciled is None
    if unknown:
        take_in(store, repo, until=until)
    # An index that is there may show what neither bucket nor rows know any more, so it is not spliced but replaced.
    counts = publish(store, repo, until=until, rebuild=unknown).count()
    if unknown:
        store.markers.reconciled(repo, timestamp(store.clock.now()))
    if counts != (marker.charts, marker.versions):
        store.markers.count(repo, *counts)


def take_in(store: Store, repo: str, *, until: float) -> None:
    """Settle every file of a repository whose bucket nobody has listed; raises `Unavailable` when `until` passes."""
    if align(store, repo, until=until).next is not None:
        raise Unavailable("the repository is being taken in, its index follows")


def _shown(store: Store, row: Row) -> bool:
    """Tell whether the index shows this row or a later one."""
    now = store.table.get(row.repo, row.file)
    return now is None or (now.rev >= row.rev and now.dirty is None)
