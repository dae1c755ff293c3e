"""Feast's Redis store, at the address that the environment names."""

from __future__ import annotations

import os
from typing import Literal

from feast.infra.online_stores.redis import RedisOnlineStore, RedisOnlineStoreConfig
from pydantic import Field, StrictStr


def redis_address() -> str:
    """`TIDEMARK_REDIS` as Feast writes it: host:port,option=value,...

    The default is the private server's. Its port is not Redis's own, so that no other Redis of the machine is
    written into by accident; the timeouts keep a request from hanging when the server is away.
    """
    return os.environ.get("TIDEMARK_REDIS") or "localhost:6399,socket_connect_timeout=1,socket_timeout=5"


class HomeRedisOnlineStoreConfig(RedisOnlineStoreConfig):
    """Feast's settings for Redis, with our address as the default."""

    type: Literal["feature_repo.stores.online.HomeRedisOnlineStore"]  # type: ignore[assignment]
    connection_string: StrictStr = Field(default_factory=redis_address)


class HomeRedisOnlineStore(RedisOnlineStore):
    """Feast finds the settings of a store by its class's name; nothing else differs from Feast's own."""
