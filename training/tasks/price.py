"""A price: the logarithm of what it is counted from and how far it lies off, with an interval.

A model of prices names in its specification the feature that is itself an estimate of the price, so that estimators
only learn what it misses, and the one that a price is counted by where there is no estimate.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from training.headlines import BIAS_HEADLINE, Headline
from training.intervals import KINDS, LEVELS, MONTHS, group_name, group_of, intervals
from training.task import GATES, Flags, Floats, Groups, Task
from training.wording import counted

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from training.arrays import RowArrays
    from training.artifact import Card
    from training.fit import Fitted
    from training.gates import Judge
    from training.graph import Calibration, GraphParts
    from training.inputs import Inputs, Matrix
    from training.intervals import Intervals
    from training.specs import ModelSpec

LEVEL = 0.8
COVERAGE_LEVELS = (0.5, LEVEL, 0.9, 0.95)
GROUPS = "estimate and months ahead"
HARDLY = 0.1
"""Kinds of price with a smaller share of the test rows are hardly tested."""
OFF, DRIFTED = 0.1, 0.05
_ESTIMATION: Mapping[str, Mapping[str, Any]] = {
    "xgboost": {"objective": "reg:absoluteerror", "base_score": 0.0},
    "lightgbm": {"objective": "regression_l1", "min_data_in_leaf": 10},
}


class Price(Task):
    """Labels are amounts above zero."""

    name = "price"
    gate_names = (*GATES, "unbiased", "near known prices")
    headlines = (
        Headline("median_error", "median error", ".1%"),
        Headline("within_10_percent", "within 10 %", ".1%"),
        Headline("coverage_80", "80 % intervals hold", ".1%"),
        BIAS_HEADLINE,
    )
    is_regression = True
    follows_trend = True
    largest_slope = 1.5

    def estimation(self, estimator: str, outputs: int) -> Mapping[str, Any]:
        """The distance of logarithms: the median price is what is asked for, and a few odd sales must not sway it."""
        return _ESTIMATION.get(estimator, {})

    def plain(self, spec: ModelSpec, inputs: Inputs, rows: RowArrays) -> Calibration:
        """What the prices of these rows are counted from."""
        from training.graph import Calibration, Start

        estimate = inputs.columns.index(spec.estimate) if spec.estimate in inputs.columns else None
        area = inputs.columns.index(spec.area)
        paid = rows.labels / rows.matrix[:, area]
        paid = paid[np.isfinite(paid)]
        rate = float(np.median(paid)) if len(paid) else 1.0
        return Calibration(1.0, (0.0,), Start(estimate, area, rate, float(np.median(rows.labels))))

    def unlearnable(self, labels: Floats) -> str:
        """Equal prices are no fault."""
        return ""

    def targets(self, labels: Floats, rows: Matrix, plain: Calibration) -> Floats:
        """How far a price lies off what it is counted from."""
        return np.asarray(np.log(labels) - np.log(plain.counted_from.of(rows)))

    def answers(self, moved: Floats, rows: Matrix, calibration: Calibration) -> Floats:
        """The price."""
        return np.asarray(np.exp(moved + np.log(calibration.counted_from.of(rows))[:, None]))

    def add_answers(self, graph: GraphParts, calibration: Calibration) -> None:
        """The same."""
        start = calibration.counted_from
        graph.constant("nothing", np.float32(0))
        for name, place in (("estimate", start.estimate), ("area", start.area)):
            if place is None:
                continue
            graph.add("Gather", ["inputs", graph.constant(f"{name}_at", np.array([place], np.int64))], name, axis=1)
            graph.add("Greater", [name, "nothing"], f"{name}_told")  # false for NaN as well
        graph.add("Mul", ["area", graph.constant("rate", np.float32(start.rate))], "by_area")
        otherwise = graph.constant("otherwise", np.float32(start.otherwise))
        by_area = "start" if start.estimate is None else "fallback"
        graph.add("Where", ["area_told", "by_area", otherwise], by_area)
        if start.estimate is not None:
            graph.add("Where", ["estimate_told", "estimate", "fallback"], "start")
        graph.add("Exp", ["moved"], "ratio")
        graph.add("Mul", ["ratio", "start"], "answers")

    def residuals(self, labels: Floats, answers: Floats) -> Floats:
        """By how much logarithms of prices lie above the model's."""
        return np.asarray(np.log(labels) - np.log(answers[:, 0]))

    def intervals(self, spec: ModelSpec, inputs: Inputs, rows: RowArrays, residuals: Floats) -> Intervals | None:
        """How far off prices may be, from the residuals of rows that it was not trained on."""
        return intervals(residuals - np.median(residuals), *estimate_and_months(spec.estimate, inputs, rows.matrix))

    def coverage(
        self, spec: ModelSpec, inputs: Inputs, rows: RowArrays, answers: Floats, spread: Intervals | None
    ) -> dict[str, float]:
        """The share of prices that lie within their intervals, by the level asked."""
        if spread is None:
            return {}
        return {
            f"{level:.0%}": float(within(spec, inputs, rows, answers, spread, level).mean())
            for level in COVERAGE_LEVELS
        }

    def expected_labels(self, classes: Sequence[str]) -> str:
        """Which labels there are."""
        return "a finite number above 0"

    def valid_labels(self, labels: Floats, classes: Sequence[str]) -> Flags:
        """Which of these are such."""
        return np.asarray(np.isfinite(labels) & (labels > 0))

    def losses(self, labels: Floats, answers: Floats) -> Floats:
        """The distance of logarithms."""
        return np.asarray(np.abs(np.log(answers[:, 0]) - np.log(labels)))

    def own_figures(self, labels: Floats, answers: Floats, classes: Sequence[str]) -> dict[str, float]:
        """Errors as shares of the price."""
        off = np.abs(answers[:, 0] / labels - 1)
        return {
            "median_error": float(np.median(off)),
            "mean_error": float(off.mean()),
            "within_10_percent": float((off <= 0.1).mean()),
            "median_ratio": float(np.median(answers[:, 0] / labels)),
        }

    def bias(self, labels: Floats, answers: Floats) -> float:
        """Of the median price."""
        return float(np.median(answers[:, 0] / labels) - 1)

    def columns(self, card: Card, rows: Matrix, answers: Floats) -> dict[str, pa.Array]:
        """The price and its interval."""
        from training.models import spec_of

        columns = {"predicted_value": pa.array(answers[:, 0]), "predicted_class": pa.nulls(len(rows), pa.string())}
        if card.intervals is None:
            return columns
        group = estimate_and_months(spec_of(card.model).estimate, card.inputs, rows)
        low, high = card.intervals.bounds(answers[:, 0], *group, LEVEL)
        level = pa.array(np.full(len(rows), LEVEL))
        return columns | {
            "confidence": level,
            "interval_low": pa.array(low),
            "interval_high": pa.array(high),
            "interval_level": level,
        }

    def gates(self) -> tuple[Judge, ...]:
        """What a model must reach before it serves."""
        from training.gates import (
            beats_baseline,
            covering_intervals,
            enough_rows,
            features_present,
            near_known_prices,
            no_target_leak,
            not_worse,
            unbiased_price,
        )

        rules = (
            enough_rows,
            features_present,
            no_target_leak,
            beats_baseline,
            not_worse,
            covering_intervals,
            unbiased_price,
            near_known_prices,
        )
        return tuple(rule.judge for rule in rules)

    def groups(self, fitted: Fitted) -> Groups:
        """The groups whose errors are kept apart for intervals."""
        if fitted.intervals is None:
            return {}
        group = group_of(*estimate_and_months(fitted.spec.estimate, fitted.inputs, fitted.rows.matrix[fitted.test]))
        return {GROUPS: [(group_name(code), group == code) for code in range(2 * len(MONTHS))]}

    def group_figures(self, fitted: Fitted, rows: Flags) -> dict[str, float]:
        """The share of prices within their intervals of 80 %."""
        if fitted.intervals is None:
            return {}
        held_out, answers = fitted.rows.where(fitted.test), fitted.best.answers[:, 0]
        held = within(fitted.spec, fitted.inputs, held_out, answers, fitted.intervals, LEVEL)
        return {"coverage_80": float(held[rows].mean())}

    def caveats(self, fitted: Fitted) -> Iterator[str]:
        """Kinds of rows that the test has hardly any of, groups that it answers badly, a bias that grows."""
        from training.breakdown import breakdown, quarters, results

        of_kinds = results(fitted, self.groups(fitted).get(GROUPS, ()))
        for kind in KINDS if fitted.intervals and fitted.spec.estimate in fitted.inputs.columns else ():
            share = sum(group.rows for group in of_kinds if group.name.startswith(f"{kind},")) / fitted.test.sum()
            if share < HARDLY:
                yield (
                    f"{kind}: {share:.1%} of the test rows; whoever asks about many such rows, as of a portfolio after "
                    "its sales, goes by what the test hardly speaks of"
                )
        off = [
            f"{group.name} ({group.figures['median_ratio']:.2f} of {group.rows})"
            for group in breakdown(fitted).get("region", ())
            if abs(group.figures["median_ratio"] - 1) > OFF
        ]
        if off:
            yield f"regions whose median of value to price is off by over {OFF:.0%}: {', '.join(off)}"
        yield from _badly_covered(fitted)
        by_quarter = [group.figures["median_ratio"] for group in quarters(fitted)]
        if by_quarter and abs(by_quarter[-1] - 1) > DRIFTED:  # a bias that has grown by the end goes on growing
            yield (
                f"in the last quarter of the test the median of value to price is {by_quarter[-1]:.3f}, after "
                f"{by_quarter[0]:.3f} in the first: train anew often (`tidemark evaluate` shows what that gains)"
            )

    def draw(self, fitted: Fitted, left: Axes, right: Axes) -> None:
        """Residuals, and the coverage of intervals."""
        from training.page import INK, SAND, TIDE

        labels, answers = fitted.rows.labels[fitted.test], fitted.best.answers[:, 0]
        left.scatter(labels, answers / labels - 1, s=4, alpha=0.4, color=TIDE)
        left.axhline(0, color=SAND, linestyle="--", linewidth=1)
        left.set(title="Residuals", xlabel="price paid", ylabel="off by", xscale="log", ylim=(-0.6, 0.6))
        asked = [float(level.rstrip("%")) / 100 for level in fitted.coverage]
        right.plot(asked, list(fitted.coverage.values()), marker="o", color=INK)
        right.plot([0.45, 1], [0.45, 1], color=SAND, linestyle="--", linewidth=1)
        right.set(title="Intervals", xlabel="level asked", ylabel="prices within")

    def sections(self, fitted: Fitted) -> Iterator[tuple[str, str]]:
        """The width of intervals."""
        from training.artifact import BEYOND
        from training.caveats import trained_ranges
        from training.page import pairs

        answered_up_to = min((high + BEYOND for _, high in trained_ranges(fitted).values()), default=np.inf)
        if widths := half_widths(fitted, answered_up_to):
            yield "Half widths of 80 % intervals", pairs((k, f"{np.expm1(w):.1%}") for k, w in widths.items())


