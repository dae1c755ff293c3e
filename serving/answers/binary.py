"""A probability, and the class that it falls into."""

from __future__ import annotations

from bisect import bisect_right

from serving.answer_shapes import Answer, AnswerShape, ScoredRequest


class BinaryAnswer(AnswerShape):
    """A yes or no."""

    def answer(self, scored: ScoredRequest) -> Answer:
        """The probability of yes."""
        card, probability = scored.card, float(scored.scores[0, 0])
        chosen = card.classes[bisect_right(card.thresholds, probability)] if card.classes else None
        return Answer(probability, chosen, max(probability, 1 - probability), row=scored.first)


SHAPE = BinaryAnswer()
