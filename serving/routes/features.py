"""Feature vectors, as they are served."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool

from serving import errors, features
from serving.answering import freshness, past_moment
from serving.dependencies import TheScorer
from serving.routes import PROBLEMS
from serving.schemas import AskFeatures, Vector

router = APIRouter(prefix="/v1/features", tags=["features"], responses=PROBLEMS)


@router.post("/{service}")
async def vector(service: str, asked: AskFeatures, scorer: TheScorer) -> Vector:
    """What the model of this service would be told."""
    model = next((one for one in scorer.models.serving.values() if one.artifact.card.service == service), None)
    if model is None:
        raise errors.ProblemError(
            404, "No such service", f"no serving model reads a service {service!r}; see /v1/models"
        )
    now = scorer.settings.clock()
    moment = past_moment(asked.as_of, now)
    if isinstance(moment, errors.ProblemError):
        raise moment
    entity = [int(asked.entity_id)]
    told = (
        await run_in_threadpool(features.offline, scorer.store, model, entity, [moment])
        if moment
        else await features.online(model, entity, now)
    )
    if told.problems[0]:
        raise told.problems[0]
    whole = features.completed(model, told.found, [moment or now])
    return Vector(
        service=service,
        entity_id=asked.entity_id,
        features={name: whole.column(name)[0] for name in whole.columns},
        features_as_of=freshness(told.found, 0),
    )
