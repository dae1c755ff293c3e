from __future__ import annotations

from contextlib import closing

import duckdb
import pyarrow.parquet as pq

from pipelines.parquet import write_whole


def test_the_bytes_do_not_depend_on_the_table_that_the_rows_are_part_of(tmp_path):
    with closing(duckdb.connect()) as connection:
        connection.execute("CREATE TABLE alone AS SELECT i AS key, i::DOUBLE AS value FROM range(5) t(i)")
        connection.execute(
            "CREATE TABLE among AS SELECT i AS key, CASE WHEN i < 5 THEN i::DOUBLE END AS value FROM range(9) t(i)"
        )
        files = {name: tmp_path / f"{name}.parquet" for name in ("alone", "among")}
        for name, file in files.items():
            assert write_whole(connection, f"SELECT * FROM {name} WHERE key < 5", "key", file, {"told": "it's so"}) == 5
    assert files["alone"].read_bytes() == files["among"].read_bytes()
    assert pq.read_schema(files["alone"]).field("value").nullable
    assert pq.read_metadata(files["alone"]).metadata[b"told"] == b"it's so"
    assert not list(tmp_path.rglob(".writing"))
