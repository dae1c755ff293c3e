"""One of several classes: the answer is a probability for each."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from training.headlines import BIAS_HEADLINE, Headline
from training.task import Flags, Floats, Task
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

HARDLY = 0.1
"""A class that is chosen for fewer of its rows is hardly ever chosen."""
_ESTIMATION: Mapping[str, Mapping[str, Any]] = {
    "xgboost": {"objective": "multi:softprob", "base_score": 0.5},
    "lightgbm": {"objective": "multiclass"},
}


class Multiclass(Task):
    """Labels are places in the model's `classes`."""

    name = "multiclass"
    headlines = (Headline("accuracy", "accuracy", ".1%"), Headline("macro_f1", "macro F1", ".3f"), BIAS_HEADLINE)

    def estimation(self, estimator: str, outputs: int) -> Mapping[str, Any]:
        """The log loss of several classes."""
        return {**_ESTIMATION[estimator], "num_class": outputs} if estimator in _ESTIMATION else {}

    def plain(self, spec: ModelSpec, inputs: Inputs, rows: RowArrays) -> Calibration:
        """The softmax."""
        from training.graph import Calibration

        return Calibration(1.0, (0.0,) * len(spec.classes))

    def answers(self, moved: Floats, rows: Matrix, calibration: Calibration) -> Floats:
        """A probability a class."""
        raised = np.exp(moved - moved.max(axis=1, keepdims=True))
        return np.asarray(raised / raised.sum(axis=1, keepdims=True))

    def add_answers(self, graph: GraphParts, calibration: Calibration) -> None:
        """The softmax."""
        graph.add("Softmax", ["moved"], "answers", axis=1)

    def expected_labels(self, classes: Sequence[str]) -> str:
        """Which labels there are."""
        return ", ".join(f"{code} ({name})" for code, name in enumerate(classes))

    def valid_labels(self, labels: Floats, classes: Sequence[str]) -> Flags:
        """Which of these are such."""
        return np.isin(labels, range(len(classes)))

    def losses(self, labels: Floats, answers: Floats) -> Floats:
        """The log loss."""
        return log_loss(answers[np.arange(len(labels)), labels.astype(int)])

    def own_figures(self, labels: Floats, answers: Floats, classes: Sequence[str]) -> dict[str, float]:
        """How often the most probable class comes true, of all and of each."""
        from sklearn.metrics import f1_score, roc_auc_score

        places = labels.astype(int)
        chosen, present = answers.argmax(axis=1), np.unique(places)
        recalls = [float((chosen[places == place] == place).mean()) for place in present]
        found = {
            "accuracy": float((chosen == places).mean()),
            "balanced_accuracy": float(np.mean(recalls)),
            "macro_f1": float(f1_score(places, chosen, average="macro", labels=present)),
        }
        for place, recall in zip(present.tolist(), recalls, strict=True):
            name = classes[place].lower()
            found |= {
                f"share_{name}": float((places == place).mean()),
                f"chosen_{name}": float((chosen == place).mean()),
                f"recall_{name}": recall,
            }
            if (chosen == place).any():
                found[f"precision_{name}"] = float((places[chosen == place] == place).mean())
            if len(present) > 1:
                found[f"auc_{name}"] = float(roc_auc_score(places == place, answers[:, place]))
        return found

    def bias(self, labels: Floats, answers: Floats) -> float:
        """Of the class whose mean probability is farthest from its share, in shares of all rows."""
        shares = np.bincount(labels.astype(int), minlength=answers.shape[1]) / len(labels)
        gaps = answers.mean(axis=0) - shares
        return float(gaps[np.abs(gaps).argmax()])

    def baseline(self, answers: Floats) -> Floats:
        """No probability of nothing."""
        return np.clip(answers, RAREST, None)

    def columns(self, card: Card, rows: Matrix, answers: Floats) -> dict[str, pa.Array]:
        """The most probable class, and the probability of each."""
        best, chance = answers.argmax(axis=1), pa.array(answers.max(axis=1, initial=0))
        return {
            "predicted_value": chance,
            "predicted_class": pa.array(np.array(card.classes, object)[best], pa.string()),
            "confidence": chance,
            **{f"probability_{name}": pa.array(answers[:, place]) for place, name in enumerate(card.classes)},
        }

    def gates(self) -> tuple[Judge, ...]:
        """What a model must reach before it serves."""
        from training.gates import (
            beats_baseline,
            calibrated_shares,
            enough_rows,
            features_present,
            no_target_leak,
            not_worse,
        )

        rules = (
            enough_rows,
            features_present,
            no_target_leak,
            beats_baseline,
            not_worse,
            calibrated_shares,
        )
        return tuple(rule.judge for rule in rules)

    def caveats(self, fitted: Fitted) -> Iterator[str]:
        """Classes that the most probable one hardly ever is."""
        recalls = {name: fitted.best.figures.get(f"recall_{name.lower()}", 1.0) for name in fitted.spec.classes}
        if missed := [name for name, recall in recalls.items() if recall < HARDLY]:
            yield (
                f"{', '.join(missed)}: the most probable class is hardly ever one of these, even where it comes true "
                f"(recall {', '.join(f'{recalls[name]:.1%}' for name in missed)}); compare their probabilities between "
                "entities, and do not read the class"
            )

    def draw(self, fitted: Fitted, left: Axes, right: Axes) -> None:
        """ROC and calibration, a curve a class."""
        labels, answers = fitted.rows.labels[fitted.test], fitted.best.answers
        for place, name in enumerate(fitted.spec.classes):
            draw_curves(name, labels == place, answers[:, place], left, right)
        frame_curves(left, right)

    def sections(self, fitted: Fitted) -> Iterator[tuple[str, str]]:
        """The figures of each class."""
        columns, found = ("share", "chosen", "recall", "precision", "auc"), fitted.best.figures
        lines = [
            f"<tr><td>{html.escape(name)}</td>"
            + "".join(
                f"<td class=n>{found[f'{column}_{name.lower()}']:.3f}</td>"
                if f"{column}_{name.lower()}" in found
                else "<td class=n>none</td>"
                for column in columns
            )
            for name in fitted.spec.classes
        ]
        head = "".join(f"<th class=n>{column}</th>" for column in columns)
        yield "By class", f"<table><tr><th></th>{head}</tr>{''.join(lines)}</table>"


MULTICLASS = Multiclass()
