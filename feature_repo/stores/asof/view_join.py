"""What is joined for one view: which columns of which files answer which columns of the entity rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from feast import FeatureView
from feast.data_source import DataSource
from feast.errors import FeastEntityDFMissingColumnsError
from feast.feature_view import DUMMY_ENTITY_ID
from feast.types import FeastType, UnixTimestamp, from_feast_to_pyarrow_type
from feast.utils import _parse_feature_ref

from feature_repo.stores.asof.gather import gathered
from feature_repo.stores.asof.instants import NEVER, Instants, Unit, instants, ticks
from feature_repo.stores.asof.join_keys import NO_KEY, JoinKeys
from feature_repo.stores.asof.newest import NO_ROW, Rows, Versions, condensed, newest
from feature_repo.stores.asof.parquet_source import ParquetSource
from feature_repo.stores.asof.row_groups import RowGroup, numbers_of, portions

# Versions looked at in one go, before those are dropped that cannot answer: the more, the fewer the goes. Where few
# rows are asked for, nearly all versions are of other keys, and holding many of them gains nothing.
_VERSIONS_AT_A_TIME = 8_000_000
_FEWEST_VERSIONS_AT_A_TIME, _VERSIONS_A_ROW = 500_000, 8


@dataclass(frozen=True)
class Feature:
    """A feature asked for: its column in the files, its name in the answer, its type if a folder's name holds it."""

    column: str
    name: str
    declared: FeastType


@dataclass(frozen=True)
class ViewJoin:
    """A view as it is to be joined. All columns are those of the files, except `entity_keys`."""

    view: str
    data: DataSource
    entity_keys: tuple[str, ...]
    keys: tuple[str, ...]
    event: str
    created: str | None
    ttl: timedelta | None
    features: tuple[Feature, ...]
    # Whether a version counts only from its creation on.
    by_creation: bool

    def with_times(self) -> ViewJoin:
        """With `<view>__event_timestamp`, and `<view>__created_timestamp` where there is one, as features."""
        times = {"event_timestamp": self.event, "created_timestamp": self.created}
        added = [Feature(column, f"{self.view}__{name}", UnixTimestamp) for name, column in times.items() if column]
        return replace(self, features=(*self.features, *added))

    def rows(self, source: ParquetSource, keys: JoinKeys, times: Instants, unit: Unit) -> Rows:
        """For each key asked for, at its time, the row of the source that answers."""
        ttl = ticks(self.ttl, unit) if self.ttl else None
        real = times[(times != NEVER) & (keys.codes != NO_KEY)]
        if not len(real):
            return np.full(len(times), NO_ROW, np.int64)
        first, last = int(real.min()), int(real.max())
        oldest = None if ttl is None or first < NEVER + 1 + ttl else first - ttl
        groups = source.between(self.event, oldest, last, unit)
        if self.by_creation and self.created:
            known = set(source.between(self.created, None, last, unit))
            groups = tuple(group for group in groups if group in known)
        kept: Versions | None = None
        for portion in portions(groups, lambda group: group.rows, _versions_at_a_time(len(real))):
            versions = self._versions(source, portion, keys, unit)
            versions = versions.where(_may_answer(versions, oldest, last))
            kept = versions if kept is None else kept.and_then(versions)
            if len(kept) > _VERSIONS_AT_A_TIME:
                kept = condensed(kept, first)
        return np.full(len(times), NO_ROW, np.int64) if kept is None else newest(kept, keys.codes, times, ttl)

    def answers(self, source: ParquetSource, rows: Rows) -> pa.Table:
        """The features at rows of the source, under the names asked for."""
        columns = list(dict.fromkeys(feature.column for feature in self.features))
        values = dict(zip(columns, gathered(source, columns, rows), strict=True))
        in_files = {name for schema in source.schemas for name in schema.names}
        arrays = [
            values[feature.column]
            if feature.column in in_files
            else values[feature.column].cast(from_feast_to_pyarrow_type(feature.declared))
            for feature in self.features
        ]
        return pa.table(arrays, names=[feature.name for feature in self.features])

    def _versions(self, source: ParquetSource, groups: Sequence[RowGroup], keys: JoinKeys, unit: Unit) -> Versions:
        times = [self.event] if self.created is None else [self.event, self.created]
        table = source.read(groups, list(dict.fromkeys([*self.keys, *times])))
        created = None if self.created is None else instants(table.column(self.created), self.created, unit)
        return Versions(
            keys=keys.codes_of([table.column(name) for name in self.keys], table.num_rows, source.path),
            events=instants(table.column(self.event), self.event, unit),
            created=created,
            rows=numbers_of(groups),
            by_creation=self.by_creation,
        )


