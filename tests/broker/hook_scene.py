"""Hook runners on a broker: their topics, their file, verdicts to act on, and what is on record."""

import json
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kafka import KafkaProducer

from stream.adapters.embedded_broker import LOOPBACK, free_port
from stream.outputs import Action, Switch, Verdict
from stream.wire import decoder, encode_json
from tests.broker_helpers import Broker, wait_until
from tests.hook_helpers import LOCAL
from tests.worker_helpers import StartWorker, Worker

_ENTRY = decoder(Action | Switch)
PARTITIONS = 4


class Scene:
    """Topics of their own, and a directory with a hooks file.

    Args:
        broker: the broker.
        directory: of the file.
        start_worker: starts runners.
        hooks: of the file; armed webhooks unless they say something else.
        more: of the file beside `hooks`.
    """

    def __init__(
        self, broker: Broker, directory: Path, start_worker: StartWorker, *hooks: Mapping[str, Any], **more: Any
    ) -> None:
        self.broker, self._start = broker, start_worker
        self.prefix = broker.fresh_prefix()
        self.verdicts = broker.create(f"{self.prefix}.verdicts", PARTITIONS)
        self.actions_topic = broker.create(f"{self.prefix}.actions", 3)
        self.file = directory / f"hooks-{self.prefix}.json"
        usual = [{"type": "command" if "command" in hook else "webhook", "dry_run": False, **hook} for hook in hooks]
        self.file.write_text(json.dumps({"allow_hosts": [LOCAL], "hooks": usual, **more}))
        self.ports: dict[Worker, int] = {}
        self._producer: Any = None

    def environment(self, **more: object) -> dict[str, str]:
        """Of commands."""
        return self.broker.environment(self.prefix, **{"log_level": "info", **more})

    def runner(self, **more: object) -> Worker:
        """Start one; wait for it with `ready`."""
        port = free_port()
        env = self.environment(listen=f"{LOOPBACK}:{port}", **more)
        worker = self._start(env, "run", str(self.file), command="hooks")
        self.ports[worker] = port
        return worker

    def ready(self, *workers: Worker) -> None:
        """Until runners have their partitions and know the record."""
        for worker in workers:
            wait_until(lambda worker=worker: self._is_ready(worker), bool, 45)  # type: ignore[misc]

    def _is_ready(self, worker: Worker) -> bool:
        assert worker.running, "the runner has ended"
        try:
            with urllib.request.urlopen(f"http://{LOOPBACK}:{self.ports[worker]}/readyz", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def metric(self, worker: Worker, series: str) -> float:
        """A series of a runner, as it is written in the exposition."""
        with urllib.request.urlopen(f"http://{LOOPBACK}:{self.ports[worker]}/metrics", timeout=5) as answer:
            lines = answer.read().decode().splitlines()
        return next(float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"{series} "))

    def say(self, *verdicts: Verdict | bytes | None, partition: int | None = None) -> int:
        """Write verdicts, or anything, to their topic: when the last one was written, milliseconds UTC."""
        if self._producer is None:
            self._producer = KafkaProducer(
                bootstrap_servers=self.broker.bootstrap, acks="all", enable_idempotence=self.broker.idempotent
            )
        sent = [
            self._producer.send(
                self.verdicts,
                encode_json(one) if isinstance(one, Verdict) else one,
                key=one.rollout.encode() if isinstance(one, Verdict) else b"x",
                partition=partition,
            )
            for one in verdicts
        ]
        return max(int(future.get(30).timestamp) for future in sent)

    def entries(self) -> list[Action | Switch]:
        """Everything on record."""
        return [_ENTRY.decode(record.value or b"") for record in self.broker.read_all(self.actions_topic)]

    def actions(self, rollout: str | None = None) -> list[Action]:
        """The tries on record, of a rollout or all, by time."""
        found = [one for one in self.entries() if isinstance(one, Action) and rollout in (None, one.rollout)]
        return sorted(found, key=lambda one: (one.at, one.attempt))

    def story(self, rollout: str | None = None) -> list[str]:
        """Hook, attempt and outcome of each try."""
        return [f"{one.hook} {one.attempt} {one.outcome}" for one in self.actions(rollout)]

    def close(self) -> None:
        """Let go of the broker, until there is something to say again: a client complains of one that is away."""
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.close(5)
