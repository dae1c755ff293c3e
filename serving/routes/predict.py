"""Predictions."""

from __future__ import annotations

from fastapi import APIRouter

from serving import errors
from serving.answering import batch as answer_batch
from serving.dependencies import TheScorer
from serving.routes import PROBLEMS
from serving.schemas import Answers, Ask, AskValue, Batch, Prediction, Problem

router = APIRouter(prefix="/v1/predict", tags=["predictions"], responses=PROBLEMS)


@router.post("/move-probability")
async def move_probability(ask: Ask, scorer: TheScorer) -> Prediction:
    """Will this customer sell a home within 180 days?"""
    return await scorer.one("move_probability", ask)


@router.post("/transaction-type")
async def transaction_type(ask: Ask, scorer: TheScorer) -> Prediction:
    """Which kind of deal comes next?"""
    return await scorer.one("transaction_type", ask)


@router.post("/contact-timing")
async def contact_timing(ask: Ask, scorer: TheScorer) -> Prediction:
    """When to reach this customer, in the week that follows?"""
    return await scorer.one("contact_timing", ask)


@router.post("/property-value")
async def property_value(ask: AskValue, scorer: TheScorer) -> Prediction:
    """What is this home worth, now or some months ahead?"""
    return await scorer.one("property_value", ask)


@router.post("/batch")
async def batch(asked: Batch, scorer: TheScorer) -> Answers:
    """Up to a thousand questions; each has its own prediction, or its own problem."""
    results = await answer_batch(scorer, [(one.model.replace("-", "_"), one) for one in asked.requests])
    told = [Problem(**one.document()) if isinstance(one, errors.ProblemError) else one for one in results]
    return Answers.model_construct(results=told)