def joins_of(
    views: Sequence[FeatureView], references: Sequence[str], *, full_names: bool, by_creation: bool
) -> Iterator[ViewJoin]:
    """What to join for the features asked for, in the order of the views."""
    for view in views:
        if view.batch_source is None:
            raise ValueError(f"view {view.name!r} has no batch source, so it has no history to retrieve")
        shown: str = view.projection.name_to_use()  # type: ignore[no-untyped-call]
        names = [feature for prefix, feature in map(_parsed, references) if prefix == shown]
        prefix = f"{view.projection.name_alias or view.name}__" if full_names else ""
        in_file = {new: old for old, new in view.batch_source.field_mapping.items()}
        keys = [entity.name for entity in view.entity_columns if entity.name != DUMMY_ENTITY_ID]
        types = {field.name: field.dtype for field in (*view.projection.features, *view.features)}
        created = view.batch_source.created_timestamp_column
        yield ViewJoin(
            view=shown,
            data=view.batch_source,
            entity_keys=tuple(view.projection.join_key_map.get(key, key) for key in keys),
            keys=tuple(in_file.get(key, key) for key in keys),
            event=in_file.get(view.batch_source.timestamp_field, view.batch_source.timestamp_field),
            created=in_file.get(created, created) or None,
            ttl=view.ttl or None,
            features=tuple(
                Feature(in_file.get(name, name), prefix + name, types[name]) for name in dict.fromkeys(names)
            ),
            by_creation=by_creation,
        )


def check_columns(entity_columns: Sequence[str], joins: Sequence[ViewJoin]) -> None:
    """Every join key has its column in the entity rows, and no two columns of the answer share a name."""
    expected = {key for join in joins for key in join.entity_keys}
    if missing := expected - set(entity_columns):
        raise FeastEntityDFMissingColumnsError(expected, missing)  # type: ignore[no-untyped-call]
    owner = dict.fromkeys(entity_columns, "the entity rows")
    for join in joins:
        for feature in join.features:
            if feature.name in owner:
                raise ValueError(
                    f"column {feature.name!r} comes from {owner[feature.name]} and from the view {join.view!r}: "
                    "ask with full_feature_names=True, or rename one of them"
                )
            owner[feature.name] = f"the view {join.view!r}"


def _parsed(reference: str) -> tuple[str, str]:
    name, version, feature = _parse_feature_ref(reference)
    return (name if version is None else f"{name}@v{version}"), feature


def _may_answer(versions: Versions, oldest: int | None, last: int) -> npt.NDArray[np.bool_]:
    may: npt.NDArray[np.bool_] = (versions.keys != NO_KEY) & (versions.events != NEVER) & (versions.appears <= last)
    if oldest is not None:
        may &= versions.events >= oldest
    if versions.by_creation and versions.created is not None:
        # What does not say when it became known was never known.
        may &= versions.created != NEVER
    return may


def _versions_at_a_time(entity_rows: int) -> int:
    return min(_VERSIONS_AT_A_TIME, max(_FEWEST_VERSIONS_AT_A_TIME, _VERSIONS_A_ROW * entity_rows))
