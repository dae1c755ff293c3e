"""Movements: rows on their way to the transactions table, one NumPy array a column.

`slot` is the account within the household, `cents` what it gains, `time` when, in microseconds; `category` is the truth
that labels speak of, and `fraud` whether somebody else made the movement. Texts are arrays of Python strings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.world.clock import DAY, Ints
from pipelines.world.frames import Frame
from pipelines.world.ledger.merchants import CODE

CHECKING, SAVINGS, CARD, WALLET = 0, 1, 2, 3
"""The slots of a household's accounts."""
KINDS = ("checking", "savings", "credit_card", "cash")
TEXTS = ("description", "merchant", "method", "country")

Texts = NDArray[np.object_]


def movements(
    time: Ints,
    cents: Any,
    *,
    slot: Any,
    category: str,
    description: str | Sequence[str],
    method: Any,
    country: Any,
    merchant: str | Sequence[str | None] | None = None,
    fraud: bool = False,
) -> Frame:
    """Movements of one category; what is given once holds for all of them."""
    count = len(time)
    given: Mapping[str, Any] = {
        "description": description, "merchant": merchant, "method": method, "country": country,
    }  # fmt: skip
    return {
        "slot": np.broadcast_to(np.asarray(slot, np.int8), count).copy(),
        "cents": np.broadcast_to(np.asarray(cents, np.int64), count).copy(),
        "time": time.astype(np.int64),
        "category": np.full(count, CODE[category], np.int8),
        "fraud": np.full(count, fraud),
        **{name: _texts(given[name], count) for name in TEXTS},
    }


def _texts(given: Any, count: int) -> Texts:
    texts = np.empty(count, object)
    texts[:] = given if given is None or isinstance(given, str) else list(given)
    return texts


def in_cents(rng: np.random.Generator, median: Any, sigma: float, count: int) -> Ints:
    """Amounts around a median in units of money, in cents, at least ten of them."""
    cents: Ints = np.maximum((median * np.exp(sigma * rng.standard_normal(count)) * 100).astype(np.int64), 10)
    return cents


def at_hours(rng: np.random.Generator, days: Ints, hours: Sequence[float], width: float = 1.6) -> Ints:
    """A moment on each of those days around one of those hours of the day, to the second."""
    hour = np.asarray(hours)[rng.integers(0, len(hours), len(days))] + width * rng.standard_normal(len(days))
    moments: Ints = days * DAY + (np.clip(hour, 0, 23.99) * 3600).astype(np.int64) * 1_000_000
    return moments
