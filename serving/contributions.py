"""What moves an answer most: contributions of features to the raw score that it rests on."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from feature_repo.stores.wire.lookup_result import LookupResult
from serving.answer import Answer
from serving.schemas import Contribution
from training.artifact import Artifact
from training.inputs import Inputs, Matrix


def top_features(
    artifact: Artifact, moved: npt.NDArray[np.float64], rows: Matrix, found: LookupResult, answer: Answer, count: int
) -> list[Contribution]:
    """The features that move this answer most; `moved` has what each input adds to each score of the answer's row."""
    moved = moved[answer.score]
    inputs = artifact.card.inputs
    told = []
    for place in np.argsort(-np.abs(moved), kind="stable")[:count]:
        one = inputs.each[place]
        told.append(
            Contribution(
                name=one.name,
                value=_shown(inputs, rows[answer.row], one.name, found, answer.row),
                contribution=float(moved[place]),
            )
        )
    return told


def _shown(inputs: Inputs, row: Matrix, name: str, found: LookupResult, at: int) -> float | str | None:
    if name in found.objects:
        told: str | None = found.objects[name][at]
        return told
    value = float(row[inputs.columns.index(name)])
    return None if np.isnan(value) else value
