"""How far a change has come when its client is answered."""

from collections.abc import Sequence
from enum import StrEnum

from charthouse.ports import Row
from charthouse.repository.store import Store
from charthouse.repository.turns import publish_together


class Outcome(StrEnum):
    """What the client may rely on."""

    PUBLISHED = "published"
    """The index, the lists and the downloads show it."""
    STORED = "stored"
    """It is done for good; the index follows."""


def published(store: Store, rows: Sequence[Row], *, until: float, patient: bool = True) -> Outcome:
    """Publish the rows of one repository, or wait until somebody has; without patience only look."""
    waiting = [row for row in rows if row.dirty]
    if not waiting or (patient and publish_together(store, waiting[0].repo, rows=waiting, until=until)):
        return Outcome.PUBLISHED
    return Outcome.STORED
