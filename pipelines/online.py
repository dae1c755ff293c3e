"""Published snapshots into the online store, and whether what is served is what is stored.

Only rows that will be served are carried over: of a range of days, the newest snapshot of each entity. Which of two
writes wins, a newer day's or a corrected one's, is the online store's affair.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from contextlib import redirect_stdout
from dataclasses import dataclass
from datetime import date, datetime
from io import StringIO
from pathlib import Path

import duckdb
import pyarrow as pa
from feast import FeatureStore, FeatureView, ValueType
from feast.data_source import DataSource
from feast.errors import FeatureViewNotFoundException
from feast.protos.feast.types.EntityKey_pb2 import EntityKey
from feast.protos.feast.types.Value_pb2 import Value
from feast.type_map import python_values_to_proto_values
from feast.utils import make_tzaware

from pipelines.published import shown
from pipelines.snapshots import SnapshotStore

SAMPLE = 200


class NotPublishedError(ValueError):
    """Days are asked for that have no snapshots, or a view that Feast has not been told of."""


@dataclass(frozen=True)
class Window:
    """The event times, both included, between which each entity has its newest snapshot; and how many entities."""

    first: datetime
    last: datetime
    entities: int


@dataclass(frozen=True)
class Difference:
    """What is served of an entity against what is stored."""

    entity: str
    what: str
    served: str
    stored: str


@dataclass(frozen=True)
class Comparison:
    """What came of a look at some entities; those that are served from a newer day could not be compared."""

    equal: int
    newer: int
    differences: tuple[Difference, ...]


def registered(store: FeatureStore, name: str) -> FeatureView:
    """The view as Feast's registry has it, which is how it is served."""
    try:
        return store.get_feature_view(name)
    except FeatureViewNotFoundException:
        msg = f"Feast's registry does not know the view {name}: materialise the asset feast_registry, or `feast apply`."
        raise NotPublishedError(msg) from None


def window_of(snapshots: SnapshotStore, view: FeatureView, days: Iterable[date]) -> Window | None:
    """Where the newest snapshots of some days are; None if there are none."""
    files = {day: snapshots.published(view.name, day) for day in days}
    if absent := [day for day, file in files.items() if not file.exists()]:
        msg = (
            f"{view.name}: expected published snapshots of {shown(files)}, found none of {shown(absent)}. Materialise "
            f"the asset {view.name} for them; if it refused them, its check tells why."
        )
        raise NotPublishedError(msg)
    keys = ", ".join(f'"{field.name}"' for field in view.entity_columns)
    stamp = _source(view).timestamp_field
    first, last, entities = _row(
        f"SELECT min(newest), max(newest), count(*) FROM"
        f' (SELECT max("{stamp}") AS newest FROM read_parquet(?, hive_partitioning = false) GROUP BY {keys})',
        list(files.values()),
    )
    return Window(first, last, entities) if entities else None


def write(store: FeatureStore, view: FeatureView, window: Window) -> None:
    """Lay the newest snapshot of each entity within a window where the scorer finds it."""
    with redirect_stdout(StringIO()):  # Feast prints what whoever called knows already
        store.materialize(window.first, window.last, feature_views=[view.name])


def compare(
    store: FeatureStore, view: FeatureView, first: datetime, last: datetime, sample: int = SAMPLE
) -> Comparison:
    """Look at some entities: is what the online store serves what the offline store calls the newest?

    The offline store is asked for the newest snapshots up to `last`. An entity that is served from a later day has
    been written since, and says nothing about this window.
    """
    stored = _sample(newest_snapshots(store, view, first, last), view, sample)
    keys = _protos(stored, {field.name: field.dtype.to_value_type() for field in view.entity_columns})
    values = _protos(stored, {field.name: field.dtype.to_value_type() for field in view.features})
    entities = [
        EntityKey(join_keys=list(keys), entity_values=[column[row] for column in keys.values()])
        for row in range(stored.num_rows)
    ]
    served = store.provider.online_read(store.config, view, entities) if entities else []
    equal, newer, differences = 0, 0, []
    for row, (served_at, answer) in enumerate(served):
        stored_at = make_tzaware(stored[_source(view).timestamp_field][row].as_py())
        name = ", ".join(str(stored[key][row]) for key in keys)
        if served_at is None or answer is None:
            differences.append(Difference(name, "the entity", "nothing", f"of {stored_at}"))
        elif make_tzaware(served_at) > stored_at:
            newer += 1
        elif make_tzaware(served_at) < stored_at:
            differences.append(Difference(name, "event time", str(make_tzaware(served_at)), str(stored_at)))
        else:
            found = [
                Difference(name, feature, _shown(answer.get(feature, Value())), _shown(column[row]))
                for feature, column in values.items()
                if answer.get(feature, Value()).SerializeToString() != column[row].SerializeToString()
            ]
            differences += found
            equal += not found
    return Comparison(equal, newer, tuple(differences))


def _source(view: FeatureView) -> DataSource:
    if view.batch_source is None:
        raise ValueError(f"view {view.name!r}: expected a batch source, found none")
    return view.batch_source


def newest_snapshots(store: FeatureStore, view: FeatureView, first: datetime, last: datetime) -> pa.Table:
    """Of each entity its newest stored snapshot between two event times, both included."""
    source = _source(view)
    return store.provider.offline_store.pull_latest_from_table_or_query(
        config=store.config,
        data_source=source,
        join_key_columns=[field.name for field in view.entity_columns],
        feature_name_columns=[field.name for field in view.features],
        timestamp_field=source.timestamp_field,
        created_timestamp_column=source.created_timestamp_column,
        start_date=first,
        end_date=last,
    ).to_arrow()


def _sample(newest: pa.Table, view: FeatureView, size: int) -> pa.Table:
    """Some rows: others on another day, the same if one looks again."""
    ordered = newest.sort_by([(field.name, "ascending") for field in view.entity_columns])
    stamp = ordered[_source(view).timestamp_field]
    chance = random.Random(f"{view.name} {max(stamp.to_pylist(), default=None)}")  # noqa: S311  not for secrets
    return ordered.take(sorted(chance.sample(range(ordered.num_rows), min(size, ordered.num_rows))))


def _protos(table: pa.Table, kinds: dict[str, ValueType]) -> dict[str, list[Value]]:
    return {name: python_values_to_proto_values(table[name].to_pylist(), kind) for name, kind in kinds.items()}


def _shown(value: Value) -> str:
    kind = value.WhichOneof("val")
    return str(getattr(value, kind)) if kind else "null"


def _row(query: str, files: list[Path]) -> tuple[datetime, datetime, int]:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        (row,) = connection.execute(query, [[str(file) for file in files]]).fetchall()
    return row
