"""Feast's Redis store at wire speed: same keys, same values, for any reader or writer of Feast's.

What differs: rows are written from Arrow (`online_write_table`, which the engine in `engine.py` calls for
`feast materialize`), the newer of two writes wins whichever comes last, a view's TTL counts, nothing waits without
a limit, and `lookup.LookupPlan` reads a whole feature service at once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
from feast import FeatureService, FeatureView, RepoConfig
from feast.infra.online_stores.helpers import compute_versioned_name
from feast.infra.online_stores.redis import RedisOnlineStore, RedisOnlineStoreConfig, RedisType
from feast.infra.registry.base_registry import BaseRegistry
from feast.metrics import track_online_store_read
from feast.online_response import OnlineResponse
from feast.protos.feast.types.EntityKey_pb2 import EntityKey
from feast.protos.feast.types.Value_pb2 import Value as ValueProto
from pydantic import Field, PositiveFloat, PositiveInt, StrictStr

from feature_repo.home import home as home_folder
from feature_repo.settings import setting
from feature_repo.stores import private_redis
from feature_repo.stores.wire import feast_response
from feature_repo.stores.wire.keys import KeyLayout, created_field_of
from feature_repo.stores.wire.removal import WithdrawableRows
from feature_repo.stores.wire.request_plan import RequestPlans
from feature_repo.stores.wire.script import EventSpan
from feature_repo.stores.wire.settings import WireSettings
from feature_repo.stores.wire.transport import Client, Wire
from feature_repo.stores.wire.transport_async import AsyncWire
from feature_repo.stores.wire.write import Row, WriteOptions, WriteTarget, Written, batches_of_rows, write_table


def redis_address(home: Path | None = None, redis: str | None = None) -> str:
    """The Redis that the settings name (host:port,option=value,...), else the private server's of the home."""
    return redis or setting("redis") or private_redis.address(home or home_folder())


class WireRedisOnlineStoreConfig(RedisOnlineStoreConfig):
    """Feast's settings for Redis, with our address as the default, and how long to wait and how often to try.

    A question to a Redis that is silent fails after `answer_within_seconds`: it is asked again on a new connection
    when `socket_timeout_seconds` have passed without a word, up to `retries` times and while there is time. What has
    begun to arrive is read to its end, so long as it goes on arriving. After `breaker_failures` failed questions in a
    row they fail at once, and every `breaker_seconds` one tries anew. A lookup or a write of many rows is several
    questions; in a Cluster, threads may wait for a new list of its nodes beyond that.

    The connection string goes first: socket_timeout=..., socket_connect_timeout=... in it override those here.
    """

    type: Literal["feature_repo.stores.online.WireRedisOnlineStore"]  # type: ignore[assignment]
    connection_string: StrictStr = Field(default_factory=redis_address)
    socket_timeout_seconds: PositiveFloat = 1.0
    connect_timeout_seconds: PositiveFloat = 1.0
    answer_within_seconds: PositiveFloat = 2.0
    retries: int = Field(2, ge=0, description="further tries after a failed one")
    backoff_base_seconds: PositiveFloat = 0.02
    backoff_cap_seconds: PositiveFloat = 0.5
    breaker_failures: PositiveInt = 3
    breaker_seconds: PositiveFloat = 2.0
    unwritten_features: Literal["corrupt", "null"] = Field(
        "corrupt",
        description="a view was written for an entity, but without this feature: it was deleted, or added to the view "
        "since. Feast tells a null, as if null had been written",
    )

    def wire_settings(self) -> WireSettings:
        """What the wire is to be set up with."""
        return WireSettings(
            connection_string=self.connection_string,
            redis_type=self.redis_type,
            sentinel_master=self.sentinel_master,
            socket_timeout=self.socket_timeout_seconds,
            connect_timeout=self.connect_timeout_seconds,
            answer_within=self.answer_within_seconds,
            retries=self.retries,
            backoff_base=self.backoff_base_seconds,
            backoff_cap=self.backoff_cap_seconds,
            breaker_failures=self.breaker_failures,
            breaker_seconds=self.breaker_seconds,
        )