def within(spec: ModelSpec, inputs: Inputs, rows: RowArrays, answers: Floats, spread: Intervals, level: float) -> Flags:
    """Which prices lie within their intervals of a level."""
    low, high = spread.bounds(answers, *estimate_and_months(spec.estimate, inputs, rows.matrix), level)
    return np.asarray((rows.labels >= low) & (rows.labels <= high))


def _badly_covered(fitted: Fitted) -> Iterator[str]:
    """Groups of which intervals hold more or less than they promise, by more than chance; a gate judges GROUPS."""
    from training.breakdown import breakdown
    from training.gates.covering_intervals import is_off

    for title, groups in breakdown(fitted).items():
        off = [
            f"{group.name} ({group.figures['coverage_80']:.0%} of {counted(group.rows, 'row')})"
            for group in groups
            if title != GROUPS and is_off(group)
        ]
        if off:
            yield f"intervals of {LEVEL:.0%} hold fewer or more prices, beyond chance, by {title}: {', '.join(off)}"


def half_widths(fitted: Fitted, farthest: float) -> dict[str, float]:
    """The half width of intervals of 80 %, as a distance of logarithms, of each group that begins before `farthest`."""
    if fitted.intervals is None:
        return {}
    nearest = (0.0, *MONTHS[:-1]) * 2
    return {
        group_name(code): float(np.interp(LEVEL, LEVELS, widths))
        for code, widths in enumerate(fitted.intervals.by_group)
        if nearest[code] < farthest
    }


def estimate_and_months(estimate: str, inputs: Inputs, rows: Matrix) -> tuple[Flags, Floats]:
    """Of each row whether it has an estimate, and how many months ahead it asks."""
    months = rows[:, inputs.columns.index("months_ahead")].astype(np.float64)
    if estimate not in inputs.columns:
        return np.zeros(len(rows), bool), months
    return rows[:, inputs.columns.index(estimate)] > 0, months


PRICE = Price()
