"""What this package uses of Faust, mode and aiokafka though it is private, and why.

Faust and aiokafka are pinned to exact versions because of it; mode comes with Faust. Before another version of any of
them, read these. A test finds what is used and not named here, and what is named here and gone there.
"""

LEANS_ON = {
    # the hooks into aiokafka's fetcher
    "aiokafka.consumer.fetcher.Fetcher._proc_fetch_request": "sends one fetch and takes in the answer: the idle clock",
    "aiokafka.consumer.fetcher.Fetcher._records": "what was fetched and has not left: was the answer empty?",
    "aiokafka.consumer.fetcher.Fetcher._subscriptions": "the assignment to which records belong that leave",
    "aiokafka.consumer.fetcher.FetchResult._partition_records": "the records of one answer, before they are unpacked",
    "aiokafka.consumer.fetcher.PartitionRecords._consumer_record": "wraps each record; left out for batches",
    "aiokafka.consumer.consumer.AIOKafkaConsumer._fetcher": "the fetcher; it alone can reset without waiting",
    "aiokafka.consumer.consumer.AIOKafkaConsumer._subscription": "whether a partition has a position",
    "aiokafka.consumer.consumer.AIOKafkaConsumer._fetch_max_wait_ms": "Faust fixes it at 1,500 ms",
    "aiokafka.consumer.consumer.AIOKafkaConsumer._fetch_min_bytes": "Faust has no setting for it",
    "aiokafka.consumer.consumer.AIOKafkaConsumer._isolation_level": "Faust ties it to its own transactions",
    "aiokafka.consumer.consumer.AIOKafkaConsumer._client": "where its look for the cluster gets a pause",
    "aiokafka.client.AIOKafkaClient._metadata_update": "that look",
    # Faust's consumer and its thread
    "faust.transport.drivers.aiokafka.AIOKafkaConsumerThread._create_worker_consumer": "where those are set",
    "faust.transport.drivers.aiokafka.AIOKafkaConsumerThread._ensure_consumer": "aiokafka's consumer in the thread",
    "faust.transport.drivers.aiokafka.AIOKafkaConsumerThread._commit": "an empty commit kills the worker",
    "faust.transport.drivers.aiokafka.Consumer._new_consumer_thread": "our thread instead",
    "faust.transport.drivers.aiokafka.Consumer._to_message": "messages of stock topics",
    "faust.transport.consumer.ThreadDelegateConsumer._thread": "to reset partitions in it",
    "faust.transport.consumer.Consumer._wait_next_records": "Faust's fetch with its flow control",
    "faust.transport.consumer.Consumer._buffered_partitions": "partitions under back-pressure, whose records count",
    "faust.transport.consumer.Consumer._unacked_messages": "what Faust waits for before it stops",
    "faust.transport.consumer.Consumer._waiting_for_ack": "wakes it",
    "faust.transport.consumer.Consumer._add_gap": "takes a batch for a gap of as many offsets as it has records",
    "faust.transport.consumer.Consumer._filter_tps_with_pending_acks": "which partitions a commit looks at",
    "faust.transport.consumer.Consumer._new_offset": "up to where it commits: what is released",
    # Faust's producer, app and worker
    "faust.transport.drivers.aiokafka.Producer._settings_extra": "Faust has no setting for idempotence",
    "faust.transport.drivers.aiokafka.Producer._new_producer": "where the producer's client gets the same pause",
    "faust.app.base.App._new_transport": "Faust looks transports up by URL; this is shorter",
    "faust.app.base.App._create_directories": "makes directories for tables, which there are none of",
    "mode.services.Service._crash": "how a crash of any part reaches the worker",
    "mode.worker.Worker._schedule_shutdown": "what SIGTERM and SIGINT do",
    "mode.worker.Worker._signal_stop_time": "whether one of them came",
}
