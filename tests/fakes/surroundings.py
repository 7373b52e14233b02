"""Time, randomness and the log, controlled by the test."""

from dataclasses import dataclass, field
from hashlib import sha256

from tests.fakes.world import Step, World, nothing_happens


@dataclass(frozen=True, slots=True)
class FakeClock:
    """Implements `Clock`: sleeping moves the world's time, tokens are counted, not drawn."""

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

    def jitter(self) -> float:
        """Return a number from 0 to 1, made of the next token."""
        return int(self.token()[:4], 16) / 0xFFFF


@dataclass(frozen=True, slots=True)
class Recorded:
    """One event, as it was recorded."""

    event: str
    fields: dict[str, str | float]


@dataclass(frozen=True, slots=True)
class FakeEvents:
    """Implements `Events`, and keeps what was recorded."""

    recorded: list[Recorded] = field(default_factory=list)

    def record(self, event: str, **fields: str | float) -> None:
        """Remember the event."""
        self.recorded.append(Recorded(event, fields))

    @property
    def names(self) -> list[str]:
        """The names of the events so far, in order."""
        return [one.event for one in self.recorded]
