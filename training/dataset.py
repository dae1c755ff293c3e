"""Training sets: entities and moments on the left, what Feast says was known of them then on the right."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from feast import FeatureService, FeatureStore, FeatureView, FileSource
from feast.base_feature_view import BaseFeatureView
from feast.errors import FeatureServiceNotFoundException

from feature_repo.home import home as home_folder
from feature_repo.store import open_store
from training import leakage
from training.facts import Facts, NoFactsError
from training.labels import Moments
from training.manifest import (
    Manifest,
    Source,
    code_version,
    contract_hash,
    differences,
    library_versions,
    read_manifest,
    source_of,
)
from training.specs import ModelSpec, spec_of

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

BLOCK = 500_000
MOMENT = pa.timestamp("us", "UTC")
Shown = Callable[[str, int, int], None]


class TrainingSetError(ValueError):
    """The training set asked for cannot be made."""


class ChangedError(TrainingSetError):
    """A training set made again from its manifest is not the same."""


@dataclass(frozen=True)
class TrainingSet:
    """Rows of entity, event_timestamp, label, label_until and features, ordered by moment and entity."""

    spec: ModelSpec
    table: pa.Table
    manifest: Manifest

    @property
    def inputs(self) -> tuple[str, ...]:
        """The columns that a model learns from, in the order of its service; what the asker says comes last."""
        return self.manifest.inputs

    def to_pandas(self) -> pd.DataFrame:
        """As a pandas frame."""
        frame: pd.DataFrame = self.table.to_pandas()
        return frame

    def to_polars(self) -> pl.DataFrame:
        """As a Polars frame."""
        import polars  # noqa: PLC0415  not everybody wants it

        frame = polars.from_arrow(self.table)
        assert isinstance(frame, polars.DataFrame)  # noqa: S101  a table becomes no Series
        return frame

    @cached_property
    def parquet(self) -> bytes:
        """The Parquet file, whose hash the manifest holds."""
        return _parquet(self.table)

    def write(self, file: Path) -> Path:
        """Write the rows, and beside them the manifest, whose place is returned."""
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(self.parquet)
        beside = file.with_suffix(".manifest.json")
        self.manifest.write(beside)
        return beside


def training_set(
    model: str | ModelSpec,
    *,
    start: date | datetime | str | None = None,
    end: date | datetime | str | None = None,
    every: str | timedelta | None = None,
    known_at: date | datetime | str | None = None,
    entities: pa.Table | pd.DataFrame | pl.DataFrame | None = None,
    at_most: int | None = None,
    store: FeatureStore | None = None,
    home: Path | None = None,
    show: Shown = lambda *_: None,
) -> TrainingSet:
    """What was known of each entity at each moment, and what came of it.

    The rows are those of the model's own population, every so often from `start` to `end`; or those of a table of
    one's own, with the entity's join key and `event_timestamp`, and perhaps a `label` of one's own (then with
    `label_until`, the moment at which it was settled). `known_at` builds the set as it could have been built then.
    `at_most` keeps so many rows, chosen by a hash of entity and moment: the same ones whenever they are asked.
    """
    spec = model if isinstance(model, ModelSpec) else spec_of(model)
    folder, store = home or home_folder(), store or open_store()
    service = _service(store, spec.service)
    views = views_of(store, service)
    cutoff = as_moment(known_at, "known_at") or _last_known(folder, spec)
    facts = Facts(folder, cutoff)
    data_end = facts.end(spec.label.table)

    show("rows", 0, 1)
    given = None if entities is None else _given(entities, spec)
    asked = (
        spec.label.population(facts, _moments(spec, start, end, every, folder, data_end)) if given is None else given
    )
    rows = asked if "label" in asked.column_names else spec.label.outcome(facts, asked)
    rows = _typed(rows).sort_by([("event_timestamp", "ascending"), (spec.entity, "ascending")])
    rows = rows if at_most is None else thinned(rows, spec.entity, at_most)
    show("rows", 1, 1)
    if not len(rows):
        raise TrainingSetError(
            f"{spec.name}: of {len(asked):,} rows asked for, none has a label that was settled by {data_end:%Y-%m-%d}. "
            f"The label: {spec.label.definition}. Choose an earlier span, or load later data."
        )
    joined, times = _joined(store, service, rows, show)
    leakage.check(rows, times, [view.name for view in views if isinstance(view, FeatureView)], data_end)
    inputs = (
        *(f.name for projection in service.feature_view_projections for f in projection.features),
        *spec.label.extra,
    )
    table = pa.table(
        {name: joined[name] for name in (*rows.column_names, *(n for n in inputs if n not in rows.column_names))}
    )
    manifest = Manifest(
        model=spec.name,
        service=service.name,
        contract=contract_hash(views),
        label=spec.label.definition,
        arguments={
            "start": _told(start),
            "end": _told(end),
            "every": every if every is None or isinstance(every, str) else f"{every // timedelta(minutes=1)}m",
            "at_most": at_most,
            "entities": hashlib.sha256(_parquet(given)).hexdigest() if given is not None else None,
        },
        known_at=cutoff.isoformat(),
        data_end=data_end.isoformat(),
        sources=_sources(spec, views, facts, rows),
        code=code_version(),
        libraries=library_versions(),
        rows=len(table),
        left_out=len(asked) - len(table),
        columns=tuple(table.column_names),
        inputs=inputs,
        sha256="",
    )
    made = TrainingSet(spec, table, manifest)
    return replace(made, manifest=replace(manifest, sha256=hashlib.sha256(made.parquet).hexdigest()))


def read(file: Path) -> TrainingSet:
    """A training set from its file, which must be the one that the manifest beside it tells of."""
    manifest = read_manifest(file.with_suffix(".manifest.json"))
    content = file.read_bytes()
    if (found := hashlib.sha256(content).hexdigest()) != manifest.sha256:
        raise ChangedError(
            f"{file}: expected sha256 {manifest.sha256}, found {found}: it is not what its manifest tells of."
        )
    return TrainingSet(spec_of(manifest.model), pq.read_table(pa.BufferReader(content)), manifest)


def rebuilt(
    manifest_file: Path, *, entities: Any = None, home: Path | None = None, show: Shown = lambda *_: None
) -> TrainingSet:
    """The training set of a manifest, byte for byte; else an error that says what has changed."""
    before = read_manifest(manifest_file)
    asked = before.arguments
    if asked["entities"] and entities is None:
        raise TrainingSetError(f"{manifest_file} was made from entity rows of somebody's own: give them again.")
    made = training_set(
        before.model,
        start=asked["start"],
        end=asked["end"],
        every=asked["every"],
        at_most=asked["at_most"],
        known_at=before.known_at,
        entities=entities,
        home=home,
        show=show,
    )
    if made.manifest.sha256 != before.sha256:
        told = differences(before, made.manifest)
        if asked["entities"] != made.manifest.arguments["entities"]:
            told.insert(0, "the entity rows given are others")
        raise ChangedError(
            f"{manifest_file}: the set made again differs.\n"
            + "\n".join(f"- {one}" for one in told or ["no source has"])
        )
    return made


def views_of(store: FeatureStore, service: FeatureService) -> list[BaseFeatureView]:
    """The views that a service reads, each with the features that it takes of them, in the service's order."""
    return [
        store.registry.get_any_feature_view(projection.name, store.project, allow_cache=True).with_projection(
            projection
        )
        for projection in service.feature_view_projections
    ]


