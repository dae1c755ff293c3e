"""How good answers are: a loss a row, by which models are compared, and the figures that people read."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from sklearn.metrics import average_precision_score, brier_score_loss, f1_score, roc_auc_score

from training.specs import Task

Floats = npt.NDArray[np.float64]

BINS = 10
DRAWS = 1000
TINY = 1e-7


def losses(task: Task, labels: Floats, answers: Floats) -> Floats:
    """What each answer costs: the log loss of a probability, the distance of logarithms for a price."""
    if task == "price":
        return np.asarray(np.abs(np.log(answers[:, 0]) - np.log(labels)))
    likely = (
        answers[np.arange(len(labels)), labels.astype(int)]
        if task == "multiclass"
        else np.where(labels == 1, answers[:, 0], 1 - answers[:, 0])
    )
    return np.asarray(-np.log(np.clip(likely, TINY, 1)))


def figures(task: Task, labels: Floats, answers: Floats, classes: Sequence[str] = ()) -> dict[str, float]:
    """The figures of a test: those that mean nothing here (an AUC of one class only) are left out."""
    found = {"rows": float(len(labels)), "loss": float(losses(task, labels, answers).mean())}
    if task == "price":
        off = np.abs(answers[:, 0] / labels - 1)
        return found | {
            "median_error": float(np.median(off)),
            "mean_error": float(off.mean()),
            "within_10_percent": float((off <= 0.1).mean()),
            "median_ratio": float(np.median(answers[:, 0] / labels)),
        }
    if task == "multiclass":
        return found | _of_classes(labels.astype(int), answers, classes)
    found |= {
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


def _of_classes(labels: npt.NDArray[np.int64], answers: Floats, classes: Sequence[str]) -> dict[str, float]:
    chosen, present = answers.argmax(axis=1), np.unique(labels)
    recalls = [float((chosen[labels == place] == place).mean()) for place in present]
    found = {
        "accuracy": float((chosen == labels).mean()),
        "balanced_accuracy": float(np.mean(recalls)),
        "macro_f1": float(f1_score(labels, chosen, average="macro", labels=present)),
    }
    for place, recall in zip(present.tolist(), recalls, strict=True):
        name = classes[place].lower()
        found |= {
            f"share_{name}": float((labels == place).mean()),
            f"chosen_{name}": float((chosen == place).mean()),
            f"recall_{name}": recall,
        }
        if (chosen == place).any():
            found[f"precision_{name}"] = float((labels[chosen == place] == place).mean())
        if len(present) > 1:
            found[f"auc_{name}"] = float(roc_auc_score(labels == place, answers[:, place]))
    return found


def reliability(labels: Floats, probabilities: Floats) -> list[tuple[float, float, int]]:
    """Mean probability, observed rate and rows, in bins of equal size."""
    order = np.argsort(probabilities, kind="stable")
    return [
        (float(probabilities[part].mean()), float(labels[part].mean()), len(part))
        for part in np.array_split(order, BINS)
        if len(part)
    ]


def calibration_error(labels: Floats, probabilities: Floats) -> float:
    """The mean distance of probability and observed rate over bins of equal size."""
    bins = reliability(labels, probabilities)
    return sum(abs(probability - rate) * rows for probability, rate, rows in bins) / len(labels)


def margin(better: Floats, worse: Floats, entity: npt.NDArray[np.int64], seed: int = 7) -> tuple[float, float, float]:
    """By how much the first losses lie below the second, and the bounds of its 95 % interval.

    Entities are drawn, not rows: one customer's weeks are one observation.
    """
    _, place = np.unique(entity, return_inverse=True)
    gain = np.bincount(place, worse - better)
    rows = np.bincount(place)
    rng = np.random.default_rng(seed)
    drawn = np.empty(DRAWS)
    for draw in range(DRAWS):
        times = rng.poisson(1.0, len(gain))
        drawn[draw] = float(times @ gain) / max(float(times @ rows), 1.0)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return float((worse - better).mean()), float(low), float(high)
