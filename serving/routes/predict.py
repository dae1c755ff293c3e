"""Predictions."""

from __future__ import annotations

import orjson
from fastapi import APIRouter, Request, Response

from serving.answering import Scorer
from serving.bodies import body_of, described
from serving.plain_routes import PlainRoute
from serving.routes import PROBLEMS
from serving.schemas import Answers, Ask, AskValue, Batch, Prediction

router = APIRouter(prefix="/v1/predict", tags=["predictions"], responses=PROBLEMS, route_class=PlainRoute)


async def _predicted(name: str, kind: type[Ask], request: Request) -> Response:
    ask = await body_of(request, kind)
    scorer: Scorer = request.state.scorer
    # As JSON, without having FastAPI look again at what was just made: that takes longer than the answer.
    return Response(orjson.dumps(await scorer.one(name, ask)), media_type="application/json")


@router.post("/move-probability", response_model=Prediction, openapi_extra=described(Ask))
async def move_probability(request: Request) -> Response:
    """Will this customer sell a home within 180 days?"""
    return await _predicted("move_probability", Ask, request)


@router.post("/transaction-type", response_model=Prediction, openapi_extra=described(Ask))
async def transaction_type(request: Request) -> Response:
    """Which kind of deal comes next?"""
    return await _predicted("transaction_type", Ask, request)


@router.post("/contact-timing", response_model=Prediction, openapi_extra=described(Ask))
async def contact_timing(request: Request) -> Response:
    """When to reach this customer, in the week that follows?"""
    return await _predicted("contact_timing", Ask, request)


@router.post("/property-value", response_model=Prediction, openapi_extra=described(AskValue))
async def property_value(request: Request) -> Response:
    """What is this home worth, now or some months ahead?"""
    return await _predicted("property_value", AskValue, request)


@router.post("/batch", response_model=Answers, openapi_extra=described(Batch))
async def batch(request: Request) -> Response:
    """Up to a thousand questions; each has its own prediction, or its own problem."""
    asked = await body_of(request, Batch)
    scorer: Scorer = request.state.scorer
    results = await scorer.batch([(one.model.replace("-", "_"), one) for one in asked.requests])
    return Response(b'{"results":[%b]}' % b",".join(results), media_type="application/json")
