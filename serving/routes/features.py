"""Feature vectors, as they are served."""

from __future__ import annotations

import time

from fastapi import APIRouter, Request
from pydantic import ValidationError

from serving import errors, features
from serving.bodies import body_of, described, invalid
from serving.dependencies import TheScorer
from serving.predicting import freshness
from serving.questions import PendingRequest, question_of
from serving.requests import entity_label
from serving.routes import PROBLEMS
from serving.schemas import AskFeatures, Vector

router = APIRouter(prefix="/v1/features", tags=["features"], responses=PROBLEMS)


@router.post("/{service}", openapi_extra=described(AskFeatures))
async def vector(service: str, request: Request, scorer: TheScorer) -> Vector:
    """What the model of this service would be told."""
    asked = await body_of(request, AskFeatures)
    model = next((one for one in scorer.models.serving.values() if one.artifact.card.service == service), None)
    if model is None:
        raise errors.ProblemError(
            404, "No such service", f"no serving model reads a service {service!r}; see /v1/models"
        )
    try:
        request_of_model = model.request_type.model_validate(asked.model_dump(exclude_none=True))
    except ValidationError as problem:
        raise invalid(problem) from problem
    arrived = PendingRequest(request_of_model, time.perf_counter())
    question = question_of(arrived, model, scorer.settings.clock())
    if isinstance(question, errors.ProblemError):
        raise question
    told = await scorer.features_of(model, [question])
    if told.problems[0]:
        raise told.problems[0]
    whole = features.completed(model, told.found, [question], [(question.moment,)])
    return Vector(
        service=service,
        entity_id=entity_label(model.spec.join_keys, question.keys),
        features={name: whole.column(name)[0] for name in whole.columns},
        features_as_of=freshness(told.found, 0, question.moment),
    )
