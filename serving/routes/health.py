"""For the operator."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from serving.dependencies import TheOnlineStore, TheScorer
from serving.metrics import QUEUE, REFRESH_OVERDUE

router = APIRouter(tags=["operation"])


@router.get("/health/live")
async def live() -> dict[str, str]:
    """The process answers."""
    return {"status": "live"}


@router.get("/health/ready", responses={503: {"description": "A trained model or Redis is unavailable."}})
async def ready(scorer: TheScorer, online_store: TheOnlineStore, response: Response) -> dict[str, Any]:
    """Every model that was trained answers, and the online store does.

    `missing` says of each model that should answer why it does not, `untrained` which have no version that could, and
    `faults` what is wrong with newer versions, with the surroundings of those that serve, or with looking at them.
    """
    models, state = scorer.models, await online_store.state()
    missing, untrained = models.missing, models.untrained
    reasons = [
        *["models are missing"] * bool(missing),
        *["no model serves"] * (not models.serving and not missing),
        *["the online store is unavailable"] * (not state.answers),
    ]
    response.status_code = 503 if reasons else 200
    faults = {name: fault.reason for name, fault in models.faults.items() if name not in untrained}
    if overdue := models.overdue:
        faults["refresh"] = overdue
    return {
        "status": "not ready: " + ", ".join(reasons) if reasons else "ready",
        "models": {name: model.version for name, model in models.serving.items()},
        "missing": missing,
        "untrained": untrained,
        "faults": faults,
        "online_store": asdict(state),
        "refreshed_at": models.refreshed_at,
    }


@router.get("/metrics", response_class=PlainTextResponse)
async def metrics(scorer: TheScorer, online_store: TheOnlineStore) -> Response:
    """For Prometheus."""
    QUEUE.set(scorer.log.waiting())
    REFRESH_OVERDUE.set(scorer.models.overdue is not None)
    await online_store.state()
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
