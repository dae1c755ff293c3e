"""Events split by a flag, such as money in and money out, so that a window can be one of either alone."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from feature_repo.stores.events.record import Integers
from feature_repo.stores.events.sums import WindowSums


class EventSplit:
    """All events without the flag, then all with it, each in their order: `order` holds their places."""

    def __init__(self, flags: npt.NDArray[np.bool_]) -> None:
        without, having = (~flags).nonzero()[0], flags.nonzero()[0]
        self.order = np.concatenate((without, having))
        self._first_having = len(without)
        self._having_before = WindowSums(flags)

    def place(self, bound: Integers, flag: npt.NDArray[np.bool_]) -> Integers:
        """Where in `order` a window of one flag begins or ends that does so at `bound` in all events."""
        having = self._having_before.until(bound)
        return np.where(flag, self._first_having + having, bound - having)