class WireRedisOnlineStore(RedisOnlineStore):
    """Feast makes one for each FeatureStore, and finds its settings' class by this class's name."""

    _wire: Wire | None = None
    _async_wire: AsyncWire | None = None

    def __init__(self) -> None:
        super().__init__()
        self._plans = RequestPlans()

    def wire(self, config: RepoConfig) -> Wire:
        """The way to Redis for threads."""
        if self._wire is None:
            self._wire = Wire(_settings(config))
        return self._wire

    def async_wire(self, config: RepoConfig) -> AsyncWire:
        """The way to Redis for coroutines."""
        if self._async_wire is None:
            self._async_wire = AsyncWire(_settings(config))
        return self._async_wire

    def online_write_table(
        self,
        config: RepoConfig,
        view: FeatureView,
        blocks: Iterable[pa.RecordBatch],
        progress: Callable[[int], object] | None = None,
    ) -> Written:
        """Write Arrow rows that have the columns of the view: join keys, features, and the times of its source."""
        target = _target(config, view)
        return write_table(self.wire(config), target, _write_options(config), blocks, progress)

    def rows_of(self, config: RepoConfig, view: FeatureView, span: EventSpan) -> WithdrawableRows:
        """The rows of the view whose event times lie in a span, to be counted or taken back."""
        return WithdrawableRows(self.wire(config), _target(config, view), _write_options(config), span)

    def online_write_batch(
        self, config: RepoConfig, table: FeatureView, data: list[Row], progress: Callable[[int], Any] | None
    ) -> None:
        """Feast's rows: of a push, or of `write_to_online_store`."""
        for rows, batch in batches_of_rows(versioned_name(table, config), config.project, _write_options(config), data):
            self.wire(config).ask(batch)
            if progress:
                progress(rows)

    async def online_write_batch_async(
        self, config: RepoConfig, table: FeatureView, data: list[Row], progress: Callable[[int], Any] | None
    ) -> None:
        """The same on an event loop."""
        for rows, batch in batches_of_rows(versioned_name(table, config), config.project, _write_options(config), data):
            await self.async_wire(config).ask(batch)
            if progress:
                progress(rows)

    def online_read(
        self,
        config: RepoConfig,
        table: FeatureView,
        entity_keys: list[EntityKey],
        requested_features: list[str] | None = None,
    ) -> list[tuple[datetime | None, dict[str, ValueProto] | None]]:
        """Event time and values of each entity; (None, None) where nothing was ever written."""
        question = feast_response.question(
            config, table, versioned_name(table, config), entity_keys, requested_features
        )
        return question.rows(self.wire(config).ask(question.batch))

    async def online_read_async(
        self,
        config: RepoConfig,
        table: FeatureView,
        entity_keys: list[EntityKey],
        requested_features: list[str] | None = None,
    ) -> list[tuple[datetime | None, dict[str, ValueProto] | None]]:
        """The same on an event loop."""
        question = feast_response.question(
            config, table, versioned_name(table, config), entity_keys, requested_features
        )
        return question.rows(await self.async_wire(config).ask(question.batch))

    def get_online_features(
        self,
        config: RepoConfig,
        features: list[str] | FeatureService,
        entity_rows: Any,
        registry: BaseRegistry,
        project: str,
        full_feature_names: bool = False,
        include_feature_view_version_metadata: bool = False,
    ) -> OnlineResponse:
        """What `FeatureStore.get_online_features` asks: by a compiled plan; Feast's way where it is unusual."""
        request = self._plans.prepared(
            config, features, entity_rows, registry, project, full_names=full_feature_names,
            with_versions=include_feature_view_version_metadata,
        )  # fmt: skip
        if request is None:
            return super().get_online_features(
                config, features, entity_rows, registry, project, full_feature_names,
                include_feature_view_version_metadata,
            )  # fmt: skip
        began = time.monotonic()
        replies = self.wire(config).ask(request.keys.batch)
        track_online_store_read(time.monotonic() - began)
        return request.response(replies)

    async def get_online_features_async(
        self,
        config: RepoConfig,
        features: list[str] | FeatureService,
        entity_rows: Any,
        registry: BaseRegistry,
        project: str,
        full_feature_names: bool = False,
        include_feature_view_version_metadata: bool = False,
    ) -> OnlineResponse:
        """The same on an event loop."""
        request = self._plans.prepared(
            config, features, entity_rows, registry, project, full_names=full_feature_names,
            with_versions=include_feature_view_version_metadata,
        )  # fmt: skip
        if request is None:
            return await super().get_online_features_async(
                config, features, entity_rows, registry, project, full_feature_names,
                include_feature_view_version_metadata,
            )  # fmt: skip
        began = time.monotonic()
        replies = await self.async_wire(config).ask(request.keys.batch)
        track_online_store_read(time.monotonic() - began)
        return request.response(replies)

    def _read_features_per_fv(self, config: RepoConfig, *arguments: Any, **named: Any) -> None:
        """What an unusual `get_online_features` reads: all views in one exchange."""
        requests = feast_response.ViewRequests.of(config, versioned_name, *arguments, **named)
        requests.answer(self.wire(config).ask(requests.batch))

    async def _read_features_per_fv_async(self, config: RepoConfig, *arguments: Any, **named: Any) -> None:
        requests = feast_response.ViewRequests.of(config, versioned_name, *arguments, **named)
        requests.answer(await self.async_wire(config).ask(requests.batch))

    def delete_table(self, config: RepoConfig, table: FeatureView) -> None:
        """Feast's deletion of a view, and of the created times, which Feast does not know."""
        created = created_field_of(versioned_name(table, config))
        client = self._get_client(config.online_store)
        layout = KeyLayout.of(
            config.project, {field.name: field.dtype.to_value_type() for field in table.entity_columns}
        )
        with client.pipeline(transaction=False) as pipe:
            for key in client.scan_iter(layout.pattern, count=1000):
                pipe.hdel(key, created)  # type: ignore[arg-type]  # bytes are as good
            pipe.execute()
        super().delete_table(config, table)

    async def close(self) -> None:
        """Close the connections of the running loop, and those of threads."""
        if self._async_wire is not None:
            await self._async_wire.close()
        if self._wire is not None:
            self._wire.close()

    def _get_client(self, online_store_config: RedisOnlineStoreConfig) -> Client:
        if self._wire is None:
            self._wire = Wire(_config(online_store_config).wire_settings())
        return self._wire.client

    async def _get_client_async(self, online_store_config: RedisOnlineStoreConfig) -> Any:
        raise NotImplementedError(
            "this store asks through async_wire(config), whose connections belong to one loop each"
        )


