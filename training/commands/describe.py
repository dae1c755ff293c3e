"""`tidemark describe`: a page on the columns of a training set."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from feature_repo.console import console, exit_on


def describe(
    file: Annotated[Path, typer.Argument(help="A training set in Parquet, with its manifest beside it.")],
    out: Annotated[Path | None, typer.Option(help="The page to write; else beside the file.")] = None,
    test_from: Annotated[
        str | None, typer.Option(help="The moment from which on rows are test rows; else as in training.")
    ] = None,
) -> None:
    """Write a page on a training set's columns: what is missing, ranges, drift between training and test rows."""
    from training import column_report
    from training.dataset import read
    from training.row_selection import as_moment

    with exit_on(ValueError, OSError):
        rows = read(file)
        cut = as_moment(test_from, "test_from")
        written = column_report.write(rows, out or file.with_suffix(".columns.html"), cut)
        remarks = [(column.name, column.remark) for column in column_report.describe(rows, cut) if column.remark]
    for name, remark in remarks:
        console.print(f"{name}: {remark}")
    console.print(
        f"{len(remarks)} of {len(rows.inputs) + 1} columns stand out. Written: {escape(str(written))}", soft_wrap=True
    )
