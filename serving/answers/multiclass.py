"""The most probable class, and the probability of each."""

from __future__ import annotations

import numpy as np

from serving.answer import Answer, AnswerShape, ScoredQuestion


class MulticlassAnswer(AnswerShape):
    """One of several classes."""

    def answer(self, question: ScoredQuestion) -> Answer:
        """The most probable class."""
        classes, row = question.card.classes, question.scores[0].astype(np.float64)
        best = int(row.argmax())
        shares = dict(zip(classes, row.tolist(), strict=True))
        return Answer(float(row[best]), classes[best], float(row[best]), shares, row=question.first, score=best)


SHAPE = MulticlassAnswer()
