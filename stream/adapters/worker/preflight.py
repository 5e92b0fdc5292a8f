"""What a worker looks at before it starts: the broker, and the topics it needs."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from stream.adapters.kafka.admin import partitions_of, verify
from stream.adapters.kafka.probe import probe
from stream.adapters.settings import Settings
from stream.adapters.topics import PARTIALS
from stream.errors import SourceError

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Surroundings:
    """What was found."""

    partitions: Mapping[str, int]
    """Partitions of each topic of telemetry and of the partials."""
    idempotent: bool
    """Whether the broker has idempotent producers."""


def look_around(settings: Settings) -> Surroundings:
    """Find out whether a worker can work here; remarks go to the log.

    Raises:
        SourceError: no broker, no way in, or topics that are missing or wrong; one line that says what to do.
    """
    cluster = probe(settings)
    findings = verify(settings)
    wrong = [finding for finding in findings if finding.severity == "error"]
    for finding in findings:
        logger.log(logging.ERROR if finding in wrong else logging.WARNING, "%s", finding)
    if wrong:
        raise SourceError(f"{wrong[0]}" + (f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""))
    if not cluster.idempotent:
        logger.warning("the broker has no idempotent producers: a failing broker can cost rows; good for trying only")
    names = (*settings.telemetry, PARTIALS.name(settings.prefix))
    return Surroundings(partitions_of(settings, names), cluster.idempotent)
