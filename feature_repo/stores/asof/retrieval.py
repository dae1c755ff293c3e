"""What Feast hands to the user: an answer to be had as pandas, as Arrow, or straight into Parquet."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pandas as pd
import pyarrow as pa
from feast import OnDemandFeatureView
from feast.infra.offline_stores.file_source import SavedDatasetFileStorage
from feast.infra.offline_stores.offline_store import RetrievalJob, RetrievalMetadata
from feast.saved_dataset import SavedDatasetStorage, ValidationReference
from feast.types import Bytes, FeastType, from_feast_to_pyarrow_type

from feature_repo.stores.asof.parquet_source import place_of
from feature_repo.stores.asof.parquet_target import ParquetTarget
from feature_repo.stores.asof.point_in_time import PointInTimeAnswer


class RetrievalResult(Protocol):
    """What is retrieved, before on-demand views."""

    def table(self) -> pa.Table:
        """All at once."""

    def tables(self, near: Path | None = None) -> Iterator[pa.Table]:
        """In parts; what must wait, waits on disk in the folder `near`."""


class AsofRetrievalJob(RetrievalJob):
    """Reads when asked: `to_df`, `to_arrow`, `to_parquet` or `persist`."""

    def __init__(
        self,
        answer: RetrievalResult,
        repo_path: Path | str | None,
        *,
        full_feature_names: bool = False,
        on_demand_feature_views: list[OnDemandFeatureView] | None = None,
        metadata: RetrievalMetadata | None = None,
    ) -> None:
        self._answer = answer
        self._repo_path = repo_path
        self._full_feature_names = full_feature_names
        self._on_demand_feature_views = on_demand_feature_views or []
        self._metadata = metadata

    def to_df(
        self, validation_reference: ValidationReference | None = None, timeout: int | None = None
    ) -> pd.DataFrame:
        """As pandas."""
        table = self.to_arrow(validation_reference=validation_reference, timeout=timeout)
        # Column by column, each freed as it is copied: not two whole answers at a time.
        frame: pd.DataFrame = table.to_pandas(self_destruct=True)
        return frame

    def to_arrow_with_times(self) -> pa.Table:
        """As `to_arrow()`, and of each view when its values stood and when they were known, null where nothing matched.

        The columns are named `<view>__event_timestamp` and `<view>__created_timestamp`.
        """
        if not isinstance(self._answer, PointInTimeAnswer):
            raise TypeError("only features of entity rows have times of their own: ask get_historical_features")
        return AsofRetrievalJob(
            self._answer.with_times(),
            self._repo_path,
            full_feature_names=self._full_feature_names,
            on_demand_feature_views=self._on_demand_feature_views,
        ).to_arrow()

    def to_parquet(self, path: str | Path) -> int:
        """Write into a Parquet file, in memory for one block at a time, and tell the number of rows.

        The same rows as `to_arrow()`, in the same order; columns of on-demand views have the type that they declare.
        """
        place = str(path) if "://" in str(path) else str(Path(path).absolute())
        target = ParquetTarget.of(place)
        return target.write_file(target.path, self._parts)

    def to_record_batches(self, rows: int) -> Iterator[pa.RecordBatch]:
        """The same rows, at most so many at a time, with one block of the answer in memory."""
        for table in self._parts(None):
            yield from table.to_batches(rows)

    def persist(
        self,
        storage: SavedDatasetStorage,
        allow_overwrite: bool = False,
        timeout: int | None = None,  # noqa: ARG002
    ) -> None:
        """Write a saved dataset: a file if its path ends in .parquet, else a folder."""
        if not isinstance(storage, SavedDatasetFileStorage):
            raise TypeError(
                f"expected a SavedDatasetFileStorage, found {type(storage).__name__}: this store writes Parquet files"
            )
        filesystem, path, shown = place_of(storage.to_data_source(), self._repo_path)
        ParquetTarget(filesystem, path, shown).write(self._parts, overwrite=allow_overwrite)

    def to_sql(self) -> str:
        """There is none."""
        raise NotImplementedError("this store joins without SQL: take to_arrow(), to_df() or to_parquet(path)")

    @property
    def full_feature_names(self) -> bool:
        """Whether columns bear the name of their view."""
        return self._full_feature_names

    @property
    def on_demand_feature_views(self) -> list[OnDemandFeatureView]:
        """What is computed from the answer."""
        return self._on_demand_feature_views

    @property
    def metadata(self) -> RetrievalMetadata | None:
        """What was asked."""
        return self._metadata

    def _to_arrow_internal(self, timeout: int | None = None) -> pa.Table:  # noqa: ARG002
        return self._answer.table()

    def _parts(self, near: Path | None) -> Iterator[pa.Table]:
        declared = {
            name: field.dtype
            for view in self._on_demand_feature_views
            for field in view.features
            for name in (field.name, f"{view.projection.name_alias or view.name}__{field.name}")
        }
        for table in self._answer.tables(near):
            if not self._on_demand_feature_views:
                yield table
                continue
            # Feast itself computes the on-demand views, over a job that holds this part and nothing else.
            part = AsofRetrievalJob(
                _Part(table),
                self._repo_path,
                full_feature_names=self._full_feature_names,
                on_demand_feature_views=self._on_demand_feature_views,
                metadata=self._metadata,
            ).to_arrow()
            yield _as_declared(part, table.num_columns, declared)


class _Part:
    def __init__(self, table: pa.Table) -> None:
        self._table = table

    def table(self) -> pa.Table:
        return self._table

    def tables(self, near: Path | None = None) -> Iterator[pa.Table]:  # noqa: ARG002
        yield self._table


def _as_declared(table: pa.Table, first: int, declared: dict[str, FeastType]) -> pa.Table:
    """With the columns from `first` on in their declared types, so that all parts are of one schema."""
    for at, name in enumerate(table.column_names[first:], first):
        kind = pa.binary() if declared[name] == Bytes else from_feast_to_pyarrow_type(declared[name])
        table = table.set_column(at, name, table.column(at).cast(kind))
    return table
