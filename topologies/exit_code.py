"""What `canary` leaves with, for scripts and pipelines."""

GOOD = 0
"""Done; of a verdict: promote."""
FAILED = 1
"""Something did not work: a broker, a file, the network."""
MISUSED = 2
"""What the user wrote is wrong: arguments, a rollout file."""
ABORT = 3
"""The verdict is abort."""
INCONCLUSIVE = 4
"""The verdict is inconclusive, or there is none yet."""
INTERRUPTED = 130
"""Stopped from the keyboard."""
