"""The ONNX graph answers as the native model does, on rows with gaps, ties on thresholds and all."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest

from training.estimators import ESTIMATORS
from training.graph import Calibration, Start, graph_of
from training.native import AveragedModel, load_native
from training.tasks import BINARY, MULTICLASS, PRICE

ROWS, COLUMNS = 4000, 7


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(3)
    made = rng.normal(size=(ROWS, COLUMNS)).astype(np.float32)
    made[:, 1] = np.round(made[:, 1] * 2)  # few values: many rows lie on thresholds
    made[rng.random(made.shape) < 0.1] = np.nan
    made[:, 0] = np.nan_to_num(made[:, 0])  # a column that never lacked a value
    made[:, 6] = np.abs(made[:, 6]) * 100  # an estimate, at times missing
    return made


def labels_of(task, rows):
    rng = np.random.default_rng(4)
    signal = np.nan_to_num(rows[:, 0]) + np.isnan(rows[:, 2]) + np.nan_to_num(rows[:, 1]) / 2
    if task is PRICE:
        return signal + rng.normal(size=ROWS) / 10
    noisy = signal + rng.logistic(size=ROWS)
    return (noisy > 0).astype(float) if task is BINARY else np.digitize(noisy, [-1.0, 1.0]).astype(float)


CALIBRATIONS = {
    BINARY: Calibration(0.9, (0.1,)),
    MULTICLASS: Calibration(1.1, (0.1, -0.2, 0.0, 0.3)),
    PRICE: Calibration(0.8, (0.05,), Start(6, 3, 2.0, 7.0)),
}


@pytest.mark.parametrize("task", CALIBRATIONS, ids=lambda task: task.name)
@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda one: one.name)
def test_the_graph_equals_the_native_model(estimator, task, rows, tmp_path):
    outputs = len(CALIBRATIONS[task].shift)
    native = estimator.fit(rows, labels_of(task, rows), task, outputs, {"rounds": 40} if estimator.rounds else {})
    graph = graph_of(native, CALIBRATIONS[task], task, COLUMNS)
    unseen = np.vstack([rows, np.full((1, COLUMNS), np.nan, np.float32)])
    found = onnxruntime.InferenceSession(graph.SerializeToString()).run(None, {"inputs": unseen})[0]
    np.testing.assert_allclose(found, CALIBRATIONS[task].applied(native.scores(unseen), unseen, task), rtol=2e-5)
    again = load_native({saved.name: saved.read_bytes() for saved in native.save(tmp_path)})
    np.testing.assert_array_equal(again.scores(unseen), native.scores(unseen))


@pytest.mark.parametrize("estimate", [6, None])
def test_the_graph_of_two_averaged_models_equals_them(estimate, rows, tmp_path):
    """One compares with "below", the other with "at most": many rows lie on thresholds."""
    calibration = Calibration(0.8, (0.05,), Start(estimate, 3, 2.0, 7.0))
    boosted = [estimator for estimator in ESTIMATORS if estimator.rounds]
    first, second = (one.fit(rows, labels_of(PRICE, rows), PRICE, 1, {"rounds": 40}) for one in boosted)
    native = AveragedModel(first, second)
    graph = graph_of(native, calibration, PRICE, COLUMNS)
    unseen = np.vstack([rows, np.full((1, COLUMNS), np.nan, np.float32)])
    found = onnxruntime.InferenceSession(graph.SerializeToString()).run(None, {"inputs": unseen})[0]
    np.testing.assert_allclose(found, calibration.applied(native.scores(unseen), unseen, PRICE), rtol=2e-5)
    np.testing.assert_allclose(native.scores(unseen), (first.scores(unseen) + second.scores(unseen)) / 2)
    again = load_native({saved.name: saved.read_bytes() for saved in native.save(tmp_path)})
    np.testing.assert_array_equal(again.contributions(unseen), native.contributions(unseen))


@pytest.mark.parametrize("names", [("model.json", "model.ubj"), ()])
def test_files_that_make_no_model_are_refused(names, rows, tmp_path):
    of_name = dict(zip(("model.json", "model.ubj"), ESTIMATORS, strict=False))
    files = {}
    for name in names:
        native = of_name[name].fit(rows, labels_of(PRICE, rows), PRICE, 1, {"rounds": 5})
        files |= {saved.name: saved.read_bytes() for saved in native.save(tmp_path)}
    with pytest.raises(ValueError, match="expected one model, or one of each boosting library, found"):
        load_native(files)


def test_lightgbms_text_cut_short_anywhere_is_refused_before_lightgbm_reads_it(rows, tmp_path):
    (lightgbm,) = (estimator for estimator in ESTIMATORS if estimator.name == "lightgbm")
    native = lightgbm.fit(rows, labels_of(BINARY, rows), BINARY, 1, {"rounds": 3})
    (file,) = native.save(tmp_path)
    text = file.read_bytes()
    last_line = text.index(b"pandas_categorical:")
    for length in (*range(0, last_line, 211), text.index(b"end of trees") + len(b"end of trees\n"), last_line):
        with pytest.raises(ValueError, match="The file was cut short"):
            load_native({file.name: text[:length]})
    with pytest.raises(ValueError, match="Expecting value"):  # JSON's, of the last line itself
        load_native({file.name: text[: last_line + len(b"pandas_categorical:")]})


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda one: one.name)
def test_contributions_add_up_to_the_score(estimator, rows):
    native = estimator.fit(rows, labels_of(BINARY, rows), BINARY, 1, {"rounds": 40} if estimator.rounds else {})
    rest = native.scores(rows)[:, 0] - native.contributions(rows)[:, 0, :].sum(axis=1)
    assert np.ptp(rest) < 1e-3  # what is left is the same for every row


def test_a_price_without_estimate_is_counted_by_the_area_and_without_that_by_the_middle():
    start = Start(estimate=0, area=1, rate=3.0, otherwise=50.0)
    rows = np.array([[9, 2], [np.nan, 2], [0, 2], [np.nan, np.nan], [np.nan, 0]], np.float32)
    assert start.of(rows).tolist() == [9, 6, 6, 50, 50]
