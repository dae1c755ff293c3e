"""What a kind of prediction is: its loss and figures, how scores become answers, what a test of it is judged by.

The tasks themselves are one file each in `training/tasks`. The scorer imports them: what only training needs, they
import where they use it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from training.headlines import Headline

if TYPE_CHECKING:
    import pyarrow as pa
    from matplotlib.axes import Axes

    from training.arrays import RowArrays
    from training.artifact import Card
    from training.fit import Fitted
    from training.gates import Judge
    from training.graph import Calibration, GraphParts
    from training.inputs import Inputs, Matrix
    from training.intervals import Intervals
    from training.specs import ModelSpec

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Groups = Mapping[str, Sequence[tuple[str, Flags]]]
"""By title, what test rows are told apart by: names and masks."""


GATES = (
    "enough rows", "features are present", "no target leak", "beats the baseline", "not worse than the champion",
    "calibrated",
)  # fmt: skip
"""What the rules of every task say under."""


class Task(ABC):
    """A kind of prediction. A new one says what is abstract here; all else has a default."""

    name: str
    """In a model's manifest, and in the registry."""
    headlines: tuple[Headline, ...]
    """The figures that people ask for first."""
    gate_names: tuple[str, ...] = GATES
    """What the verdicts of `gates` are called, in their order: Dagster wants to know before there is one."""
    is_regression: bool = False
    """Whether estimators fit a number, on a scale that the task chooses; else classes."""
    follows_trend: bool = False
    """Whether answers are moved to the level of the newest labels, where an estimator lags behind."""
    largest_slope: float = 5.0
    """By how much calibration may spread scores."""

    @abstractmethod
    def estimation(self, estimator: str, outputs: int) -> Mapping[str, Any]:
        """An estimator's parameters for this task, beside its own."""

    @abstractmethod
    def plain(self, spec: ModelSpec, inputs: Inputs, rows: RowArrays) -> Calibration:
        """What turns scores into answers before anything is calibrated."""

    @abstractmethod
    def answers(self, moved: Floats, rows: Matrix, calibration: Calibration) -> Floats:
        """Answers from calibrated scores: (rows, answers)."""

    @abstractmethod
    def add_answers(self, graph: GraphParts, calibration: Calibration) -> None:
        """The same in ONNX: from `moved`, and `inputs`, to `answers`."""

    @abstractmethod
    def expected_labels(self, classes: Sequence[str]) -> str:
        """Which labels there are, in words."""

    @abstractmethod
    def valid_labels(self, labels: Floats, classes: Sequence[str]) -> Flags:
        """Which of these may be labels."""

    @abstractmethod
    def losses(self, labels: Floats, answers: Floats) -> Floats:
        """What each answer costs."""

    @abstractmethod
    def own_figures(self, labels: Floats, answers: Floats, classes: Sequence[str]) -> dict[str, float]:
        """The figures of a test beside its loss; those that mean nothing here are left out."""

    @abstractmethod
    def bias(self, labels: Floats, answers: Floats) -> float:
        """By how much answers lie above what came, as a share of it."""

    @abstractmethod
    def columns(self, card: Card, rows: Matrix, answers: Floats) -> dict[str, pa.Array]:
        """Answers as columns of a table, under the names that the scorer has for them."""

    @abstractmethod
    def gates(self) -> tuple[Judge, ...]:
        """What a model must reach before it serves."""

    @abstractmethod
    def draw(self, fitted: Fitted, left: Axes, right: Axes) -> None:
        """Two pictures for the model's page."""

    def figures(self, labels: Floats, answers: Floats, classes: Sequence[str] = ()) -> dict[str, float]:
        """All figures of a test."""
        loss = float(self.losses(labels, answers).mean())
        return {"rows": float(len(labels)), "loss": loss, **self.own_figures(labels, answers, classes)}

    def unlearnable(self, labels: Floats) -> str:
        """Why nothing can be learned from these labels; empty if something can."""
        return "have the same label" if len(np.unique(labels)) < 2 else ""

    def targets(self, labels: Floats, rows: Matrix, plain: Calibration) -> Floats:
        """What estimators fit."""
        return labels

    def residuals(self, labels: Floats, answers: Floats) -> Floats:
        """By how much labels lie above answers, on the scale that estimators fit."""
        return np.asarray(labels - answers[:, 0])

    def intervals(
        self,
        spec: ModelSpec,
        inputs: Inputs,
        rows: RowArrays,
        residuals: Floats,
    ) -> Intervals | None:
        """How far off answers may be, from residuals of rows that the model was not trained on."""
        return None

    def coverage(
        self,
        spec: ModelSpec,
        inputs: Inputs,
        rows: RowArrays,
        answers: Floats,
        spread: Intervals | None,
    ) -> dict[str, float]:
        """The share of labels that lie within their intervals, by level."""
        return {}

    def baseline(self, answers: Floats) -> Floats:
        """A baseline's answers, mended where its loss would not be finite."""
        return answers

    def thresholds(self, spec: ModelSpec, base_rate: float) -> tuple[float, ...]:
        """From which answer on each class but the first begins, for a number that is told as a class."""
        return ()

    def groups(self, fitted: Fitted) -> Groups:
        """What its test rows are told apart by, beside what those of every task are."""
        return {}

    def group_figures(self, fitted: Fitted, rows: Flags) -> dict[str, float]:
        """Figures of some test rows that need more than labels and answers."""
        return {}

    def caveats(self, fitted: Fitted) -> Iterator[str]:
        """What a reader of its answers must know, a sentence each."""
        return iter(())

    def sections(self, fitted: Fitted) -> Iterator[tuple[str, str]]:
        """Further sections of the model's page: title and HTML."""
        return iter(())
