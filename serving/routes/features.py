"""Feature vectors, as they are served."""

from __future__ import annotations

import time

from fastapi import APIRouter, Request
from pydantic import ValidationError

from serving import errors
from serving.dependencies import TheScorer
from serving.feature_matrix import completed_features
from serving.predictions import entity_label, freshness
from serving.request_bodies import body_of, described, invalid
from serving.request_validation import PendingRequest, RequestGroup, validated
from serving.routes import PROBLEMS
from serving.schemas import FeaturesRequest, Vector

router = APIRouter(prefix="/v1/features", tags=["features"], responses=PROBLEMS)


@router.post("/{service}", openapi_extra=described(FeaturesRequest))
async def vector(service: str, request: Request, scorer: TheScorer) -> Vector:
    """The features that the model of this service would be given."""
    body = await body_of(request, FeaturesRequest)
    model = next((each for each in scorer.models.serving.values() if each.artifact.card.service == service), None)
    if model is None:
        raise errors.ProblemError(
            404, "No such service", f"no serving model reads a service {service!r}; see /v1/models"
        )
    try:
        request_to_model = model.request_type.model_validate(body.model_dump(exclude_none=True))
    except ValidationError as problem:
        raise invalid(problem) from problem
    valid = validated(PendingRequest(request_to_model, time.perf_counter()), model, scorer.settings.clock())
    if isinstance(valid, errors.ProblemError):
        raise valid
    lookup = await scorer.look_up(RequestGroup(model, [valid]))
    if lookup.problems[0]:
        raise lookup.problems[0]
    features = completed_features(lookup, [(valid.moment,)])
    return Vector(
        service=service,
        entity_id=entity_label(model.spec.join_keys, valid.keys),
        features={name: features.column(name)[0] for name in features.columns},
        features_as_of=freshness(lookup.result, 0, valid.moment),
    )
