"""The figures that people ask for first, by task: under which title each is shown, and how it is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from training.metrics import Floats
from training.specs import Task

BIAS = "bias"


@dataclass(frozen=True)
class Headline:
    """A figure by its name in `figures`, and how it is shown."""

    name: str
    title: str
    form: Literal[".1%", ".3f", ".4f", "+.1%"]

    def written(self, value: float) -> str:
        """The value as text.

        >>> Headline("auc", "AUC", ".3f").written(0.71234), Headline("bias", "bias", "+.1%").written(-0.0204)
        ('0.712', '-2.0 %')
        """
        return format(value, self.form).replace("%", " %")


_BIAS = Headline(BIAS, "bias", "+.1%")
HEADLINES: Mapping[Task, tuple[Headline, ...]] = {
    "binary": (
        Headline("auc", "AUC", ".3f"),
        Headline("base_rate", "base rate", ".1%"),
        Headline("calibration_error", "calibration error", ".4f"),
        _BIAS,
    ),
    "multiclass": (Headline("accuracy", "accuracy", ".1%"), Headline("macro_f1", "macro F1", ".3f"), _BIAS),
    "price": (
        Headline("median_error", "median error", ".1%"),
        Headline("within_10_percent", "within 10 %", ".1%"),
        Headline("coverage_80", "80 % intervals hold", ".1%"),
        _BIAS,
    ),
}


def headlines_in(task: Task, figures: Mapping[str, float]) -> list[tuple[Headline, float]]:
    """The headlines of a task that are among these figures, which may be those of an older version."""
    return [(headline, figures[headline.name]) for headline in HEADLINES[task] if headline.name in figures]


def summary(task: Task, figures: Mapping[str, float]) -> str:
    """The headlines in one line.

    >>> summary("binary", {"loss": 0.2, "auc": 0.7123, "base_rate": 0.062})
    'AUC 0.712, base rate 6.2 %'
    """
    return ", ".join(f"{headline.title} {headline.written(value)}" for headline, value in headlines_in(task, figures))


def bias(task: Task, labels: Floats, answers: Floats) -> float:
    """By how much answers lie above what came, as a share of it: of the median price, of the base rate.

    Of several classes it is that of the class whose mean probability is farthest from its share, in shares of all rows.
    """
    if task == "price":
        return float(np.median(answers[:, 0] / labels) - 1)
    if task == "multiclass":
        shares = np.bincount(labels.astype(int), minlength=answers.shape[1]) / len(labels)
        gaps = answers.mean(axis=0) - shares
        return float(gaps[np.abs(gaps).argmax()])
    return float(answers[:, 0].mean() / labels.mean() - 1) if labels.any() else float("nan")
