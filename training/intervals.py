"""How far off prices may be: split-conformal intervals, from errors on rows that taught the model nothing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

LEVELS = tuple(round(level, 2) for level in np.arange(0.5, 0.991, 0.01))
MONTHS = (2.0, 9.0, 15.0, 25.0)
"""Upper ends of the spans of `months_ahead` whose errors are kept apart."""
ENOUGH = 150


@dataclass(frozen=True)
class Intervals:
    """By group, the distance of logarithms that a share of errors keeps within, a value for each of LEVELS."""

    by_group: tuple[tuple[float, ...], ...]

    def bounds(self, value: Floats, told: npt.NDArray[np.bool_], months: Floats, level: float) -> tuple[Floats, Floats]:
        """The interval around prices, whether an estimate was `told`, and asked for so many months ahead."""
        if not LEVELS[0] <= level <= LEVELS[-1]:
            raise ValueError(f"expected a level of {LEVELS[0]} to {LEVELS[-1]}, found {level}")
        widths = np.array([np.interp(level, LEVELS, group) for group in self.by_group])[group_of(told, months)]
        return value * np.exp(-widths), value * np.exp(widths)


def group_of(told: npt.NDArray[np.bool_], months: Floats) -> npt.NDArray[np.int64]:
    """Which errors are like each other: those with or without an estimate to start from, of like spans ahead."""
    span = np.minimum(np.searchsorted(MONTHS, months), len(MONTHS) - 1)
    return np.asarray(told * len(MONTHS) + span, np.int64)


def intervals(residuals: Floats, told: npt.NDArray[np.bool_], months: Floats) -> Intervals:
    """From residuals of logarithms; a group with too few of its own takes those of all."""
    group = group_of(told, months)

    def widths(chosen: Floats) -> tuple[float, ...]:
        # The finite-sample quantile of conformal prediction: one error more than the share asks for.
        shares = np.minimum(np.array(LEVELS) * (len(chosen) + 1) / len(chosen), 1)
        return tuple(np.quantile(np.abs(chosen), shares, method="higher").tolist())

    whole = widths(residuals)
    return Intervals(
        tuple(
            widths(residuals[group == one]) if (group == one).sum() >= ENOUGH else whole
            for one in range(2 * len(MONTHS))
        )
    )
