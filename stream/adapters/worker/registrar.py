"""Copies the registry into the log of partials: what observe knows of rollouts, it knows from there."""

from collections.abc import Sequence
from typing import Any

from faust.types import TP

from stream.adapters.worker.dead_letter import letter
from stream.adapters.worker.layout import Layout
from stream.adapters.worker.outbox import Outbox, Record
from stream.adapters.worker.records import Record as Received
from stream.errors import PolicyError
from stream.partial import Registered
from stream.registry import read_registration
from stream.wire import encode_json


class Registrar:
    """The work of whoever owns the registry's partition."""

    def __init__(self, app: Any, outbox: Outbox, layout: Layout) -> None:
        self._app, self._outbox, self._layout = app, outbox, layout

    async def process(self, stream: Any) -> None:
        """Copy records, batch by batch."""
        async for event in stream.events():
            tp, generation = event.message.tp, event.message.generation_id
            copies = [copy for record in event.value if (copy := self._copy(tp, record)) is not None]
            await self._outbox.deliver(copies)
            if generation == self._app.consumer_generation_id:
                self._app.consumer.release(tp, event.value[-1].offset + 1)

    def _copy(self, tp: TP, record: Received) -> Record | None:
        if record.value is None:
            return None
        try:
            found = read_registration(record.key, record.value)
        except PolicyError as error:
            return letter(self._layout.dead_letter, tp, record, "bad_rollout", str(error))
        sources: Sequence[str] = self._layout.sources
        copy = Registered(found.rollout, record.offset, list(sources), found.stopped, found.verdict)
        return self._layout.to_rollout(found.rollout.id, encode_json(copy))
