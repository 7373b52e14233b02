"""Time, chance and the log, owned by the test."""

from dataclasses import dataclass, field
from hashlib import sha256

from tests.fakes.world import Step, World, nothing_happens


@dataclass(frozen=True, slots=True)
class FakeClock:
    """Keeps `ports.Clock`: sleeping moves the world's time, tokens are counted, not drawn."""

    world: World
    step: Step = nothing_happens
    skew: float = 0.0
    """Seconds by which this process's clock is ahead of the world's."""

    def now(self) -> float:
        """Return seconds since the epoch, as this process sees them."""
        return self.world.time + self.skew

    def sleep(self, seconds: float) -> None:
        """Move the world's time on at once."""
        self.step("clock.sleep")
        self.world.time += seconds
        self.step("clock.sleep:done")

    def token(self) -> str:
        """Return 32 hex digits, other ones each time, the same in every run."""
        self.world.tokens += 1
        return sha256(str(self.world.tokens).encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Note:
    """One event as it was told to the journal."""

    event: str
    facts: dict[str, str | float]


@dataclass(frozen=True, slots=True)
class FakeJournal:
    """Keeps `ports.Journal`, and what it was told."""

    notes: list[Note] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def begin(self, request_id: str) -> None:
        """Remember the request."""
        self.requests.append(request_id)

    def note(self, event: str, **facts: str | float) -> None:
        """Remember the event."""
        self.notes.append(Note(event, facts))

    @property
    def events(self) -> list[str]:
        """The names of the events so far, in order."""
        return [note.event for note in self.notes]
