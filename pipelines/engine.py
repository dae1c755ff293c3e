"""What features are computed with: DuckDB here, or Spark wherever its session runs. One setting chooses.

TIDEMARK_ENGINE=duckdb                     the embedded default
TIDEMARK_ENGINE=spark                      Spark in this process (needs the extra `spark` and a JVM)
TIDEMARK_ENGINE=spark://host:7077          a cluster; any master URL of Spark's will do
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import ibis

from feature_repo.settings import PlatformSettings

DUCKDB = "duckdb"


@dataclass(frozen=True)
class Engine:
    """Which backend of Ibis computes, and how much of this machine it may use."""

    name: str = DUCKDB
    memory: str = "4GB"
    threads: int = os.cpu_count() or 1

    @property
    def is_duckdb(self) -> bool:
        """Whether the rows are in this process already when they are computed."""
        return self.name == DUCKDB

    @contextmanager
    def session(self) -> Iterator[ibis.BaseBackend]:
        """A session of the backend, in UTC."""
        backend = self._duckdb() if self.is_duckdb else self._spark()
        try:
            yield backend
        finally:
            backend.disconnect()

    def _duckdb(self) -> ibis.BaseBackend:
        # Rows are ordered where they are written; keeping an order before that only costs memory.
        settings = {"threads": self.threads, "memory_limit": self.memory, "preserve_insertion_order": False}
        return ibis.duckdb.connect(**settings)

    def _spark(self) -> ibis.BaseBackend:
        try:
            from pyspark.sql import SparkSession  # noqa: PLC0415  an extra that few installations have
        except ImportError as problem:
            msg = "TIDEMARK_ENGINE asks for Spark, which is not installed. Run `uv sync --extra spark`."
            raise RuntimeError(msg) from problem
        if self.name == "spark" or self.name.startswith("local"):
            # What runs on this machine alone listens on this machine alone.
            os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
        builder = SparkSession.builder.appName("tidemark")
        if self.name != "spark":
            builder = builder.master(self.name)
        for setting, value in SPARK_SETTINGS.items():
            builder = builder.config(setting, value)
        return ibis.pyspark.connect(builder.getOrCreate())


# Without these Spark would read times in the machine's zone, and answer some errors with nulls.
SPARK_SETTINGS: Mapping[str, str] = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.execution.arrow.pyspark.enabled": "true",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.log.level": "ERROR",
}


def engine_from(settings: PlatformSettings) -> Engine:
    """The engine that the settings ask for."""
    name = settings.engine
    if name not in (DUCKDB, "spark") and not name.startswith(("spark://", "local", "yarn", "k8s://", "mesos://")):
        msg = f"TIDEMARK_ENGINE={name!r}: expected duckdb, spark, or a Spark master such as spark://host:7077."
        raise ValueError(msg)
    return Engine(name, memory=settings.memory or Engine.memory)
