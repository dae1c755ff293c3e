"""What serves."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from serving import errors
from serving.dependencies import TheScorer
from serving.models import Serving
from serving.routes import PROBLEMS
from training.models import model_names

router = APIRouter(
    prefix="/v1/models", tags=["models"], responses={status: PROBLEMS[status] for status in (404, 409, 422)}
)


@router.get("")
async def models(scorer: TheScorer) -> list[dict[str, Any]]:
    """Every model that serves, its version and how it scored."""
    return [_told(one) for one in scorer.models.serving.values()]


@router.get("/{name}")
async def model(name: str, scorer: TheScorer) -> dict[str, Any]:
    """One model, with its inputs."""
    one = scorer.models.of(_known(name))
    inputs = [{"name": i.name, "view": i.view, "kind": i.kind} for i in one.artifact.card.inputs.each]
    return _told(one) | {"inputs": inputs, "trained_until": one.artifact.card.trained_until}


@router.get("/{name}/health")
async def health(name: str, scorer: TheScorer) -> dict[str, Any]:
    """Whether it answers; if not, why, and if so, what is wrong with a newer version, if anything."""
    known = _known(name)
    serves, fault = scorer.models.serving.get(known), scorer.models.faults.get(known)
    return {
        "model": known,
        "ready": serves is not None,
        "version": serves.version if serves else None,
        "trained": known not in scorer.models.untrained,
        "fault": fault.reason if fault else None,
    }


def _known(name: str) -> str:
    plain = name.replace("-", "_")
    if plain not in model_names():
        raise errors.ProblemError(
            404, "No such model", f"there is no model {name!r}; there are {', '.join(model_names())}"
        )
    return plain


def _told(one: Serving) -> dict[str, Any]:
    card = one.artifact.card
    return {
        "name": one.name,
        "question": card.question,
        "version": one.version,
        "since": one.since,
        "estimator": card.estimator,
        "service": card.service,
        "metrics": card.metrics,
        "left_out": card.left_out,
        "baseline": card.baseline,
        "coverage": card.coverage,
        "ranges": card.ranges,
        "caveats": card.caveats,
    }
