"""Every random number of the world comes from a generator named here, so that no draw depends on another's order.

A generator belongs to one (seed, purpose, block): blocks may then be made in any order, by any number of workers.
"""

from __future__ import annotations

from zlib import crc32

import numpy as np


def generator(seed: int, purpose: str, block: int = 0) -> np.random.Generator:
    """The generator for one purpose in one block of customers."""
    return np.random.Generator(np.random.SFC64(np.random.SeedSequence([seed, crc32(purpose.encode()), block])))
