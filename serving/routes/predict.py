"""Predictions."""

from __future__ import annotations

import orjson
from fastapi import APIRouter, Response

from serving import errors
from serving.answering import batch as answer_batch
from serving.dependencies import TheScorer
from serving.routes import PROBLEMS
from serving.schemas import Answers, Ask, AskValue, Batch, Prediction

router = APIRouter(prefix="/v1/predict", tags=["predictions"], responses=PROBLEMS)


@router.post("/move-probability", response_model=Prediction)
async def move_probability(ask: Ask, scorer: TheScorer) -> Response:
    """Will this customer sell a home within 180 days?"""
    return _written(await scorer.one("move_probability", ask))


@router.post("/transaction-type", response_model=Prediction)
async def transaction_type(ask: Ask, scorer: TheScorer) -> Response:
    """Which kind of deal comes next?"""
    return _written(await scorer.one("transaction_type", ask))


@router.post("/contact-timing", response_model=Prediction)
async def contact_timing(ask: Ask, scorer: TheScorer) -> Response:
    """When to reach this customer, in the week that follows?"""
    return _written(await scorer.one("contact_timing", ask))


@router.post("/property-value", response_model=Prediction)
async def property_value(ask: AskValue, scorer: TheScorer) -> Response:
    """What is this home worth, now or some months ahead?"""
    return _written(await scorer.one("property_value", ask))


@router.post("/batch", response_model=Answers)
async def batch(asked: Batch, scorer: TheScorer) -> Response:
    """Up to a thousand questions; each has its own prediction, or its own problem."""
    results = await answer_batch(scorer, [(one.model.replace("-", "_"), one) for one in asked.requests])
    return _written({"results": [one.document() if isinstance(one, errors.ProblemError) else one for one in results]})


def _written(answer: object) -> Response:
    """As JSON, without having FastAPI look again at what was just made: that takes longer than the answer."""
    return Response(orjson.dumps(answer, default=lambda one: one.__dict__), media_type="application/json")
