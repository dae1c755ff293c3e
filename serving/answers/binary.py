"""A probability, and the class that it is told as."""

from __future__ import annotations

from bisect import bisect_right

from serving.answer import Answer, AnswerShape, ScoredQuestion


class BinaryAnswer(AnswerShape):
    """A yes or no."""

    def answer(self, question: ScoredQuestion) -> Answer:
        """The probability of yes."""
        card, probability = question.card, float(question.scores[0, 0])
        chosen = card.classes[bisect_right(card.thresholds, probability)] if card.classes else None
        return Answer(probability, chosen, max(probability, 1 - probability), row=question.first)


SHAPE = BinaryAnswer()
