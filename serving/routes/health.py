"""For the operator."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from serving.dependencies import TheScorer
from serving.metrics import QUEUE
from serving.settings import MODELS

router = APIRouter(tags=["operation"])


@router.get("/health/live")
async def live() -> dict[str, str]:
    """The process answers."""
    return {"status": "live"}


@router.get("/health/ready", responses={503: {"description": "A model is missing."}})
async def ready(scorer: TheScorer, response: Response) -> dict[str, Any]:
    """Every model answers; `faults` tells of newer versions that could not be taken over."""
    missing = [name for name in MODELS if name not in scorer.models.serving]
    response.status_code = 503 if missing else 200
    return {
        "status": "missing models" if missing else "ready",
        "missing": missing,
        "models": {name: one.version for name, one in scorer.models.serving.items()},
        "faults": dict(scorer.models.faults),
    }


@router.get("/metrics", response_class=PlainTextResponse)
async def metrics(scorer: TheScorer) -> Response:
    """For Prometheus."""
    QUEUE.set(scorer.log.waiting())
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
