"""What came before the record of its rollout."""

from dataclasses import dataclass, field

from stream.observe.sources import Sources
from stream.partial import ChunkEnd, Event, Partial


@dataclass(slots=True)
class Waiting:
    """Messages of one rollout that nobody can judge yet, and the ends of all chunks since the first of them."""

    offset: int
    """The first message."""
    sources: Sources
    """What was known before it."""
    events: list[tuple[int, Event]] = field(default_factory=list)
    """By offset, in order."""

    def names(self) -> list[str]:
        """The sources that they come from."""
        return [event.source for _, event in self.events if isinstance(event, Partial | ChunkEnd)]
