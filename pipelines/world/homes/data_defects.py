"""What is wrong with the data, on purpose: real sources are late, repeat themselves, err, revise and break.

A platform that has only seen clean rows has not been tried. Each share below is declared with its reason, and the
report counts what was really put in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.raw.contracts import RawTable
from pipelines.raw.tables.homes import ACTIONS
from pipelines.world.clock import DAY, HOUR, MINUTE, Ints
from pipelines.world.frames import Frame, rows_of, stack, take

FAR_FUTURE = 3_818_448_000_000_000  # 2091-01-01: a clock that was never set


@dataclass(frozen=True)
class Shares:
    """The share of a table's rows that each blemish befalls."""

    late: float = 0.0
    """Known more than a day after they happened: phones offline, batches that were held back."""
    duplicate: float = 0.0
    """Delivered twice: a sender that got no acknowledgement sends again, at once or on a later day."""
    corrected: float = 0.0
    """First wrong, then right under the same key: a clerk's slip, found later."""
    revised: float = 0.0
    """Published again with better figures: statistics offices do, once all returns are in. Of monthly figures only."""
    broken: float = 0.0
    """Against the contract: a faulty client, a bad export, a unit mixed up."""


SHARES: Mapping[str, Shares] = {
    "customers": Shares(duplicate=0.004, corrected=0.02, broken=0.004),
    "properties": Shares(duplicate=0.004, corrected=0.01, broken=0.004),
    # County offices report deals late as a rule: that is their normal course, not a share.
    "deals": Shares(duplicate=0.005, corrected=0.006, broken=0.004),
    "engagement": Shares(late=0.012, duplicate=0.006, corrected=0.002, broken=0.0015),
    "region_market": Shares(duplicate=0.004, revised=0.2, broken=0.004),
    # Some hundred rows: enough broken ones to be sure of some.
    "macro": Shares(duplicate=0.01, revised=0.2, broken=0.012),
}

MISTAKEN: Mapping[str, str] = {
    "customers": "household_size",
    "properties": "living_area_sqft",
    "deals": "price",
    "engagement": "value",
}
"""The column that a clerk gets wrong."""

Values = NDArray[Any]


@dataclass(frozen=True)
class Hit:
    """The rows of a frame that a kind of break befalls."""

    raw: RawTable
    frame: Frame
    rows: Ints

    def all(self, value: float) -> Values:
        """That value for every row."""
        return np.full(len(self.rows), value)


Break = Callable[[Hit], tuple[str, Values]]
"""What a kind of break puts where: the column, and its values in the rows hit."""


def _missing(column: str) -> Break:
    return lambda hit: (column, hit.all(-1))


def _unheard_of(column: str) -> Break:
    return lambda hit: (column, hit.all(len(hit.raw[column].allowed)))


def _negative(column: str) -> Break:
    return lambda hit: (column, -1 - np.nan_to_num(np.abs(hit.frame[column][hit.rows])))


def _too_high(column: str) -> Break:
    return lambda hit: (column, hit.all((hit.raw[column].le or 0) + 40))


def _far_future(hit: Hit) -> tuple[str, Values]:
    return hit.raw.happened, hit.all(FAR_FUTURE)


def _known_before_it_happened(hit: Hit) -> tuple[str, Values]:
    return hit.raw.happened, hit.frame[hit.raw.known][hit.rows] + 3 * HOUR + (hit.rows % 40) * DAY


def _action_of_another_channel(hit: Hit) -> tuple[str, Values]:
    """The first action of the next channel, which no channel shares with the one before it."""
    firsts = np.array([hit.raw["action"].allowed.index(actions[0]) for actions in ACTIONS.values()])
    return "action", np.roll(firsts, -1)[hit.frame["channel"][hit.rows]]


BREAKS: Mapping[str, Mapping[str, Break]] = {
    "customers": {
        "missing_key": _missing("customer_id"),
        "household_size_out_of_range": _too_high("household_size"),
        "far_future": _far_future,
    },
    "properties": {
        "missing_key": _missing("property_id"),
        "unknown_kind": _unheard_of("kind"),
        "condition_grade_out_of_range": _too_high("condition_grade"),
        "known_before_it_happened": _known_before_it_happened,
    },
    "deals": {
        "missing_key": _missing("deal_id"),
        "unknown_kind": _unheard_of("kind"),
        "negative_price": _negative("price"),
        "known_before_it_happened": _known_before_it_happened,
        "far_future": _far_future,
    },
    "engagement": {
        "missing_key": _missing("event_id"),
        "missing_customer": _missing("customer_id"),
        "unknown_channel": _unheard_of("channel"),
        "action_of_another_channel": _action_of_another_channel,
        "negative_value": _negative("value"),
        "known_before_it_happened": _known_before_it_happened,
        "far_future": _far_future,
    },
    "region_market": {"missing_key": _missing("region_id"), "negative_price": _negative("median_sale_price")},
    "macro": {"unknown_series": _unheard_of("series"), "value_out_of_range": _too_high("value")},
}

