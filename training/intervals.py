"""How far off prices may be: split-conformal intervals, from errors on rows that the model was not trained on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

LEVELS = tuple(round(level, 2) for level in np.arange(0.5, 0.991, 0.01))
MONTHS = (2.0, 9.0, 15.0, 25.0)
"""Upper ends of the spans of `months_ahead` whose errors are kept apart."""
ENOUGH = 150
KINDS = ("no estimate", "estimate")


@dataclass(frozen=True)
class Intervals:
    """By group, the distance of logarithms that a share of errors keeps within, a value for each of LEVELS."""

    by_group: tuple[tuple[float, ...], ...]

    def bounds(self, value: Floats, has_estimate: Flags, months: Floats, level: float) -> tuple[Floats, Floats]:
        """The interval around prices, with or without an estimate to start from, asked for so many months ahead."""
        if not LEVELS[0] <= level <= LEVELS[-1]:
            raise ValueError(f"expected a level of {LEVELS[0]} to {LEVELS[-1]}, found {level}")
        widths = np.array([np.interp(level, LEVELS, group) for group in self.by_group])[group_of(has_estimate, months)]
        return value * np.exp(-widths), value * np.exp(widths)


def group_of(has_estimate: Flags, months: Floats) -> npt.NDArray[np.int64]:
    """Which errors are like each other: those with or without an estimate to start from, of like spans ahead."""
    span = np.minimum(np.searchsorted(MONTHS, months), len(MONTHS) - 1)
    return np.asarray(has_estimate * len(MONTHS) + span, np.int64)


def group_name(group: int) -> str:
    """A group, as a reader knows it."""
    kind, span = divmod(group, len(MONTHS))
    return f"{KINDS[kind]}, {MONTHS[span - 1] if span else 0:.0f} to {min(MONTHS[span], 24):.0f} months ahead"


def intervals(residuals: Floats, has_estimate: Flags, months: Floats) -> Intervals:
    """From residuals of logarithms.

    A span with too few errors of its own takes all those of its kind, and no span is narrower than a nearer one. A kind
    with too few in all takes everybody's, or its own where these are wider: what little is known of it says so.
    """
    group = group_of(has_estimate, months)
    everybody = _widths(residuals)
    by_group: list[tuple[float, ...]] = []
    for kind in range(len(KINDS)):
        own = residuals[has_estimate == bool(kind)]
        of_kind = _widths(own) if len(own) else everybody
        fallback = of_kind if len(own) >= ENOUGH else np.maximum(of_kind, everybody)
        nearer = np.zeros(len(LEVELS))
        for span in range(len(MONTHS)):
            errors = residuals[group == kind * len(MONTHS) + span]
            nearer = np.maximum(nearer, _widths(errors) if len(errors) >= ENOUGH else fallback)
            by_group.append(tuple(nearer.tolist()))
    return Intervals(tuple(by_group))


def _widths(errors: Floats) -> Floats:
    # The finite-sample quantile of conformal prediction: one error more than the share asks for.
    shares = np.minimum(np.array(LEVELS) * (len(errors) + 1) / len(errors), 1)
    return np.asarray(np.quantile(np.abs(errors), shares, method="higher"))
