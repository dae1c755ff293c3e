"""Predictions: a route for each model, and one for requests to several."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import orjson
from fastapi import APIRouter, Request, Response

from serving.plain_routes import PlainRoute
from serving.request_bodies import batch_of, body_of, described
from serving.request_types import batch_schema, name_of, request_type
from serving.routes import PROBLEMS
from serving.schemas import Answers, Prediction, PredictionRequest
from serving.scorer import Scorer
from training.models import MODELS
from training.specs import ModelSpec


def _endpoint(spec: ModelSpec, kind: type[PredictionRequest]) -> Callable[[Request], Awaitable[Response]]:
    async def predict(request: Request) -> Response:
        body = await body_of(request, kind)
        scorer: Scorer = request.state.scorer
        # As JSON, without having FastAPI validate it again: that takes longer than the answer.
        return Response(orjson.dumps(await scorer.predict(spec.name, body)), media_type="application/json")

    predict.__name__, predict.__doc__ = spec.name, spec.question
    return predict


async def batch(request: Request) -> Response:
    """Up to a thousand requests; each has its own prediction, or its own problem."""
    requests = await batch_of(request)
    scorer: Scorer = request.state.scorer
    valid = [each for each in requests if isinstance(each, PredictionRequest)]
    predictions = iter(await scorer.predict_batch([(name_of(each), each) for each in valid]))
    results = [
        next(predictions) if isinstance(each, PredictionRequest) else orjson.dumps(each.document()) for each in requests
    ]
    return Response(b'{"results":[%b]}' % b",".join(results), media_type="application/json")


def routes_of_models() -> APIRouter:
    """A route for each model that there is, and one for all."""
    router = APIRouter(prefix="/v1/predict", tags=["predictions"], responses=PROBLEMS, route_class=PlainRoute)
    for spec in MODELS:
        kind = request_type(spec)
        router.add_api_route(
            f"/{spec.path}",
            _endpoint(spec, kind),
            methods=["POST"],
            response_model=Prediction,
            openapi_extra=described(kind),
        )
    if len(MODELS):
        schema = described(batch_schema().kind)
        router.add_api_route("/batch", batch, methods=["POST"], response_model=Answers, openapi_extra=schema)
    return router
