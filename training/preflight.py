"""What can be refused before any work: looking features up takes a minute, and a misspelt argument none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa

from feature_repo.store import open_store
from training.arrays import inputs_without
from training.dataset import RowCheck, service_of, views_of
from training.facts import Facts
from training.inputs import Inputs
from training.row_selection import TrainingSetError, as_moment, first_snapshot, last_known
from training.specs import ModelSpec
from training.split import SplitError, split_by_time

When = date | datetime | str | None


def require_trainable(
    spec: ModelSpec, home: Path, *, start: When = None, end: When = None, test_from: When = None, without: Sequence[str]
) -> Inputs:
    """The inputs of a training with these arguments; raises if no training can follow from them."""
    store = open_store(home)
    views = views_of(store, service_of(store, spec.service))
    inputs = inputs_without(spec, views, without)
    given = {
        name: as_moment(moment, name) for name, moment in (("start", start), ("end", end), ("test_from", test_from))
    }
    if any(given.values()):
        known_until = Facts(home, last_known(home, spec))
        _require_in_order(spec, given, first_snapshot(home, spec, views), known_until.end(spec.label.table))
    return inputs


def checked_inputs(spec: ModelSpec, home: Path, without: Sequence[str]) -> Inputs:
    """The model's inputs but those left out, by the views as Feast's registry has them."""
    store = open_store(home)
    return inputs_without(spec, views_of(store, service_of(store, spec.service)), without)


def test_rows_from(spec: ModelSpec, test_from: When) -> RowCheck:
    """A check that rows can be split by time, before their features are looked up."""
    cut = as_moment(test_from, "test_from")

    def check(rows: pa.Table) -> None:
        asked, settled = (
            np.asarray(rows[name].to_numpy()).astype("datetime64[us]") for name in ("event_timestamp", "label_until")
        )
        try:
            split_by_time(asked, settled, cut)
        except SplitError as problem:
            raise SplitError(f"{spec.name}: {problem}") from None

    return check


def _require_in_order(spec: ModelSpec, given: Mapping[str, datetime | None], first: datetime, last: datetime) -> None:
    stated = ", ".join(f"{name} {_day(moment)}" for name, moment in given.items() if moment)
    there = f"rows can stand from {_day(first)} to {_day(last)}"
    start, end, test_from = (given[name] for name in ("start", "end", "test_from"))
    begins, ends = max(start or first, first), min(end or last, last)
    if begins >= ends:
        raise TrainingSetError(f"{spec.name}: {there}; expected start and end within, found {stated}: no row is left.")
    if test_from and not begins < test_from < ends:
        raise TrainingSetError(
            f"{spec.name}: test_from: expected a moment between {_day(begins)} and {_day(ends)}, found {stated}; "
            f"{there}."
        )


def _day(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d}"
