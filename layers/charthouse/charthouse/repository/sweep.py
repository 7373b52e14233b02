"""sweep: publish what is still dirty, in every repository."""

from datetime import datetime

from charthouse.errors import Unavailable
from charthouse.repository.store import Store
from charthouse.repository.turns import publish_together


def sweep(store: Store, *, until: float) -> float:
    """Publish every repository with dirty rows; return for how many seconds the oldest has been waiting.

    A change that is minutes old here has been left by everybody else: its process died, or AWS did not let it.
    """
    waiting = store.markers.unpublished()
    now = store.clock.now()
    for repo in sorted(waiting, key=waiting.__getitem__):
        try:
            publish_together(store, repo, until=until)
        except Unavailable as failure:
            store.journal.note("sweep_failed", repository=repo, reason=failure.message)
    return max((now - datetime.fromisoformat(since).timestamp() for since in waiting.values()), default=0.0)
