"""Training sets: entities and moments on the left, what Feast says was known of them then on the right."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from feast import FeatureService, FeatureStore, FeatureView, FileSource
from feast.base_feature_view import BaseFeatureView
from feast.errors import FeatureServiceNotFoundException

from feature_repo.home import home as home_folder
from feature_repo.store import open_store
from training import leakage, past
from training.entity_rows import require_labels, require_unique
from training.facts import Facts
from training.manifest import (
    Manifest,
    SourceFiles,
    code_version,
    contract_hash,
    differences,
    library_versions,
    read_manifest,
    source_of,
)
from training.models import spec_of
from training.progress import ShowProgress
from training.row_selection import (
    MOMENT,
    TrainingSetError,
    as_moment,
    day_of,
    given_rows,
    last_known,
    moments_of,
    require_one_source_of_keys,
    thinned,
    typed,
    with_columns,
    with_extra,
)
from training.specs import ModelSpec

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

BLOCK = 500_000
UNSETTLED, THINNED, UNANSWERED = "no settled label", "beyond at_most", "no features that the scorer would answer from"
"""Why rows that were asked for are left out of a training set."""
RowCheck = Callable[[pa.Table], object]


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
    check: RowCheck = lambda _: None,
    store: FeatureStore | None = None,
    home: Path | None = None,
    show: ShowProgress = lambda *_: None,
) -> TrainingSet:
    """What was known of each entity at each moment, and what came of it.

    The rows are those of the model's own population, every so often from `start` to `end`; or those of a table of
    one's own, with the entity's join key and `event_timestamp`, and perhaps a `label` of one's own (then with
    `label_until`, the moment at which it was settled, and the inputs that a request gives, such as `months_ahead`;
    where the model says what these are by default they are filled in, which the manifest tells). `known_at` builds the
    set as it could have been built then.
    `at_most` keeps so many rows, chosen by a hash of entity and moment: the same ones whenever they are asked.
    `check` is called with the rows before their features are looked up, and may raise: that takes most of the time.
    """
    spec = model if isinstance(model, ModelSpec) else spec_of(model)
    folder = home or home_folder()
    store = store or open_store(folder)
    service = service_of(store, spec.service)
    views = views_of(store, service)
    require_one_source_of_keys(spec, views)
    cutoff = as_moment(known_at, "known_at") or last_known(folder, spec)
    facts = Facts(folder, cutoff, spec.label.tables)
    data_end = facts.end(spec.label.table)

    show("rows", 0, 1)
    given = None if entities is None else given_rows(entities, spec)
    if given is not None and "label" in given.column_names:
        require_labels(given, spec)
    asked = (
        spec.label.population(facts, moments_of(spec, views, start, end, every, folder, data_end))
        if given is None
        else given
    )
    asked, filled = with_extra(asked, spec) if "label" in asked.column_names else (asked, "")
    if given is not None:
        require_unique(asked, spec)
    if given is not None and not len(asked):
        raise TrainingSetError(f"{spec.name}: expected entity rows, found a table of none.")
    rows = asked if "label" in asked.column_names else spec.label.outcome(facts, asked)
    rows = typed(rows).sort_by([(name, "ascending") for name in ("event_timestamp", *spec.join_keys)])
    if not len(rows):
        raise TrainingSetError(
            f"{spec.name}: of {len(asked):,} rows asked for, none has a label that was settled by {data_end:%Y-%m-%d}. "
            f"The label: {spec.label.definition}. Choose an earlier span, or load later data."
        )
    settled = len(rows)
    rows = rows if at_most is None else thinned(rows, spec.join_keys, at_most)
    kept = len(rows)
    check(rows)
    rows = spec.label.context(facts, rows)
    show("rows", 1, 1)
    joined = joined_features(spec, store, views, rows, show)
    leakage.check(rows, joined, [view.name for view in views if isinstance(view, FeatureView)], data_end)
    rows, joined = _answerable(spec, views, rows, joined)
    inputs = (
        *(f.name for view in views for f in view.projection.features if f.name not in past.leading_keys(views)),
        *spec.label.extra,
    )
    table = with_columns(rows, {name: joined[name] for name in inputs if name not in spec.label.extra})
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
        left_out={UNSETTLED: len(asked) - settled, THINNED: settled - kept, UNANSWERED: kept - len(table)},
        columns=tuple(table.column_names),
        inputs=inputs,
        sha256="",
        filled_in=filled,
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
    manifest_file: Path, *, entities: Any = None, home: Path | None = None, show: ShowProgress = lambda *_: None
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


def service_of(store: FeatureStore, name: str) -> FeatureService:
    """A service of Feast's registry."""
    try:
        return store.get_feature_service(name)
    except FeatureServiceNotFoundException:
        raise TrainingSetError(
            f"Feast's registry holds no service {name!r}: materialise features first (`tidemark features`), "
            "or run `feast -c feature_repo apply`."
        ) from None


