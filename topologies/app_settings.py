"""What each of our Faust apps is told: time-outs of seconds, as Faust's own wait for a frozen broker for minutes."""

import tempfile
from typing import Any

from stream.adapters.kafka.credentials import METADATA_MS, REQUEST_MS, faust_credentials
from stream.adapters.settings import Settings


def app_settings(settings: Settings) -> dict[str, Any]:
    """Arguments of `faust.App`."""
    return {
        "broker": ";".join(f"kafka://{broker}" for broker in settings.brokers),
        "broker_credentials": faust_credentials(settings),
        "store": "memory://",
        "datadir": tempfile.gettempdir(),
        "web_enabled": False,
        "table_standby_replicas": 0,
        "topic_disable_leader": True,
        "stream_wait_empty": False,
        "broker_session_timeout": settings.session,
        "broker_heartbeat_interval": min(1.0, settings.session / 3),
        "broker_rebalance_timeout": max(6.0, 2 * settings.session),
        "broker_request_timeout": REQUEST_MS / 1000,
        "broker_commit_interval": 1.0,
        "broker_max_poll_records": 20_000,
        "consumer_max_fetch_size": 4 << 20,
        "consumer_auto_offset_reset": "earliest",
        "consumer_metadata_max_age_ms": METADATA_MS,
        "producer_metadata_max_age_ms": METADATA_MS,
        "producer_request_timeout": REQUEST_MS / 1000,
        "producer_acks": -1,
        "producer_linger": 0,
        "producer_max_request_size": 2 << 20,
        "producer_max_batch_size": 1 << 19,
    }
