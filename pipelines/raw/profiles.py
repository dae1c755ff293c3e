"""What a column holds, in a few figures, and when two of them are too far apart to be the same thing.

The bounds were measured: over three synthetic years, by day, week, month and year, and over King County, the quantiles
of 20 values and more differ from those of the days before by at most 2.5 times, shares of empty values by 0.25, shares
of fixed values by 0.23. Units differ by more: a square metre is 10.8 square feet, a year 12 months.

All three quantiles of an amount at once move by at most 1.57 times in 14,251 such loads (counts by 2.5: a month cut
short makes them smaller). What moves by more is no evidence against a load, but worth a look: 0.45 kg are a pound.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import duckdb

from pipelines.raw.checks import name
from pipelines.raw.contracts import Column, RawTable

FACTOR = 5.0
SHIFT = 2.0
_ENOUGH = 20
# Of fewer values than these nothing is said; of fewer than enough only if they all lie far outside of what was there.
_FEWEST = 5
_FAR_OUTSIDE = 2.0
_SHARE = 0.5


@dataclass(frozen=True)
class Profile:
    """A number of rows, how many of them have a value other than 0, and these values' 10, 50 and 90 % quantiles."""

    rows: int
    values: int
    quantiles: tuple[float, ...] = ()

    @property
    def median(self) -> float:
        """The middle one."""
        return self.quantiles[1] if self.quantiles else 0.0

    @property
    def nothing(self) -> float:
        """The share of rows that are empty or 0."""
        return 1 - self.values / self.rows if self.rows else 0.0

    @property
    def spread(self) -> float:
        """How far the high values lie from the low ones."""
        return self.quantiles[2] - self.quantiles[0] if self.quantiles else 0.0


def profiles_of(
    connection: duckdb.DuckDBPyConnection, relation: str, table: RawTable, measures: Sequence[Column]
) -> dict[str, dict[str, Profile]]:
    """The profiles of measures in a relation with a table's columns, by kind of row: by all columns of fixed values."""
    fixed = [name(column.name) for column in table.columns if column.allowed]
    kind = f"concat_ws(' ', {', '.join(fixed)})" if fixed else "''"
    figures = ", ".join(
        f"count(*) FILTER ({name(c.name)} <> 0), quantile_cont({name(c.name)}::DOUBLE, [0.1, 0.5, 0.9]) "
        f"FILTER ({name(c.name)} <> 0)"
        for c in measures
    )
    rows = connection.execute(f"SELECT {kind} AS kind, count(*), {figures} FROM {relation} GROUP BY kind").fetchall()
    return {
        kind: {
            column.name: Profile(total, found[2 * place], tuple(found[2 * place + 1] or ()))
            for place, column in enumerate(measures)
        }
        for kind, total, *found in rows
    }


def factor_between(before: Profile, after: Profile) -> float:
    """By what factor the quantile that differs most does; 1 where that cannot be said, or is no more than noise.

    Values around 0 differ by any factor, so a quantile must also move by more than the values spread.
    """
    if before.values < _ENOUGH or after.values < _FEWEST:
        return 1.0
    if after.values < _ENOUGH and not _lies_outside(before, after):
        return 1.0
    least = min(before.spread, after.spread)
    factors = [
        max(old / new, new / old)
        for old, new in zip(before.quantiles, after.quantiles, strict=True)
        if old * new > 0 and abs(new - old) > least
    ]
    return max(factors, default=1.0)


def shift_between(before: Profile, after: Profile) -> float:
    """By what factor all quantiles moved the same way, at least: below 1 downwards, 1 where that cannot be said."""
    if min(before.values, after.values) < _ENOUGH:
        return 1.0
    pairs = list(zip(before.quantiles, after.quantiles, strict=True))
    if any(old * new <= 0 for old, new in pairs):
        return 1.0
    ratios = [new / old for old, new in pairs]
    return min(ratios) if min(ratios) > 1 else max(ratios) if max(ratios) < 1 else 1.0


def more_nothing(before: Profile, after: Profile) -> bool:
    """Whether a value is missing, or 0, much more often than before."""
    return min(before.rows, after.rows) >= _ENOUGH and after.nothing > before.nothing + _SHARE


def amount(value: float | None) -> str:
    """A value as a message shows it: large ones whole, small ones by their first digits."""
    if value is None:
        return "nothing"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _lies_outside(before: Profile, after: Profile) -> bool:
    low, _, high = sorted(map(abs, before.quantiles))
    least, _, most = sorted(map(abs, after.quantiles))
    return least > _FAR_OUTSIDE * high or most * _FAR_OUTSIDE < low


@dataclass(frozen=True)
class CategoryShares:
    """How often a column holds each of its fixed values."""

    counts: Mapping[str, int]

    def differ_from(self, other: CategoryShares) -> bool:
        """Whether so many rows would have to hold another value that it is no chance."""
        totals = [sum(shares.counts.values()) for shares in (self, other)]
        if min(totals) < _ENOUGH:
            return False
        values = {*self.counts, *other.counts}
        moved = sum(
            abs(self.counts.get(value, 0) / totals[0] - other.counts.get(value, 0) / totals[1]) for value in values
        )
        return moved / 2 > _SHARE

    def __str__(self) -> str:
        """The most frequent ones."""
        total = sum(self.counts.values())
        often = sorted(self.counts.items(), key=lambda item: (-item[1], item[0]))[:3]
        return ", ".join(f"{value} {100 * count / total:.0f} %" for value, count in often)
