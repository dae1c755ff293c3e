"""What serves."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from serving import errors
from serving.dependencies import TheScorer
from serving.routes import PROBLEMS
from serving.serving_model import ServingModel
from training.models import model_names

router = APIRouter(
    prefix="/v1/models", tags=["models"], responses={status: PROBLEMS[status] for status in (404, 409, 422)}
)


@router.get("")
async def models(scorer: TheScorer) -> list[dict[str, Any]]:
    """Every model that serves, its version and how it scored."""
    return [_summary(each) for each in scorer.models.serving.values()]


@router.get("/{name}")
async def model(name: str, scorer: TheScorer) -> dict[str, Any]:
    """One model, with its inputs."""
    serving = scorer.models.of(_known(name))
    inputs = [{"name": i.name, "view": i.view, "kind": i.kind} for i in serving.artifact.card.inputs.each]
    return _summary(serving) | {"inputs": inputs, "trained_until": serving.artifact.card.trained_until}


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


def _summary(model: ServingModel) -> dict[str, Any]:
    card = model.artifact.card
    return {
        "name": model.name,
        "question": card.question,
        "version": model.version,
        "since": model.since,
        "estimator": card.estimator,
        "service": card.service,
        "metrics": card.metrics,
        "left_out": card.left_out,
        "baseline": card.baseline,
        "coverage": card.coverage,
        "ranges": card.ranges,
        "caveats": card.caveats,
    }
