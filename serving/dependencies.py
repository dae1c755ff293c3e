"""What routes are given."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from serving.online_store import OnlineStoreCheck
from serving.scorer import Scorer


async def _scorer(request: Request) -> Scorer:  # what is not async, FastAPI sends to a thread
    scorer: Scorer = request.state.scorer
    return scorer


async def _online_store(request: Request) -> OnlineStoreCheck:
    check: OnlineStoreCheck = request.state.online_store
    return check


TheOnlineStore = Annotated[OnlineStoreCheck, Depends(_online_store)]
TheScorer = Annotated[Scorer, Depends(_scorer)]
