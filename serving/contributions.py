"""What moves an answer most: contributions of features to the raw score that it rests on."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from serving.answer_shapes import Answer
from serving.feature_matrix import FeatureMatrix
from serving.schemas import Contribution
from training.artifact import Artifact


def top_features(
    artifact: Artifact,
    contributions: npt.NDArray[np.float64],
    matrix: FeatureMatrix,
    answer: Answer,
    count: int,
) -> list[Contribution]:
    """The features that move this answer most, by what each input adds to each score of the answer's row."""
    of_score = contributions[answer.score]
    inputs = artifact.card.inputs
    top = []
    for place in np.argsort(-np.abs(of_score), kind="stable")[:count]:
        name = inputs.each[place].name
        value = _value(matrix, answer.row, name, inputs.columns)
        top.append(Contribution(name=name, value=value, contribution=float(of_score[place])))
    return top


def _value(matrix: FeatureMatrix, row: int, name: str, columns: tuple[str, ...]) -> float | str | None:
    if name in matrix.features.objects:
        category: str | None = matrix.features.objects[name][row]
        return category
    value = float(matrix.rows[row, columns.index(name)])
    return None if np.isnan(value) else value
