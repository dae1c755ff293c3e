"""The scorer: `uvicorn --factory serving.app:create_app`."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import TypedDict

from fastapi import FastAPI

from feature_repo.store import open_store
from serving import errors, limits, logs
from serving.answering import Scorer
from serving.models import Models
from serving.prediction_log import PredictionLog
from serving.routes import features, health, models, predict
from serving.settings import Settings


class State(TypedDict):
    """What lives as long as the application."""

    scorer: Scorer


def create_app(settings: Settings | None = None) -> FastAPI:
    """The application; settings come from the environment unless given."""
    chosen = settings or Settings.from_environment()
    logs.configure(chosen.log_level)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[State]:
        store = open_store()
        scorer = Scorer(
            chosen,
            store,
            Models(chosen, store),
            PredictionLog(chosen.home / "predictions", chosen.log_queue, chosen.log_seconds),
        )
        await asyncio.to_thread(scorer.models.refresh)
        scorer.log.start()
        # What is loaded by now stays: the collector need not look through it again and again beside requests.
        gc.freeze()
        refreshing = asyncio.create_task(_refresh(scorer.models, chosen.refresh_seconds))
        yield {"scorer": scorer}
        refreshing.cancel()
        with suppress(asyncio.CancelledError):
            await refreshing
        for model in scorer.models.serving.values():
            await model.plan.close_async()
        await asyncio.to_thread(scorer.log.stop)

    app = FastAPI(
        title="Tidemark",
        summary="What was known about a customer or a home, and what a model makes of it.",
        version="1",
        lifespan=lifespan,
    )
    errors.install(app)
    limits.install(app, chosen)
    for routes in (predict, features, models, health):
        app.include_router(routes.router)
    return app


async def _refresh(known: Models, every: float) -> None:
    while True:
        await asyncio.sleep(every)
        await asyncio.to_thread(known.refresh)
