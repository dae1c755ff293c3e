"""How often a question is tried, how long to wait in between, and when it is not tried at all. Waiting is for drivers.

After several failed questions in a row, all of this process's ways to the address leave Redis alone for a while, save
one question that tries anew (a circuit breaker).
"""

from __future__ import annotations

from threading import Lock

from circuitbreaker import CircuitBreaker
from redis.backoff import ExponentialWithJitterBackoff
from redis.exceptions import AuthenticationError, AuthorizationError, RedisClusterException
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from feature_repo.stores.wire.deadline import Deadline
from feature_repo.stores.wire.errors import OnlineStoreAwayError, OnlineStoreRefusedError, away, resting
from feature_repo.stores.wire.settings import WireSettings

# What another try may cure.
FAULTS = (RedisConnectionError, RedisTimeoutError, RedisClusterException, OSError)
_breakers: dict[tuple[str, int, float], CircuitBreaker] = {}
_breakers_lock = Lock()


class Attempts:
    """The tries of one question."""

    def __init__(self, settings: WireSettings, deadline: Deadline) -> None:
        self._settings, self._deadline = settings, deadline
        self._failures = 0

    def pause_after(self, fault: Exception) -> float:
        """Seconds to wait before the next try, or an error that says why there is none."""
        settings, deadline = self._settings, self._deadline
        if isinstance(fault, (AuthenticationError, AuthorizationError)):  # a wrong password stays wrong
            raise OnlineStoreRefusedError(f"Redis at {settings.address} refused the login: {fault}") from fault
        self._failures += 1
        if self._failures > settings.retries or deadline.is_over:
            raise away(settings.address, deadline.tries, fault, settings.breaker_seconds) from fault
        backoff = ExponentialWithJitterBackoff(cap=settings.backoff_cap, base=settings.backoff_base)
        return float(backoff.compute(self._failures))


def breaker_of(settings: WireSettings) -> CircuitBreaker:
    """The one breaker that all of this process's ways to an address share, if they are set alike."""
    key = settings.address, settings.breaker_failures, settings.breaker_seconds
    with _breakers_lock:
        return _breakers.setdefault(
            key,
            CircuitBreaker(
                failure_threshold=settings.breaker_failures,
                recovery_timeout=settings.breaker_seconds,
                expected_exception=OnlineStoreAwayError,
                name=f"Redis at {settings.address}",
            ),
        )


def require_closed(breaker: CircuitBreaker, settings: WireSettings) -> None:
    """Raise while Redis is to be left alone."""
    if breaker.opened:
        remaining = max(0.0, float(breaker.open_remaining))
        raise resting(settings.address, remaining, breaker.last_failure)
