"""A yes or no: the answer is the probability of yes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from training.headlines import BIAS_HEADLINE, Headline
from training.task import GATES, Flags, Floats, Task
from training.tasks.probabilities import RAREST, draw_curves, frame_curves, log_loss

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from training.arrays import RowArrays
    from training.artifact import Card
    from training.fit import Fitted
    from training.gates import Judge
    from training.graph import Calibration, GraphParts
    from training.inputs import Inputs, Matrix
    from training.specs import ModelSpec

MEDIUM, HIGH = 1.0, 3.0
"""From which multiple of the base rate on a probability is called medium, and high."""

_ESTIMATION: Mapping[str, Mapping[str, Any]] = {
    "xgboost": {"objective": "binary:logistic", "base_score": 0.5},
    "lightgbm": {"objective": "binary"},
}


class Binary(Task):
    """Labels are 0 and 1."""

    name = "binary"
    gate_names = (*GATES, "unbiased")
    headlines = (
        Headline("auc", "AUC", ".3f"),
        Headline("base_rate", "base rate", ".1%"),
        Headline("calibration_error", "calibration error", ".4f"),
        BIAS_HEADLINE,
    )

    def estimation(self, estimator: str, outputs: int) -> Mapping[str, Any]:
        """The logistic loss."""
        return _ESTIMATION.get(estimator, {})

    def plain(self, spec: ModelSpec, inputs: Inputs, rows: RowArrays) -> Calibration:
        """The sigmoid."""
        from training.graph import Calibration

        return Calibration(1.0, (0.0,))

    def answers(self, moved: Floats, rows: Matrix, calibration: Calibration) -> Floats:
        """The probability of yes."""
        return np.asarray(1 / (1 + np.exp(-moved)))

    def add_answers(self, graph: GraphParts, calibration: Calibration) -> None:
        """The sigmoid."""
        graph.add("Sigmoid", ["moved"], "answers")

    def expected_labels(self, classes: Sequence[str]) -> str:
        """Which labels there are."""
        return "0 or 1"

    def valid_labels(self, labels: Floats, classes: Sequence[str]) -> Flags:
        """Which of these are such."""
        return np.isin(labels, (0, 1))

    def losses(self, labels: Floats, answers: Floats) -> Floats:
        """The log loss."""
        return log_loss(np.where(labels == 1, answers[:, 0], 1 - answers[:, 0]))

    def own_figures(self, labels: Floats, answers: Floats, classes: Sequence[str]) -> dict[str, float]:
        """How well it separates, and how well a probability means what it says."""
        from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score

        from training.metrics import calibration_error

        found = {
            "base_rate": float(labels.mean()),
            "mean_probability": float(answers[:, 0].mean()),
            "brier": float(brier_score_loss(labels, np.clip(answers[:, 0], 0, 1))),
            "calibration_error": calibration_error(labels, answers[:, 0]),
        }
        if 0 < labels.mean() < 1:
            found |= {
                "auc": float(roc_auc_score(labels, answers[:, 0])),
                "average_precision": float(average_precision_score(labels, answers[:, 0])),
            }
        return found

    def bias(self, labels: Floats, answers: Floats) -> float:
        """Of the base rate."""
        return float(answers[:, 0].mean() / labels.mean() - 1) if labels.any() else float("nan")

    def baseline(self, answers: Floats) -> Floats:
        """No probability of nothing."""
        return np.clip(answers, RAREST, None)

    def thresholds(self, spec: ModelSpec, base_rate: float) -> tuple[float, ...]:
        """Multiples of the base rate."""
        return (MEDIUM * base_rate, min(HIGH * base_rate, (1 + base_rate) / 2)) if spec.classes else ()

    def columns(self, card: Card, rows: Matrix, answers: Floats) -> dict[str, pa.Array]:
        """The probability, and the class that it is told as."""
        value, chosen = answers[:, 0], pa.nulls(len(rows), pa.string())
        if card.thresholds:
            place = np.searchsorted(card.thresholds, value, side="right")
            chosen = pa.array(np.array(card.classes, object)[place], pa.string())
        confidence = pa.array(np.maximum(value, 1 - value))
        return {"predicted_value": pa.array(value), "predicted_class": chosen, "confidence": confidence}

    def gates(self) -> tuple[Judge, ...]:
        """What a model must reach before it serves."""
        from training.gates import (
            beats_baseline,
            calibrated_probability,
            enough_positives,
            features_present,
            no_target_leak,
            not_worse,
            unbiased_probability,
        )

        rules = (
            enough_positives,
            features_present,
            no_target_leak,
            beats_baseline,
            not_worse,
            calibrated_probability,
            unbiased_probability,
        )
        return tuple(rule.judge for rule in rules)

    def draw(self, fitted: Fitted, left: Axes, right: Axes) -> None:
        """ROC and calibration."""
        labels, answers = fitted.rows.labels[fitted.test], fitted.best.answers
        draw_curves("model", labels, answers[:, 0], left, right)
        frame_curves(left, right)


BINARY = Binary()
