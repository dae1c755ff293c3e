"""How the wire to Redis is set: where, how long to wait, how often to try."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from feast.infra.online_stores.redis import RedisOnlineStore, RedisType
from redis.backoff import NoBackoff
from redis.retry import Retry


@dataclass(frozen=True)
class WireSettings:
    """What the connection string and the store's other settings say."""

    connection_string: str
    redis_type: RedisType
    sentinel_master: str
    socket_timeout: float
    connect_timeout: float
    answer_within: float
    retries: int
    backoff_base: float
    backoff_cap: float
    breaker_failures: int
    breaker_seconds: float

    @cached_property
    def nodes(self) -> list[tuple[str, int]]:
        """Hosts and ports: of Redis, of some of the Cluster's nodes, or of the Sentinels."""
        named, _ = RedisOnlineStore._parse_connection_string(self.connection_string)
        return [(node["host"], int(node.get("port", 6379))) for node in named]

    @cached_property
    def address(self) -> str:
        """Where, without the password."""
        return ",".join(f"{host}:{port}" for host, port in self.nodes)

    def options(self) -> dict[str, Any]:
        """What a client of redis-py is to be made with. It must not retry by itself: the wire does."""
        _, given = RedisOnlineStore._parse_connection_string(self.connection_string)
        named = {name: str(given[name]) for name in ("password", "username") if given.get(name) is not None}
        defaults = {
            "socket_timeout": self.socket_timeout,
            "socket_connect_timeout": self.connect_timeout,
            "socket_keepalive": True,
            "retry": Retry(NoBackoff(), 0),
        }
        return {**defaults, **given, **named}
