"""Every answer, kept: a bounded queue that never delays one, and a thread that writes Parquet."""

from __future__ import annotations

import json
import queue
import threading
import time
import uuid
from collections import defaultdict
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from serving.metrics import LOGGED

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


class PredictionLog:
    """Partitioned by day: `<home>/predictions/predicted_on=DAY/part-*.parquet`, each file whole or not there."""

    def __init__(self, folder: Path, size: int, seconds: float) -> None:
        self._folder, self._seconds = folder, seconds
        self._queue: queue.Queue[dict[str, Any]] = queue.Queue(size)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="prediction-log", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def keep(self, row: dict[str, Any]) -> None:
        """Keep an answer; one too many is dropped, and counted."""
        try:
            self._queue.put_nowait(row)
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
                by_day[row["predicted_at"].date()].append(row)
            for day, of_day in by_day.items():
                try:
                    self._write_day(self._folder / f"predicted_on={day}", of_day)
                    LOGGED.labels("written").inc(len(of_day))
                except OSError:
                    LOGGED.labels("lost").inc(len(of_day))

    def _write_day(self, folder: Path, rows: list[dict[str, Any]]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        told = [{**row, "features_as_of": json.dumps(row["features_as_of"], default=str)} for row in rows]
        name = f"part-{time.time_ns()}-{uuid.uuid4().hex[:8]}.parquet"
        half = folder / f".{name}"
        pq.write_table(pa.Table.from_pylist(told, schema=SCHEMA), half, compression="zstd")
        half.rename(folder / name)

    def _taken(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        while len(rows) < MOST_ROWS:
            try:
                rows.append(self._queue.get_nowait())
            except queue.Empty:
                break
        return rows
