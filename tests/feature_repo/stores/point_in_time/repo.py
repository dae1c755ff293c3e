"""A case as a real Feast project in a folder: Parquet files, stock definitions, a file registry, one offline store."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC
from pathlib import Path
from types import FunctionType
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from feast import Entity, FeatureService, FeatureStore, FeatureView, Field, FileSource, RequestSource, ValueType
from feast.data_format import ParquetFormat
from feast.on_demand_feature_view import on_demand_feature_view
from feast.repo_config import RepoConfig
from feast.type_map import feast_value_type_to_pa
from feast.types import Int64
from point_in_time.case import UTC_MICROSECONDS, Asked, Case, OnDemand, Row, View
from point_in_time.oracle import instant
from point_in_time.stores import Store

# How many rows a file has where a view has several, and a row group where it has several.
ROWS_EACH = 2


def ask(case: Case, store: Store, folder: Path) -> pa.Table:
    """What the store returns for the case."""
    for view in case.views:
        write(view, folder)
    return retrieve(case, apply(case, store, folder), by_argument=not store.always_by_knowledge_time)


def apply(case: Case, store: Store, folder: Path) -> FeatureStore:
    """The case's definitions in a registry of their own."""
    opened = open_store(store, folder)
    views = {view.name: declared(view, folder) for view in case.views}
    entities = [entity for view in case.views for entity in entities_of(view)]
    derived = [declared_on_demand(view, case, list(views.values())) for view in case.on_demand]
    taken = [projected(views[asked.view], asked) for asked in case.takes]
    service = FeatureService(name="asked", features=[*taken, *derived])
    opened.apply([*entities, *views.values(), *derived, service])
    return opened


def open_store(store: Store, folder: Path, *, online: bool = False) -> FeatureStore:
    """A Feast store over an empty folder, without an online store where nothing is served."""
    config = {
        "project": "conformance",
        "provider": "local",
        "registry": {"registry_type": "file", "path": str(folder / "registry.db")},
        "online_store": {"type": "sqlite", "path": str(folder / "online.db")} if online else None,
        "offline_store": store.config,
        "entity_key_serialization_version": 3,
    }
    return FeatureStore(config=RepoConfig(repo_path=folder, **config))


def retrieve(case: Case, opened: FeatureStore, *, by_argument: bool = True) -> pa.Table:
    """The case's question, asked of a store that has its definitions."""
    options = {"start_date": case.between[0], "end_date": case.between[1]} if case.between else {}
    if case.knowledge_time and by_argument:
        options["filter_by_created_timestamp"] = True
    return opened.get_historical_features(
        entity_table(case),
        features=opened.get_feature_service("asked"),
        full_feature_names=case.full_names,
        **options,
    ).to_arrow()


def entity_table(case: Case) -> pd.DataFrame | pa.Table | str | None:
    """The entity rows in the form that the case gives them."""
    if case.given == "dates":
        return None
    if case.given == "sql":
        return case.sql
    types = {case.moment: "datetime64[us, UTC]", **case.types}
    columns = {name: [row[at] for row in case.entities] for at, name in enumerate(case.columns)}
    frame = pd.DataFrame(
        {name: column(values, types.get(name)) for name, values in columns.items()},
        index=case.index,
        columns=case.columns,
    )
    return pa.Table.from_pandas(frame, preserve_index=False) if case.given == "arrow" else frame


def column(values: Sequence[Any], dtype: str | None) -> Any:
    """One entity column; a naive or zoned dtype says how the same instants are written."""
    if dtype is None or not dtype.startswith("datetime64"):
        return pd.array(values, dtype=dtype) if dtype else values
    unit, _, zone = dtype.removeprefix("datetime64[").removesuffix("]").partition(", ")
    instants = pd.DatetimeIndex([instant(value) for value in values], dtype=f"datetime64[{unit}, UTC]")
    return instants.tz_convert(zone or None)


def declared(view: View, folder: Path) -> FeatureView:
    """The view as a project declares it."""
    source = FileSource(
        name=f"{view.name}_source",
        path=str(path_of(view, folder)),
        file_format=ParquetFormat(),
        timestamp_field=view.times[0],
        created_timestamp_column=view.created or "",
        field_mapping=dict(view.mapped),
    )
    return FeatureView(
        name=view.name,
        entities=entities_of(view),
        ttl=view.ttl,
        schema=[Field(name=name, dtype=dtype) for name, dtype in {**view.keys, **view.features}.items()],
        source=source,
    )


def entities_of(view: View) -> list[Entity]:
    """One entity per join key, not named as it."""
    types = {key: ValueType.INT64 if dtype == Int64 else dtype.to_value_type() for key, dtype in view.keys.items()}
    return [Entity(name=f"the_{key}", join_keys=[key], value_type=value_type) for key, value_type in types.items()]


