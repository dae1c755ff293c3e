"""What routes are given."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from serving.answering import Scorer


def _scorer(request: Request) -> Scorer:
    scorer: Scorer = request.state.scorer
    return scorer


TheScorer = Annotated[Scorer, Depends(_scorer)]
