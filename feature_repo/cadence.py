"""How often a view's snapshots come, and when they are promised online. A view's tags hold it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Literal

from feast.base_feature_view import BaseFeatureView


@dataclass(frozen=True)
class Cadence:
    """How often, and by when.

    A snapshot is promised online `lag_hours` after its event_timestamp: that moment is its created_timestamp, and
    the deadline of its asset.
    """

    every: Literal["daily", "monthly-and-on-change", "request"]
    lag_hours: int

    @property
    def lag(self) -> timedelta:
        """From event_timestamp to created_timestamp."""
        return timedelta(hours=self.lag_hours)

    @property
    def tags(self) -> Mapping[str, str]:
        """What to put into the tags of the view."""
        return {"cadence": json.dumps(asdict(self))}


def cadence_of(view: BaseFeatureView) -> Cadence:
    """The cadence that the view declares."""
    try:
        return Cadence(**json.loads(view.tags["cadence"]))
    except KeyError:
        raise ValueError(f"view {view.name!r} states no cadence: put Cadence(...).tags into its tags") from None
