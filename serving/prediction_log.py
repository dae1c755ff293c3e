"""Every answer, kept: a bounded queue that never delays one, and a thread that writes Parquet."""

from __future__ import annotations

import queue
import threading
import time
import uuid
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from serving.metrics import LOGGED
from serving.schemas import Prediction
from training.inputs import Matrix

SCHEMA = pa.schema(
    [
        ("prediction_id", pa.string()),
        ("predicted_at", pa.timestamp("us", "UTC")),
        ("model", pa.string()),
        ("model_version", pa.string()),
        ("entity_id", pa.int64()),
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
_AS_ANSWERED = (
    "prediction_id", "predicted_at", "model", "model_version", "predicted_value", "predicted_class", "degraded",
    "latency_ms",
)  # fmt: skip


@dataclass(frozen=True)
class Kept:
    """An answer and what it rests on."""

    prediction: Prediction
    entity: int
    as_of: datetime | None
    inputs: Matrix

    def row(self) -> dict[str, Any]:
        """As it is written."""
        return {name: self.prediction[name] for name in _AS_ANSWERED} | {  # type: ignore[literal-required]
            "entity_id": self.entity,
            "as_of": self.as_of,
            "inputs": self.inputs,
            "features_as_of": orjson.dumps(self.prediction["features_as_of"]).decode(),
        }


class PredictionLog:
    """Partitioned by day: `<home>/predictions/predicted_on=DAY/part-*.parquet`, each file whole or not there."""

    def __init__(self, folder: Path, size: int, seconds: float) -> None:
        self._folder, self._seconds = folder, seconds
        self._queue: queue.Queue[Kept] = queue.Queue(size)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="prediction-log", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def keep(self, answer: Kept) -> None:
        """Keep an answer; one too many is dropped, and counted."""
        try:
            self._queue.put_nowait(answer)
        except queue.Full:
            LOGGED.labels("dropped").inc()

    def waiting(self) -> int:
        """How many answers are not written yet."""
        return self._queue.qsize()

    def stop(self) -> None:
        """Write what waits, and end."""
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.is_set():
            self._ended.wait(self._seconds)
            self._write()

    def _write(self) -> None:
        while rows := self._taken():
            by_day = defaultdict(list)
            for row in rows:
                by_day[row.prediction["predicted_at"].date()].append(row)
            for day, of_day in by_day.items():
                try:
                    self._write_day(self._folder / f"predicted_on={day}", of_day)
                    LOGGED.labels("written").inc(len(of_day))
                except OSError:
                    LOGGED.labels("lost").inc(len(of_day))

    def _write_day(self, folder: Path, rows: list[Kept]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        name = f"part-{time.time_ns()}-{uuid.uuid4().hex[:8]}.parquet"
        half = folder / f".{name}"
        pq.write_table(pa.Table.from_pylist([row.row() for row in rows], schema=SCHEMA), half, compression="zstd")
        half.rename(folder / name)

    def _taken(self) -> list[Kept]:
        rows: list[Kept] = []
        while len(rows) < MOST_ROWS:
            try:
                rows.append(self._queue.get_nowait())
            except queue.Empty:
                break
        return rows
