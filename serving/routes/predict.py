"""Predictions."""

from __future__ import annotations

from typing import Any

import orjson
from fastapi import APIRouter, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError

from serving import errors
from serving.answering import Scorer
from serving.dependencies import TheScorer
from serving.routes import PROBLEMS
from serving.schemas import Answers, Ask, AskValue, Batch, Prediction

router = APIRouter(prefix="/v1/predict", tags=["predictions"], responses=PROBLEMS)


async def _predicted(name: str, kind: type[Ask], request: Request) -> Response:
    try:
        ask = kind.model_validate_json(await request.body())
    except ValidationError as problem:
        raise RequestValidationError([{**one, "loc": ("body", *one["loc"])} for one in problem.errors()]) from problem
    scorer: Scorer = request.state.scorer
    return _written(await scorer.one(name, ask))


def _asks(kind: type[Ask]) -> dict[str, Any]:
    """How OpenAPI tells the body. It is read by us: FastAPI takes as long over one as all else that is done for it."""
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": kind.model_json_schema()}}}}


@router.post("/move-probability", response_model=Prediction, openapi_extra=_asks(Ask))
async def move_probability(request: Request) -> Response:
    """Will this customer sell a home within 180 days?"""
    return await _predicted("move_probability", Ask, request)


@router.post("/transaction-type", response_model=Prediction, openapi_extra=_asks(Ask))
async def transaction_type(request: Request) -> Response:
    """Which kind of deal comes next?"""
    return await _predicted("transaction_type", Ask, request)


@router.post("/contact-timing", response_model=Prediction, openapi_extra=_asks(Ask))
async def contact_timing(request: Request) -> Response:
    """When to reach this customer, in the week that follows?"""
    return await _predicted("contact_timing", Ask, request)


@router.post("/property-value", response_model=Prediction, openapi_extra=_asks(AskValue))
async def property_value(request: Request) -> Response:
    """What is this home worth, now or some months ahead?"""
    return await _predicted("property_value", AskValue, request)


@router.post("/batch", response_model=Answers)
async def batch(asked: Batch, scorer: TheScorer) -> Response:
    """Up to a thousand questions; each has its own prediction, or its own problem."""
    results = await scorer.batch([(one.model.replace("-", "_"), one) for one in asked.requests])
    return _written({"results": [one.document() if isinstance(one, errors.ProblemError) else one for one in results]})


def _written(answer: Prediction | dict[str, Any]) -> Response:
    """As JSON, without having FastAPI look again at what was just made: that takes longer than the answer."""
    return Response(orjson.dumps(answer), media_type="application/json")
