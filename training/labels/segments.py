"""What the results of several models are shown by."""

from __future__ import annotations

from training.specs import Segment

REGION = Segment("region", "region_id")
ACTIVITY = Segment(
    "segment",
    "active_days_30d",
    edges=(1, 5, 15),
    names=("no active day in 30", "1 to 4 active days", "5 to 14", "15 and more"),
)
