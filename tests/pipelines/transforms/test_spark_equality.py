"""The same functions on Spark give the same snapshots as on DuckDB."""

from __future__ import annotations

import importlib
import importlib.util
import os
import shutil
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import ibis
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from feature_repo.views import SNAPSHOT_VIEWS
from pipelines.computation.days import Days
from pipelines.computation.raw_tables import RawTables
from pipelines.transforms import pipeline_of

pytestmark = [
    pytest.mark.spark,
    pytest.mark.skipif(importlib.util.find_spec("pyspark") is None, reason="pyspark is not installed"),
    pytest.mark.skipif(
        shutil.which("java") is None and "JAVA_HOME" not in os.environ, reason="no java on the PATH or in JAVA_HOME"
    ),
    # PySpark and Ibis use what pandas, numpy and duckdb deprecate; what counts here are the values.
    pytest.mark.filterwarnings("default"),
]

DAYS = Days(date(2024, 2, 20), date(2024, 3, 5))


@pytest.fixture(scope="module")
def spark() -> Iterator[Any]:
    from pyspark.sql import SparkSession

    session = (
        SparkSession.builder.master("local[2]")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.sql.shuffle.partitions", "2")
        .config("spark.ui.enabled", "false")
        .getOrCreate()
    )
    session.sparkContext.setLogLevel("ERROR")
    yield session
    session.stop()


@pytest.fixture(scope="module")
def spark_tables(
    spark: Any,
    history: dict[str, Any],
    arrow_tables: Callable[..., dict[str, pa.Table]],
    tmp_path_factory: pytest.TempPathFactory,
) -> RawTables:
    connection = ibis.pyspark.connect(spark)

    def read(name: str, data: pa.Table) -> ibis.Table:
        file: Path = tmp_path_factory.mktemp("raw") / f"{name}.parquet"
        pq.write_table(data, file)
        return connection.read_parquet(str(file), table_name=f"raw_{name}")

    return RawTables({name: read(name, data) for name, data in arrow_tables(history).items()})


@pytest.mark.parametrize("view", [view.name for view in SNAPSHOT_VIEWS])
def test_spark_gives_the_snapshots_that_duckdb_gives(
    view: str, history: dict[str, Any], spark_tables: RawTables, duckdb_tables: Callable[..., RawTables]
) -> None:
    transform = pipeline_of(view).transform

    def made(raw: RawTables) -> pa.Table:
        snapshots = transform(raw, DAYS).to_pyarrow()
        return snapshots.sort_by([(snapshots.column_names[0], "ascending"), ("event_timestamp", "ascending")])

    expected, found = made(duckdb_tables(history)), made(spark_tables)
    assert found.schema.equals(expected.schema)
    assert found.num_rows == expected.num_rows > 10
    for name in expected.column_names:
        want, got = expected[name].to_pylist(), found[name].to_pylist()
        if pa.types.is_floating(expected.schema.field(name).type):
            want = [value if value is None else pytest.approx(value, rel=1e-9) for value in want]
        assert got == want, name
