"""The most probable class, and the probability of each."""

from __future__ import annotations

import numpy as np

from serving.answer_shapes import Answer, AnswerShape, ScoredRequest


class MulticlassAnswer(AnswerShape):
    """One of several classes."""

    def answer(self, scored: ScoredRequest) -> Answer:
        """The most probable class."""
        classes, row = scored.card.classes, scored.scores[0].astype(np.float64)
        best = int(row.argmax())
        shares = dict(zip(classes, row.tolist(), strict=True))
        return Answer(float(row[best]), classes[best], float(row[best]), shares, row=scored.first, score=best)


SHAPE = MulticlassAnswer()
