"""Which canary instances drive an effect, so that people know where to look."""

import numpy as np

from stream.arrays import Floats
from stream.compare.evidence import Driver

PART = 0.5
"""An instance drives an effect if it has this part of it."""
MOST = 0.6
"""One instance with this share of all excess is named."""


def find_drivers(excess: Floats, size: Floats) -> list[Driver]:
    """The drivers of M effects.

    Args:
        excess: [M, U], how far each canary instance is from the baseline's centre in the direction of the effect; -inf
            for all others.
        size: [M], the effects' sizes.

    >>> find_drivers(np.array([[0.1, 0.9, -np.inf]]), np.array([0.5]))
    [Driver(count=1, of=2, alone=1)]
    """
    mine = excess > -np.inf
    number, top = mine.sum(1), excess.argmax(1)
    total = np.where(mine, np.maximum(excess, 0.0), 0.0).sum(1)
    driving = (excess >= PART * size[:, None]).sum(1)
    alone = (number > 1) & (total > 0) & (excess.max(1) >= MOST * total)
    return [
        Driver(count, of, at if lone else None)
        for count, of, at, lone in zip(driving.tolist(), number.tolist(), top.tolist(), alone.tolist(), strict=True)
    ]
