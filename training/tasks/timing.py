"""When: a yes or no for a moment, of which an answer compares the hours of the week that follows."""

from __future__ import annotations

from training.tasks.binary import Binary


class Timing(Binary):
    """Labels are 0 and 1, as at the moment of their row."""

    name = "timing"


TIMING = Timing()
