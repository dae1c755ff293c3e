"""The log of predictions goes on, whatever happens to a row or to the disk, and says what it lost."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pyarrow.parquet as pq
import pytest
import structlog

from serving.metrics import LOGGED
from serving.prediction_log import LoggedPrediction, PredictionLog

NOW = datetime(2026, 7, 9, 9, 30, tzinfo=UTC)


def answered(entity: object, name: str = "p", **more: int | str) -> LoggedPrediction:
    answer = {
        "prediction_id": name, "predicted_at": NOW, "model": "m", "model_version": "1", "predicted_value": 0.5,
        "predicted_class": None, "degraded": [], "latency_ms": 1.0,
    }  # fmt: skip
    return LoggedPrediction(answer, {}, {"customer_id": entity, **more}, None, np.zeros(2, np.float32))  # type: ignore[dict-item]


def count(outcome: str) -> float:
    return LOGGED.labels(outcome)._value.get()


@pytest.fixture
def log(tmp_path):
    """Written when it is stopped."""
    return PredictionLog(tmp_path / "predictions", 100, 3600)


def rows_in(folder):
    return [row for file in folder.rglob("*.parquet") for row in pq.read_table(file, partitioning=None).to_pylist()]


def test_a_row_that_cannot_be_written_is_lost_alone_and_told(log, tmp_path):
    lost, written = count("lost"), count("written")
    for entity in (1, 2, 1 << 64, 4):  # one is beyond every column of numbers
        log.keep(answered(entity))
    with structlog.testing.capture_logs() as lines:
        log.start()
        log.stop()
    assert sorted(row["entity_id"] for row in rows_in(tmp_path)) == [1, 2, 4]
    assert (count("lost") - lost, count("written") - written) == (1, 3)
    assert [(line["log_level"], line["rows"]) for line in lines] == [("error", 1)]


def test_a_disk_that_refuses_is_told_and_the_next_rows_are_written(tmp_path):
    folder = tmp_path / "predictions"
    folder.write_text("a file where the folder should be")
    log, lost = PredictionLog(folder, 100, 0.01), count("lost")
    log.keep(answered(1))
    with structlog.testing.capture_logs() as lines:
        log.start()
        while count("lost") == lost:
            pass
        folder.unlink()
        log.keep(answered(2))
        log.stop()
    assert [row["entity_id"] for row in rows_in(tmp_path)] == [2]
    assert "predictions were not logged" in lines[0]["event"]


def test_what_a_full_queue_drops_is_counted_and_told(tmp_path):
    log, dropped = PredictionLog(tmp_path, 2, 3600), count("dropped")
    for entity in range(5):
        log.keep(answered(entity))
    with structlog.testing.capture_logs() as lines:
        log.start()
        log.stop()
    assert count("dropped") - dropped == 3
    assert [(line["log_level"], line["rows"]) for line in lines] == [("warning", 3)]


def test_what_is_written_is_for_its_owner_alone(log, tmp_path):
    log.keep(answered(1))
    log.start()
    log.stop()
    (file,) = tmp_path.rglob("*.parquet")
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