def versioned_name(view: FeatureView, config: RepoConfig) -> str:
    """The view as Redis knows it: with its version, if the registry keeps versions apart."""
    name: str = compute_versioned_name(view, config.registry.enable_online_feature_view_versioning)
    return name


def key_layout(project: str, view: FeatureView) -> KeyLayout:
    """How the view's join keys become the key of a hash."""
    return KeyLayout.of(project, {field.name: field.dtype.to_value_type() for field in view.entity_columns})


def _target(config: RepoConfig, view: FeatureView) -> WriteTarget:
    source = view.batch_source
    if source is None:
        raise ValueError(
            f"view {view.name!r}: expected a batch source, which names the columns of the times, found none"
        )
    return WriteTarget(
        view=versioned_name(view, config),
        layout=key_layout(config.project, view),
        features=tuple((field.name, field.dtype.to_value_type()) for field in view.features),
        event_column=source.timestamp_field,
        created_column=source.created_timestamp_column or None,
    )


def _write_options(config: RepoConfig) -> WriteOptions:
    online = _config(config.online_store)
    return WriteOptions(
        guarded=not online.skip_dedup,
        expire_seconds=online.key_ttl_seconds or None,
        by_slot=online.redis_type == RedisType.redis_cluster,
    )


def _settings(config: RepoConfig) -> WireSettings:
    return _config(config.online_store).wire_settings()


def _config(config: object) -> WireRedisOnlineStoreConfig:
    if not isinstance(config, WireRedisOnlineStoreConfig):
        raise TypeError(f"expected the settings of WireRedisOnlineStore, found {type(config).__name__}")
    return config
