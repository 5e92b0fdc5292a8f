"""How often Python looks for garbage that reference counts do not free: rarely.

A worker that catches up holds hundreds of thousands of records, none of which is part of a cycle. Python's usual
thresholds walk over them again and again, which takes half of the worker's time.
"""

import gc

THRESHOLDS = (100_000, 20, 10)
"""New objects before the youngest are looked at, and so on; a look takes some 5 ms."""


async def collect_rarely() -> None:
    """Leave alone what has been loaded, and look at the rest rarely. To be called once, when a worker has started."""
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
