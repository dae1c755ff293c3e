"""Feast's local engine with Arrow all the way to Redis, for `feast materialize` and `store.materialize`.

Feast's own engine turns the whole window into pandas several times, and each value into a protobuf object, before it
calls the store. Here a view that is read as it stands goes through in blocks; a view that asks for more (a
transformation, aggregations, a filter, validation, other views as its source, or a write to the offline store) takes
Feast's way, and only the last step differs. feature_store.yaml names it:

    batch_engine:
      type: feature_repo.stores.engine.WireComputeEngine
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Literal, Protocol, runtime_checkable

import pyarrow as pa
from feast import FeatureView
from feast.infra.common.materialization_job import MaterializationJobStatus, MaterializationTask
from feast.infra.compute_engines.dag.context import ColumnInfo, ExecutionContext
from feast.infra.compute_engines.local.arrow_table_value import ArrowTableValue
from feast.infra.compute_engines.local.compute import LocalComputeEngine, LocalComputeEngineConfig
from feast.infra.compute_engines.local.feature_builder import LocalFeatureBuilder
from feast.infra.compute_engines.local.job import LocalMaterializationJob
from feast.infra.compute_engines.local.nodes import LocalOutputNode
from feast.infra.compute_engines.utils import create_offline_store_retrieval_job
from feast.infra.offline_stores.offline_store import RetrievalJob
from feast.infra.registry.base_registry import BaseRegistry

from feature_repo.stores.online import WireRedisOnlineStore
from feature_repo.stores.wire.write import BLOCK_ROWS


class WireComputeEngineConfig(LocalComputeEngineConfig):
    """Feast's settings for the local engine."""

    type: Literal["feature_repo.stores.engine.WireComputeEngine"]  # type: ignore[assignment]


@runtime_checkable
class InBlocks(Protocol):
    """A retrieval job of an offline store that need not hold its whole answer at once."""

    def to_record_batches(self, rows: int) -> Iterator[pa.RecordBatch]:
        """The answer, at most so many rows at a time."""
        ...


class WireComputeEngine(LocalComputeEngine):
    """What Feast finds by the `type` of its batch engine."""

    def _materialize_one(self, registry: BaseRegistry, task: MaterializationTask, **_: Any) -> LocalMaterializationJob:
        job_id = f"{task.feature_view.name}-{task.start_time}-{task.end_time}"
        try:
            self._materialized(registry, task)
        except Exception as error:  # Feast's contract: the provider raises the error of the job
            return LocalMaterializationJob(job_id=job_id, status=MaterializationJobStatus.ERROR, error=error)
        return LocalMaterializationJob(job_id=job_id, status=MaterializationJobStatus.SUCCEEDED)

    def _materialized(self, registry: BaseRegistry, task: MaterializationTask) -> None:
        context = self.get_execution_context(registry, task)
        view, store = task.feature_view, _wire_store(context)
        builder = _Builder(registry, task, backend=self._get_backend(context))
        if not view.online or view.offline or view.batch_source is None or not _is_read_as_it_stands(view):
            builder.build().execute(context)
            return
        columns = builder.get_column_info(view)
        job = create_offline_store_retrieval_job(
            data_source=view.batch_source,
            column_info=columns,
            context=context,
            start_time=task.start_time,
            end_time=task.end_time,
        )
        store.online_write_table(context.repo_config, view, _renamed(_blocks(job), columns))


def _wire_store(context: ExecutionContext) -> WireRedisOnlineStore:
    store = context.online_store
    if not isinstance(store, WireRedisOnlineStore):
        raise TypeError(
            "WireComputeEngine writes through WireRedisOnlineStore: expected it as online_store in feature_store.yaml, "
            f"found {type(store).__name__}"
        )
    return store


class _Builder(LocalFeatureBuilder):
    """Feast's plan, with our last step."""

    def build_output_nodes(self, view: FeatureView, input_node: Any) -> LocalOutputNode:
        node = _Output("output", view, inputs=[input_node])  # type: ignore[arg-type]  # Feast narrows it without need
        self.nodes.append(node)
        return node


class _Output(LocalOutputNode):
    def execute(self, context: ExecutionContext) -> ArrowTableValue:
        value = self.get_single_table(context)
        if self.feature_view.online:
            _wire_store(context).online_write_table(context.repo_config, self.feature_view, value.data.to_batches())
        if self.feature_view.offline:
            context.offline_store.offline_write_batch(
                config=context.repo_config, feature_view=self.feature_view, table=value.data, progress=lambda _: None
            )
        return value


def _is_read_as_it_stands(view: FeatureView) -> bool:
    return not any(
        getattr(view, name, None)
        for name in ("feature_transformation", "aggregations", "source_views", "filter", "enable_validation")
    )


def _blocks(job: RetrievalJob) -> Iterable[pa.RecordBatch]:
    if isinstance(job, InBlocks):
        return job.to_record_batches(BLOCK_ROWS)
    return job.to_arrow().to_batches(BLOCK_ROWS)  # type: ignore[no-any-return]


def _renamed(blocks: Iterable[pa.RecordBatch], columns: ColumnInfo) -> Iterator[pa.RecordBatch]:
    names = columns.field_mapping or {}
    for block in blocks:
        yield block.rename_columns([names.get(name, name) for name in block.schema.names]) if names else block