def joined_features(
    spec: ModelSpec,
    store: FeatureStore,
    views: list[BaseFeatureView],
    rows: pa.Table,
    show: ShowProgress,
    *,
    with_ages: bool = False,
) -> pa.Table:
    """The features of rows, and the times of these; `with_ages` also of those that are too old for the policy."""
    features = {field.name for view in views for field in view.projection.features} - past.leading_keys(views)
    if taken := sorted(features & {*rows.column_names}):
        raise TrainingSetError(
            f"{spec.name}: the rows have columns of their own that are called as its features are: {', '.join(taken)}. "
            "Rename them, or leave them out."
        )
    if empty := [view.name for view in views if isinstance(view, FeatureView) and not _has_snapshots(view)]:
        asked = " ".join(f"--view {name}" for name in empty)
        raise TrainingSetError(
            f"{spec.name}: no day of {', '.join(empty)} is published, which its service reads: compute the days of the "
            f"other views for it as well, `tidemark features --from --to {asked}`."
        )
    keyed = rows.select([*spec.join_keys, "event_timestamp"])
    blocks = []
    for first in range(0, len(rows), BLOCK):
        show("features", first, len(rows))
        block = keyed.slice(first, BLOCK)
        entity_rows = block.append_column("request_timestamp", block["event_timestamp"])
        blocks.append(past.lookup(store, views, entity_rows, spec.when_missing, with_ages=with_ages))
    show("features", len(rows), len(rows))
    joined = pa.concat_tables(blocks)
    if joined["event_timestamp"].cast(MOMENT) != rows["event_timestamp"]:
        raise TrainingSetError(
            f"expected {len(rows):,} rows in their order from the offline store, found {len(joined):,}, or others: "
            "its joins lose rows. Use feature_repo.stores.offline.AsofOfflineStore."
        )
    return joined


def _has_snapshots(view: FeatureView) -> bool:
    source = view.batch_source
    return not isinstance(source, FileSource) or any(Path(source.path).glob("*=*/*.parquet"))


def _answerable(
    spec: ModelSpec, views: list[BaseFeatureView], rows: pa.Table, joined: pa.Table
) -> tuple[pa.Table, pa.Table]:
    """The rows that the scorer would have answered, with and without their features as it would have seen them."""
    features, answered = past.apply(joined, views, spec.when_missing)
    if not answered.any():
        stored = ", ".join(view.name for view in views if isinstance(view, FeatureView))
        raise TrainingSetError(
            f"{spec.name}: none of {len(rows):,} rows has features: no snapshot of {stored} that is young enough was "
            f"known at any moment from {rows['event_timestamp'][0].as_py():%Y-%m-%d} to "
            f"{rows['event_timestamp'][-1].as_py():%Y-%m-%d}. Compute these days: `tidemark features --from --to`."
        )
    return rows.filter(pa.array(answered)), features.filter(pa.array(answered))


def _sources(spec: ModelSpec, views: list[BaseFeatureView], facts: Facts, rows: pa.Table) -> dict[str, SourceFiles]:
    span = pc.min_max(rows["event_timestamp"]).as_py()
    raw = facts.home / "raw"
    known = (
        [file for file in facts.files(spec.label.table) if day_of(file) <= facts.known_at.date()]
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
        read = [file for file in sorted(folder.glob("*=*/*.parquet")) if first <= day_of(file) <= span["max"].date()]
        found[f"features/{view.name}"] = source_of(read, folder)
    return found


def _told(when: date | datetime | str | None) -> str | None:
    return when if when is None or isinstance(when, str) else when.isoformat()


def _parquet(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd", row_group_size=BLOCK)
    return sink.getvalue()
