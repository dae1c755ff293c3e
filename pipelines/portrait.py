"""What the UI shows of a partition: for each column its nulls, least, mean and most, and a small picture."""

import dagster as dg
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_BARS = "▁▂▃▄▅▆▇█"
_BINS = 12
_TIMES = ("event_timestamp", "created_timestamp")

SCHEMA = dg.TableSchema(
    [
        dg.TableColumn("feature"),
        dg.TableColumn("nulls", "float", description="share of nulls"),
        dg.TableColumn("min"),
        dg.TableColumn("mean"),
        dg.TableColumn("max"),
        dg.TableColumn("distribution", description="least to most, in twelve steps; words by how often"),
    ]
)


def portrait_of(table: pa.Table) -> dg.TableMetadataValue:
    """A row for each feature of a table of snapshots."""
    features = [column for column in table.column_names if column not in _TIMES]
    return dg.MetadataValue.table([_record(name, table[name].combine_chunks()) for name in features], schema=SCHEMA)


def _record(name: str, column: pa.Array) -> dg.TableRecord:
    nulls = round(column.null_count / len(column), 4) if len(column) else 0.0
    there = column.drop_null()
    if pa.types.is_boolean(column.type):
        there = there.cast(pa.int8())
    figures = {"feature": name, "nulls": nulls, "min": "", "mean": "", "max": "", "distribution": ""}
    if not len(there):
        return dg.TableRecord(figures)
    if pa.types.is_string(column.type):
        words = sorted(there.value_counts().to_pylist(), key=lambda pair: -pair["counts"])[:4]
        told = ", ".join(f"{pair['values']} {pair['counts'] / len(there):.0%}" for pair in words)
        return dg.TableRecord({**figures, "distribution": told})
    values = there.to_numpy(zero_copy_only=False).astype(float)
    counts = np.histogram(values, bins=_BINS)[0]
    bars = "".join(_BARS[round(7 * count / counts.max())] for count in counts)
    least, mean, most = pc.min(there).as_py(), float(values.mean()), pc.max(there).as_py()
    return dg.TableRecord(
        {**figures, "min": f"{least:.6g}", "mean": f"{mean:.6g}", "max": f"{most:.6g}", "distribution": bars}
    )
