"""What the tasks whose answers are probabilities have in common: pictures, and what a label may cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = npt.NDArray[np.float64]

RAREST = 1e-4
"""The least that a baseline may call a probability: a loss must stay finite."""
TINY = 1e-7


def log_loss(likely: Floats) -> Floats:
    """The loss of the probability that was given to what came true."""
    return np.asarray(-np.log(np.clip(likely, TINY, 1)))


def draw_curves(name: str, positive: Floats, answers: Floats, left: Axes, right: Axes) -> None:
    """The ROC curve and the calibration of one class; nothing where all rows are alike."""
    from sklearn.metrics import roc_curve

    from training.metrics import reliability

    if not 0 < positive.mean() < 1:
        return
    false, true, _ = roc_curve(positive, answers)
    left.plot(false, true, label=name)
    bins = reliability(positive.astype(np.float64), answers)
    right.plot(*zip(*((mean, rate) for mean, rate, _ in bins), strict=True), marker="o", label=name)


def frame_curves(left: Axes, right: Axes) -> None:
    """Titles and diagonals, once the curves are drawn."""
    _diagonal(left, "ROC", "false positive rate", "true positive rate", whole=True)
    _diagonal(right, "Calibration", "mean probability", "observed rate", whole=False)


def _diagonal(axes: Axes, title: str, below: str, beside: str, *, whole: bool) -> None:
    from training.page import SAND

    top = 1.0 if whole else max(*axes.get_xlim(), *axes.get_ylim())
    axes.plot([0, top], [0, top], color=SAND, linestyle="--", linewidth=1)
    axes.set(title=title, xlabel=below, ylabel=beside)
    axes.legend(frameon=False, fontsize=8)
