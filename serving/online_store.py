"""Whether the online store answers: a real ping, at most one a second, and nobody waits longer than a second for it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime

from feast import FeatureStore

from feature_repo.masking import masked
from feature_repo.stores.wire.lookup import wire_store_of
from serving.metrics import ONLINE_STORE_UP

FRESH_SECONDS = 1.0
"""How long the result of a ping is good for."""
SECONDS = 1.0
"""How long a ping may take."""


@dataclass(frozen=True)
class StoreState:
    """What came of a ping."""

    answers: bool
    reason: str | None
    checked_at: datetime


class OnlineStoreCheck:
    """Pings on a thread of its own, which other work cannot keep waiting; its result is shared while it is fresh."""

    def __init__(self, ping: Callable[[], object], address: str) -> None:
        self._ping, self._address = ping, address
        self._thread = ThreadPoolExecutor(1, "online-store-ping")
        self._pinging: asyncio.Future[object] | None = None
        self._last: StoreState | None = None
        self._good_until = 0.0

    @classmethod
    def of(cls, store: FeatureStore) -> OnlineStoreCheck:
        """By the client that the store itself has: its address, password, topology and timeouts."""
        wire = wire_store_of(store).wire(store.config)

        def ping() -> object:
            return wire.client.ping()  # of a Cluster, to have a client is to have connected

        return cls(ping, wire.settings.address)

    async def state(self) -> StoreState:
        """What came of the last ping, after another if that was too long ago."""
        if self._last is None or time.monotonic() >= self._good_until:
            self._last = await self._checked()
            self._good_until = time.monotonic() + FRESH_SECONDS
            ONLINE_STORE_UP.set(self._last.answers)
        return self._last

    def close(self) -> None:
        """Ping no more."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _checked(self) -> StoreState:
        if self._pinging is None or self._pinging.done():
            self._pinging = asyncio.get_running_loop().run_in_executor(self._thread, self._ping)
        try:
            await asyncio.wait_for(asyncio.shield(self._pinging), SECONDS)
        except TimeoutError:
            return self._unavailable(f"nothing within {SECONDS:g} s")
        except Exception as problem:  # a ping that fails, however it does, is the answer
            return self._unavailable(f"{type(problem).__name__}: {problem}")
        return StoreState(answers=True, reason=None, checked_at=datetime.now(UTC))

    def _unavailable(self, found: str) -> StoreState:
        reason = masked(f"expected PONG from Redis at {self._address}, found {found}")
        return StoreState(answers=False, reason=reason, checked_at=datetime.now(UTC))
