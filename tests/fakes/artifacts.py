"""The registry's objects in memory."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from charthouse.errors import ConditionFailed
from charthouse.registry.ports import BINARY, Artifact, Listed, Place

from tests.fakes.world import Step, World, etag_of, nothing_happens


@dataclass(frozen=True, slots=True)
class FakeArtifacts:
    """Implements `ArtifactStore`; strongly consistent, conditions checked at the moment of the effect."""

    world: World
    step: Step = nothing_happens

    def read(self, place: Place, name: str) -> Artifact | None:
        """Return the object, or None."""
        self.step("artifacts.read")
        found = self.world.artifacts.get((place.name, name))
        self.step("artifacts.read:done")
        return found

    def look(self, place: Place, name: str) -> Listed | None:
        """Return size and time of the object, or None."""
        self.step("artifacts.look")
        found = self.world.artifacts.get((place.name, name))
        self.step("artifacts.look:done")
        return None if found is None else Listed(name, len(found.body), found.modified)

    def names(self, place: Place, prefix: str, after: str = "", limit: int | None = None) -> Iterator[Listed]:
        """Yield the objects whose names begin with the prefix, bytewise; each is read when it is reached."""
        self.step("artifacts.names")
        left = limit
        while left is None or left > 0:
            self.step("artifacts.names:item")
            names = (at[1] for at in self.world.artifacts if at[0] == place.name)
            name = min((found for found in names if found.startswith(prefix) and found > after), default=None)
            if name is None:
                break
            found = self.world.artifacts[place.name, name]
            yield Listed(name, len(found.body), found.modified)
            after, left = name, None if left is None else left - 1
        self.step("artifacts.names:done")

    def write(
        self, place: Place, name: str, body: bytes, media_type: str = BINARY, notes: Mapping[str, str] | None = None
    ) -> None:
        """Store the object over whatever is there."""
        self.step("artifacts.write")
        self._put(place, name, Artifact(body, media_type, etag_of(body), float(int(self.world.time)), notes or {}))
        self.step("artifacts.write:done")

    def replace(self, place: Place, name: str, body: bytes, etag: str | None) -> None:
        """Store over the object with this ETag (None: there must be none), else raise `ConditionFailed`."""
        self.step("artifacts.replace")
        stored = self.world.artifacts.get((place.name, name))
        matches = (None if stored is None else stored.etag) == etag
        if matches:
            self._put(place, name, Artifact(body, BINARY, etag_of(body), float(int(self.world.time))))
        self.step("artifacts.replace:done")
        if not matches:
            raise ConditionFailed(name)

    def delete(self, place: Place, name: str, etag: str | None = None) -> None:
        """Delete the object, if there is one; with an ETag raise `ConditionFailed` if another is there."""
        self.step("artifacts.delete")
        stored = self.world.artifacts.get((place.name, name))
        matches = etag is None or (stored is not None and stored.etag == etag)
        if matches:
            self.world.artifacts.pop((place.name, name), None)
        self.step("artifacts.delete:done")
        if not matches:
            raise ConditionFailed(name)

    def copy(self, source: Place, source_name: str, place: Place, name: str) -> bool:
        """Copy an object; return False if it is not there."""
        self.step("artifacts.copy")
        found = self.world.artifacts.get((source.name, source_name))
        if found is not None:
            self._put(place, name, Artifact(found.body, BINARY, found.etag, float(int(self.world.time))))
        self.step("artifacts.copy:done")
        return found is not None

    def copy_file(self, repo: str, file: str, etag: str, place: Place, name: str) -> bool:
        """Copy a file of a chart repository; return False if that with this ETag is not there."""
        self.step("artifacts.copy_file")
        version = self.world.current(f"{repo}/{file}" if repo else file)
        found = version is not None and version.body is not None and version.etag == etag
        if version is not None and version.body is not None and found:
            self._put(place, name, Artifact(version.body, BINARY, etag, float(int(self.world.time))))
        self.step("artifacts.copy_file:done")
        return found

    def places(self) -> Iterator[Place]:
        """Yield every place that has objects."""
        for name in sorted({at[0] for at in self.world.artifacts}):
            repo, _, chart = name.rpartition("/")
            yield Place(repo, chart)

    def _put(self, place: Place, name: str, artifact: Artifact) -> None:
        self.world.artifacts[place.name, name] = artifact
