"""Which rows a training set has: entity rows that a caller gives, or the model's population at regular moments."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from feast import FeatureView
from feast.base_feature_view import BaseFeatureView

from feature_repo.key_conflicts import key_conflict
from training.entity_keys import key_hashes
from training.facts import Facts, NoFactsError
from training.labels import Moments
from training.specs import ModelSpec

MOMENT = pa.timestamp("us", "UTC")


class TrainingSetError(ValueError):
    """The training set asked for cannot be made."""


def arrow(entities: Any) -> pa.Table:
    """A table in Arrow, whichever of Arrow, Polars and pandas it came in."""
    if isinstance(entities, pa.Table):
        return entities
    if hasattr(entities, "to_arrow"):
        return entities.to_arrow()
    return pa.Table.from_pandas(entities, preserve_index=False)


def with_columns(rows: pa.Table, columns: Mapping[str, pa.Array]) -> pa.Table:
    """The rows with further columns."""
    for name, values in columns.items():
        rows = rows.append_column(name, values)
    return rows


def given_rows(entities: Any, spec: ModelSpec, *, labelled: bool = True) -> pa.Table:
    """Entity rows of one's own as Arrow, if they have what a training set needs, or rows without labels."""
    table = arrow(entities)
    missing = [name for name in (*spec.join_keys, "event_timestamp") if name not in table.column_names]
    if "label" in table.column_names and "label_until" not in table.column_names:
        missing.append("label_until")
    if missing:
        keys = ", ".join(spec.join_keys)
        raise TrainingSetError(
            f"{spec.name}: expected entity rows with the columns {keys} and event_timestamp (and label_until "
            f"where there is a label), found {', '.join(table.column_names)}; missing: {', '.join(missing)}"
        )
    computed = [name for name in ("label_until", *spec.label.extra) if name in table.column_names]
    if labelled and "label" not in table.column_names and computed:
        raise TrainingSetError(
            f"{spec.name}: the entity rows have {', '.join(computed)} but no label, and without one these are computed "
            "with it: leave them out, or bring the label as well."
        )
    if nulls := [name for name in (*spec.join_keys, "event_timestamp") if table[name].null_count]:
        raise TrainingSetError(f"{spec.name}: the entity rows have nulls in {', '.join(nulls)}")
    return typed(_with_typed_keys(table.replace_schema_metadata(), spec))


def require_one_source_of_keys(spec: ModelSpec, views: Iterable[BaseFeatureView]) -> None:
    """Raise if a key that each request gives is also a feature of one of the views."""
    if fault := key_conflict(spec.name, spec.service, spec.join_keys, [view.projection for view in views]):
        raise TrainingSetError(f"{fault}.")


