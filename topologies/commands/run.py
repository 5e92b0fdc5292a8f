"""`canary run`: one worker of the monitor, both stages, until it is told to end."""

from topologies.broker_flags import Broker, SettingsFile, read_settings


def run(broker: Broker = None, settings: SettingsFile = None) -> None:
    """Run one worker of the monitor. Start as many as you like: they share the work.

    Ends with 0 after SIGTERM, with 1 when it cannot go on: a supervisor should start it again.
    """
    from stream.adapters.worker.journal import configure, worker_arguments  # noqa: PLC0415  # loads Faust
    from stream.adapters.worker.leave import Worker  # noqa: PLC0415
    from stream.adapters.worker.preflight import look_around  # noqa: PLC0415
    from topologies.monitor import build  # noqa: PLC0415

    chosen = read_settings(broker, settings)
    configure(chosen.log, chosen.log_level)
    around = look_around(chosen)
    monitor = build(chosen, around.partitions, idempotent=around.idempotent)
    Worker(monitor.app, monitor.health, **worker_arguments(chosen)).execute_from_commandline()
