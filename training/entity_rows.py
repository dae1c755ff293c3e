"""What entity rows of a caller's own must be to train on: labels that the model can have, and each row only once."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from training.row_selection import TrainingSetError
from training.specs import ModelSpec
from training.split import Rows
from training.wording import counted

SHOWN = 3
"""So many rows are named in an error, of however many there are."""


def require_labels(rows: pa.Table, spec: ModelSpec) -> None:
    """Refuse labels that the model's task does not have, and labels that were settled before their row's moment."""
    expected = spec.task.expected_labels(spec.classes)
    try:
        labels = rows["label"].cast(pa.float64()).fill_null(np.nan).to_numpy()
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as problem:
        raise TrainingSetError(
            f"{spec.name}: label: expected {expected}, found {rows['label'].type}: {problem}"
        ) from None
    _require(
        spec, rows, spec.task.valid_labels(labels, spec.classes), "label", f"labels to be {expected}",
        "Correct these labels, or leave the rows out",
    )  # fmt: skip
    later = pc.greater(rows["label_until"], rows["event_timestamp"]).fill_null(False)
    _require(
        spec, rows, np.asarray(later.to_numpy()), "label_until", "label_until to be after event_timestamp",
        "It is the moment at which the label was settled",
    )  # fmt: skip


def require_unique(rows: pa.Table, spec: ModelSpec) -> None:
    """Refuse rows of the same entity, moment and request: each would count twice, in training as in a test.

    What a request gives is part of the question: a home may be asked about at one moment for several months ahead.
    """
    key = [*spec.join_keys, "event_timestamp", *(name for name in spec.label.extra if name in rows.column_names)]
    places = rows.select(key).append_column("place", pa.array(np.arange(len(rows))))
    first = places.group_by(key).aggregate([("place", "min")])["place_min"].to_numpy()
    is_first = np.zeros(len(rows), bool)
    is_first[first] = True
    _require(
        spec, rows, is_first, "", f"each {', '.join(key)} once",
        "Each row counts as evidence of its own: leave the repeated ones out",
    )  # fmt: skip


def _require(spec: ModelSpec, rows: pa.Table, holds: Rows, column: str, expected: str, remedy: str) -> None:
    wrong = np.flatnonzero(~holds)
    if not len(wrong):
        return
    shown = "; ".join(_row(rows, int(place), spec, column) for place in wrong[:SHOWN])
    more = f", the first {SHOWN} of them" if len(wrong) > SHOWN else ""
    raise TrainingSetError(
        f"{spec.name}: expected {expected}, found {len(wrong):,} of {counted(len(rows), 'entity row')} that break "
        f"this{more}: {shown}. {remedy}."
    )


def _row(rows: pa.Table, place: int, spec: ModelSpec, column: str) -> str:
    """A row, counted from 0 as in its table."""
    moment = rows["event_timestamp"][place].as_py()
    value = f": {rows[column][place].as_py()}" if column else ""
    entity = ", ".join(f"{key} {rows[key][place].as_py()}" for key in spec.join_keys)
    return f"row {place} ({entity}, {moment:%Y-%m-%d %H:%M}){value}"
