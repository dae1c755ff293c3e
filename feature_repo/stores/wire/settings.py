"""How the wire to Redis is set: where, how long to wait, how often to try."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from feast.infra.online_stores.redis import RedisType
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
        nodes, _ = parsed_connection_string(self.connection_string)
        return nodes

    @cached_property
    def address(self) -> str:
        """Where, without the password."""
        return ",".join(f"{host}:{port}" for host, port in self.nodes)

    def options(self) -> dict[str, Any]:
        """What a client of redis-py is to be made with. It must not retry by itself: the wire does."""
        _, options = parsed_connection_string(self.connection_string)
        login = {name: str(options[name]) for name in ("password", "username") if options.get(name) is not None}
        defaults = {
            "socket_timeout": self.socket_timeout,
            "socket_connect_timeout": self.connect_timeout,
            "socket_keepalive": True,
            "retry": Retry(NoBackoff(), 0),
        }
        return {**defaults, **options, **login}


def parsed_connection_string(text: str) -> tuple[list[tuple[str, int]], dict[str, Any]]:
    """The nodes and the options of a connection string as Feast writes it; values that are JSON are what they say.

    >>> parsed_connection_string("redis1,redis2:7000,db=1,password=a=b,ssl=true")
    ([('redis1', 6379), ('redis2', 7000)], {'db': 1, 'password': 'a=b', 'ssl': True})
    """
    nodes, options = [], {}
    for part in text.split(","):
        if "=" in part:
            name, value = part.split("=", 1)
            options[name] = _json_or_text(value)
        else:
            host, _, port = part.partition(":")
            nodes.append((host, int(port or 6379)))
    return nodes, options


def _json_or_text(value: str) -> Any:
    try:
        return json.loads(value)
    except json.JSONDecodeError:
        return value
