"""The rules of a view: those that are stated for it, and those that its cadence tells.

A rule about a feature that the view has not is an error, so that none falls silent after a rename.
"""

from __future__ import annotations

from collections.abc import Iterator

from feast import FeatureView

from expectations.rule import CREATED, EVENT, Rule
from expectations.rules import stated_rules
from feature_repo.cadence import cadence_of
from feature_repo.views import View

_A = {"day": "a day", "hour": "an hour"}


def rules_of(view: View) -> tuple[Rule, ...]:
    """What each row of a view keeps."""
    rules = (*stated_rules(view.name), *_instants(view))
    known = {EVENT, CREATED, *(field.name for field in view.features)}
    for rule in rules:
        if unknown := {*rule.columns} - known:
            raise ValueError(f"rule {rule.name!r} of view {view.name!r} names {sorted(unknown)}, no features of it")
    return rules


def _instants(view: View) -> Iterator[Rule]:
    if not isinstance(view, FeatureView):
        return
    cadence = cadence_of(view)
    if cadence.is_of_events:
        yield Rule(
            "known_after_it_happened", f"{{{CREATED}}} >= {{{EVENT}}}", "no event becomes known before it happens"
        )
    else:
        hours, unit = cadence.lag_hours, "hour" if cadence.every == "hourly" else "day"
        name = "stands_at_full_hour" if unit == "hour" else "stands_at_midnight"
        yield Rule(name, f"{{{EVENT}}} = date_trunc('{unit}', {{{EVENT}}})", f"a snapshot ends {_A[unit]}, in UTC")
        yield Rule(
            "created_when_promised",
            f"{{{CREATED}}} = {{{EVENT}}} + INTERVAL {hours} HOUR",
            f"a snapshot is promised online {hours} hours after its instant",
        )
