"""A model that ends the process that loads it ends a child, and is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from training import artifact
from training.artifact import ArtifactError, Card, UnreadableArtifactError
from training.estimators import ESTIMATORS
from training.graph import Calibration, graph_of
from training.inputs import Input, Inputs
from training.tasks import BINARY
from training.trial import Trial

ROWS = np.random.default_rng(5).normal(size=(400, 2)).astype(np.float32)
CARD = Card(
    model="move_probability", question="?", task="binary", entity="customer_id", service="move_probability_v1", contract="",
    estimator="", inputs=Inputs((Input("a", "v", "number"), Input("b", "v", "number"))), classes=("LOW", "HIGH"),
    thresholds=(0.5,), when_missing={}, centre=(0.0,), metrics={}, baseline={}, coverage={}, trained_until="",
    training_set={},
)  # fmt: skip


class Shortened:
    """A native model whose file is saved without its end, and pinned so."""

    def __init__(self, native, length: float) -> None:
        self._native, self._length = native, length

    def save(self, folder: Path) -> tuple[Path, ...]:
        (file,) = self._native.save(folder)
        content = file.read_bytes()
        file.write_bytes(content[: int(len(content) * self._length)])
        return (file,)


def written(folder: Path, estimator: str, length: float) -> Path:
    (chosen,) = (one for one in ESTIMATORS if one.name == estimator)
    native = chosen.fit(ROWS, (ROWS[:, 0] > 0).astype(float), BINARY, 1, {"rounds": 20} if chosen.rounds else {})
    calibration = Calibration(1.0, (0.0,))
    golden = ROWS[:20]
    answers = calibration.applied(native.scores(golden), golden, BINARY)
    graph = graph_of(native, calibration, BINARY, 2)
    artifact.write(folder, Shortened(native, length), graph, replace(CARD, estimator=estimator), golden, answers)
    return folder


@pytest.mark.parametrize("estimator", [one.name for one in ESTIMATORS])
def test_a_sound_model_passes(tmp_path, estimator):
    folder = written(tmp_path / "model", estimator, 1)
    with Trial() as trial:
        trial.require_sound(folder, artifact.sha256_of(folder))


def test_a_model_that_ends_the_process_is_refused_and_the_next_is_tried(tmp_path):
    empty = written(tmp_path / "empty", "xgboost", 0)  # XGBoost aborts over a file of no bytes
    sound = written(tmp_path / "sound", "xgboost", 1)
    with Trial() as trial:
        with pytest.raises(ArtifactError, match="empty: whoever loads it is ended by SIGABRT"):
            trial.require_sound(empty, artifact.sha256_of(empty))
        trial.require_sound(sound, artifact.sha256_of(sound))


@pytest.mark.parametrize("estimator", [one.name for one in ESTIMATORS])
def test_models_cut_short_anywhere_are_refused(tmp_path, estimator):
    with Trial() as trial:
        for length in (0.01, 0.3, 0.6, 0.9):
            folder = written(tmp_path / str(length), estimator, length)
            with pytest.raises(ArtifactError):
                trial.require_sound(folder, artifact.sha256_of(folder))


def test_a_file_that_cannot_be_read_is_not_taken_for_a_wrong_one(tmp_path, monkeypatch):
    monkeypatch.setattr("training.trial._sound", set())  # the same bytes were tried above
    folder = written(tmp_path / "model", "xgboost", 1)
    sha256 = artifact.sha256_of(folder)
    (folder / "golden.parquet").unlink()
    with Trial() as trial, pytest.raises(UnreadableArtifactError, match=r"golden\.parquet cannot be read"):
        trial.require_sound(folder, sha256)
