"""Predictions -> log: a bounded queue that never delays a prediction, and a thread that writes Parquet."""

from __future__ import annotations

import os
import queue
import threading
import time
import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import structlog

from serving.metrics import LOGGED
from serving.predictions import AnsweredRequest
from serving.schemas import AsOf
from training.inputs import Matrix

SCHEMA = pa.schema(
    [
        ("prediction_id", pa.string()),
        ("predicted_at", pa.timestamp("us", "UTC")),
        ("model", pa.string()),
        ("model_version", pa.string()),
        ("entity_id", pa.int64()),
        ("keys", pa.map_(pa.string(), pa.string())),
        ("as_of", pa.timestamp("us", "UTC")),
        ("predicted_value", pa.float64()),
        ("predicted_class", pa.string()),
        ("inputs", pa.list_(pa.float32())),
        ("features_as_of", pa.string()),
        ("degraded", pa.list_(pa.string())),
        ("latency_ms", pa.float64()),
    ]
)
MOST_ROWS = 5000
_log = structlog.get_logger()
_AS_ANSWERED = (
    "prediction_id", "predicted_at", "model", "model_version", "predicted_value", "predicted_class", "degraded",
    "latency_ms",
)  # fmt: skip


@dataclass(frozen=True)
class LoggedPrediction:
    """A prediction and what it rests on, without the explanation."""

    answer: Mapping[str, Any]
    features_as_of: Mapping[str, AsOf]
    keys: Mapping[str, int | str]
    as_of: datetime | None
    inputs: Matrix

    @classmethod
    def of(cls, answered: AnsweredRequest, join_keys: Sequence[str]) -> LoggedPrediction:
        """What is kept of an answered request."""
        prediction, valid = answered.prediction, answered.valid
        answer = {name: prediction[name] for name in _AS_ANSWERED}  # type: ignore[literal-required]
        keys = dict(zip(join_keys, valid.keys, strict=True))
        # A copy: the log must not hold on to the rows of a whole batch.
        return cls(answer, prediction["features_as_of"], keys, valid.request.as_of, answered.inputs.copy())

    def row(self) -> dict[str, Any]:
        """As it is written: `entity_id` where that is one number, and `keys` where it is not."""
        first, *others = self.keys.values()
        is_number = isinstance(first, int) and not others
        return {
            **self.answer,
            "entity_id": first if is_number else None,
            "keys": None if is_number else [(name, str(key)) for name, key in self.keys.items()],
            "as_of": self.as_of,
            "inputs": self.inputs,
            "features_as_of": orjson.dumps(self.features_as_of).decode(),
        }


class PredictionLog:
    """Partitioned by day: `<home>/predictions/predicted_on=DAY/part-*.parquet`, each file whole or not there."""

    def __init__(self, folder: Path, size: int, seconds: float) -> None:
        self._folder, self._seconds = folder, seconds
        self._queue: queue.Queue[LoggedPrediction] = queue.Queue(size)
        self._ended = threading.Event()
        self._dropped = self._reported = 0
        self._thread = threading.Thread(target=self._run, name="prediction-log", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def keep_all(self, answered: Iterable[AnsweredRequest], join_keys: Sequence[str]) -> None:
        """Keep the predictions of one model."""
        for each in answered:
            self.keep(LoggedPrediction.of(each, join_keys))

    def keep(self, prediction: LoggedPrediction) -> None:
        """Keep a prediction; one too many is dropped, and counted."""
        try:
            self._queue.put_nowait(prediction)
        except queue.Full:
            LOGGED.labels("dropped").inc()
            self._dropped += 1

    def waiting(self) -> int:
        """How many predictions are not written yet."""
        return self._queue.qsize()

    def stop(self) -> None:
        """Write what waits, and end."""
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.is_set():
            self._ended.wait(self._seconds)
            self._write()
            self._report_dropped()

    def _report_dropped(self) -> None:
        dropped, self._reported = self._dropped - self._reported, self._dropped
        if dropped:
            _log.warning("predictions were not logged: the queue is full", rows=dropped, queue=self._queue.maxsize)

    def _write(self) -> None:
        while rows := self._next_rows():
            by_day = defaultdict(list)
            for row in rows:
                by_day[row.answer["predicted_at"].date()].append(row)
            for day, of_day in by_day.items():
                self._keep_day(self._folder / f"predicted_on={day}", of_day)

    def _keep_day(self, folder: Path, rows: list[LoggedPrediction]) -> None:
        """Write a day's rows. Whatever goes wrong, the thread goes on; what cannot be written is counted and logged."""
        try:
            self._write_day(folder, rows)
        except Exception as fault:
            if not isinstance(fault, OSError) and len(rows) > 1:  # some row is at fault: the others need not be lost
                half = len(rows) // 2
                self._keep_day(folder, rows[:half])
                self._keep_day(folder, rows[half:])
                return
            LOGGED.labels("lost").inc(len(rows))
            _log.error("predictions were not logged", rows=len(rows), folder=str(folder), reason=str(fault))
        else:
            LOGGED.labels("written").inc(len(rows))

    def _write_day(self, folder: Path, rows: list[LoggedPrediction]) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = f"part-{time.time_ns()}-{uuid.uuid4().hex[:8]}.parquet"
        half = folder / f".{name}"
        table = pa.Table.from_pylist([row.row() for row in rows], schema=SCHEMA)
        try:
            # For its owner's eyes: it says what customers were predicted to do.
            with os.fdopen(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                pq.write_table(table, file, compression="zstd")
            half.rename(folder / name)
        except BaseException:
            half.unlink(missing_ok=True)
            raise

    def _next_rows(self) -> list[LoggedPrediction]:
        rows: list[LoggedPrediction] = []
        while len(rows) < MOST_ROWS:
            try:
                rows.append(self._queue.get_nowait())
            except queue.Empty:
                break
        return rows