BLANKED: Mapping[str, frozenset[str]] = {
    "customers": frozenset({"customer_id"}),
    "properties": frozenset({"property_id"}),
    "deals": frozenset({"deal_id"}),
    "engagement": frozenset({"event_id", "customer_id"}),
    "region_market": frozenset({"region_id"}),
    "macro": frozenset(),
}
"""Columns that a broken row may lack although its contract requires them."""


@dataclass(frozen=True)
class DefectiveRows:
    """A frame with its blemishes: the rows once each, the further rows to merge in, and the count of each kind."""

    rows: Frame
    further: Frame
    counts: Mapping[str, int]

    @property
    def all(self) -> Frame:
        """Both, the further rows last."""
        return stack([self.rows, self.further])


def delays(rng: np.random.Generator, count: int, late: float) -> Ints:
    """From happening to being known: minutes for most, hours for some, days with a heavy tail for the late ones."""
    u = rng.random(count, np.float32)
    delay = rng.standard_exponential(count, np.float32) * np.where(u < 0.06, 3 * HOUR, 4 * MINUTE)
    days = np.flatnonzero(u > 1 - late)
    delay[days] = DAY * np.minimum(1 + rng.pareto(1.1, len(days)), 120)
    return delay.astype(np.int64) + 1_000_000


def blemish(raw: RawTable, frame: Frame, rng: np.random.Generator, end: int) -> DefectiveRows:
    """Put a table's blemishes in. Rows that become known at `end` or later are cut: the world does not know them."""
    shares = SHARES[raw.name]
    frame = take(frame, frame[raw.known] < end)
    spoilt = dict(frame)
    counts: dict[str, int] = {}
    if shares.late:
        counts["late"] = int((frame[raw.known] - frame[raw.happened] >= DAY).sum())
    if shares.revised:
        counts["revised"] = rows_of(frame) - np.unique(np.stack([frame[name] for name in raw.key]), axis=1).shape[1]

    again = _some(rng, rows_of(frame), shares.duplicate)
    twice = _known_later(raw, take(frame, again), _pauses(rng, len(again)), end)
    counts["duplicate"] = rows_of(twice)

    wrong = np.setdiff1d(_some(rng, rows_of(frame), shares.corrected), again)
    if shares.corrected:
        column = MISTAKEN[raw.name]
        wrong = wrong[~np.isnan(frame[column][wrong])]
        spoilt[column] = _with(spoilt[column], wrong, _slips(rng, frame[column][wrong]))
        counts["corrected"] = len(wrong)
    after = ((0.5 + rng.exponential(9.0, len(wrong))) * DAY).astype(np.int64)
    right = _known_later(raw, take(frame, wrong), after, end)

    broken = np.setdiff1d(_some(rng, rows_of(frame), shares.broken), np.concatenate([again, wrong]))
    kinds = BREAKS[raw.name]
    for (name, puts), rows in zip(kinds.items(), np.array_split(rng.permutation(broken), len(kinds)), strict=True):
        column, values = puts(Hit(raw, frame, rows))
        spoilt[column] = _with(spoilt[column], rows, values)
        counts[name] = len(rows)
    return DefectiveRows(spoilt, stack([twice, right]), counts)


def _some(rng: np.random.Generator, count: int, share: float) -> Ints:
    """Distinct rows, in order: a share of them on average."""
    return np.unique(rng.integers(0, max(count, 1), rng.binomial(count, share)))


def _known_later(raw: RawTable, frame: Frame, pause: Ints, end: int) -> Frame:
    later = {**frame, raw.known: frame[raw.known] + pause}
    return take(later, later[raw.known] < end)


def _pauses(rng: np.random.Generator, count: int) -> Ints:
    """From one delivery to the next: none or minutes for most, days for some."""
    soon = rng.exponential(10 * MINUTE, count) * (rng.random(count) < 0.7)
    days = rng.uniform(1, 4, count) * DAY
    return np.where(rng.random(count) < 0.3, days, soon).astype(np.int64)


def _slips(rng: np.random.Generator, truth: Values) -> Values:
    """One too many of what is counted; a misplaced comma or a wrong digit in what is measured."""
    factor = rng.choice([0.1, 0.9, 1.1, 1.3], len(truth))
    return np.where(truth.dtype.kind == "i", truth + 1, np.round(truth * factor, 2))


def _with(column: Values, rows: Ints, values: Values) -> Values:
    changed = column.copy()
    changed[rows] = values
    return changed
