"""Which runs make a campaign."""

from benchmarks.chaos.plan import Fault, Run

OUTAGE = (Fault("restart", 1, 12, 0), Fault("kill", 1, 34, 6))
"""Of the only broker."""
CAMPAIGN = (
    Run(seed=1, workers=2, seconds=60, kills=6, stalls=1, leaves=1),
    Run(seed=2, workers=3, seconds=60, kills=7, stalls=1, leaves=1),
    Run(seed=3, workers=3, seconds=60, kills=5, stalls=2, leaves=2, compression="zstd"),
    Run(seed=4, workers=2, seconds=60, kills=4, stalls=1, leaves=1, transactions=True),
    Run(seed=5, workers=2, seconds=60, kills=2, stalls=0, leaves=0, faults=OUTAGE),
)
SHORT = Run(seed=1, workers=2, seconds=32, kills=3, stalls=1, leaves=0)
"""The one that CI can afford."""
