"""What routes are given."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from serving.answering import Scorer


async def _scorer(request: Request) -> Scorer:  # what is not async, FastAPI sends to a thread
    scorer: Scorer = request.state.scorer
    return scorer


TheScorer = Annotated[Scorer, Depends(_scorer)]
