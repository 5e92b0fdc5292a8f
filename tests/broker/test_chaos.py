"""Workers killed and stalled under live traffic: the outputs are those of the source log, without gaps."""

from pathlib import Path

import pytest

from benchmarks.chaos.campaign import SHORT
from benchmarks.chaos.report import findings, line
from benchmarks.chaos.run import Chaos
from tests.broker_helpers import Broker

pytestmark = [pytest.mark.broker, pytest.mark.slow]


@pytest.mark.timeout(300)
def test_outputs_are_those_of_the_source_log(broker: Broker, tmp_path: Path) -> None:
    """The long version is `make chaos`."""
    broker.needs("idempotence")
    chaos = Chaos(SHORT, broker, tmp_path)
    try:
        chaos.play()
    finally:
        chaos.close()
    result = chaos.result
    print(line(result))
    if result.void:
        pytest.skip(f"needs a machine on which traffic comes in time: {result.excuse} samples came too late here")
    assert result.passed, findings(result)
    assert result.counts["kill"] >= 2
    assert result.counts["stall"] == 1
    assert result.proof.outputs > 500
