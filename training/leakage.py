"""A training set that looks into the future is refused, whatever store it came from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc


class LeakageError(ValueError):
    """Some row of a training set was given what its moment could not know."""


def times_of(view: str) -> tuple[str, str]:
    """The columns that tell, per row, when a view's values stood and when they were known."""
    return f"{view}__event_timestamp", f"{view}__created_timestamp"


def check(rows: pa.Table, times: pa.Table, views: Iterable[str], end: datetime) -> None:
    """Refuse rows whose features lie after their moment, or whose label was settled outside (moment, end]."""
    if faults := list(_faults(rows, times, views, end)):
        raise LeakageError("the training set leaks, and is refused: " + "; ".join(faults))


def _faults(rows: pa.Table, times: pa.Table, views: Iterable[str], end: datetime) -> Iterator[str]:
    at = rows["event_timestamp"]
    for view in views:
        for column, what in zip(times_of(view), ("stood", "became known"), strict=True):
            if column not in times.column_names:
                yield f"the offline store does not tell when values of {view} {what}"
                continue
            late = pc.sum(pc.greater(times[column].cast(at.type), at)).as_py() or 0
            if late:
                yield f"in {late:,} of {len(rows):,} rows the values of {view} {what} after the row's moment"
    early = pc.sum(pc.less_equal(rows["label_until"], at)).as_py() or 0
    if early:
        yield f"in {early:,} rows the label was settled before the row's moment"
    beyond = pc.sum(pc.greater(rows["label_until"], pa.scalar(end, at.type))).as_py() or 0
    if beyond:
        yield f"in {beyond:,} rows the label's window reaches beyond the data's end, {end:%Y-%m-%d %H:%M}"
    unknown = rows["label"].null_count
    if unknown:
        yield f"{unknown:,} rows have no label"
