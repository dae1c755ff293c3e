"""What the scorer does where a view has no fresh values for an entity."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal


@dataclass(frozen=True)
class WhenMissing:
    """What to do where a view has no fresh values."""

    policy: Literal["fail", "default", "last_known"]
    """`fail`: answer 503. `default`: go on as if every value were null. `last_known`: take values past their TTL."""
    up_to: timedelta = timedelta(0)
    """How old the last known values may be."""

    def document(self) -> dict[str, Any]:
        """As a model's card has it."""
        return {"policy": self.policy, "up_to_seconds": self.up_to.total_seconds()}

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> WhenMissing:
        """From a model's card."""
        return cls(document["policy"], timedelta(seconds=document["up_to_seconds"]))


Policy = Mapping[str, WhenMissing]
"""By view; `FAIL` where nothing is said."""
FAIL = WhenMissing("fail")
