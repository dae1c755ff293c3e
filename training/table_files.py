"""Tables to and from files of other people's tools: Parquet, or CSV by the file's name."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
from pyarrow import csv, parquet


def read_table(file: Path, texts: Iterable[str] = ()) -> pa.Table:
    """Rows from Parquet, or from CSV if the name ends so; the columns `texts` are texts there, be they like numbers."""
    as_text = csv.ConvertOptions(column_types=dict.fromkeys(texts, pa.string()))
    try:
        return csv.read_csv(file, convert_options=as_text) if file.suffix == ".csv" else parquet.read_table(file)
    except (OSError, ValueError) as problem:
        raise ValueError(f"{file}: expected rows in Parquet or CSV: {problem}") from None


def require_writable(file: Path) -> None:
    """Refuse a name that says of no format how to write it."""
    if file.suffix not in (".parquet", ".csv"):
        raise ValueError(f"{file}: expected a name that ends in .parquet or .csv")


def write_left_out(rows: pa.Table, beside: Path) -> Path | None:
    """The rows that another file lacks, beside it; where there are none, an earlier such file is removed."""
    file = beside.with_name(f"{beside.stem}.left-out{beside.suffix}")
    if not len(rows):
        file.unlink(missing_ok=True)
        return None
    write_table(rows, file)
    return file


def write_table(table: pa.Table, file: Path) -> None:
    """Rows to Parquet, or to CSV if the name ends so."""
    require_writable(file)
    file.parent.mkdir(parents=True, exist_ok=True)
    if file.suffix == ".csv":
        csv.write_csv(table, file)
    else:
        parquet.write_table(table, file, compression="zstd")