def _service(store: FeatureStore, name: str) -> FeatureService:
    try:
        return store.get_feature_service(name)
    except FeatureServiceNotFoundException:
        raise TrainingSetError(
            f"Feast's registry holds no service {name!r}: materialise features first (`tidemark features`), "
            "or run `feast -c feature_repo apply`."
        ) from None


def _joined(store: FeatureStore, service: FeatureService, rows: pa.Table, show: Shown) -> tuple[pa.Table, pa.Table]:
    """The rows with their features, and the times of these."""
    blocks = []
    for first in range(0, len(rows), BLOCK):
        show("features", first, len(rows))
        block = rows.slice(first, BLOCK)
        entity_rows = block.append_column("request_timestamp", block["event_timestamp"])
        job = store.get_historical_features(entity_df=entity_rows, features=service)
        blocks.append(job.to_arrow_with_times() if hasattr(job, "to_arrow_with_times") else job.to_arrow())
    show("features", len(rows), len(rows))
    joined = pa.concat_tables(blocks)
    if joined["event_timestamp"].cast(MOMENT) != rows["event_timestamp"]:
        raise TrainingSetError(
            f"expected {len(rows):,} rows in their order from the offline store, found {len(joined):,}, or others: "
            "its joins lose rows. Use feature_repo.stores.offline.AsofOfflineStore."
        )
    return joined, joined


def _sources(spec: ModelSpec, views: list[BaseFeatureView], facts: Facts, rows: pa.Table) -> dict[str, Source]:
    span = pc.min_max(rows["event_timestamp"]).as_py()
    raw = facts.home / "raw"
    known = (
        [file for file in facts.files(spec.label.table) if _day(file) <= facts.known_at.date()]
        if facts.known_at
        else []
    )
    found = {f"raw/{spec.label.table}": source_of(known, raw)}
    for view in views:
        source = view.batch_source if isinstance(view, FeatureView) else None
        folder = Path(source.path) if isinstance(source, FileSource) else None
        if not isinstance(view, FeatureView) or folder is None or not folder.is_dir():
            continue
        first = (span["min"] - (view.ttl or timedelta(days=36500))).date() - timedelta(days=1)
        read = [file for file in sorted(folder.glob("*=*/*.parquet")) if first <= _day(file) <= span["max"].date()]
        found[f"features/{view.name}"] = source_of(read, folder)
    return found