def _with_typed_keys(table: pa.Table, spec: ModelSpec) -> pa.Table:
    """The keys as their entities declare them: an id that looks like a number may be none, and 007 is not 7."""
    for key in spec.join_keys:
        found, is_wanted_text = table[key].type, key in spec.text_keys
        value_type = found.value_type if pa.types.is_dictionary(found) else found
        is_found_text = any(
            test(value_type) for test in (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
        )
        if is_wanted_text != is_found_text or not (is_found_text or pa.types.is_integer(value_type)):
            expected = "texts" if is_wanted_text else "whole numbers"
            raise TrainingSetError(f"{spec.name}: {key}: expected {expected}, found {found}")
        if is_found_text:
            table = table.set_column(table.column_names.index(key), key, table[key].cast(pa.string()))
    return table


def with_extra(rows: pa.Table, spec: ModelSpec) -> tuple[pa.Table, str]:
    """Rows that bring a label of their own with the inputs that a request gives, and how these were filled in."""
    rows = _with_requested(rows, spec)
    missing = [name for name in spec.label.extra if name not in rows.column_names]
    if not missing:
        return rows, ""
    default = spec.label.extra_default
    if default is None:
        raise TrainingSetError(
            f"{spec.name}: the rows bring a label of their own, but not {', '.join(missing)}, which the model is given "
            "with each request: add these columns, or leave the label out to have both computed."
        )
    filled = default.of(rows)
    return with_columns(rows, {name: filled[name] for name in missing}), default.description


def _with_requested(rows: pa.Table, spec: ModelSpec) -> pa.Table:
    """The inputs that rows bring as a request could give them: the scorer refuses anything else."""
    for each in spec.request:
        if each.name not in rows.column_names:
            continue
        given = rows[each.name]
        expected = (
            f"{spec.name}: {each.name}: expected a number of {each.ge:g} to {each.le:g} in each row, as a request gives"
        )
        if not (pa.types.is_integer(given.type) or pa.types.is_floating(given.type)):
            raise TrainingSetError(f"{expected}, found {given.type}")
        numbers = given.cast(pa.float64())
        within = pc.and_(pc.greater_equal(numbers, each.ge), pc.less_equal(numbers, each.le))
        outside = pc.invert(pc.fill_null(within, False))
        if count := pc.sum(outside).as_py():
            examples = ", ".join(map(str, dict.fromkeys(given.filter(outside).slice(0, 20).to_pylist())))
            raise TrainingSetError(f"{expected}, found {count:,} rows with others: {examples}")
        rows = rows.set_column(rows.column_names.index(each.name), each.name, numbers)
    return rows


def typed(table: pa.Table) -> pa.Table:
    """Moments as UTC microseconds, whatever they came as; naive ones are UTC."""
    for name in ("event_timestamp", "label_until"):
        if name in table.column_names:
            try:
                moments = table[name].cast(pa.timestamp("us", getattr(table[name].type, "tz", None)))
                moments = moments if moments.type.tz else pc.assume_timezone(moments, "UTC")
            except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as problem:
                raise TrainingSetError(
                    f"{name}: expected moments, found {table[name].type}{_not_moments(table[name])}"
                ) from problem
            table = table.set_column(table.column_names.index(name), name, moments.cast(MOMENT))
    return table


def _not_moments(column: pa.ChunkedArray) -> str:
    """The first rows of a column of texts that are no moments."""
    if not pa.types.is_string(column.type) and not pa.types.is_large_string(column.type):
        return ""
    wrong = [(place, text) for place, text in enumerate(column.to_pylist()) if not _is_moment(text)]
    shown = "; ".join(f"row {place}: {text!r}" for place, text in wrong[:3])
    return (
        f", of which {len(wrong):,} of {len(column):,} are none: {shown}"
        if wrong
        else ", some with a zone, some without"
    )


def _is_moment(text: str | None) -> bool:
    try:
        return text is None or bool(datetime.fromisoformat(text))
    except ValueError:
        return False


def thinned(rows: pa.Table, keys: Sequence[str], most: int) -> pa.Table:
    """So many of the rows, in their order."""
    if len(rows) <= most:
        return rows
    mixed = key_hashes(rows, keys)
    mixed ^= rows["event_timestamp"].cast(pa.int64()).to_numpy().astype(np.uint64) * np.uint64(0xD6E8FEB86659FD93)
    mixed ^= mixed >> np.uint64(32)
    mixed *= np.uint64(0xD6E8FEB86659FD93)
    return rows.take(np.sort(np.argsort(mixed, kind="stable")[:most]))


def moments_of(
    spec: ModelSpec,
    views: Sequence[BaseFeatureView],
    start: date | datetime | str | None,
    end: date | datetime | str | None,
    every: str | timedelta | None,
    folder: Path,
    data_end: datetime,
) -> Moments:
    """The moments at which the model's own population is asked about."""
    first = as_moment(start, "start") or first_snapshot(folder, spec, views)
    return Moments(first, as_moment(end, "end") or data_end, step(every) if every is not None else spec.every)


def as_moment(when: date | datetime | str | None, name: str) -> datetime | None:
    """A day or a moment in whatever form it was given, in UTC."""
    if when is None:
        return None
    try:
        read = datetime.fromisoformat(when if isinstance(when, str) else when.isoformat())
    except ValueError:
        raise TrainingSetError(f"{name}: expected a day or a moment such as 2025-03-01, found {when!r}") from None
    return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)


def step(text: str | timedelta) -> timedelta:
    """A step such as 7d, 12h or 30m."""
    if isinstance(text, timedelta):
        return text
    units = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
    number, unit = text[:-1], text[-1:]
    if unit not in units or not number.isdigit() or int(number) == 0:
        raise TrainingSetError(f"every: expected a step such as 7d, 12h or 30m, found {text!r}")
    return timedelta(**{units[unit]: int(number)})


def first_snapshot(folder: Path, spec: ModelSpec, views: Sequence[BaseFeatureView]) -> datetime:
    """The first midnight by which a snapshot of the model's entity had been promised: before, nothing is known."""
    names = [view.name for view in views if isinstance(view, FeatureView) and set(view.join_keys) <= {*spec.join_keys}]
    days = sorted(
        path.name.rpartition("=")[2] for name in names for path in (folder / "features" / name).glob("snapshot_on=*")
    )
    if not days:
        raise TrainingSetError(
            f"no features of {' and '.join(names)} are published in {folder}: run `tidemark features` first."
        )
    return datetime.combine(date.fromisoformat(days[0]) + timedelta(days=2), datetime.min.time(), UTC)


def last_known(folder: Path, spec: ModelSpec) -> datetime:
    """The end of the last day on which facts about the label became known."""
    last = max((day_of(file) for file in Facts(folder).files(spec.label.table)), default=None)
    if last is None:
        raise NoFactsError(f"no {spec.label.table} are loaded in {folder}")
    return datetime.combine(last + timedelta(days=1), datetime.min.time(), UTC) - timedelta(microseconds=1)


def day_of(file: Path) -> date:
    """The day of a partition, by the name of its folder."""
    return date.fromisoformat(file.parent.name.rpartition("=")[2])
