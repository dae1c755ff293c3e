"""Each gate, where it passes, where it fails, and where it does not apply."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from training.gates import Evidence, beats_baseline, calibrated, enough_rows, no_leakage, no_telltale, not_worse
from training.inputs import Input, Inputs

ROWS = 2000
RNG = np.random.default_rng(6)
LABELS = (RNG.random(ROWS) < 0.3).astype(float)
DAY = np.datetime64("2025-01-01", "us")


def evidence(
    *,
    answers=0.3,
    baseline=0.3,
    champion=None,
    labels=LABELS,
    settled=DAY,
    asked=DAY,
    task="binary",
    rows=None,
    coverage=0.8,
):
    def told(value):
        return np.broadcast_to(np.asarray(value, float).reshape(-1, 1), (ROWS, 1))

    everyone = np.ones(ROWS, bool)
    matrix = RNG.normal(size=(ROWS, 1)).astype(np.float32) if rows is None else rows
    fitted = SimpleNamespace(
        spec=SimpleNamespace(task=task, enough_rows=500, enough_positives=30),
        rows=SimpleNamespace(
            labels=labels, entity=np.arange(ROWS), matrix=matrix,
            settled=np.full(ROWS, settled), asked=np.full(ROWS, asked),
        ),
        inputs=Inputs((Input("a", "v", "number"),)),
        test=everyone, split=SimpleNamespace(train=everyone),
        best=SimpleNamespace(answers=told(answers), figures={"calibration_error": abs(np.mean(answers) - labels.mean()), "base_rate": labels.mean()}),
        baseline=SimpleNamespace(answers=told(baseline), name="base rate"),
        coverage={"80%": coverage},
    )  # fmt: skip
    return Evidence(fitted, None if champion is None else told(champion), "3")  # type: ignore[arg-type]


GOOD, BAD = np.where(LABELS == 1, 0.6, 0.2), np.where(LABELS == 1, 0.2, 0.4)


@pytest.mark.parametrize(
    ("gate", "given", "outcome"),
    [
        (enough_rows, {}, "passed"),
        (enough_rows, {"labels": np.eye(1, ROWS)[0]}, "failed"),
        (no_leakage, {}, "passed"),
        (no_leakage, {"settled": DAY + np.timedelta64(1, "us")}, "failed"),
        (no_telltale, {}, "passed"),
        (no_telltale, {"rows": -LABELS.reshape(-1, 1).astype(np.float32)}, "failed"),
        (no_telltale, {"rows": np.where(LABELS == 1, np.nan, 1).reshape(-1, 1).astype(np.float32)}, "failed"),
        (beats_baseline, {"answers": GOOD}, "passed"),
        (beats_baseline, {"answers": BAD}, "failed"),
        (not_worse, {}, "does not apply"),
        (not_worse, {"answers": GOOD, "champion": 0.3}, "passed"),
        (not_worse, {"answers": 0.3, "champion": 0.301}, "passed"),
        (not_worse, {"answers": BAD, "champion": 0.3}, "failed"),
        # its twin, worse in each row by what float32 leaves out
        (not_worse, {"answers": GOOD + np.where(LABELS == 1, -1e-8, 1e-8), "champion": GOOD}, "passed"),
        (calibrated, {"answers": 0.3}, "passed"),
        (calibrated, {"answers": 0.5}, "failed"),
        (calibrated, {"task": "price", "coverage": 0.75}, "passed"),
        (calibrated, {"task": "price", "coverage": 0.6}, "failed"),
    ],
)
def test_a_gate_opens_for_the_good_alone(gate, given, outcome):
    verdict = gate.judge(evidence(**given))
    assert verdict.outcome == outcome, verdict.reason
