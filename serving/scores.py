"""Feature matrix -> scores: the model itself."""

from __future__ import annotations

from dataclasses import dataclass

from serving.answer_shapes import Scores
from serving.feature_matrix import FeatureMatrix


@dataclass(frozen=True)
class ScoredMatrix:
    """A matrix, and what the model makes of each of its rows."""

    matrix: FeatureMatrix
    scores: Scores


def score(matrix: FeatureMatrix) -> ScoredMatrix:
    """The scores of all rows."""
    return ScoredMatrix(matrix, matrix.lookup.group.model.artifact.answers(matrix.rows))
