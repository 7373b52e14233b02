"""events: what a batch of messages about objects means for the rows and the indexes."""

from collections.abc import Mapping, Sequence

from charthouse.errors import Unavailable
from charthouse.repository.keys import split_key
from charthouse.repository.settle import settle
from charthouse.repository.store import Store
from charthouse.repository.turns import publish_together
from charthouse.settings import Paths


def absorb(store: Store, paths: Paths, messages: Mapping[str, Sequence[str]], *, until: float) -> list[str]:
    """Settle every key the messages name, each once, and publish each repository once.

    `messages` is message id → keys. A message is a hint: what the bucket holds now counts, so that doubled, late and
    reordered ones change nothing. Keys that are no package of a repository at this depth are passed over. Returns the
    ids of the messages that failed and should come again. Never waits for the lease.
    """
    places = {key: place for keys in messages.values() for key in keys if (place := split_key(key, paths)) is not None}
    failed: set[str] = set()
    unpublished: set[str] = set()

    def settle_one(key: str) -> None:
        repo, file = places[key]
        try:
            row = settle(store, repo, file, until=until)
        except Exception as failure:  # noqa: BLE001  one object that nobody foresaw must not fail the others' messages
            store.journal.note(
                "event_failed", repository=repo, file=file, reason=str(failure), kind=type(failure).__name__
            )
            failed.add(key)
        else:
            if row.dirty:
                unpublished.add(repo)

    store.each(settle_one, places)
    for repo in sorted(unpublished):
        try:
            publish_together(store, repo, until=until, wait=False)
        except Unavailable as failure:
            store.journal.note("event_failed", repository=repo, reason=failure.message)
            failed.update(key for key, place in places.items() if place[0] == repo)
    return [message for message, keys in messages.items() if failed.intersection(keys)]
