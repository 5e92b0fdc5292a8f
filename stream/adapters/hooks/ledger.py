"""Where runners write: tries and the kill switch go to the topic of actions, also while a runner ends."""

from typing import Any

from stream.adapters.hooks.records import action_record, switch_record
from stream.adapters.worker.outbox import Record, Sender
from stream.outputs import Action, Switch


class Ledger:
    """Writes by an app's producer, which exists once the app has started, until the app has ended.

    Args:
        app: the Faust app.
        prefix: of the topics.
    """

    def __init__(self, app: Any, prefix: str) -> None:
        self._app, self._prefix = app, prefix

    async def record(self, action: Action) -> None:
        """Put a try on record; returns when all in-sync replicas have it.

        Raises:
            KafkaError: they have not.
        """
        await self._write(action_record(action, self._prefix))

    async def throw(self, switch: Switch) -> None:
        """Throw the kill switch; returns when all in-sync replicas have it.

        Raises:
            KafkaError: they have not.
        """
        await self._write(switch_record(switch, self._prefix))

    async def _write(self, record: Record) -> None:
        producer: Sender = self._app.producer
        headers = [*record.headers] or None
        await (await producer.send(record.topic, record.key, record.value, record.partition, None, headers))
