"""What is wrong with the features of a training set if raw rows were replaced after they had been computed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from feast import FeatureView
from feast.base_feature_view import BaseFeatureView

from training.gates import GateVerdict
from training.snapshot_inputs import outdated_days


def outdated_features(rows: pa.Table, views: Iterable[BaseFeatureView], home: Path) -> tuple[str, ...]:
    """A sentence for each view of which rows may have read days that would come out otherwise now."""
    last = pc.max(rows["event_timestamp"]).as_py().date()
    stored = [view.name for view in views if isinstance(view, FeatureView)]
    return tuple(
        f"{outdated}; compute them again: `tidemark features --stale`"
        for outdated in outdated_days(home, stored)
        if outdated.days[0] <= last
    )


def with_cause(verdict: GateVerdict, outdated: tuple[str, ...]) -> GateVerdict:
    """The verdict, and if it failed what may have failed it."""
    if verdict.outcome != "failed" or not outdated:
        return verdict
    return replace(verdict, reason=f"{verdict.reason}. The features may be why: {'; '.join(outdated)}")
