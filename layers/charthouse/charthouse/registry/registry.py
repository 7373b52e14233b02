"""The object every push works on: one place, what is stored there, and the chart repository it belongs to."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from charthouse.helm.index import Index
from charthouse.oci.names import Digest
from charthouse.registry import layout
from charthouse.registry.lookup import Lookup
from charthouse.registry.ports import ArtifactStore, CatalogReader, Place
from charthouse.repository.repository import Repository
from charthouse.settings import Rules

NOTICE_SECONDS = 3_600.0
"""How long a collection's notice counts: its function lives a quarter of that, so one that is older has ended."""


@dataclass(frozen=True, slots=True)
class Registry:
    """One place, for the duration of one request."""

    place: Place
    store: ArtifactStore
    repository: Repository
    rules: Rules

    @property
    def lookup(self) -> Lookup:
        """The same place, to be read."""
        return lookup_of(self.place, self.store, self.repository)

    @contextmanager
    def notice(self, digest: Digest) -> Iterator[None]:
        """Have the pushes of a manifest refused while it is deleted, as a collection does."""
        name = layout.notice(self.repository.clock.token())
        self.store.write(self.place, name, str(digest).encode())
        try:
            yield
        finally:
            self.store.delete(self.place, name)

    def is_condemned(self, digests: Iterable[Digest]) -> bool:
        """Return whether a collection, or a delete, is about to delete one of these.

        Asked after what refers to them is written: a collection gives notice before it looks for references a last
        time, so either it finds the new one, or its notice is found here.
        """
        wanted = {str(digest) for digest in digests}
        for listed in self.store.names(self.place, layout.NOTICES):
            if listed.modified + NOTICE_SECONDS < self.repository.clock.now():
                continue
            notice = self.store.read(self.place, listed.name)
            if notice is not None and not wanted.isdisjoint(notice.body.decode().split("\n")):
                return True
        return False


def lookup_of(place: Place, store: ArtifactStore, repository: Repository) -> Lookup:
    """Return a place to be read, of a store that can be written."""
    catalog: CatalogReader = repository.catalog

    def published(place: Place) -> Index | None:
        view = repository.indexes.read_view(place.repo, place.chart)
        return None if view is None else Index.read(view.body, repository.envelope)

    return Lookup(place, store, catalog, published, repository.clock.now)
