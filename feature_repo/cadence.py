"""How often a view's snapshots come, and when they are promised online. A view's tags hold it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Literal

from feast.base_feature_view import BaseFeatureView

Every = Literal["daily", "monthly-and-on-change", "hourly", "event", "request"]


@dataclass(frozen=True)
class Cadence:
    """How often, and by when.

    - `daily` and `monthly-and-on-change`: a snapshot stands at the midnight that ends a day.
    - `hourly`: a snapshot stands at a full hour; a day's partition holds those of the hours that it ends.
    - `event`: a row stands at the moment of an event, and a day's partition holds the events that became known on it.
    - `request`: computed when a request asks; nothing is stored.

    A snapshot is promised online `lag_hours` after its event_timestamp: that moment is its created_timestamp, and
    the deadline of its asset. A row of an event is created when the event becomes known.
    """

    every: Every
    lag_hours: int = 0

    @property
    def lag(self) -> timedelta:
        """From event_timestamp to created_timestamp."""
        return timedelta(hours=self.lag_hours)

    @property
    def is_of_events(self) -> bool:
        """Whether rows stand at the moments of events, and not at the ends of days or hours."""
        return self.every == "event"

    @property
    def step(self) -> timedelta:
        """The distance of the instants at which snapshots may stand."""
        return timedelta(hours=1) if self.every == "hourly" else timedelta(days=1)

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
