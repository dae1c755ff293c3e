"""A Feast offline store over Parquet files whose point-in-time join costs about as much as reading them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
from feast import FeatureView, OnDemandFeatureView
from feast.data_source import DataSource
from feast.errors import RequestDataNotFoundInEntityDfException
from feast.feature_logging import LoggingConfig, LoggingSource
from feast.infra.offline_stores.offline_store import OfflineStore, RetrievalJob, RetrievalMetadata
from feast.infra.registry.base_registry import BaseRegistry
from feast.repo_config import FeastConfigBaseModel, RepoConfig
from feast.utils import compute_non_entity_date_range
from pydantic import PositiveInt, StrictBool

from feature_repo.stores.asof import parquet_writes
from feature_repo.stores.asof.entity_rows import EntityRows
from feature_repo.stores.asof.every_entity import every_entity
from feature_repo.stores.asof.point_in_time import PointInTimeAnswer
from feature_repo.stores.asof.pulls import PullLatest, SourceScan
from feature_repo.stores.asof.retrieval import AsofRetrievalJob
from feature_repo.stores.asof.view_join import check_columns, joins_of


class AsofOfflineStoreConfig(FeastConfigBaseModel):
    """Settings, all optional: `offline_store: {type: feature_repo.stores.offline.AsofOfflineStore}` will do."""

    type: Literal["feature_repo.stores.offline.AsofOfflineStore"] = "feature_repo.stores.offline.AsofOfflineStore"
    # Use a version of a feature only from its created_timestamp on, in every retrieval. Feast's own argument
    # filter_by_created_timestamp asks for the same in a single one.
    known_by_created_timestamp: StrictBool = False
    # Entity rows joined at a time. Memory grows with it: some three times what the answer to them takes.
    block_rows: PositiveInt = 1_000_000


class AsofOfflineStore(OfflineStore):
    """Point-in-time joins over Parquet FileSources.

    What `get_historical_features` answers:

    - Each entity row comes back exactly once, in its order, with its own columns unchanged (a time given as text comes
      back as the time it was read as). Rows that are equal are answered equally. What finds no match is null.
    - A row is answered, view by view, by the row of the view's files with the same join keys and the newest event
      time that is not after the entity row's, and not older than the view's TTL: a version that is exactly as old
      as the TTL still counts. A TTL of none or 0 sets no limit.
    - Of versions with the same event time the one created last counts, one without a created time least; of those
      that are equal in this too, the one that stands last, in the order of the files' paths and then of their rows.
    - With `known_by_created_timestamp`, or Feast's `filter_by_created_timestamp`, a version counts only if its created
      time is not after the entity row's time. If the newest event was not known by then, the newest that was known
      answers, in the state in which it was known. A version without a created time then never counts. Views whose
      source names no created_timestamp_column are not affected.
    - A null in a join key, on either side, matches nothing, and so does a row without a time. NaN is a null key. Keys
      are equal if their values are, whatever the width of the type; a text never equals a number: that is an error.
    - Times without a zone are UTC; times of different units are compared exactly.
    - Features have the types of the files. A feature whose name an entity column or another view's feature already
      has is an error: ask with `full_feature_names`.
    - Entity rows may be pandas, Arrow, Polars (anything with an Arrow stream) or a query in DuckDB's SQL, in which
      `'rows.parquet'` is a file beside feature_store.yaml. Without entity rows, every key is asked about, as of
      `end_date`, that has an event in one of the views between `start_date` and then, within the view's TTL.

    The job that comes back reads when it is asked to: `to_df`, `to_arrow`, `persist`, and `to_parquet(path)`, which
    holds no more than a block of rows in memory.

    How: by the footers of the files only those row groups are read that the times allow; of those first the keys and
    times, which say which rows answer (asof/newest.py), then the features of these rows.
    """

    supports_filter_by_created_timestamp = True

    @staticmethod
    def get_historical_features(
        config: RepoConfig,
        feature_views: list[FeatureView],
        feature_refs: list[str],
        entity_df: Any,
        registry: BaseRegistry,
        project: str,
        full_feature_names: bool = False,
        filter_by_created_timestamp: bool = False,
        start_date: datetime | None = None,
        end_date: datetime | None = None,
    ) -> RetrievalJob:
        """Features as they stood at the times of the entity rows: see the class."""
        settings = _settings(config)
        by_creation = filter_by_created_timestamp or settings.known_by_created_timestamp
        joins = tuple(joins_of(feature_views, feature_refs, full_names=full_feature_names, by_creation=by_creation))
        on_demand = OnDemandFeatureView.get_requested_odfvs(feature_refs, project, registry)
        if entity_df is None:
            start, end = compute_non_entity_date_range(feature_views, start_date=start_date, end_date=end_date)
            entities = every_entity(joins, start, end, config.repo_path)
            reach: tuple[datetime | None, datetime | None] = (start, end)
        else:
            entities = EntityRows.of(entity_df, config.repo_path)
            reach = entities.reach()
        names = entities.table.column_names
        check_columns(names, joins)
        for view in on_demand:
            for name in view.get_request_data_schema():
                if name not in names:
                    raise RequestDataNotFoundInEntityDfException(name, view.name)  # type: ignore[no-untyped-call]
        return AsofRetrievalJob(
            PointInTimeAnswer(entities, joins, config.repo_path, settings.block_rows),
            config.repo_path,
            full_feature_names=full_feature_names,
            on_demand_feature_views=on_demand,
            metadata=RetrievalMetadata(
                features=feature_refs,
                keys=[name for name in names if name != entities.event],
                min_event_timestamp=reach[0],
                max_event_timestamp=reach[1],
            ),
        )

    @staticmethod
    def pull_latest_from_table_or_query(
        config: RepoConfig,
        data_source: DataSource,
        join_key_columns: list[str],
        feature_name_columns: list[str],
        timestamp_field: str,
        created_timestamp_column: str | None,
        start_date: datetime,
        end_date: datetime,
    ) -> RetrievalJob:
        """The latest row of each key within a span of event times, both ends included; what materializing reads."""
        return AsofRetrievalJob(
            PullLatest(
                data_source,
                tuple(join_key_columns),
                tuple(feature_name_columns),
                timestamp_field,
                created_timestamp_column or None,
                start_date,
                end_date,
                config.repo_path,
            ),
            config.repo_path,
        )

    @staticmethod
    def pull_all_from_table_or_query(
        config: RepoConfig,
        data_source: DataSource,
        join_key_columns: list[str],
        feature_name_columns: list[str],
        timestamp_field: str,
        created_timestamp_column: str | None = None,
        start_date: datetime | None = None,
        end_date: datetime | None = None,
    ) -> RetrievalJob:
        """All rows within a span of event times, both ends included."""
        return AsofRetrievalJob(
            SourceScan(
                data_source,
                tuple(join_key_columns),
                tuple(feature_name_columns),
                timestamp_field,
                created_timestamp_column or None,
                start_date,
                end_date,
                config.repo_path,
            ),
            config.repo_path,
        )

    @staticmethod
    def offline_write_batch(
        config: RepoConfig, feature_view: FeatureView, table: pa.Table, progress: Callable[[int], Any] | None
    ) -> None:
        """Add rows to the files of a view."""
        parquet_writes.append(feature_view, table, config.repo_path)
        if progress:
            progress(table.num_rows)

    @staticmethod
    def write_logged_features(
        config: RepoConfig,
        data: pa.Table | Path,
        source: LoggingSource,  # noqa: ARG004
        logging_config: LoggingConfig,
        registry: BaseRegistry,  # noqa: ARG004
    ) -> None:
        """Add what a feature server has logged to the folder that its destination names."""
        parquet_writes.log(data, logging_config.destination, config.repo_path)


def _settings(config: RepoConfig) -> AsofOfflineStoreConfig:
    settings = config.offline_store
    if not isinstance(settings, AsofOfflineStoreConfig):
        raise TypeError(f"expected the settings of AsofOfflineStore, found {type(settings).__name__}")
    return settings
