"""Tables to and from files of other people's tools: Parquet, or CSV by the file's name."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
from pyarrow import csv, parquet


def read_table(file: Path) -> pa.Table:
    """Rows from Parquet, or from CSV if the name ends so."""
    try:
        return csv.read_csv(file) if file.suffix == ".csv" else parquet.read_table(file)
    except (OSError, ValueError) as problem:
        raise ValueError(f"{file}: expected rows in Parquet or CSV: {problem}") from None


def write_table(table: pa.Table, file: Path) -> None:
    """Rows to Parquet, or to CSV if the name ends so."""
    if file.suffix not in (".parquet", ".csv"):
        raise ValueError(f"{file}: expected a name that ends in .parquet or .csv")
    file.parent.mkdir(parents=True, exist_ok=True)
    if file.suffix == ".csv":
        csv.write_csv(table, file)
    else:
        parquet.write_table(table, file, compression="zstd")
