"""Names for numpy arrays in signatures; the shapes are in each docstring."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
AnyArray = NDArray[Any]
