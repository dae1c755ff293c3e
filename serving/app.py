"""The scorer: `uvicorn --factory serving.app:create_app`."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager, nullcontext, suppress
from typing import TypedDict

# First of all, as Feast would have each count written to a file for workers to share: slower than the counting.
import prometheus_client  # noqa: F401
import structlog
from fastapi import FastAPI
from feast import FeatureStore

from feature_repo.store import open_store
from feature_repo.stores import private_redis
from feature_repo.stores.online import redis_address
from serving import admission_limits, errors, logs
from serving.memory import share_arenas
from serving.models import Models
from serving.online_store import OnlineStoreCheck
from serving.past_lookup import PastLookup
from serving.plain_routes import add_routes
from serving.prediction_log import PredictionLog
from serving.routes import documentation, features, health, models, predict
from serving.scorer import Scorer
from serving.settings import Settings

_log = structlog.get_logger()
FIRST_LOOK_SECONDS = 20.0
"""So long the first requests wait for a registry that is slow; what has been loaded by then answers."""


class State(TypedDict):
    """What lives as long as the application."""

    scorer: Scorer
    online_store: OnlineStoreCheck


def create_app(settings: Settings | None = None) -> FastAPI:
    """The application; settings come from the environment unless given."""
    chosen = settings or Settings.from_environment()
    logs.configure(chosen.log_level)
    share_arenas()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[State]:
        async with AsyncExitStack() as stack:
            store = open_store(chosen.home, chosen.redis)
            redis = _private_redis(store, chosen)
            await asyncio.to_thread(redis.__enter__)
            stack.push_async_callback(asyncio.to_thread, redis.__exit__, None, None, None)
            check = OnlineStoreCheck.of(store)
            stack.callback(check.close)
            log = PredictionLog(chosen.home / "predictions", chosen.log_queue, chosen.log_seconds)
            log.start()
            stack.push_async_callback(asyncio.to_thread, log.stop)
            models = Models(chosen, store)
            stack.push_async_callback(_close_plans, models)
            await stack.enter_async_context(_refreshed(models, chosen.refresh_seconds))
            # What is loaded by now stays: the collector need not look through it again and again beside requests.
            gc.freeze()
            # What is never collected, DuckDB's binding reports as leaked at the end of the process.
            stack.callback(gc.unfreeze)
            past = PastLookup(store, chosen.most_past_rows, chosen.past_seconds)
            scorer = Scorer(chosen, store, models, log, past)
            stack.push_async_callback(asyncio.to_thread, scorer.close)
            yield {"scorer": scorer, "online_store": check}

    app = FastAPI(
        title="Tidemark",
        summary="What was known about a customer or a home, and what a model makes of it.",
        version="1",
        docs_url=None,
        redoc_url=None,
        # A redirect would lead to whatever host the request names.
        redirect_slashes=False,
        lifespan=lifespan,
    )
    errors.install(app)
    admission_limits.install(app, chosen)
    for router in (predict.routes_of_models(), features.router, models.router, health.router):
        add_routes(app, router)
    documentation.install(app)
    return app


def _private_redis(store: FeatureStore, settings: Settings) -> AbstractContextManager[object]:
    """The private Redis, kept alive, if it is what the store looks features up in."""
    looked_up_in = getattr(store.config.online_store, "connection_string", None)
    address = redis_address(settings.home, settings.redis)
    return private_redis.running(settings.home, settings.redis) if looked_up_in == address else nullcontext()


@asynccontextmanager
async def _refreshed(models: Models, every: float) -> AsyncIterator[None]:
    """Look at the registry again and again; begin once it has been looked at, or has kept us waiting."""
    looked = asyncio.Event()
    refreshing = asyncio.create_task(_keep_refreshing(models, every, looked))
    with suppress(TimeoutError):
        await asyncio.wait_for(looked.wait(), FIRST_LOOK_SECONDS)
    try:
        yield
    finally:
        models.close()
        refreshing.cancel()
        with suppress(asyncio.CancelledError):
            await refreshing


async def _keep_refreshing(models: Models, every: float, looked: asyncio.Event) -> None:
    while True:
        try:
            await asyncio.to_thread(models.refresh)
            looked.set()
        except Exception:  # such as no memory for a thread; that no look comes to its end is named by `overdue`
            _log.exception("the models cannot be refreshed")
        await asyncio.sleep(every)


async def _close_plans(models: Models) -> None:
    for model in models.serving.values():
        await model.plan.close_async()
