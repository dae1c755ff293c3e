"""Which inputs of a model can be learned from its training rows.

A season that was seen once cannot be told from a trend. And what hardly any training row knows, and nearly everybody
does who can be asked about, tells the model of the few who are unlike the others: homes that were sold twice within a
year were rebuilt in between, and say nothing of homes that were sold once.
"""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from training.inputs import Inputs
from training.specs import ModelSpec
from training.split import Moments

TWO_SEASONS = timedelta(days=2 * 365)
HARDLY, OTHERS = 0.1, 0.5
"""A share of the training rows that is hardly any, and by how much more of everybody know what so few of them do."""


def seasonal(spec: ModelSpec, inputs: Inputs, asked: Moments) -> list[str]:
    """The inputs that tell the season, if the training rows span too short a time for them."""
    return [] if has_seasons(asked) else [name for name in spec.season if name in inputs.names]


def has_seasons(asked: Moments) -> bool:
    """Whether the rows span each season twice."""
    return bool(asked.max() - asked.min() >= np.timedelta64(TWO_SEASONS))


def of_the_few(spec: ModelSpec, inputs: Inputs, rows: pa.Table, everybody: pa.Table | None) -> dict[str, float]:
    """Numbers that hardly any row has and nearly everybody, each with the share of rows that have it."""
    if everybody is None or not len(everybody) or not len(rows):
        return {}
    shares = {
        each.name: known_share(rows, each.name)
        for each in inputs.each
        if each.view != "request" and each.kind == "number" and each.name != spec.area
    }
    return {
        name: share
        for name, share in shares.items()
        if share < HARDLY and known_share(everybody, name) - share > OTHERS
    }


def known_share(table: pa.Table, name: str) -> float:
    """The share of rows that have a value."""
    if not len(table):
        return 0.0
    known = pc.invert(table[name].is_null(nan_is_null=True))
    return float(pc.sum(known).as_py() / len(table))