def projected(view: FeatureView, asked: Asked) -> FeatureView:
    """The view as the feature service takes it."""
    taken = view[list(asked.features)]
    if asked.name:
        taken = taken.with_name(asked.name)
    return taken.with_join_key_map(dict(asked.join_keys)) if asked.join_keys else taken


def declared_on_demand(view: OnDemand, case: Case, sources: list[FeatureView]) -> Any:
    """The on-demand view as a project declares it."""
    request = [Field(name=name, dtype=dtype) for name, dtype in view.request.items()]
    return on_demand_feature_view(
        name=view.name,
        sources=[*sources, *([RequestSource(name=f"{view.name}_request", schema=request)] if request else [])],
        schema=[Field(name=name, dtype=dtype) for name, dtype in view.features.items()],
        mode="python",
    )(copy_of(view.compute))


def copy_of(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function once more, since Feast writes another module's name into the one that it is given."""
    same = FunctionType(function.__code__, function.__globals__, function.__name__)
    same.__module__, same.__annotations__ = function.__module__, dict(function.__annotations__)
    return same


def path_of(view: View, folder: Path) -> Path:
    """What the view's FileSource names."""
    match view.layout:
        case "file" | "row groups" | "times of 96 bits" | "no statistics":
            return folder / f"{view.name}.parquet"
        case "odd path":
            return folder / "it's 100 % new; ü" / f"{view.name} (1).parquet"
        case "relative path":
            return Path("data") / f"{view.name}.parquet"
        case "hive pattern":
            return folder / view.name / "**" / "*.parquet"
        case _:
            return folder / view.name


def write(view: View, folder: Path) -> None:
    """Lay the view's rows where its FileSource finds them."""
    for file, table in tables_of(view, folder).items():
        file.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(
            table,
            file,
            row_group_size=ROWS_EACH if view.layout == "row groups" else None,
            use_deprecated_int96_timestamps=view.layout == "times of 96 bits",
            write_statistics=view.layout != "no statistics",
        )


def tables_of(view: View, folder: Path) -> dict[Path, pa.Table]:
    """Each file of the view's and what it holds."""
    if view.layout.startswith("hive"):
        return {folder / view.name / part / "part.parquet": table for part, table in partitions(view).items()}
    if not view.layout.startswith("files"):
        return {folder / path_of(view, folder): stored(view, view.rows)}
    starts = range(0, len(view.rows), ROWS_EACH)
    tables = [stored(view, view.rows[start : start + ROWS_EACH]) for start in starts]
    if view.layout == "files of two column orders":
        tables = [table.select(table.column_names[:: 1 if at % 2 else -1]) for at, table in enumerate(tables)]
    if view.layout == "files, one of them empty":
        tables = [tables[0].slice(0, 0), *tables]
    if view.layout == "files of two schemas":
        last = tuple(view.features)[-1]
        tables = [table if at >= len(tables) // 2 else table.drop_columns(last) for at, table in enumerate(tables)]
    return {folder / view.name / f"{len(tables) - at:04}.parquet": table for at, table in enumerate(tables)}


def partitions(view: View) -> dict[str, pa.Table]:
    """The rows by folder: a folder for each day, or for each value of the first key."""
    by_key = view.layout == "hive by key"
    column = view.columns[0] if by_key else "snapshot_on"
    at = view.columns.index(column if by_key else view.times[0])
    rows: dict[str, list[Row]] = {}
    for row in view.rows:
        value = row[at] if by_key else row[at].astimezone(UTC).date()
        rows.setdefault(f"{column}={value}", []).append(row)
    tables = {part: stored(view, tuple(found)) for part, found in rows.items()}
    return {part: table.drop_columns(column) if by_key else table for part, table in tables.items()}


def stored(view: View, rows: tuple[Row, ...]) -> pa.Table:
    """Rows of the view as its file holds them."""
    declared_types = {**view.keys, **view.features}
    columns = {}
    for at, name in enumerate(view.columns):
        values = [row[at] for row in rows]
        arrow_type = view.stored_as.get(
            name,
            feast_value_type_to_pa(declared_types[name].to_value_type())
            if name in declared_types
            else UTC_MICROSECONDS,
        )
        if pa.types.is_timestamp(arrow_type):
            columns[name] = moments(values, arrow_type)
        else:
            columns[name] = pa.array(values, arrow_type)
    names = {name: stored for stored, name in view.mapped.items()}
    undeclared = {name: pa.array([value] * len(rows)) for name, value in view.undeclared.items()}
    return pa.table({names.get(name, name): values for name, values in columns.items()} | undeclared)


def moments(values: Sequence[Any], arrow_type: pa.DataType) -> pa.Array:
    """Instants as a file holds them: in the type's unit, in its zone or without one."""
    times = [None if value is None else instant(value) for value in values]
    unit = "ns" if any(time is not None and time.nanosecond for time in times) else "us"
    counts = [None if time is None else int(time.as_unit(unit).to_datetime64().astype("int64")) for time in times]
    return pa.array(counts, pa.int64()).cast(pa.timestamp(unit, "UTC")).cast(arrow_type)