def _day(file: Path) -> date:
    return date.fromisoformat(file.parent.name.rpartition("=")[2])


def thinned(rows: pa.Table, entity: str, most: int) -> pa.Table:
    """So many of the rows, in their order."""
    if len(rows) <= most:
        return rows
    mixed = rows[entity].to_numpy().astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    mixed ^= rows["event_timestamp"].cast(pa.int64()).to_numpy().astype(np.uint64) * np.uint64(0xD6E8FEB86659FD93)
    mixed ^= mixed >> np.uint64(32)
    mixed *= np.uint64(0xD6E8FEB86659FD93)
    return rows.take(np.sort(np.argsort(mixed, kind="stable")[:most]))


def _given(entities: Any, spec: ModelSpec) -> pa.Table:
    table = entities if isinstance(entities, pa.Table) else None
    if table is None and hasattr(entities, "to_arrow"):
        table = entities.to_arrow()
    if table is None:
        table = pa.Table.from_pandas(entities, preserve_index=False)
    missing = [name for name in (spec.entity, "event_timestamp") if name not in table.column_names]
    if "label" in table.column_names and "label_until" not in table.column_names:
        missing.append("label_until")
    if missing:
        raise TrainingSetError(
            f"{spec.name}: expected entity rows with the columns {spec.entity} and event_timestamp (and label_until "
            f"where there is a label), found {', '.join(table.column_names)}; missing: {', '.join(missing)}"
        )
    if nulls := [name for name in (spec.entity, "event_timestamp") if table[name].null_count]:
        raise TrainingSetError(f"{spec.name}: the entity rows have nulls in {', '.join(nulls)}")
    return _typed(table.replace_schema_metadata())


def _typed(table: pa.Table) -> pa.Table:
    """Moments as UTC microseconds, whatever they came as; naive ones are UTC."""
    for name in ("event_timestamp", "label_until"):
        if name in table.column_names:
            try:
                moments = table[name].cast(pa.timestamp("us", getattr(table[name].type, "tz", None)))
                moments = moments if moments.type.tz else pc.assume_timezone(moments, "UTC")
            except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as problem:
                raise TrainingSetError(f"{name}: expected moments, found {table[name].type}: {problem}") from problem
            table = table.set_column(table.column_names.index(name), name, moments.cast(MOMENT))
    return table


def _moments(
    spec: ModelSpec,
    start: date | datetime | str | None,
    end: date | datetime | str | None,
    every: str | timedelta | None,
    folder: Path,
    data_end: datetime,
) -> Moments:
    first = as_moment(start, "start") or first_snapshot(folder, spec)
    return Moments(first, as_moment(end, "end") or data_end, step(every) if every is not None else spec.every)


def first_snapshot(folder: Path, spec: ModelSpec) -> datetime:
    """The first midnight by which a snapshot of the model's entity had been promised: before, nothing is known."""
    view = "property" if spec.entity == "property_id" else "behavioural"
    days = sorted(path.name.rpartition("=")[2] for path in (folder / "features" / view).glob("snapshot_on=*"))
    if not days:
        raise TrainingSetError(f"no features of {view} are published in {folder}: run `tidemark features` first.")
    return datetime.combine(date.fromisoformat(days[0]) + timedelta(days=2), datetime.min.time(), UTC)


def step(text: str | timedelta) -> timedelta:
    """A step such as 7d, 12h or 30m."""
    if isinstance(text, timedelta):
        return text
    units = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
    number, unit = text[:-1], text[-1:]
    if unit not in units or not number.isdigit() or int(number) == 0:
        raise TrainingSetError(f"every: expected a step such as 7d, 12h or 30m, found {text!r}")
    return timedelta(**{units[unit]: int(number)})


def as_moment(when: date | datetime | str | None, name: str) -> datetime | None:
    """A day or a moment in whatever form it was given, in UTC."""
    if when is None:
        return None
    try:
        read = datetime.fromisoformat(when if isinstance(when, str) else when.isoformat())
    except ValueError:
        raise TrainingSetError(f"{name}: expected a day or a moment such as 2025-03-01, found {when!r}") from None
    return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)


def _told(when: date | datetime | str | None) -> str | None:
    return when if when is None or isinstance(when, str) else when.isoformat()


def _last_known(folder: Path, spec: ModelSpec) -> datetime:
    """The end of the last day on which facts about the label became known."""
    last = max((_day(file) for file in Facts(folder).files(spec.label.table)), default=None)
    if last is None:
        raise NoFactsError(f"no {spec.label.table} are loaded in {folder}")
    return datetime.combine(last + timedelta(days=1), datetime.min.time(), UTC) - timedelta(microseconds=1)


def _parquet(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd", row_group_size=BLOCK)
    return sink.getvalue()
