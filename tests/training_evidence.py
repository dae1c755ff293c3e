"""Fitted models by hand: what gates, breakdowns and caveats judge by, without a training."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import numpy as np
import pyarrow as pa

from feature_repo.entities import CUSTOMER
from training.arrays import RowArrays
from training.dataset import TrainingSet
from training.fit import Evaluation, Fitted
from training.graph import Calibration
from training.inputs import Input, Inputs
from training.intervals import LEVELS, MONTHS, Intervals
from training.labels import Label
from training.labels.segments import REGION
from training.manifest import Manifest
from training.specs import ModelSpec
from training.split import Split
from training.tasks import task_of

ROWS = 2000
RNG = np.random.default_rng(6)
LABELS = (RNG.random(ROWS) < 0.3).astype(float)
FIRST_DAY = np.datetime64("2025-01-01", "us")
HOUR = np.timedelta64(1, "h")


def fitted_model(  # each argument is one thing that may be wrong with a model
    *,
    task="binary",
    labels=LABELS,
    answers=0.3,
    baseline=0.3,
    columns: Mapping[str, object] | None = None,
    request: tuple[str, ...] = (),
    half_width=0.1,
    classes: tuple[str, ...] = (),
    left_out: Mapping[str, int] | None = None,
    train=None,
    test=None,
) -> Fitted:
    """Every row is a training row and a test row if nothing else is said, of an entity of its own, an hour apart."""

    def column(value) -> np.ndarray:
        value = np.asarray(value, np.float64)
        return value if value.ndim == 2 else np.broadcast_to(value.reshape(-1, 1), (ROWS, 1))

    values = {"a": RNG.normal(size=ROWS), **(columns or {})}
    kind = task_of(task)
    inputs = Inputs(tuple(Input(name, "request" if name in request else "v", "number") for name in values))
    table = pa.table({**{name: pa.array(each, from_pandas=True) for name, each in values.items()}, "label": labels})
    spec = ModelSpec(
        name="model", domain="homes", question="?", keys=(CUSTOMER,), service="model_v1", task=kind, baselines=(), classes=classes,
        label=Label("label", timedelta(days=1), "deals", lambda *_: table, lambda *_: table),
        estimate="estimate", area="a", segments=(REGION,),
    )  # fmt: skip
    manifest = Manifest(
        model="model", service="model_v1", contract="", label="", arguments={}, known_at="", data_end="", sources={},
        code="", libraries={}, rows=ROWS, left_out=left_out or {}, columns=tuple(values), inputs=tuple(values), sha256="",
    )  # fmt: skip
    asked = FIRST_DAY + np.arange(ROWS) * HOUR
    rows = RowArrays(inputs.matrix(table), np.asarray(labels, float), asked, asked + HOUR, np.arange(ROWS))
    every = np.ones(ROWS, bool)
    spread = Intervals(((half_width,) * len(LEVELS),) * 2 * len(MONTHS)) if task == "price" else None
    test = every if test is None else test
    held_out, best, simple = rows.where(test), column(answers)[test], column(baseline)[test]
    return Fitted(
        training_set=TrainingSet(spec, table, manifest),
        inputs=inputs,
        rows=rows,
        split=Split(every if train is None else train, test, FIRST_DAY),
        folds_by="time",
        native=None,  # type: ignore[arg-type]  # nothing here scores
        estimator="best",
        calibration=Calibration(1.0, (0.0,)),
        intervals=spread,
        coverage=kind.coverage(spec, inputs, held_out, best[:, 0], spread),
        baselines=(Evaluation("base rate", simple, kind.figures(held_out.labels, simple, classes)),),
        candidates=(Evaluation("best", best, kind.figures(held_out.labels, best, classes)),),
    )
